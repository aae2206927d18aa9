<!DOCTYPE html>
<html <?php language_attributes(); ?>>
<head><title><?php bloginfo( 'name' ); ?></title><?php wp_head(); ?></head>
<body><h1><?php bloginfo( 'name' ); ?></h1><?php wp_footer(); ?></body>
</html>
