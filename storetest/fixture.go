package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// The users of the cases. Their IDs are decimal, as some stores require, and one
// begins with another.
const (
	alice = "1"
	bob   = "2"
	carol = "12"
)

// created is when the cases' credentials and users were made.
var created = time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC)

// credential returns a new one that was never used.
func credential(userID, name string) sparekey.Credential {
	return sparekey.Credential{
		UUID: newUUID(), UserID: userID, Name: name, Hash: sparekey.NewSecret().Hash(), Created: created,
	}
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, as it documents
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// inserted puts a new credential for each name into the store, in this order.
func inserted(tb testing.TB, s sparekey.Store, userID string, names ...string) []sparekey.Credential {
	tb.Helper()
	list := make([]sparekey.Credential, 0, len(names))
	for _, name := range names {
		list = append(list, credential(userID, name))
	}
	insert(tb, s, list...)
	return list
}

func insert(tb testing.TB, s sparekey.Store, list ...sparekey.Credential) {
	tb.Helper()
	for _, c := range list {
		if err := s.Insert(tb.Context(), c, nil); err != nil {
			tb.Fatalf("Insert(%+v): %v", c, err)
		}
	}
}

func list(tb testing.TB, s sparekey.Store, userID string) []sparekey.Credential {
	tb.Helper()
	list, err := s.List(tb.Context(), userID)
	if err != nil {
		tb.Fatalf("List(%s): %v", userID, err)
	}
	return list
}

// wantList compares what a user has.
func wantList(tb testing.TB, s sparekey.Store, userID string, want ...sparekey.Credential) {
	tb.Helper()
	if got := list(tb, s, userID); !sameList(got, want) {
		tb.Errorf("List(%s):\ngot  %+v\nwant %+v", userID, got, want)
	}
}

// sameList compares credentials. Their times can be in any location.
func sameList(a, b []sparekey.Credential) bool {
	return slices.EqualFunc(a, b, sparekey.Credential.Equal)
}

func wantInUse(tb testing.TB, s sparekey.Store, want bool) {
	tb.Helper()
	if got, err := s.InUse(tb.Context()); err != nil || got != want {
		tb.Errorf("InUse: got %v, %v, want %v", got, err, want)
	}
}

// wantError compares errors in the only way that allows them to be wrapped.
func wantError(tb testing.TB, what string, got, want error) {
	tb.Helper()
	if !errors.Is(got, want) {
		tb.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// wantBroken wants an error that is not an answer.
func wantBroken(tb testing.TB, what string, err error) {
	tb.Helper()
	if err == nil || sparekey.Refused(err) {
		tb.Errorf("%s: got error %v, want one that is not a refusal", what, err)
	}
}

// cancelled returns a context whose user has given up already.
func cancelled(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	cancel()
	return ctx
}

// rename is a change of the name.
func rename(name string) sparekey.Change {
	return func(c *sparekey.Credential) error {
		c.Name = name
		return nil
	}
}

// touch is a change that records a use.
func touch(c *sparekey.Credential) error {
	c.LastUsed, c.LastIP = created.Add(time.Hour), "203.0.113.7"
	return nil
}
