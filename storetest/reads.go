package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
)

func testEmpty(tb testing.TB, s sparekey.Store) {
	ctx := tb.Context()
	wantList(tb, s, alice)
	if got, err := s.Legacy(ctx, alice); err != nil || len(got) > 0 {
		tb.Errorf("Legacy: got %v, %v, want none", got, err)
	}
	if got, err := s.DeleteAll(ctx, alice); err != nil || len(got) > 0 {
		tb.Errorf("DeleteAll: got %v, %v, want none", got, err)
	}
	for _, userID := range []string{alice, ""} {
		_, err := s.Find(ctx, userID, sparekey.NewSecret().Hash())
		wantError(tb, "Find", err, sparekey.ErrNotFound)
	}
	_, err := s.Delete(ctx, alice, newUUID())
	wantError(tb, "Delete", err, sparekey.ErrNotFound)
}

func testOrder(tb testing.TB, s sparekey.Store) {
	var want []sparekey.Credential
	for i := range 20 {
		c := credential(alice, fmt.Sprint("app ", 20-i))
		c.Created = created.Add(-time.Duration(i) * time.Hour) // the order is not that of the times
		insert(tb, s, c)
		inserted(tb, s, bob, "in between")
		want = append(want, c)
	}
	wantList(tb, s, alice, want...)
}

