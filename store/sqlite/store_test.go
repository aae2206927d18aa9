package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/sqlite"
	"github.com/sparekey-dev/sparekey/storetest"
)

// openStore opens a store that is closed with the test.
func openStore(tb testing.TB, path string) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}

// newPath returns the path of a database that does not exist yet.
func newPath(tb testing.TB) string { return filepath.Join(tb.TempDir(), "sparekey.db") }

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) sparekey.Store { return openStore(t, newPath(t)) })
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	storetest.RunDirectory(t, func(t *testing.T) storetest.Users { return openStore(t, newPath(t)) })
}

func TestAudit(t *testing.T) {
	t.Parallel()
	storetest.RunAudit(t, func(t *testing.T) storetest.AuditStore { return openStore(t, newPath(t)) })
}
