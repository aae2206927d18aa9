<?php
// Shows what the rest of a site sees of Sparekey's headers.
add_action(
	'rest_api_init',
	function () {
		register_rest_route(
			'test/v1',
			'/show',
			array(
				'methods'             => array( 'GET', 'POST', 'DELETE' ),
				'permission_callback' => '__return_true',
				'callback'            => function () {
					return array(
						'login'    => (string) wp_get_current_user()->user_login,
						'identity' => Sparekey\Identity\current(),
						'left'     => array_values( preg_grep( '/sparekey/i', array_keys( $_SERVER ) ) ),
						'cached'   => ! defined( 'DONOTCACHEPAGE' ),
					);
				},
			)
		);
	}
);
// A user whom the site's own code keeps from application passwords.
add_filter(
	'wp_is_application_passwords_available_for_user',
	function ( $available, $user ) {
		return $available && 'contributor' !== $user->user_login;
	},
	10,
	2
);
