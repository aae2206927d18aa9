package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// Users is a store of users as [RunDirectory] tests it: a [sparekey.Directory]
// whose users can be listed and managed.
//
// Logins, and e-mail addresses, are compared without regard to case, to Unicode's
// normalization form, and to blanks and invisible characters at either end. No two users have the same login, nor the same e-mail
// address, of which there may be none; one user's login may be another's
// e-mail address.
type Users interface {
	sparekey.Directory
	sparekey.UserLister

	// CreateUser adds a user and returns it with its new ID: a decimal number that no other
	// user ever had, whatever u.ID says. It refuses with ErrLoginTaken, with ErrEmailTaken
	// where only the address is taken, and with ErrInvalid for an empty login.
	CreateUser(ctx context.Context, u sparekey.User, passwordHash string) (sparekey.User, error)

	// UpdateUser applies change to a user, whose ID stays as it is, and returns
	// what they became. Where change returns an error, nothing is written and
	// UpdateUser returns that error. It refuses with ErrUserNotFound, and like
	// CreateUser.
	UpdateUser(ctx context.Context, id string, change func(*sparekey.User) error) (sparekey.User, error)

	// DeleteUser removes a user and returns who it was. Where the store keeps
	// credentials as well, the user's are removed in the same atomic step. It
	// refuses with ErrUserNotFound.
	DeleteUser(ctx context.Context, id string) (sparekey.User, error)

	// PasswordHash returns the hash of a user's own password, which no other
	// method does. It refuses with ErrUserNotFound.
	PasswordHash(ctx context.Context, id string) (string, error)

	// SetPasswordHash replaces it. It refuses with ErrUserNotFound.
	SetPasswordHash(ctx context.Context, id, hash string) error
}

// user returns a user who is not in any store yet.
func user(login, email, displayName string, roles ...string) sparekey.User {
	return sparekey.User{Login: login, Email: email, DisplayName: displayName, Roles: roles, Registered: created}
}

// createdUser puts a user into the store.
func createdUser(tb testing.TB, s Users, u sparekey.User) sparekey.User {
	tb.Helper()
	got, err := s.CreateUser(tb.Context(), u, "hash of "+u.Login)
	if err != nil {
		tb.Fatalf("CreateUser(%+v): %v", u, err)
	}
	u.ID = got.ID
	if !sameUser(got, u) {
		tb.Errorf("CreateUser: got %+v, want %+v", got, u)
	}
	return got
}

// sameUser compares users. Nil and empty roles are equal.
func sameUser(a, b sparekey.User) bool {
	return a.ID == b.ID && a.Login == b.Login && a.Email == b.Email && a.DisplayName == b.DisplayName &&
		a.Registered.Equal(b.Registered) &&
		slices.Equal(a.Roles, b.Roles)
}

func wantUser(tb testing.TB, what string, got sparekey.User, err error, want sparekey.User) {
	tb.Helper()
	if err != nil || !sameUser(got, want) {
		tb.Errorf("%s: got %+v, %v, want %+v", what, got, err, want)
	}
}

func wantByLogin(tb testing.TB, s Users, login string, want sparekey.User) {
	tb.Helper()
	got, err := s.UserByLogin(tb.Context(), login)
	wantUser(tb, fmt.Sprintf("UserByLogin(%q)", login), got, err, want)
}

func wantByID(tb testing.TB, s Users, want sparekey.User) {
	tb.Helper()
	got, err := s.UserByID(tb.Context(), want.ID)
	wantUser(tb, fmt.Sprintf("UserByID(%q)", want.ID), got, err, want)
}

func testUserRoundTrip(tb testing.TB, s Users) {
	for _, u := range []sparekey.User{
		user("alice", "alice@example.com", "Alice Liddell", "administrator", "editor"),
		user("MixedCase", "Mixed.Case@Example.COM", `quo"te's \ back`, "subscriber"),
		user("søren kierkegård", "", "日本語 \u202e 😀"),
		{Login: "bare"},
	} {
		wantByID(tb, s, createdUser(tb, s, u))
	}
	local := user("timed", "", "")
	local.Registered = created.Add(time.Millisecond).In(time.FixedZone("east", 2*60*60))
	got, err := s.CreateUser(tb.Context(), local, "")
	if err != nil || !got.Registered.Equal(created) {
		tb.Errorf("CreateUser: got registered %v, %v, want %v", got.Registered, err, created)
	}
	wantByID(tb, s, got)
}

