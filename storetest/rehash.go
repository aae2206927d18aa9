package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// rehasher is a store of users that can also store a password's hash in another format.
type rehasher interface {
	Users
	ReplacePasswordHash(ctx context.Context, id, old, hash string) (replaced bool, err error)
	SessionEpoch(ctx context.Context, id string) (int64, error)
}

// testReplacePasswordHash wants a hash to be replaced only where it is still the one
// that was read, and to end no session. Another password ends all.
func testReplacePasswordHash(tb testing.TB, s Users) {
	r, ok := s.(rehasher)
	if !ok {
		return
	}
	ctx := tb.Context()
	alice, bob := createdUser(tb, s, user("alice", "", "")), createdUser(tb, s, user("bob", "", ""))
	epoch := func() int64 {
		tb.Helper()
		n, err := r.SessionEpoch(ctx, alice.ID)
		if err != nil {
			tb.Errorf("SessionEpoch: %v", err)
		}
		return n
	}
	before := epoch()
	for _, step := range []struct {
		old, hash, after string
		want             bool
	}{
		{"hash of bob", "wrong", "hash of alice", false},
		{"HASH OF ALICE", "wrong", "hash of alice", false},
		{"", "wrong", "hash of alice", false},
		{"hash of alice", "anew", "anew", true},
		{"hash of alice", "late", "anew", false},
	} {
		replaced, err := r.ReplacePasswordHash(ctx, alice.ID, step.old, step.hash)
		if stored, _ := s.PasswordHash(ctx, alice.ID); replaced != step.want || err != nil || stored != step.after {
			tb.Errorf("ReplacePasswordHash of %q: got %t, %v, and stored is %q, want %+v", step.old, replaced, err, stored, step)
		}
	}
	if after := epoch(); after != before {
		tb.Errorf("the session epoch was %d and is %d after the same password was rehashed", before, after)
	}
	if err := s.SetPasswordHash(ctx, alice.ID, "other"); err != nil || epoch() == before {
		tb.Errorf("SetPasswordHash: %v, and the session epoch is still %d", err, before)
	}
	if hash, err := s.PasswordHash(ctx, bob.ID); err != nil || hash != "hash of bob" {
		tb.Errorf("PasswordHash of another user: %q, %v", hash, err)
	}
	_, err := r.ReplacePasswordHash(ctx, "999", "hash of alice", "x")
	wantError(tb, "ReplacePasswordHash of an unknown user", err, sparekey.ErrUserNotFound)
	_, err = r.ReplacePasswordHash(cancelled(tb), bob.ID, "hash of bob", "x")
	wantBroken(tb, "ReplacePasswordHash", err)
}

// testReplaceRaces has a password changed while it is rehashed: the change wins.
func testReplaceRaces(tb testing.TB, s Users) {
	r, ok := s.(rehasher)
	if !ok {
		return
	}
	ctx := tb.Context()
	for i := range 20 {
		u := createdUser(tb, s, user("alice", "", ""))
		started, done := make(chan struct{}), make(chan error)
		go func() {
			close(started)
			_, err := r.ReplacePasswordHash(ctx, u.ID, "hash of alice", "anew")
			done <- err
		}()
		<-started
		time.Sleep(time.Duration(i) * 100 * time.Microsecond) // so that the change comes at another moment each time
		if err := s.SetPasswordHash(ctx, u.ID, "changed"); err != nil {
			tb.Errorf("SetPasswordHash: %v", err)
		}
		if err := <-done; err != nil {
			tb.Errorf("ReplacePasswordHash: %v", err)
		}
		if hash, err := s.PasswordHash(ctx, u.ID); err != nil || hash != "changed" {
			tb.Errorf("the changed password was lost: %q, %v", hash, err)
		}
		if _, err := s.DeleteUser(ctx, u.ID); err != nil {
			tb.Errorf("DeleteUser: %v", err)
		}
	}
}