func testRoundTrip(tb testing.TB, s sparekey.Store) {
	names := map[string]string{
		"ASCII":       "Calendar",
		"long":        strings.Repeat("long name ", 1000),
		"non-ASCII":   "Grüße, 日本語, \u202eright to left, e\u0301, 😀",
		"quotes":      `it's "quoted" and ''doubled''; -- not SQL`,
		"backslashes": `C:\temp\new \\ \' \" \0 \`,
		"markup":      "a&lt;b &amp; %41 %_ {}",
		"controls":    "\x01\x7f\u0085 inside",
	}
	var want []sparekey.Credential
	for _, name := range names {
		want = append(want, credential(alice, name))
	}
	full := credential(alice, "every field")
	full.AppID = "f0ec248a-b1fb-1deb-a034-9dc03f1ac263"
	full.LastUsed = created.Add(36 * time.Hour)
	full.LastIP = "2001:db8:85a3::8a2e:370:7334"
	full.Limits = sparekey.Limits{
		Expires: created.Add(48 * time.Hour), Scopes: "read\nPOST /é/*", Networks: "192.0.2.0/24 2001:db8::/32", MaxUses: 1 << 40,
	}
	full.Uses = 12
	full.OldHash = sparekey.NewSecret().Hash()
	full.OldUntil = created.Add(37 * time.Hour)
	full.HashUnused = true
	want = append(want, full)

	insert(tb, s, want...)
	wantList(tb, s, alice, want...)
	for _, c := range want {
		if got, err := s.Find(tb.Context(), alice, c.Hash); err != nil || !got.Equal(c) {
			tb.Errorf("Find: got %+v, %v, want %+v", got, err, c)
		}
	}
}

// testTimes wants a store to keep times in whole seconds, whatever it gets.
func testTimes(tb testing.TB, s sparekey.Store) {
	c := credential(alice, "app")
	c.Created = created.Add(999_999_999).In(time.FixedZone("east", 2*60*60))
	insert(tb, s, c)
	c.Created = created
	wantList(tb, s, alice, c)

	got, err := s.Update(tb.Context(), alice, c.UUID, func(c *sparekey.Credential) error {
		c.LastUsed = created.Add(time.Hour + time.Nanosecond).In(time.FixedZone("west", -5*60*60))
		return nil
	}, nil)
	c.LastUsed = created.Add(time.Hour)
	if err != nil || !got.Equal(c) {
		tb.Errorf("Update: got %+v, %v, want %+v", got, err, c)
	}
	wantList(tb, s, alice, c)

	never := credential(bob, "no times at all")
	never.Created = time.Time{}
	insert(tb, s, never)
	wantList(tb, s, bob, never)
}

func testIsolation(tb testing.TB, s sparekey.Store) {
	ctx := tb.Context()
	a, b := inserted(tb, s, alice, "a")[0], inserted(tb, s, bob, "b")[0]
	c := credential(carol, "c")
	c.Hash = "$P$BcarolsOldHash"
	insert(tb, s, c)
	wantList(tb, s, alice, a)

	_, err := s.Find(ctx, alice, b.Hash)
	wantError(tb, "Find with another user's hash", err, sparekey.ErrNotFound)
	if got, err := s.Legacy(ctx, alice); err != nil || len(got) > 0 {
		tb.Errorf("Legacy: got %v, %v, want none: they are another user's", got, err)
	}
	_, err = s.Update(ctx, alice, b.UUID, rename("stolen"), nil)
	wantError(tb, "Update of another user's", err, sparekey.ErrNotFound)
	_, err = s.Delete(ctx, alice, b.UUID)
	wantError(tb, "Delete of another user's", err, sparekey.ErrNotFound)
	if got, err := s.DeleteAll(ctx, alice); err != nil || !sameList(got, []sparekey.Credential{a}) {
		tb.Errorf("DeleteAll: got %+v, %v, want %+v", got, err, a)
	}
	wantList(tb, s, bob, b)
	wantList(tb, s, carol, c)
}

func testFind(tb testing.TB, s sparekey.Store) {
	ctx := tb.Context()
	for _, c := range inserted(tb, s, alice, "first", "second", "third") {
		if got, err := s.Find(ctx, alice, c.Hash); err != nil || !got.Equal(c) {
			tb.Errorf("Find: got %+v, %v, want %+v", got, err, c)
		}
	}
	c := credential(alice, "exact")
	c.Hash = "$generic$AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AB"
	insert(tb, s, c)
	for _, hash := range []string{
		strings.ToLower(c.Hash), c.Hash + " ", c.Hash + "=", c.Hash[:len(c.Hash)-1], "%", "$generic$%", "",
	} {
		_, err := s.Find(ctx, alice, hash)
		wantError(tb, fmt.Sprintf("Find(%q)", hash), err, sparekey.ErrNotFound)
	}
}

// testFindOld holds a store to finding a credential by the secret from before its
// rotation, too, and to preferring the one that has it now.
func testFindOld(tb testing.TB, s sparekey.Store) {
	rotated := credential(alice, "rotated")
	rotated.OldHash, rotated.OldUntil = sparekey.NewSecret().Hash(), created.Add(time.Hour)
	other := credential(alice, "has what the first had")
	never := credential(alice, "never rotated")
	insert(tb, s, rotated, never)
	for _, hash := range []string{rotated.Hash, rotated.OldHash} {
		if got, err := s.Find(tb.Context(), alice, hash); err != nil || !got.Equal(rotated) {
			tb.Errorf("Find: got %+v, %v, want %+v", got, err, rotated)
		}
	}
	_, err := s.Find(tb.Context(), bob, rotated.OldHash)
	wantError(tb, "Find another user's", err, sparekey.ErrNotFound)

	other.Hash = rotated.OldHash
	insert(tb, s, other)
	if got, err := s.Find(tb.Context(), alice, other.Hash); err != nil || !got.Equal(other) {
		tb.Errorf("Find: got %+v, %v, want %+v", got, err, other)
	}
	wantLegacy(tb, s)

	legacy := credential(alice, "rotated from a legacy one")
	legacy.OldHash = "$P$B5T6q5zW1.gRBxJ7VSTcHfVQ0S8YpB1"
	insert(tb, s, legacy)
	wantLegacy(tb, s, legacy.Hash)
}

func testLegacy(tb testing.TB, s sparekey.Store) {
	want := []string{
		"$P$B5T6q5zW1.gRBxJ7VSTcHfVQ0S8YpB1", "$2y$10$abcdefghijklmnopqrstuv", "$GENERIC$upper", "generic$", "5f4dcc3b",
	}
	for _, hash := range want {
		inserted(tb, s, alice, "newer") // whose hash can be looked up
		c := credential(alice, "older")
		c.Hash = hash
		insert(tb, s, c)
	}
	wantLegacy(tb, s, want...)

	upgraded, err := s.Update(tb.Context(), alice, list(tb, s, alice)[1].UUID, func(c *sparekey.Credential) error {
		c.Hash = sparekey.NewSecret().Hash()
		return nil
	}, nil)
	if err != nil {
		tb.Fatalf("Update: %v", err)
	}
	wantLegacy(tb, s, want[1:]...)
	if got, err := s.Find(tb.Context(), alice, upgraded.Hash); err != nil || !got.Equal(upgraded) {
		tb.Errorf("Find by the new hash: got %+v, %v, want %+v", got, err, upgraded)
	}
	_, err = s.Find(tb.Context(), alice, want[0])
	wantError(tb, "Find by the old hash", err, sparekey.ErrNotFound)
}

func wantLegacy(tb testing.TB, s sparekey.Store, want ...string) {
	tb.Helper()
	legacy, err := s.Legacy(tb.Context(), alice)
	if err != nil {
		tb.Fatalf("Legacy: %v", err)
	}
	var got []string
	for _, c := range legacy {
		got = append(got, c.Hash)
	}
	if !slices.Equal(got, want) {
		tb.Errorf("Legacy: got %q, want %q", got, want)
	}
}

// testCopies changes everything that the store returned or was given, and looks
// whether the store's own records changed with it.
func testCopies(tb testing.TB, s sparekey.Store) {
	ctx := tb.Context()
	old := credential(alice, "older")
	old.Hash = "$P$BoldHash"
	insert(tb, s, old)
	want := append([]sparekey.Credential{old}, inserted(tb, s, alice, "first", "second")...)
	scribble := func(list []sparekey.Credential) {
		for i := range list {
			list[i].Name = "scribbled over"
		}
	}

	scribble(list(tb, s, alice))
	legacy, err := s.Legacy(ctx, alice)
	if err != nil {
		tb.Fatalf("Legacy: %v", err)
	}
	scribble(legacy)
	wantList(tb, s, alice, want...)

	refused := sparekey.ErrDuplicateName
	check := func(_ sparekey.Credential, others []sparekey.Credential) error {
		scribble(others)
		return refused
	}
	wantError(tb, "Insert", s.Insert(ctx, credential(alice, "third"), check), refused)
	_, err = s.Update(ctx, alice, want[0].UUID, rename("renamed"), check)
	wantError(tb, "Update", err, refused)
	wantList(tb, s, alice, want...)
}

func testInUse(tb testing.TB, s sparekey.Store) {
	ctx := tb.Context()
	wantInUse(tb, s, false)
	refuse := func(sparekey.Credential, []sparekey.Credential) error { return sparekey.ErrDuplicateName }
	wantError(tb, "Insert", s.Insert(ctx, credential(alice, "refused"), refuse), sparekey.ErrDuplicateName)
	wantInUse(tb, s, false)

	c := inserted(tb, s, alice, "only")[0]
	wantInUse(tb, s, true)
	if _, err := s.Delete(ctx, alice, c.UUID); err != nil {
		tb.Fatalf("Delete: %v", err)
	}
	wantInUse(tb, s, true)
}

// testLarge has a user with very many credentials.
func testLarge(tb testing.TB, s sparekey.Store) {
	size := 5000
	if testing.Short() {
		size = 200
	}
	ctx := tb.Context()
	var want []sparekey.Credential
	for i := range size {
		want = append(want, credential(alice, fmt.Sprint("app ", i)))
	}
	insert(tb, s, want...)
	wantList(tb, s, alice, want...)

	wantPages(tb, s, size/4, append(inserted(tb, s, bob, "one", "two"), want...))

	middle := size / 2
	if got, err := s.Find(ctx, alice, want[middle].Hash); err != nil || !got.Equal(want[middle]) {
		tb.Errorf("Find: got %+v, %v, want %+v", got, err, want[middle])
	}
	var err error
	if want[middle], err = s.Update(ctx, alice, want[middle].UUID, rename("renamed"), nil); err != nil {
		tb.Errorf("Update: %v", err)
	}
	if _, err := s.Delete(ctx, alice, want[0].UUID); err != nil {
		tb.Errorf("Delete: %v", err)
	}
	if got, err := s.DeleteAll(ctx, alice); err != nil || !sameList(got, want[1:]) {
		tb.Errorf("DeleteAll: got %d credentials, %v, want the %d that are left, in order", len(got), err, size-1)
	}
	wantList(tb, s, alice)
}

// testRevision wants another revision after every change, other than of what a use
// records, after which it may be either.
func testRevision(tb testing.TB, s sparekey.Store) {
	v, ok := s.(sparekey.Revisioned)
	if !ok {
		return
	}
	ctx := tb.Context()
	c := credential(alice, "app")
	update := func(what string, change func(c *sparekey.Credential)) write {
		return write{"Update of " + what, func() error {
			_, err := s.Update(ctx, alice, c.UUID, func(c *sparekey.Credential) error { change(c); return nil }, nil)
			return err
		}}
	}
	wantRevisions(tb, v, []write{
		{"Insert", func() error { return s.Insert(ctx, c, nil) }},
		{"Insert for another user", func() error { return s.Insert(ctx, credential(bob, "app"), nil) }},
		update("AppID", func(c *sparekey.Credential) { c.AppID = "5f0c7a1e-0000-4000-8000-000000000000" }),
		update("Name", func(c *sparekey.Credential) { c.Name = "renamed" }),
		update("Hash", func(c *sparekey.Credential) { c.Hash = sparekey.NewSecret().Hash() }),
		update("Created", func(c *sparekey.Credential) { c.Created = created.Add(-time.Hour) }),
		update("Expires", func(c *sparekey.Credential) { c.Limits.Expires = created.Add(time.Hour) }),
		update("Scopes", func(c *sparekey.Credential) { c.Limits.Scopes = "read" }),
		update("Networks", func(c *sparekey.Credential) { c.Limits.Networks = "192.0.2.0/24" }),
		update("MaxUses", func(c *sparekey.Credential) { c.Limits.MaxUses = 3 }),
		update("OldHash", func(c *sparekey.Credential) { c.OldHash = sparekey.NewSecret().Hash() }),
		update("OldUntil", func(c *sparekey.Credential) { c.OldUntil = created.Add(time.Hour) }),
		update("Name, with a use", func(c *sparekey.Credential) { c.Name = "used"; _ = touch(c) }),
		{"Delete", func() error { _, err := s.Delete(ctx, alice, c.UUID); return err }},
		{"DeleteAll", func() error { _, err := s.DeleteAll(ctx, bob); return err }},
	})
}

// write is one that must succeed and change the revision.
type write struct {
	name string
	do   func() error
}

func wantRevisions(tb testing.TB, v sparekey.Revisioned, writes []write) {
	tb.Helper()
	seen := map[uint64]string{revision(tb, v): "the beginning"}
	for _, w := range writes {
		if err := w.do(); err != nil {
			tb.Fatalf("%s: %v", w.name, err)
		}
		now := revision(tb, v)
		if before, ok := seen[now]; ok {
			tb.Errorf("Revision is %d after %s, as it was after %s", now, w.name, before)
		}
		seen[now] = w.name
	}
}

func revision(tb testing.TB, v sparekey.Revisioned) uint64 {
	tb.Helper()
	revision, ok := v.Revision()
	if !ok {
		tb.Fatalf("the revision is unknown")
	}
	return revision
}
