package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/sparekey-dev/sparekey"
)

func testInsertConflict(tb testing.TB, s sparekey.Store) {
	ctx := tb.Context()
	a := inserted(tb, s, alice, "first")[0]
	for _, userID := range []string{alice, bob} {
		c := credential(userID, "second")
		c.UUID = a.UUID
		wantError(tb, "Insert for user "+userID, s.Insert(ctx, c, nil), sparekey.ErrConflict)
	}
	wantList(tb, s, alice, a)
	wantList(tb, s, bob)

	if _, err := s.Delete(ctx, alice, a.UUID); err != nil {
		tb.Fatalf("Delete: %v", err)
	}
	again := credential(bob, "the UUID is free again")
	again.UUID = a.UUID
	insert(tb, s, again)
	wantList(tb, s, bob, again)
}

func testInsertCheck(tb testing.TB, s sparekey.Store) {
	ctx := tb.Context()
	have := inserted(tb, s, alice, "first", "second")
	inserted(tb, s, bob, "not among the others")
	c := credential(alice, "third")

	refusal := errors.New("not this one")
	called := false
	refuse := func(got sparekey.Credential, others []sparekey.Credential) error {
		called = true
		if !got.Equal(c) || !sameList(others, have) {
			tb.Errorf("check: got %+v beside %+v, want %+v beside %+v", got, others, c, have)
		}
		return refusal
	}
	wantError(tb, "Insert against the check", s.Insert(ctx, c, refuse), refusal)
	if !called {
		tb.Errorf("Insert did not call the check")
	}
	wantList(tb, s, alice, have...)

	allow := func(sparekey.Credential, []sparekey.Credential) error { return nil }
	if err := s.Insert(ctx, c, allow); err != nil {
		tb.Errorf("Insert with the check's consent: %v", err)
	}
	wantList(tb, s, alice, append(have, c)...)
}

func testUpdate(tb testing.TB, s sparekey.Store) {
	ctx := tb.Context()
	want := inserted(tb, s, alice, "first", "second", "third")
	change := func(c *sparekey.Credential) error {
		if !c.Equal(want[1]) {
			tb.Errorf("change: got %+v, want %+v", *c, want[1])
		}
		c.Name, c.AppID = "renamed", newUUID()
		return touch(c)
	}
	got, err := s.Update(ctx, alice, want[1].UUID, change, nil)
	if err != nil {
		tb.Fatalf("Update: %v", err)
	}
	want[1].Name, want[1].AppID = "renamed", got.AppID
	if err := touch(&want[1]); err != nil || !got.Equal(want[1]) {
		tb.Errorf("Update: got %+v, want %+v", got, want[1])
	}
	wantList(tb, s, alice, want...)
}

func testUpdateKeepsIdentity(tb testing.TB, s sparekey.Store) {
	want := inserted(tb, s, alice, "first", "second", "third")
	got, err := s.Update(tb.Context(), alice, want[1].UUID, func(c *sparekey.Credential) error {
		c.UUID, c.UserID, c.Name = newUUID(), bob, "renamed"
		return nil
	}, nil)
	want[1].Name = "renamed"
	if err != nil || !got.Equal(want[1]) {
		tb.Errorf("Update: got %+v, %v, want %+v", got, err, want[1])
	}
	wantList(tb, s, alice, want...)
	wantList(tb, s, bob)
}

func testUpdateUnchanged(tb testing.TB, s sparekey.Store) {
	c := inserted(tb, s, alice, "only")[0]
	check := func(sparekey.Credential, []sparekey.Credential) error {
		tb.Errorf("Update checked a change that changes nothing")
		return sparekey.ErrDuplicateName
	}
	got, err := s.Update(tb.Context(), alice, c.UUID, rename(c.Name), check)
	if err != nil || !got.Equal(c) {
		tb.Errorf("Update: got %+v, %v, want %+v", got, err, c)
	}
	wantList(tb, s, alice, c)
}

func testUpdateError(tb testing.TB, s sparekey.Store) {
	c := inserted(tb, s, alice, "only")[0]
	giveUp := errors.New("changed my mind")
	_, err := s.Update(tb.Context(), alice, c.UUID, func(c *sparekey.Credential) error {
		c.Name = "half done"
		return giveUp
	}, nil)
	wantError(tb, "Update", err, giveUp)
	wantList(tb, s, alice, c)
}

