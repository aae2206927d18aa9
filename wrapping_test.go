package sparekey_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// blocking embeds a store, and has users that it does not find any longer.
type blocking struct {
	*memory.Store

	blocked map[string]bool
}

func (b *blocking) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	if b.blocked[login] {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return b.Store.UserByLogin(ctx, login)
}

// TestEmbeddedStoreIsNotCached checks that a user that only the outer type removed is out at
// once: the revision of the store within says nothing of it.
func TestEmbeddedStoreIsNotCached(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	secret, _ := s.create(t, "app")
	users := &blocking{s.store, map[string]bool{}}
	svc := sparekey.New(users, users, sparekey.Config{})
	for range 3 {
		if _, err := svc.Authenticate(t.Context(), attempt("ann", secret)); err != nil {
			t.Fatal(err)
		}
	}
	users.blocked["ann"] = true
	if _, err := svc.Authenticate(t.Context(), attempt("ann", secret)); reason(err) != sparekey.ReasonUnknownLogin {
		t.Errorf("a removed user: %v", err)
	}
}

// wrapping has only the methods of a Store, and says what it wraps.
type wrapping struct{ sparekey.Store }

func (w wrapping) Unwrap() sparekey.Store { return w.Store }

// TestUnwrap checks that a wrapper keeps the optional interfaces of what it wraps, and that it
// keeps none without Unwrap.
func TestUnwrap(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	s.create(t, "app")
	for _, c := range []struct {
		store sparekey.Store
		want  error
	}{
		{wrapping{wrapping{s.store}}, nil},
		{struct{ sparekey.Store }{s.store}, sparekey.ErrUnavailable},
	} {
		svc := sparekey.New(c.store, s.store, sparekey.Config{})
		if _, _, err := svc.AsOperator().Search(t.Context(), sparekey.CredentialQuery{}); !errors.Is(err, c.want) {
			t.Errorf("%T: search: %v, want %v", c.store, err, c.want)
		}
	}
}

// uuidColumn is a store whose column for users holds UUIDs, as PostgreSQL has them: anything else
// is an error of the database.
type uuidColumn struct {
	sparekey.Store

	finds, legacies int
}

const annsUUID = "5f1c2f0e-8a1d-4c59-9d6f-2f6f0c7e9a11"

func (u *uuidColumn) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	if u.finds++; len(userID) != len(annsUUID) {
		return sparekey.Credential{}, errors.New("invalid input syntax for type uuid")
	}
	return u.Store.Find(ctx, userID, hash)
}

func (u *uuidColumn) Legacy(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	if u.legacies++; len(userID) != len(annsUUID) {
		return nil, errors.New("invalid input syntax for type uuid")
	}
	return u.Store.Legacy(ctx, userID)
}

// TestUnknownLoginOnUUIDs checks that an unknown login is refused rather than broken, and that
// the store is asked as often as for a wrong secret once a user is known.
func TestUnknownLoginOnUUIDs(t *testing.T) {
	t.Parallel()
	store := &uuidColumn{Store: memory.New()}
	users := &directory{users: map[string]sparekey.User{annsUUID: {ID: annsUUID, Login: "ann"}}}
	svc := sparekey.New(store, users, sparekey.Config{})
	secret, _, err := svc.AsOperator().Create(t.Context(), annsUUID, sparekey.NewCredential{Name: "app"})
	if err != nil {
		t.Fatal(err)
	}
	steps := func(login string, secret sparekey.Secret, want sparekey.Reason) [2]int {
		store.finds, store.legacies = 0, 0
		if _, err := svc.Authenticate(t.Context(), attempt(login, secret)); reason(err) != want {
			t.Errorf("%s: %v, want %s", login, err, want)
		}
		return [2]int{store.finds, store.legacies}
	}
	steps("bob", sparekey.NewSecret(), sparekey.ReasonUnknownLogin)
	wrong := steps(annsUUID, sparekey.NewSecret(), sparekey.ReasonWrongSecret)
	for _, s := range []sparekey.Secret{sparekey.NewSecret(), secret} { // also with the secret of a known user
		if got := steps("bob", s, sparekey.ReasonUnknownLogin); got != wrong {
			t.Errorf("an unknown login takes the steps %v, a wrong secret %v", got, wrong)
		}
	}
}
