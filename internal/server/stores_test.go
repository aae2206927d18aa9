package server

import (
	"testing"

	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// TestWhichPasswordsAreStoredAnew expects the passwords of Sparekey's own databases to be
// rehashed, also through the wrappers of stores here, and WordPress's never.
func TestWhichPasswordsAreStoredAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		backend Backend
		anew    bool
	}{
		"SQLite":    {&sqlite.Store{}, true},
		"memory":    {memoryBackend{}, true},
		"WordPress": {wordPressBackend{}, false},
	} {
		if _, ok := c.backend.(login.Rehasher); ok != c.anew {
			t.Errorf("%s: passwords are rehashed: %t, want %t", name, ok, c.anew)
		}
		if _, ok := c.backend.(login.HashSampler); !ok {
			t.Errorf("%s cannot say in which formats passwords are", name)
		}
	}
}
