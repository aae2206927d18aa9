package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sparekey-dev/sparekey"
)

// atOnce runs n calls concurrently and returns when all have finished.
func atOnce(n int, call func(i int)) {
	var running sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		running.Go(func() {
			<-start
			call(i)
		})
	}
	close(start)
	running.Wait()
}

// testConcurrentInserts wants none of many inserts lost.
func testConcurrentInserts(tb testing.TB, s sparekey.Store) {
	const n = 64
	atOnce(n, func(i int) {
		if err := s.Insert(tb.Context(), credential(alice, fmt.Sprint("app ", i)), nil); err != nil {
			tb.Errorf("Insert: %v", err)
		}
	})
	names := map[string]bool{}
	for _, c := range list(tb, s, alice) {
		names[c.Name] = true
	}
	if len(names) != n {
		tb.Errorf("%d of %d concurrent inserts are there", len(names), n)
	}
}

// testConcurrentChecks has many callers try for one name, of which one may win: once by
// inserting, and once by renaming.
func testConcurrentChecks(tb testing.TB, s sparekey.Store) {
	const n = 16
	unique := func(c sparekey.Credential, others []sparekey.Credential) error {
		if slices.ContainsFunc(others, func(o sparekey.Credential) bool { return o.Name == c.Name }) {
			return sparekey.ErrDuplicateName
		}
		return nil
	}
	wantOneWinner(tb, "Insert", n, sparekey.ErrDuplicateName, func(int) error {
		return s.Insert(tb.Context(), credential(alice, "wanted"), unique)
	})
	if got := list(tb, s, alice); len(got) != 1 {
		tb.Errorf("Insert: the name is there %d times", len(got))
	}

	var have []sparekey.Credential
	for i := range n {
		have = append(have, inserted(tb, s, bob, fmt.Sprint("app ", i))...)
	}
	wantOneWinner(tb, "Update", n, sparekey.ErrDuplicateName, func(i int) error {
		_, err := s.Update(tb.Context(), bob, have[i].UUID, rename("wanted"), unique)
		return err
	})
}

// wantOneWinner wants one of n concurrent calls to succeed, and the others to be refused.
func wantOneWinner(tb testing.TB, what string, n int, refusal error, try func(i int) error) {
	tb.Helper()
	errs := make([]error, n)
	atOnce(n, func(i int) { errs[i] = try(i) })
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		wantError(tb, what, err, refusal)
	}
	if won != 1 {
		tb.Errorf("%s: %d of %d succeeded, want one", what, won, n)
	}
}

// testConcurrentUpdates wants no update lost: neither of one credential, nor of
// several of one user.
func testConcurrentUpdates(tb testing.TB, s sparekey.Store) {
	const n = 32
	one := inserted(tb, s, alice, "n:")[0]
	atOnce(n, func(int) {
		_, err := s.Update(tb.Context(), alice, one.UUID, func(c *sparekey.Credential) error {
			c.Name += "+"
			return nil
		}, nil)
		if err != nil {
			tb.Errorf("Update: %v", err)
		}
	})
	if got, want := list(tb, s, alice)[0].Name, "n:"+strings.Repeat("+", n); got != want {
		tb.Errorf("%d of %d concurrent updates of one credential are there", strings.Count(got, "+"), n)
	}

	many := inserted(tb, s, bob, slices.Repeat([]string{"before"}, n)...)
	atOnce(n, func(i int) {
		if _, err := s.Update(tb.Context(), bob, many[i].UUID, rename("after"), nil); err != nil {
			tb.Errorf("Update: %v", err)
		}
	})
	for _, c := range list(tb, s, bob) {
		if c.Name != "after" {
			tb.Errorf("the update of one of the user's credentials is lost")
		}
	}
}

// testRevokeRaces deletes a credential while it is used and another is made.
func testRevokeRaces(tb testing.TB, s sparekey.Store) {
	const rounds = 200
	for round := range rounds {
		revoked := inserted(tb, s, alice, "revoked")[0]
		fresh := credential(alice, "fresh")
		atOnce(3, func(i int) {
			var err error
			switch (i + round) % 3 { // so that each of them is the first to run at times
			case 0:
				_, err = s.Delete(tb.Context(), alice, revoked.UUID)
			case 1:
				_, err = s.Update(tb.Context(), alice, revoked.UUID, touch, nil)
				if errors.Is(err, sparekey.ErrNotFound) {
					err = nil
				}
			case 2:
				err = s.Insert(tb.Context(), fresh, nil)
			}
			if err != nil {
				tb.Errorf("Delete, Update or Insert at the same time: %v", err)
			}
		})
		wantList(tb, s, alice, fresh)
		_, err := s.Find(tb.Context(), alice, revoked.Hash)
		wantError(tb, "Find after Delete", err, sparekey.ErrNotFound)
		if _, err := s.DeleteAll(tb.Context(), alice); err != nil {
			tb.Fatalf("DeleteAll: %v", err)
		}
	}
}
