package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestServeWarnsOfKeys starts the program with a key that everybody can read.
func TestServeWarnsOfKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	if err := os.WriteFile(path, []byte(strings.Repeat("k", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, filepath.Join(dir, "sparekey.db"), "--upstream", newApplication(t), "--signing-key", path)
	if said := s.log.String(); runtime.GOOS != "windows" && !strings.Contains(said, "others on this machine can read or replace the key") {
		t.Errorf("it says: %s", said)
	}
}
