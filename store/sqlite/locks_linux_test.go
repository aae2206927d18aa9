package sqlite_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// holdsLocks reports whether this process holds POSIX locks on a file. A program
// that opened and closed that file would hold none.
func holdsLocks(t *testing.T, path string) bool {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	owner := fmt.Sprintf(" %d ", os.Getpid())
	file := fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino)
	// The list is read piece by piece, so a lock can be missing from it while
	// other tests take and release theirs. One that is gone stays so.
	for range 20 {
		all, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Skip(err)
		}
		for line := range strings.Lines(string(all)) {
			if strings.Contains(line, "POSIX") && strings.Contains(line, owner) && strings.Contains(line, file) {
				return true
			}
		}
	}
	return false
}

// TestLocksStay wants SQLite to keep its locks on a database when another Store
// of it in this process is closed, and when one cannot be opened.
func TestLocksStay(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	openStore(t, path)
	if !holdsLocks(t, path+"-shm") {
		t.Skip("the locks of this process are not to be seen here")
	}
	wantLocks := func(when string) {
		t.Helper()
		for _, file := range []string{path, path + "-shm"} {
			if !holdsLocks(t, file) {
				t.Errorf("%s, the locks on %s are gone", when, file)
			}
		}
	}
	if err := openStore(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	wantLocks("after another Store was closed")

	execute(t, rawDatabase(t, path), `PRAGMA user_version = 99`)
	wantOpenError(t, path, "use a newer one")
	wantLocks("after another Store was not opened")
}
