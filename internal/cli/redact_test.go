package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoPasswordIsPrintedOfAFile checks configuration files in which an address with a password
// stands in a wrong place, or is malformed.
func TestNoPasswordIsPrintedOfAFile(t *testing.T) {
	t.Parallel()
	for _, file := range []string{
		"database: [wordpress://user:sesame@h/wp, b]", "throttle: {a: sesame}", "? wordpress://user:sesame@h/wp\n: x", "wordpress://user:sesame@h/wp: x",
		"user:sesame@h: x\nuser:sesame@h: y", "database: mysql:user:sesame@h/wp", "throttle: rediss:sesame@h?password=sesame", "throttle: redis//:sesame@h",
		"throttle: redis://:ses%zzsesame@h", "url: http:u:sesame@h", "upstream: http://u:sesame@h/x", "upstream: u:sesame@h", "usage-interval: postgres://u:sesame@h/",
		"listen: postgres://u:sesame@h/", "metrics-listen: u:sesame@h", "duplicate-names: postgres://u:sesame@h/", "trusted-proxy: ['postgres://u:sesame@h/']",
		"throttle-per-login: redis://:sesame@h", "scopes: {'a:sesame@h': 1}", "max-per-user: redis://:sesame@h", "signing-key: redis://:sesame@h",
		"site-name: x\nwordpress://user:sesame@h/wp", "database: 'ftp://u:p sesame@h'", "require-expiry: redis://:sesame@h",
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(file+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"config", "check", path}, {"serve", "--config", path}} {
			var said bytes.Buffer
			if status := run(t.Context(), args, terminal{in: strings.NewReader(""), out: &said, err: &said}); status != 1 || strings.Contains(said.String(), "sesame") {
				t.Errorf("%q: %q says, with status %d: %s", file, args[0], status, said.String())
			}
		}
	}
}

func TestRedactURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"sparekey.db": "sparekey.db", "/var/lib/sparekey/a&b#c.db": "/var/lib/sparekey/a&b#c.db", "memory:": "memory:", "https://example.org/a": "https://example.org/a",
		"redis://:x@h/0": "redis://…@h/0", "redis:x@h": "…@h", "u:x@h?password=y": "…@h", "rediss:x?password=y": "rediss:x", "wordpress://u:a@b@h/db?x=y": "wordpress://…@h/db",
		"wordpress://u:x@h?cache=redis://:y@g&password=z": "wordpress://…@g", "redis://h?password=x": "redis://h", "u:x@redis://h": "h",
	} {
		if got := redactURL(text); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
}

func TestRedactText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`dial redis://u:x@h:1: no`: `dial redis://…@h:1: no`, `parse "wordpress://u:x@h": bad`: `parse "wordpress://…@h": bad`,
		`open "wordpress://…@h:3999/wp": no`: `open "wordpress://…@h:3999/wp": no`, "u:http://x@h": "…@h", "ses://ame:x@h": "…@h", "redis://u:redis://x@h": "redis://…@h", "no user ann@example.org": "no user ann@example.org",
		"such as wordpress://user:password@127.0.0.1:3306/x": "such as wordpress://user:password@127.0.0.1:3306/x", "Access denied for user 'wp'@'h': no": "Access denied for user 'wp'@'h': no",
	} {
		if got := redactText(text); got != want {
			t.Errorf("%q is printed as %q, want %q", text, got, want)
		}
	}
}