// testUserIDs wants IDs that are decimal and never assigned twice. Another spelling of an ID
// must not find the user.
func testUserIDs(tb testing.TB, s Users) {
	ctx := tb.Context()
	seen := map[string]bool{}
	for i := range 5 {
		u := user(fmt.Sprint("user", i), "", "")
		u.ID = "77"
		got, err := s.CreateUser(ctx, u, "")
		if err != nil {
			tb.Fatalf("CreateUser: %v", err)
		}
		if n, err := strconv.ParseInt(got.ID, 10, 64); err != nil || n < 1 || seen[got.ID] {
			tb.Errorf("CreateUser: got ID %q after %v, want a new decimal one", got.ID, seen)
		}
		seen[got.ID] = true
		if _, err := s.DeleteUser(ctx, got.ID); err != nil {
			tb.Fatalf("DeleteUser: %v", err)
		}
	}
	u := createdUser(tb, s, user("last", "", ""))
	for _, id := range []string{"0" + u.ID, "+" + u.ID, " " + u.ID, u.ID + " ", u.ID + ".0", u.ID + "e0", "", "x", "-1"} {
		_, err := s.UserByID(ctx, id)
		wantError(tb, fmt.Sprintf("UserByID(%q)", id), err, sparekey.ErrUserNotFound)
	}
}

func testUserByLogin(tb testing.TB, s Users) {
	u := createdUser(tb, s, user("Grüße", "Person@Example.com", ""))
	other := createdUser(tb, s, user("other", "", ""))
	for _, login := range []string{
		"Grüße", "grüße", "GRÜße", " Grüße\t", "Person@Example.com", "person@example.COM", "\nperson@example.com ",
		"Gru\u0308ße", "GRU\u0308ße", "\ufeffGrüße", "Grüße\u200b", "\u2060Gru\u0308ße\u00a0", "\u202aGrüße\u202c",
		"person@example.com\u200b",
	} {
		wantByLogin(tb, s, login, u)
	}
	wantByLogin(tb, s, "other", other)
	for _, login := range []string{"other\x00", "\x00other", "ot\x00her", "\x00", "Person@Example.com\x00"} {
		_, err := s.UserByLogin(tb.Context(), login)
		wantError(tb, fmt.Sprintf("UserByLogin(%q)", login), err, sparekey.ErrUserNotFound)
	}
}

func testLoginBeforeEmail(tb testing.TB, s Users) {
	byEmail := createdUser(tb, s, user("first", "shared@example.com", ""))
	byLogin := createdUser(tb, s, user("shared@example.com", "second@example.com", ""))
	wantByLogin(tb, s, "shared@example.com", byLogin)
	wantByLogin(tb, s, "Shared@Example.com", byLogin)
	if _, err := s.DeleteUser(tb.Context(), byLogin.ID); err != nil {
		tb.Fatalf("DeleteUser: %v", err)
	}
	wantByLogin(tb, s, "shared@example.com", byEmail)
}

func testUserUnknown(tb testing.TB, s Users) {
	ctx := tb.Context()
	createdUser(tb, s, user("alice", "", "Alice")) // without an e-mail address
	for _, login := range []string{"", " ", "unknown", "alic", "alice2", "al%", "Alice Liddell", "alice'--"} {
		got, err := s.UserByLogin(ctx, login)
		wantError(tb, fmt.Sprintf("UserByLogin(%q)", login), err, sparekey.ErrUserNotFound)
		if !sameUser(got, sparekey.User{}) {
			tb.Errorf("UserByLogin(%q): got %+v beside the error", login, got)
		}
	}
	calls := map[string]func(id string) error{
		"UserByID":        func(id string) error { _, err := s.UserByID(ctx, id); return err },
		"DeleteUser":      func(id string) error { _, err := s.DeleteUser(ctx, id); return err },
		"PasswordHash":    func(id string) error { _, err := s.PasswordHash(ctx, id); return err },
		"SetPasswordHash": func(id string) error { return s.SetPasswordHash(ctx, id, "hash") },
		"UpdateUser": func(id string) error {
			_, err := s.UpdateUser(ctx, id, func(*sparekey.User) error { return nil })
			return err
		},
	}
	for name, call := range calls {
		for _, id := range []string{"4711", "", "alice", "99999999999999999999"} {
			wantError(tb, fmt.Sprintf("%s(%q)", name, id), call(id), sparekey.ErrUserNotFound)
		}
	}
}

