<?php
// The site has its REST API at another path.
add_filter(
	'rest_url_prefix',
	function () {
		return 'api';
	}
);
