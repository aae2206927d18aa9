package cli

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/passhash"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// withStore opens the database of a test for a moment.
func withStore(t *testing.T, database string, do func(s *sqlite.Store, id string)) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	u, err := s.UserByLogin(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	do(s, u.ID)
}

func hashOf(t *testing.T, database string) (hash string) {
	t.Helper()
	withStore(t, database, func(s *sqlite.Store, id string) {
		var err error
		if hash, err = s.PasswordHash(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	})
	return hash
}

// TestSignInStoresAnew has a password in WordPress's old format, where a change of the
// password revokes all application passwords. To sign in is not a change; "user
// reset-password" is.
func TestSignInStoresAnew(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	if got := passhash.Cost(hashOf(t, database)); got != passhash.NewCost {
		t.Errorf("a new password is stored as %q", got)
	}
	withStore(t, database, func(s *sqlite.Store, id string) {
		if err := s.SetPasswordHash(t.Context(), id, passhash.Phpass("x")); err != nil {
			t.Fatal(err)
		}
	})
	s := startServer(t, database, "--revoke-on-password-reset")
	s.signIn(t, "ann", "wrong", http.StatusForbidden)
	if got := passhash.Cost(hashOf(t, database)); got != "$P$B" {
		t.Errorf("after a wrong password, it is stored as %q", got)
	}
	s.signIn(t, "ann", "x", http.StatusSeeOther)
	if got := passhash.Cost(hashOf(t, database)); got != passhash.NewCost {
		t.Errorf("after a sign-in, it is stored as %q", got)
	}
	if ok, err := s.works(t.Context(), ann); !ok || err != nil {
		t.Errorf("the application password works: %t, %v", ok, err)
	}
	if out := mustCLI(t, database, "audit", "list", "--kind=password_reset", "--kind=revoked", "--format=csv", "--fields=kind"); out != "kind" {
		t.Errorf("on record: %s", out)
	}
	mustCLI(t, database, "user", "reset-password", "ann", "--user_pass=y", "--revoke-on-password-reset")
	if got := passhash.Cost(hashOf(t, database)); got != passhash.NewCost {
		t.Errorf("after a reset, it is stored as %q", got)
	}
	if ok, err := s.works(t.Context(), ann); ok || err != nil {
		t.Errorf("after a reset, the application password works: %t, %v", ok, err)
	}
	if out := mustCLI(t, database, "audit", "list", "--kind=password_reset", "--format=csv", "--fields=kind,login"); !strings.HasSuffix(out, "\npassword_reset,ann") {
		t.Errorf("on record: %s", out)
	}
}