func testUserExists(tb testing.TB, s Users) {
	ctx := tb.Context()
	alice := createdUser(tb, s, user("alice", "alice@example.com", ""))
	bob := createdUser(tb, s, user("bob", "", ""))
	createdUser(tb, s, user("without an e-mail address either", "", ""))

	for _, c := range []struct {
		login, email string
		want         error
	}{
		{"alice", "new@example.com", sparekey.ErrLoginTaken},
		{" ALICE ", "", sparekey.ErrLoginTaken},
		{"alice\u200b", "", sparekey.ErrLoginTaken},
		{"alice", "alice@example.com", sparekey.ErrLoginTaken},
		{"new", "alice@example.com", sparekey.ErrEmailTaken},
		{"new", " Alice@Example.COM", sparekey.ErrEmailTaken},
	} {
		u := user(c.login, c.email, "")
		u.ID = alice.ID // which does not matter
		_, err := s.CreateUser(ctx, u, "")
		wantError(tb, fmt.Sprintf("CreateUser(%q, %q)", c.login, c.email), err, c.want)
		_, err = s.UpdateUser(ctx, bob.ID, func(b *sparekey.User) error {
			b.Login, b.Email = c.login, c.email
			return nil
		})
		wantError(tb, fmt.Sprintf("UpdateUser(%q, %q)", c.login, c.email), err, c.want)
	}
	_, err := s.UpdateUser(ctx, bob.ID, func(b *sparekey.User) error { b.Email = alice.Email; return nil })
	wantError(tb, "UpdateUser of the e-mail address alone", err, sparekey.ErrEmailTaken)
	wantByID(tb, s, alice)
	wantByID(tb, s, bob)
	if _, total, err := s.Users(ctx, sparekey.UserQuery{}); err != nil || total != 3 {
		tb.Errorf("Users: got %d, %v, want 3", total, err)
	}
}

func testUserInvalid(tb testing.TB, s Users) {
	ctx := tb.Context()
	u := createdUser(tb, s, user("alice", "", ""))
	for _, login := range []string{"", " \t"} {
		_, err := s.CreateUser(ctx, user(login, "", ""), "")
		wantError(tb, fmt.Sprintf("CreateUser(%q)", login), err, sparekey.ErrInvalid)
		_, err = s.UpdateUser(ctx, u.ID, func(u *sparekey.User) error { u.Login = login; return nil })
		wantError(tb, fmt.Sprintf("UpdateUser(%q)", login), err, sparekey.ErrInvalid)
	}
	wantByID(tb, s, u)
}

func testUserUpdate(tb testing.TB, s Users) {
	ctx := tb.Context()
	u := createdUser(tb, s, user("alice", "alice@example.com", "Alice", "editor"))
	later := createdUser(tb, s, user("bob", "", ""))

	giveUp := errors.New("changed my mind")
	_, err := s.UpdateUser(ctx, u.ID, func(u *sparekey.User) error { u.Login = "half done"; return giveUp })
	wantError(tb, "UpdateUser", err, giveUp)
	wantByID(tb, s, u)

	want := user("alice2", "Alice@Example.com", "Alice L.", "editor", "administrator")
	got, err := s.UpdateUser(ctx, u.ID, func(u *sparekey.User) error { *u = want; return nil })
	want.ID = u.ID
	wantUser(tb, "UpdateUser", got, err, want)
	wantByID(tb, s, want)
	wantByLogin(tb, s, "alice2", want)
	wantByLogin(tb, s, "alice@example.com", want)
	_, err = s.UserByLogin(ctx, "alice")
	wantError(tb, "UserByLogin with the old login", err, sparekey.ErrUserNotFound)
	wantUsers(tb, s, sparekey.UserQuery{}, 2, want, later)
}

func testUserDelete(tb testing.TB, s Users) {
	ctx := tb.Context()
	u := createdUser(tb, s, user("alice", "alice@example.com", "Alice", "editor"))
	other := createdUser(tb, s, user("bob", "bob@example.com", "Bob"))
	got, err := s.DeleteUser(ctx, u.ID)
	wantUser(tb, "DeleteUser", got, err, u)
	_, err = s.DeleteUser(ctx, u.ID)
	wantError(tb, "second DeleteUser", err, sparekey.ErrUserNotFound)
	for _, login := range []string{"alice", "alice@example.com"} {
		_, err = s.UserByLogin(ctx, login)
		wantError(tb, "UserByLogin after DeleteUser", err, sparekey.ErrUserNotFound)
	}
	wantUsers(tb, s, sparekey.UserQuery{}, 1, other)
	createdUser(tb, s, user("alice", "alice@example.com", "another Alice"))
}

