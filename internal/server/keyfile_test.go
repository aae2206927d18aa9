package server

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestKeysThatOthersCanRead starts with key files of all permissions.
func TestKeysThatOthersCanRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files have no such permissions here")
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(strings.Repeat("k", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, warned := range map[fs.FileMode]bool{
		0o400: false, 0o600: false, 0o640: false, 0o440: false, 0o700: false,
		0o644: true, 0o604: true, 0o660: true, 0o620: true, 0o602: true, 0o666: true, 0o777: true,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		for _, flag := range []string{"--signing-key", "--audit-key", "--tls-key"} {
			var c server
			auditKey := ""
			switch flag {
			case "--signing-key":
				c.SigningKey = path
			case "--tls-key":
				c.TLSKey = path
			default:
				auditKey = path
			}
			var said bytes.Buffer
			c.warnOfKeyFiles(auditKey, slog.New(slog.NewTextHandler(&said, nil)))
			if got := strings.Contains(said.String(), "level=WARN") && strings.Contains(said.String(), "flag="+flag+" file="+path); got != warned || !warned && said.Len() > 0 {
				t.Errorf("%s with %o: %q", flag, mode, said.String())
			}
			if strings.Contains(said.String(), "kkk") {
				t.Errorf("the key is in the log: %s", said.String())
			}
		}
	}
}
