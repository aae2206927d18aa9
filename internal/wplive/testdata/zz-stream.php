<?php
// Answers in two parts. The second comes when the file that the request names
// is there: whoever reads the first part makes it.
add_action(
	'rest_api_init',
	function () {
		register_rest_route(
			'test/v1',
			'/stream',
			array(
				'methods'             => 'GET',
				'permission_callback' => '__return_true',
				'callback'            => function ( $request ) {
					header( 'Content-Type: text/plain' );
					header( 'X-Accel-Buffering: no' );
					while ( ob_get_level() > 0 ) {
						ob_end_flush();
					}
					echo 'first for ' . wp_get_current_user()->user_login . "\n";
					flush();
					for ( $i = 0; $i < 1000 && ! file_exists( $request['until'] ); $i++ ) {
						usleep( 20000 );
						clearstatcache();
					}
					echo "second\n";
					exit;
				},
			)
		);
	}
);
