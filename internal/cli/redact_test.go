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
