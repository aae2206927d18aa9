package cli

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/config"
)

// FuzzConfigFile reads any file: what is not said to be wrong are settings as the
// command line would have them.
func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		"listen: 127.0.0.1:1", "database: memory:", "scopes: {a: [b]}", "trusted-proxy: [10.0.0.0/8]", "a: &a [*a]", "? [x]\n: y", "---\n---\n", "listen:",
		"creators: &x {<<: *x}", "url: !!binary x", "\t", "max-per-user: 0x10",
	} {
		f.Add([]byte(seed))
	}
	var c commands
	model := newParser(&c, terminal{out: io.Discard, err: io.Discard}).Model
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		settings, problems := config.ReadFile(path, model)
		for name, value := range settings {
			if _, isText := value.(string); !isText && name != "scopes" && len(problems) == 0 {
				t.Errorf("%s is %T, and no text", name, value)
			}
		}
	})
}
