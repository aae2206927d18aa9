<?php
// Makes the tables and one user of every role, and prints their IDs as JSON.
// The input on stdin is {"title": …, "users": [{"login": …, "email": …, "password": …, "role": …}, …]};
// the first becomes the site's administrator.
define( 'WP_INSTALLING', true );
require $argv[1] . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';

$input = json_decode( stream_get_contents( STDIN ), true );
$first = array_shift( $input['users'] );

// Without mail to the new administrator. With the address format that /wp-json/
// needs; WordPress would find out by asking its own address, which does not
// answer yet.
function wp_new_blog_notification() {}
$pretty = function () {
	return '/%postname%/';
};
add_filter( 'pre_option_permalink_structure', $pretty );
$done = wp_install( $input['title'], $first['login'], $first['email'], true, '', wp_slash( $first['password'] ) );
remove_filter( 'pre_option_permalink_structure', $pretty );
update_option( 'permalink_structure', '/%postname%/' );
delete_option( 'rewrite_rules' ); // made anew by the first request
switch_theme( 'plain' );

$ids = array( $first['login'] => $done['user_id'] );
foreach ( $input['users'] as $user ) {
	$id = wp_insert_user(
		wp_slash(
			array(
				'user_login' => $user['login'],
				'user_email' => $user['email'],
				'user_pass'  => $user['password'],
				'role'       => $user['role'],
			)
		)
	);
	if ( is_wp_error( $id ) ) {
		fwrite( STDERR, $id->get_error_message() );
		exit( 1 );
	}
	$ids[ $user['login'] ] = $id;
}
{{if .Multisite}}
// A network of one site.
foreach ( $wpdb->tables( 'ms_global' ) as $table => $prefixed ) {
	$wpdb->$table = $prefixed;
}
install_network();
$made = populate_network( 1, {{php .Addr}}, $first['email'], $input['title'], '/', false );
if ( is_wp_error( $made ) && 'no_wildcard_dns' !== $made->get_error_code() ) {
	fwrite( STDERR, $made->get_error_message() );
	exit( 1 );
}
{{end}}
echo wp_json_encode( $ids );
