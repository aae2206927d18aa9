<?php
/**
 * Plugin Name: Sparekey identity
 * Description: Believes Sparekey, the gateway in front of this site, about who sends a REST request.
 * Version: 1
 * Requires at least: 5.6
 * Requires PHP: 5.6
 * License: Apache-2.0
 *
 * Copyright the authors of Sparekey. Licensed under the Apache License, version 2.0; the file LICENSE of Sparekey has its text.
 *
 * What it is for: many hosts keep the header Authorization from PHP, so that WordPress never sees an application
 * password. Sparekey checks it before the request gets here, and says in headers that it signs who the user is.
 *
 * To install it: put this file into wp-content/mu-plugins/ and the key into wp-config.php, in one of these ways:
 *
 *     define( 'SPAREKEY_IDENTITY_KEY_FILE', '/etc/sparekey/identity.key' );   // outside of what the web server serves
 *     define( 'SPAREKEY_IDENTITY_KEY', '…' );                                // the same characters as in Sparekey's key file
 *
 * The key has at least 32 characters, such as "openssl rand -hex 32" prints, is this site's alone, and is never looked
 * for in the database.
 *
 * What it does: where a REST request has a right signature that is no older than 30 seconds, its user becomes the
 * current user, unless a cookie has already said who it is. A signature that is wrong, or that cannot be checked, ends
 * the request, since an answer for nobody would hide the mistake. Without a signature nothing happens, and in every case
 * no other code finds Sparekey's headers in $_SERVER: what it may believe is what Sparekey\Identity\current() returns.
 *
 * The signature is of the format v1, which the documentation of Sparekey's package gateway describes. It covers the
 * method, the address and the identity, not the body: let Sparekey and this site talk over TLS or one machine's
 * loopback, and keep their clocks together.
 *
 * @package Sparekey
 */

namespace Sparekey\Identity;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/** How many seconds the clocks and the way from Sparekey may take. */
const MAX_AGE = 30;

/** How many bytes the key must have at least. */
const MIN_KEY = 32;

/** The headers that are signed, in the order of the signed lines. One that is missing counts as empty, since some proxies drop empty headers. */
const FIELDS = 'USER USER_ID ROLES CREDENTIAL SCOPES';

/**
 * What the headers of this request turned out to be, found out once: null without a signature, an identity, or an
 * error. It must run before anything changes $_SERVER.
 *
 * @return null|array|\WP_Error
 */
function outcome() {
	static $outcome = false;
	if ( false === $outcome ) {
		$outcome = verify( take_headers() );
	}
	return $outcome;
}

/**
 * Takes Sparekey's headers out of $_SERVER. PHP has made the same name of X-Sparekey-User, x_sparekey_user and their
 * like, so whoever else sends one of these is seen here, and the signature tells.
 *
 * @return array from names such as USER_ID to values
 */
function take_headers() {
	$prefix = 'HTTP_X_SPAREKEY_';
	$taken  = array();
	foreach ( array_keys( $_SERVER ) as $name ) {
		if ( 0 === stripos( $name, $prefix ) ) {
			if ( is_string( $_SERVER[ $name ] ) ) {
				$taken[ substr( $name, strlen( $prefix ) ) ] = $_SERVER[ $name ];
			}
			unset( $_SERVER[ $name ] );
		}
	}
	return $taken;
}

/**
 * @param array $sent the headers
 * @return null|array|\WP_Error
 */
function verify( $sent ) {
	if ( ! isset( $sent['SIGNATURE'] ) ) {
		return null;
	}
	if ( isset( $_POST['rest_route'] ) ) { // phpcs:ignore -- only whether it is there
		return refusal( 400, 'sparekey_route_in_body', 'The route must be in the address: Sparekey has decided about that, and WordPress would take the one in the body.' );
	}
	$key = key();
	if ( strlen( $key ) < MIN_KEY ) {
		return refusal( 503, 'sparekey_no_key', 'This site cannot check who sent the request: its administrator must give Sparekey\'s plugin the signing key, with 32 characters or more, in wp-config.php.' );
	}
	if ( ! preg_match( '/^v1;t=([0-9]{1,12});s=([A-Za-z0-9_-]{43})$/D', $sent['SIGNATURE'], $parts ) ) {
		return refusal( 401, 'sparekey_bad_signature', 'The signature of the identity headers has another form than this site understands.' );
	}
	if ( ! hash_equals( signature( $key, $parts[1], $sent ), $parts[2] ) ) {
		return refusal( 401, 'sparekey_bad_signature', 'The signature of the identity headers is wrong: the key must be the same here and at Sparekey, and nothing between the two may change the address of a request.' );
	}
	if ( abs( time() - (int) $parts[1] ) > MAX_AGE ) {
		return refusal( 401, 'sparekey_old_signature', 'The signature of the identity headers is too old, or the clocks of Sparekey and of this site differ.' );
	}
	return array(
		'user'       => field( $sent, 'USER' ),
		'user_id'    => field( $sent, 'USER_ID' ),
		'credential' => field( $sent, 'CREDENTIAL' ),
		'scopes'     => listed( $sent, 'SCOPES' ),
		'roles'      => listed( $sent, 'ROLES' ),
	);
}

