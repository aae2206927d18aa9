<?php
// Of a request with the header X-Test-Dry, tells what WordPress would do now that it has found the user allowed to, in
// place of doing it: the method, the route and the parameters of the route. It notes the mark of each such request.
add_filter(
	'rest_dispatch_request',
	function ( $result, $request, $route ) {
		if ( ! isset( $_SERVER['HTTP_X_TEST_DRY'] ) ) {
			return $result;
		}
		$did = $request->get_method() . ' ' . $request->get_route();
		preg_match_all( '/\(\?P?[<\'](\w+)/', $route, $names );
		foreach ( $names[1] as $name ) {
			$did .= ' ' . $name . '=' . wp_json_encode( $request[ $name ], JSON_UNESCAPED_SLASHES );
		}
		file_put_contents( WP_CONTENT_DIR . '/dry.log', $_SERVER['HTTP_X_TEST_DRY'] . ' ' . $did . "\n", FILE_APPEND | LOCK_EX );
		return new WP_REST_Response( array( 'did' => 'dry: ' . $did ) );
	},
	10,
	3
);
