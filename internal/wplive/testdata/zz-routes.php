<?php
// Routes as plugins register them: with parameters of their own, and one that works like the Abilities API.
add_action(
	'rest_api_init',
	function () {
		foreach ( array(
			'/orders/(?P<order>\d+)'                     => 'shop/v1',
			'/carts/(?P<cart>[\w-]+)/?'                  => 'shop/v1',
			"/rooms/(?'room'\d+)"                        => 'shop/v1',
			'/abilities/(?P<name>[a-zA-Z0-9\-\/]+?)/run' => 'wp-abilities/v1',
		) as $route => $namespace ) {
			register_rest_route(
				$namespace,
				$route,
				array(
					'methods'             => array( 'GET', 'POST', 'PUT' ),
					'permission_callback' => 'is_user_logged_in',
					'callback'            => function ( $request ) {
						return $request->get_params();
					},
				)
			);
		}
	}
);