func testUserDeleteWithCredentials(tb testing.TB, s Users) {
	store, ok := s.(sparekey.Store)
	if !ok {
		return
	}
	u, other := createdUser(tb, s, user("alice", "", "")), createdUser(tb, s, user("bob", "", ""))
	gone, stays := inserted(tb, store, u.ID, "first", "second"), inserted(tb, store, other.ID, "stays")
	if _, err := s.DeleteUser(tb.Context(), u.ID); err != nil {
		tb.Fatalf("DeleteUser: %v", err)
	}
	wantList(tb, store, u.ID)
	wantList(tb, store, other.ID, stays...)
	_, err := store.Find(tb.Context(), u.ID, gone[0].Hash)
	wantError(tb, "Find after DeleteUser", err, sparekey.ErrNotFound)
	gone[0].UserID = other.ID
	insert(tb, store, gone[0]) // its UUID is free again
}

func testPasswordHash(tb testing.TB, s Users) {
	ctx := tb.Context()
	alice, bob := createdUser(tb, s, user("alice", "", "")), createdUser(tb, s, user("bob", "", ""))
	wantHash := func(u sparekey.User, want string) {
		tb.Helper()
		if got, err := s.PasswordHash(ctx, u.ID); err != nil || got != want {
			tb.Errorf("PasswordHash of %s: got %q, %v, want %q", u.Login, got, err, want)
		}
	}
	wantHash(alice, "hash of alice")
	for _, hash := range []string{`$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA`, ""} {
		if err := s.SetPasswordHash(ctx, alice.ID, hash); err != nil {
			tb.Errorf("SetPasswordHash: %v", err)
		}
		wantHash(alice, hash)
	}
	if err := s.SetPasswordHash(ctx, alice.ID, "kept"); err != nil {
		tb.Errorf("SetPasswordHash: %v", err)
	}
	if _, err := s.UpdateUser(ctx, alice.ID, func(u *sparekey.User) error { u.Email = "a@example.com"; return nil }); err != nil {
		tb.Errorf("UpdateUser: %v", err)
	}
	wantHash(alice, "kept")
	wantHash(bob, "hash of bob")
}

func wantUsers(tb testing.TB, s Users, q sparekey.UserQuery, wantTotal int, want ...sparekey.User) {
	tb.Helper()
	got, total, err := s.Users(tb.Context(), q)
	if err != nil || total != wantTotal || !slices.EqualFunc(got, want, sameUser) {
		tb.Errorf("Users(%+v):\ngot  %+v of %d, %v\nwant %+v of %d", q, got, total, err, want, wantTotal)
	}
}

func testUserList(tb testing.TB, s Users) {
	wantUsers(tb, s, sparekey.UserQuery{}, 0)
	z := createdUser(tb, s, user("zoe", "zoe@example.com", "Zoë Ångström", "administrator", "editor"))
	a := createdUser(tb, s, user("adam", "", "100% Adam_", "editor"))
	m := createdUser(tb, s, user("mia", "Mia@Example.com", `C:\ O'Hara`, "subscriber"))

	for _, tt := range []struct {
		q     sparekey.UserQuery
		total int
		want  []sparekey.User
	}{
		{sparekey.UserQuery{}, 3, []sparekey.User{z, a, m}},
		{sparekey.UserQuery{Search: "EXAMPLE.com"}, 2, []sparekey.User{z, m}},
		{sparekey.UserQuery{Search: "ÅNGSTRÖM"}, 1, []sparekey.User{z}},
		{sparekey.UserQuery{Search: "Ada"}, 1, []sparekey.User{a}},
		{sparekey.UserQuery{Search: "%"}, 1, []sparekey.User{a}},
		{sparekey.UserQuery{Search: "_"}, 1, []sparekey.User{a}},
		{sparekey.UserQuery{Search: `\ o'h`}, 1, []sparekey.User{m}},
		{sparekey.UserQuery{Search: "unknown"}, 0, nil},
		{sparekey.UserQuery{Role: "editor"}, 2, []sparekey.User{z, a}},
		{sparekey.UserQuery{Role: "edit"}, 0, nil},
		{sparekey.UserQuery{Role: "editor", Search: "zo"}, 1, []sparekey.User{z}},
		{sparekey.UserQuery{Limit: 2}, 3, []sparekey.User{z, a}},
		{sparekey.UserQuery{Limit: 2, Offset: 2}, 3, []sparekey.User{m}},
		{sparekey.UserQuery{Offset: 1}, 3, []sparekey.User{a, m}},
		{sparekey.UserQuery{Offset: 9, Limit: 1}, 3, nil},
		{sparekey.UserQuery{Role: "editor", Offset: 1, Limit: 5}, 2, []sparekey.User{a}},
	} {
		wantUsers(tb, s, tt.q, tt.total, tt.want...)
	}
}

