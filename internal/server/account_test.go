package server

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/login"
)

// TestRevokedWhileHashed has application passwords revoked, rotated and limited while the
// API hashes the new main password that a request with one of them brought.
func TestRevokedWhileHashed(t *testing.T) {
	t.Parallel()
	password, email, name := "battery staple", "thief@example.org", "Thief"
	for what, meanwhile := range map[string]func(m sparekey.Manager, c sparekey.Credential) error{
		"nothing": func(sparekey.Manager, sparekey.Credential) error { return nil },
		"revoked": func(m sparekey.Manager, c sparekey.Credential) error {
			_, err := m.Revoke(t.Context(), c.UserID, c.UUID)
			return err
		},
		"rotated": func(m sparekey.Manager, c sparekey.Credential) error {
			_, _, err := m.Rotate(t.Context(), c.UserID, c.UUID, time.Hour)
			return err
		},
		"limited": func(m sparekey.Manager, c sparekey.Credential) error {
			_, err := m.Limit(t.Context(), c.UserID, c.UUID, sparekey.Limits{MaxUses: 9})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			database := filepath.Join(t.TempDir(), "sparekey.db")
			s, err := Open(t.Context(), &config.Site{Database: database}, Opening{Create: true}, sparekey.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ann, err := s.Accounts.Create(t.Context(), login.NewAccount{Login: "ann", Email: "ann@example.com", Role: login.DefaultRole, Password: "x"})
			if err != nil {
				t.Fatal(err)
			}
			_, made, err := s.Service.AsOperator().Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "main"})
			if err != nil {
				t.Fatal(err)
			}
			by := sparekey.Identity{User: ann, Credential: made}
			if err := meanwhile(s.Service.AsOperator(), made); err != nil {
				t.Fatal(err)
			}
			for _, change := range []sparekey.UserChange{{Password: &password}, {Email: &email}, {DisplayName: &name}} {
				_, err := ownAccounts{site: s}.ChangeUser(t.Context(), by, ann.ID, change)
				if errors.Is(err, sparekey.ErrActingChanged) != (what != "nothing") || what == "nothing" && err != nil {
					t.Errorf("changed: %v", err)
				}
			}
			_, err = s.Accounts.Verify(t.Context(), "ann", password)
			if now, _ := s.UserByLogin(t.Context(), "ann"); (err == nil) != (what == "nothing") || (now.Email == email) != (what == "nothing") {
				t.Errorf("the account afterwards: %+v, sign-in %v", now, err)
			}
		})
	}
}
