package sparekey_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// TestReplaces makes credentials in the place of others.
func TestReplaces(t *testing.T) {
	t.Parallel()
	var kinds []sparekey.Kind
	s := newSite(t, sparekey.Config{UniqueNames: true, Policy: sparekey.Policy{MaxPerUser: 2}, Record: func(_ context.Context, e sparekey.Event) error {
		kinds = append(kinds, e.Kind)
		return nil
	}})
	first, phone := s.create(t, "Phone")
	_, tablet := s.create(t, "Tablet")
	_, admins, err := s.AsOperator().Create(t.Context(), s.admin.ID, sparekey.NewCredential{Name: "Phone"})
	if err != nil {
		t.Fatal(err)
	}
	m := s.As(s.ann)
	for name, c := range map[string]struct {
		replaces []string
		want     error
	}{
		"none":             {nil, sparekey.ErrTooMany},
		"another user's":   {[]string{admins.UUID}, sparekey.ErrTooMany},
		"an unknown one":   {[]string{"no such", ""}, sparekey.ErrTooMany},
		"of another name":  {[]string{tablet.UUID}, sparekey.ErrDuplicateName},
		"of the same name": {[]string{phone.UUID, admins.UUID, "no such"}, nil},
	} {
		if err := m.CheckNew(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "phone", Replaces: c.replaces}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	kinds = nil
	secret, made, err := m.Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "phone", Replaces: []string{phone.UUID, admins.UUID}})
	if err != nil || !slices.Equal(kinds, []sparekey.Kind{sparekey.KindCreated, sparekey.KindRevoked}) {
		t.Errorf("recorded %v, %v", kinds, err)
	}
	if list, err := m.List(t.Context(), s.ann.ID); err != nil || len(list) != 2 || list[0].UUID != tablet.UUID || list[1].UUID != made.UUID {
		t.Errorf("ann has %v, %v", list, err)
	}
	if list, err := s.AsOperator().List(t.Context(), s.admin.ID); err != nil || len(list) != 1 {
		t.Errorf("the administrator has %v, %v", list, err)
	}
	if _, err := s.Authenticate(t.Context(), attempt("ann", secret)); err != nil {
		t.Error(err)
	}
	if _, err := s.Authenticate(t.Context(), attempt("ann", first)); err == nil {
		t.Error("the old secret is accepted")
	}
}

// TestReplacesBeyondLimits has a limited credential act, which must not end what can do
// more than itself.
func TestReplacesBeyondLimits(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	_, phone := s.create(t, "Phone")
	_, acting := s.limited(t, "App", sparekey.Limits{Scopes: scopes(t, "application-passwords")})
	m := s.AsCaller(sparekey.Identity{User: s.ann, Credential: acting})
	if _, _, err := m.Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "New", Replaces: []string{phone.UUID}}); !errors.Is(err, sparekey.ErrBeyondLimits) {
		t.Errorf("%v", err)
	}
	if list, err := s.AsOperator().List(t.Context(), s.ann.ID); err != nil || len(list) != 2 {
		t.Errorf("ann has %v, %v", list, err)
	}
}

// stuck is a store that does not delete one credential.
type stuck struct {
	sparekey.Store
	uuid string
}

func (s *stuck) Delete(ctx context.Context, userID, uuid string) (sparekey.Credential, error) {
	if uuid == s.uuid {
		return sparekey.Credential{}, errors.New("no disk")
	}
	return s.Store.Delete(ctx, userID, uuid)
}

// TestReplacesBroken cannot revoke what is replaced: the user keeps it, and has no other.
func TestReplacesBroken(t *testing.T) {
	t.Parallel()
	users := memory.New()
	ann, err := users.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	store := &stuck{Store: users}
	m := sparekey.New(store, users, sparekey.Config{}).As(ann)
	_, old, err := m.Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "Phone"})
	if err != nil {
		t.Fatal(err)
	}
	store.uuid = old.UUID
	secret, _, err := m.Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "Phone", Replaces: []string{old.UUID}})
	if err == nil || sparekey.Refused(err) || !secret.IsZero() {
		t.Errorf("%v", err)
	}
	if list, err := m.List(t.Context(), ann.ID); err != nil || len(list) != 1 || list[0].UUID != old.UUID {
		t.Errorf("ann has %v, %v", list, err)
	}
}

// TestRevokeApp revokes by app ID, with a limited credential too.
func TestRevokeApp(t *testing.T) {
	t.Parallel()
	const app, other = "11111111-2222-4333-8444-555555555555", "2b1c7a3e-5d4f-4a6b-8c9d-0e1f2a3b4c5d"
	s := newSite(t, sparekey.Config{})
	m := s.As(s.ann)
	for _, n := range []sparekey.NewCredential{{Name: "1", AppID: app}, {Name: "2"}, {Name: "3", AppID: app}, {Name: "4", AppID: other}} {
		if _, _, err := m.Create(t.Context(), s.ann.ID, n); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{"", " ", "1", "2B1C7A3E-5D4F-4A6B-8C9D-0E1F2A3B4C5D", "*"} {
		if gone, err := m.RevokeApp(t.Context(), s.ann.ID, bad); !errors.Is(err, sparekey.ErrInvalid) || len(gone) != 0 {
			t.Errorf("%q: %v, %v", bad, gone, err)
		}
	}
	_, acting := s.limited(t, "App", sparekey.Limits{Scopes: scopes(t, "application-passwords")})
	limited := s.AsCaller(sparekey.Identity{User: s.ann, Credential: acting})
	if _, err := limited.RevokeApp(t.Context(), s.ann.ID, app); !errors.Is(err, sparekey.ErrBeyondLimits) {
		t.Errorf("what can do more than the acting credential: %v", err)
	}
	gone, err := m.RevokeApp(t.Context(), s.ann.ID, app)
	if err != nil || len(gone) != 2 || gone[0].Name != "1" || gone[1].Name != "3" {
		t.Errorf("revoked %v, %v", gone, err)
	}
	if gone, err := m.RevokeApp(t.Context(), s.ann.ID, app); err != nil || len(gone) != 0 {
		t.Errorf("again: %v, %v", gone, err)
	}
	if list, err := m.List(t.Context(), s.ann.ID); err != nil || len(list) != 3 {
		t.Errorf("left: %v, %v", list, err)
	}
}
