<?php
// The site is in a folder, as far as addresses go. Without one, its own are answered as well.
add_filter(
	'home_url',
	function ( $url ) {
		return preg_replace( '#^(https?://[^/]+)#', '$1/blog', $url );
	}
);