func testUpdateCheck(tb testing.TB, s sparekey.Store) {
	ctx := tb.Context()
	have := inserted(tb, s, alice, "first", "second", "third")
	inserted(tb, s, bob, "not among the others")
	want, others := have[1], []sparekey.Credential{have[0], have[2]}
	want.Name = "renamed"

	refusal := errors.New("not this one")
	called := false
	refuse := func(c sparekey.Credential, got []sparekey.Credential) error {
		called = true
		if !c.Equal(want) || !sameList(got, others) {
			tb.Errorf("check: got %+v beside %+v, want %+v beside %+v", c, got, want, others)
		}
		return refusal
	}
	_, err := s.Update(ctx, alice, want.UUID, rename("renamed"), refuse)
	wantError(tb, "Update against the check", err, refusal)
	if !called {
		tb.Errorf("Update did not call the check")
	}
	wantList(tb, s, alice, have...)

	allow := func(sparekey.Credential, []sparekey.Credential) error { return nil }
	if got, err := s.Update(ctx, alice, want.UUID, rename("renamed"), allow); err != nil || !got.Equal(want) {
		tb.Errorf("Update with the check's consent: got %+v, %v, want %+v", got, err, want)
	}
}

func testUpdateMissing(tb testing.TB, s sparekey.Store) {
	ctx := tb.Context()
	c := inserted(tb, s, alice, "only")[0]
	unwanted := func(*sparekey.Credential) error {
		tb.Errorf("Update changed a credential that is not there")
		return nil
	}
	_, err := s.Update(ctx, alice, newUUID(), unwanted, nil)
	wantError(tb, "Update of an unknown UUID", err, sparekey.ErrNotFound)
	_, err = s.Update(ctx, bob, c.UUID, unwanted, nil)
	wantError(tb, "Update for another user", err, sparekey.ErrNotFound)
	if _, err := s.Delete(ctx, alice, c.UUID); err != nil {
		tb.Fatalf("Delete: %v", err)
	}
	_, err = s.Update(ctx, alice, c.UUID, unwanted, nil)
	wantError(tb, "Update after Delete", err, sparekey.ErrNotFound)
	wantList(tb, s, alice)
}

func testDelete(tb testing.TB, s sparekey.Store) {
	ctx := tb.Context()
	have := inserted(tb, s, alice, "first", "second", "third")
	got, err := s.Delete(ctx, alice, have[1].UUID)
	if err != nil || !got.Equal(have[1]) {
		tb.Errorf("Delete: got %+v, %v, want %+v", got, err, have[1])
	}
	_, err = s.Delete(ctx, alice, have[1].UUID)
	wantError(tb, "second Delete", err, sparekey.ErrNotFound)
	_, err = s.Find(ctx, alice, have[1].Hash)
	wantError(tb, "Find after Delete", err, sparekey.ErrNotFound)
	wantList(tb, s, alice, have[0], have[2])

	last := inserted(tb, s, alice, "later")[0]
	wantList(tb, s, alice, have[0], have[2], last)
}

func testDeleteAll(tb testing.TB, s sparekey.Store) {
	ctx := tb.Context()
	have := inserted(tb, s, alice, "first", "second", "third")
	other := inserted(tb, s, bob, "stays")
	if got, err := s.DeleteAll(ctx, alice); err != nil || !sameList(got, have) {
		tb.Errorf("DeleteAll: got %+v, %v, want %+v", got, err, have)
	}
	for _, c := range have {
		_, err := s.Find(ctx, alice, c.Hash)
		wantError(tb, "Find after DeleteAll", err, sparekey.ErrNotFound)
	}
	wantList(tb, s, alice)
	wantList(tb, s, bob, other...)
	if got, err := s.DeleteAll(ctx, alice); err != nil || len(got) > 0 {
		tb.Errorf("second DeleteAll: got %+v, %v, want none", got, err)
	}
}

// testCancelled wants every method to notice that the caller has given up.
func testCancelled(tb testing.TB, s sparekey.Store) {
	have := inserted(tb, s, alice, "first", "second")
	uuid := have[0].UUID
	calls := map[string]func(context.Context) error{
		"List":      func(ctx context.Context) error { _, err := s.List(ctx, alice); return err },
		"Find":      func(ctx context.Context) error { _, err := s.Find(ctx, alice, have[0].Hash); return err },
		"Legacy":    func(ctx context.Context) error { _, err := s.Legacy(ctx, alice); return err },
		"Insert":    func(ctx context.Context) error { return s.Insert(ctx, credential(alice, "third"), nil) },
		"Update":    func(ctx context.Context) error { _, err := s.Update(ctx, alice, uuid, touch, nil); return err },
		"Delete":    func(ctx context.Context) error { _, err := s.Delete(ctx, alice, uuid); return err },
		"DeleteAll": func(ctx context.Context) error { _, err := s.DeleteAll(ctx, alice); return err },
		"InUse":     func(ctx context.Context) error { _, err := s.InUse(ctx); return err },
	}
	for name, call := range calls {
		wantBroken(tb, name, call(cancelled(tb)))
	}
	wantList(tb, s, alice, have...)
}
