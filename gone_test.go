package sparekey_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// directory is an application's own, apart from the store.
type directory struct {
	users map[string]sparekey.User
	err   error
}

func (d *directory) UserByID(_ context.Context, id string) (sparekey.User, error) {
	if u, ok := d.users[id]; ok || d.err != nil {
		return u, d.err
	}
	return sparekey.User{}, sparekey.ErrUserNotFound
}

func (d *directory) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	return d.UserByID(ctx, login)
}

// goneSite has ann and bob with two credentials each, and ann deleted.
func goneSite(t *testing.T) (svc *sparekey.Service, d *directory, store *memory.Store, recorded *[]sparekey.Event) {
	t.Helper()
	d = &directory{users: map[string]sparekey.User{}}
	recorded = &[]sparekey.Event{}
	store = memory.New()
	svc = sparekey.New(store, d, sparekey.Config{Record: func(_ context.Context, e sparekey.Event) error {
		*recorded = append(*recorded, e)
		return nil
	}})
	for _, id := range []string{"ann", "bob"} {
		d.users[id] = sparekey.User{ID: id, Login: id}
		for _, name := range []string{"one", "two"} {
			if _, _, err := svc.AsOperator().Create(t.Context(), id, sparekey.NewCredential{Name: name}); err != nil {
				t.Fatal(err)
			}
		}
	}
	delete(d.users, "ann")
	*recorded = nil
	return svc, d, store, recorded
}

// TestUserSuspended checks that a user who is there loses all credentials, and others none.
func TestUserSuspended(t *testing.T) {
	t.Parallel()
	svc, _, store, recorded := goneSite(t)
	revoked, err := svc.UserSuspended(t.Context(), "bob")
	if err != nil || len(revoked) != 2 || len(*recorded) != 2 {
		t.Errorf("got %d revoked, %v, %d recorded, want 2", len(revoked), err, len(*recorded))
	}
	for user, want := range map[string]int{"bob": 0, "ann": 2} {
		if left, err := store.List(t.Context(), user); err != nil || len(left) != want {
			t.Errorf("%s has %d left, %v, want %d", user, len(left), err, want)
		}
	}
}

func TestUserDeleted(t *testing.T) {
	t.Parallel()
	svc, d, store, recorded := goneSite(t)
	revoked, err := svc.UserDeleted(t.Context(), "ann")
	if err != nil || len(revoked) != 2 || len(*recorded) != 2 {
		t.Errorf("got %d revoked, %v, %d recorded, want 2", len(revoked), err, len(*recorded))
	}
	for _, e := range *recorded {
		if e.Kind != sparekey.KindRevoked || e.User.ID != "ann" {
			t.Errorf("recorded %+v", e)
		}
	}
	d.users["ann"] = sparekey.User{ID: "ann", Login: "ann"} // another one
	if list, err := store.List(t.Context(), "ann"); err != nil || len(list) != 0 {
		t.Errorf("the next user of this ID has %v, %v", list, err)
	}
	for what, id := range map[string]string{"again": "ann", "one who was never there": "zoe"} {
		if revoked, err := svc.UserDeleted(t.Context(), id); err != nil || len(revoked) != 0 {
			t.Errorf("%s: got %v, %v", what, revoked, err)
		}
	}
	if revoked, err := svc.UserDeleted(t.Context(), "bob"); err != nil || len(revoked) != 2 {
		t.Errorf("before the user is deleted: got %v, %v", revoked, err)
	}
	d.err = errors.New("down")
	if _, err := svc.UserDeleted(t.Context(), "bob"); err == nil || sparekey.Refused(err) {
		t.Errorf("while the directory is down: %v", err)
	}
}

// TestOperatorRevokesWhatIsLeft lists and revokes the credentials of a deleted user, which
// only the operator can.
func TestOperatorRevokesWhatIsLeft(t *testing.T) {
	t.Parallel()
	svc, d, _, recorded := goneSite(t)
	m := svc.AsOperator()
	orphans, err := m.Orphans(t.Context())
	if err != nil || len(orphans) != 2 || orphans[0].UserID != "ann" || orphans[1].UserID != "ann" {
		t.Errorf("got %+v, %v", orphans, err)
	}
	list, err := m.List(t.Context(), "ann")
	if err != nil || len(list) != 2 {
		t.Fatalf("got %+v, %v", list, err)
	}
	if got, err := m.Get(t.Context(), "ann", list[0].UUID); err != nil || got != list[0] {
		t.Errorf("got %+v, %v", got, err)
	}
	bob := svc.As(d.users["bob"])
	_, othersErr := bob.List(t.Context(), "ann")
	_, revokeErr := bob.Revoke(t.Context(), "ann", list[0].UUID)
	_, allErr := bob.RevokeAll(t.Context(), "ann")
	_, _, createErr := m.Create(t.Context(), "ann", sparekey.NewCredential{Name: "three"})
	_, _, rotateErr := m.Rotate(t.Context(), "ann", list[0].UUID, 0)
	_, emptyErr := m.List(t.Context(), "zoe")
	for what, err := range map[string]error{
		"another's list": othersErr, "another's revocation": revokeErr, "another's revocation of all": allErr,
		"a new one": createErr, "another secret": rotateErr, "of one who left none": emptyErr,
	} {
		if !errors.Is(err, sparekey.ErrUserNotFound) {
			t.Errorf("%s: got %v, want that the user is not found", what, err)
		}
	}
	if _, err := bob.Orphans(t.Context()); !errors.Is(err, sparekey.ErrForbidden) {
		t.Errorf("another's look at what is left: %v", err)
	}
	if c, err := m.Revoke(t.Context(), "ann", list[0].UUID); err != nil || c != list[0] {
		t.Errorf("Revoke: got %+v, %v", c, err)
	}
	if all, err := m.RevokeAll(t.Context(), "ann"); err != nil || len(all) != 1 || len(*recorded) != 2 {
		t.Errorf("RevokeAll: got %+v, %v, recorded %d", all, err, len(*recorded))
	}
	if orphans, err := m.Orphans(t.Context()); err != nil || len(orphans) != 0 {
		t.Errorf("got %+v, %v", orphans, err)
	}
	d.err = errors.New("down")
	if _, err := m.Orphans(t.Context()); err == nil || sparekey.Refused(err) {
		t.Errorf("while the directory is down: %v", err)
	}
}