func testUserCopies(tb testing.TB, s Users) {
	ctx := tb.Context()
	given := user("alice", "", "", "editor")
	made := createdUser(tb, s, given)
	want := user("alice", "", "", "editor")
	want.ID = made.ID

	byID, err := s.UserByID(ctx, made.ID)
	wantUser(tb, "UserByID", byID, err, want)
	byLogin, err := s.UserByLogin(ctx, "alice")
	wantUser(tb, "UserByLogin", byLogin, err, want)
	listed, _, err := s.Users(ctx, sparekey.UserQuery{})
	if err != nil || len(listed) != 1 {
		tb.Fatalf("Users: got %+v, %v, want one", listed, err)
	}
	for _, u := range []sparekey.User{given, made, byID, byLogin, listed[0]} {
		u.Roles[0] = "administrator"
	}
	wantByID(tb, s, want)

	giveUp := errors.New("changed my mind")
	_, err = s.UpdateUser(ctx, made.ID, func(u *sparekey.User) error { u.Roles[0] = "administrator"; return giveUp })
	wantError(tb, "UpdateUser", err, giveUp)
	wantByID(tb, s, want)
}

func testUserCancelled(tb testing.TB, s Users) {
	u := createdUser(tb, s, user("alice", "", ""))
	calls := map[string]func(context.Context) error{
		"UserByLogin":     func(ctx context.Context) error { _, err := s.UserByLogin(ctx, "alice"); return err },
		"UserByID":        func(ctx context.Context) error { _, err := s.UserByID(ctx, u.ID); return err },
		"Users":           func(ctx context.Context) error { _, _, err := s.Users(ctx, sparekey.UserQuery{}); return err },
		"CreateUser":      func(ctx context.Context) error { _, err := s.CreateUser(ctx, user("b", "", ""), ""); return err },
		"DeleteUser":      func(ctx context.Context) error { _, err := s.DeleteUser(ctx, u.ID); return err },
		"PasswordHash":    func(ctx context.Context) error { _, err := s.PasswordHash(ctx, u.ID); return err },
		"SetPasswordHash": func(ctx context.Context) error { return s.SetPasswordHash(ctx, u.ID, "new") },
		"UpdateUser": func(ctx context.Context) error {
			_, err := s.UpdateUser(ctx, u.ID, func(u *sparekey.User) error { u.Login = "new"; return nil })
			return err
		},
	}
	for name, call := range calls {
		wantBroken(tb, name, call(cancelled(tb)))
	}
	wantUsers(tb, s, sparekey.UserQuery{}, 1, u)
}

// testConcurrentCreates has many callers try for one login, of which one may win.
func testConcurrentCreates(tb testing.TB, s Users) {
	wantOneWinner(tb, "CreateUser", 16, sparekey.ErrUserExists, func(int) error {
		_, err := s.CreateUser(tb.Context(), user("wanted", "", ""), "")
		return err
	})
	if _, total, err := s.Users(tb.Context(), sparekey.UserQuery{}); err != nil || total != 1 {
		tb.Errorf("Users: got %d, %v, want the one who got the login", total, err)
	}
}

func testUserRevision(tb testing.TB, s Users) {
	v, ok := s.(sparekey.Revisioned)
	if !ok {
		return
	}
	ctx := tb.Context()
	u := createdUser(tb, s, user("alice", "", ""))
	wantRevisions(tb, v, []write{
		{"CreateUser", func() error { _, err := s.CreateUser(ctx, user("bob", "", ""), ""); return err }},
		{"UpdateUser", func() error {
			_, err := s.UpdateUser(ctx, u.ID, func(u *sparekey.User) error { u.Roles = []string{"editor"}; return nil })
			return err
		}},
		{"SetPasswordHash", func() error { return s.SetPasswordHash(ctx, u.ID, "new") }},
		{"DeleteUser", func() error { _, err := s.DeleteUser(ctx, u.ID); return err }},
	})
}
