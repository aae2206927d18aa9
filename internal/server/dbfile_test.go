package server

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestFilesBesideTheDatabase are as bad to have open as the database itself.
func TestFilesBesideTheDatabase(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files have no such permissions here")
	}
	path := filepath.Join(t.TempDir(), "sparekey.db")
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chmod(name, 0o640); err != nil {
			t.Fatal(err)
		}
		if got := openFiles(databaseOpenToOthers, databaseFiles(path)...); len(got) != 1 || got[0].path != name {
			t.Errorf("with %s open: %v", name, got)
		}
		if err := os.Chmod(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []string{"memory:", "wordpress://root@localhost/wp"} {
		if got := databaseFiles(other); len(got) > 0 {
			t.Errorf("%s has the files %q", other, got)
		}
	}
}
