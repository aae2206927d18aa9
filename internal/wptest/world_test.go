package wptest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/testdb"
	"github.com/sparekey-dev/sparekey/internal/testproc"
	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// TestOwnWorld starts a site from a WordPress to which packages have added translations,
// must-use plugins and drop-ins. It sets an environment variable, so it is not parallel.
func TestOwnWorld(t *testing.T) {
	source := os.Getenv("WORDPRESS")
	if source == "" {
		source = "/usr/share/wordpress"
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		testproc.Missing(t, "WordPress", testdb.Remedy)
	}
	installed := t.TempDir()
	link := func(from, to string) {
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range entries {
		if e.Name() != "wp-content" {
			link(filepath.Join(source, e.Name()), filepath.Join(installed, e.Name()))
		}
	}
	content := filepath.Join(installed, "wp-content")
	for _, name := range []string{"themes", "plugins"} {
		if err := os.MkdirAll(content, 0o755); err != nil {
			t.Fatal(err)
		}
		link(filepath.Join(source, "wp-content", name), filepath.Join(content, name))
	}
	for name, text := range map[string]string{
		"languages/de_DE.l10n.php":                   "<?php trigger_error('translated');",
		"languages/plugins/x-de_DE.mo":               "no catalogue",
		"mu-plugins/added.php":                       "<?php define('ADDED', 1); trigger_error('added');",
		"object-cache.php":                           "<?php define('ADDED', 2); trigger_error('cached');",
		"db-error.php":                               "<?php echo 'broken';",
		"uploads/2024/01/left.txt":                   "left",
		"cache/page.html":                            "cached",
		"upgrade/half-a-wordpress/version.php":       "<?php",
		"languages/themes/twentytwentyfour-de_DE.po": "no catalogue",
	} {
		path := filepath.Join(content, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("WORDPRESS", installed)
	site := wptest.Start(t, wptest.Config{})
	got := site.PHP(t, `require_once ABSPATH . 'wp-admin/includes/plugin.php';
		echo wp_json_encode( array( get_available_languages(), array_keys( get_mu_plugins() ), array_keys( get_dropins() ),
			defined( 'ADDED' ), count( glob( WP_LANG_DIR . '/*' ) ), file_exists( WP_CONTENT_DIR . '/uploads/2024' ), file_exists( WP_CONTENT_DIR . '/cache' ) ) );`)
	if want := `[[],[],[],false,0,false,false]`; got != want {
		t.Errorf("languages, must-use plugins, drop-ins, and files: %s, want %s", got, want)
	}
	if errors := site.Errors(t); errors != "" {
		t.Errorf("PHP complains:\n%s", errors)
	}
}