/**
 * The key, or the empty string.
 */
function key() {
	if ( defined( 'SPAREKEY_IDENTITY_KEY_FILE' ) ) {
		$text = @file_get_contents( \SPAREKEY_IDENTITY_KEY_FILE ); // phpcs:ignore -- a missing file is an answer, too
		return false === $text ? '' : rtrim( $text, "\r\n" );
	}
	return defined( 'SPAREKEY_IDENTITY_KEY' ) ? (string) \SPAREKEY_IDENTITY_KEY : '';
}

/**
 * What Sparekey would have signed this request with.
 *
 * @param string $key  the key
 * @param string $time Unix seconds, as they were sent
 * @param array  $sent the headers
 */
function signature( $key, $time, $sent ) {
	$lines = array( 'v1', $time, $_SERVER['REQUEST_METHOD'], $_SERVER['REQUEST_URI'] );
	foreach ( explode( ' ', FIELDS ) as $field ) {
		$lines[] = isset( $sent[ $field ] ) ? $sent[ $field ] : '';
	}
	$mac = hash_hmac( 'sha256', implode( "\n", $lines ), $key, true );
	return rtrim( strtr( base64_encode( $mac ), '+/', '-_' ), '=' );
}

/**
 * @param array  $sent the headers
 * @param string $name of one
 */
function field( $sent, $name ) {
	return isset( $sent[ $name ] ) ? rawurldecode( $sent[ $name ] ) : '';
}

/**
 * @param array  $sent the headers
 * @param string $name of one that is a list
 */
function listed( $sent, $name ) {
	return isset( $sent[ $name ] ) && '' !== $sent[ $name ] ? array_map( 'rawurldecode', explode( ',', $sent[ $name ] ) ) : array();
}

/**
 * @param int    $status  HTTP status
 * @param string $code    for programs
 * @param string $message for people
 */
function refusal( $status, $code, $message ) {
	return new \WP_Error( $code, $message, array( 'status' => $status ) );
}

/**
 * The user of this site whom the identity names: by login and by ID, so that a Sparekey with users of its own
 * cannot name somebody by chance. Code of the site that turns application passwords off, for all or for one, is heard.
 *
 * @return null|\WP_User|\WP_Error
 */
function user() {
	$identity = outcome();
	if ( ! is_array( $identity ) ) {
		return $identity;
	}
	$user = ctype_digit( $identity['user_id'] ) ? get_user_by( 'id', $identity['user_id'] ) : false;
	if ( ! $user || $user->user_login !== $identity['user'] || (string) $user->ID !== $identity['user_id'] ) {
		return refusal( 403, 'sparekey_unknown_user', 'Sparekey names a user whom this site does not have: both must use the same database.' );
	}
	$available = apply_filters( 'wp_is_application_passwords_available', true )
		&& apply_filters( 'wp_is_application_passwords_available_for_user', true, $user );
	if ( ! $available || ( is_multisite() && is_user_spammy( $user ) ) ) {
		return refusal( 403, 'sparekey_user_disabled', 'This user may not use application passwords on this site.' );
	}
	return $user;
}

/**
 * Who sent this request according to Sparekey: an array with user, user_id, credential (a UUID), scopes and roles; null
 * if that is nobody, or nobody to be believed. It may differ from the current user, whom a cookie can name.
 *
 * @return null|array
 */
function current() {
	return user() instanceof \WP_User ? outcome() : null;
}

/**
 * Before WordPress looks for an application password itself (priority 20), and after it has looked for a cookie (10).
 *
 * @param int|false $user_id whom others have found
 */
function current_user( $user_id ) {
	if ( ! empty( $user_id ) || ! defined( 'REST_REQUEST' ) || ! REST_REQUEST ) {
		return $user_id;
	}
	$user = user();
	return $user instanceof \WP_User ? $user->ID : $user_id;
}

/**
 * Ends a request that has a signature which is not to be believed.
 *
 * @param mixed $result what others have found
 */
function errors( $result ) {
	if ( is_wp_error( $result ) ) {
		return $result;
	}
	$user = user();
	return is_wp_error( $user ) ? $user : $result;
}

if ( null !== outcome() && ! defined( 'DONOTCACHEPAGE' ) ) {
	define( 'DONOTCACHEPAGE', true ); // a page cache cannot tell users apart by Sparekey's headers
}
add_filter( 'determine_current_user', __NAMESPACE__ . '\current_user', 15 );
add_filter( 'rest_authentication_errors', __NAMESPACE__ . '\errors', 5 );

/**
 * What is in the address counts before what is in the query or the body, so that a request about one object, to which an
 * application password may be limited, cannot turn out to be about another.
 *
 * @param string[] $order where parameters are looked for, the first that has one wins
 */
function address_first( $order ) {
	return array_merge( array( 'URL' ), array_diff( (array) $order, array( 'URL' ) ) );
}
add_filter( 'rest_request_parameter_order', __NAMESPACE__ . '\address_first', PHP_INT_MAX );
