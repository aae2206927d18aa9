<?php
// The configuration of a WordPress that lives for one test.
define( 'DB_HOST', {{php .Database}} );
define( 'DB_NAME', {{php .DatabaseName}} );
define( 'DB_USER', {{php .DatabaseUser}} );
define( 'DB_PASSWORD', {{php .DatabasePassword}} );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'DB_COLLATE', '' );
$table_prefix = {{php .Prefix}};

foreach ( array( 'AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT', 'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT' ) as $name ) {
	define( $name, {{php .Salt}} . $name );
}

// The site's address is the one that the client used, so that the same site
// can be asked through a proxy and without.
$host = isset( $_SERVER['HTTP_HOST'] ) ? $_SERVER['HTTP_HOST'] : {{php .Addr}};
define( 'WP_HOME', 'http://' . $host . {{php .Folder}} );
define( 'WP_SITEURL', 'http://' . $host . {{php .Folder}} );

// Application passwords without TLS.
define( 'WP_ENVIRONMENT_TYPE', 'local' );

// A test asks nobody outside.
define( 'WP_HTTP_BLOCK_EXTERNAL', true );
define( 'AUTOMATIC_UPDATER_DISABLED', true );
define( 'DISABLE_WP_CRON', true );
define( 'WP_DEBUG', false );
{{if .Multisite}}
if ( ! defined( 'WP_INSTALLING' ) ) {
	define( 'MULTISITE', true );
	define( 'SUBDOMAIN_INSTALL', false );
	define( 'DOMAIN_CURRENT_SITE', {{php .Addr}} );
	define( 'PATH_CURRENT_SITE', '/' );
	define( 'SITE_ID_CURRENT_SITE', 1 );
	define( 'BLOG_ID_CURRENT_SITE', 1 );
}
{{end}}{{.ConfigPHP}}

if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
require_once ABSPATH . 'wp-settings.php';
