package audit_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

var (
	rightKey = audit.Key("the right key")
	wrongKey = audit.Key("the wrong key")
)

// TestAnotherKey has a log that goes on with its own key alone.
func TestAnotherKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kept, given audit.Key
		want        audit.KeyError
	}{
		"forgotten": {rightKey, nil, audit.KeyError{}},
		"another":   {rightKey, wrongKey, audit.KeyError{Given: true}},
		"new":       {nil, rightKey, audit.KeyError{Given: true, Plain: true}},
	} {
		s := recorded(t, audit.Config{Key: c.kept}, 3)
		before := lines(t, s)
		log := audit.New(s, audit.Config{Key: c.given})
		log.Observe(t.Context(), sparekey.Event{Kind: sparekey.KindRefused, Time: noon})
		for what, err := range map[string]error{
			"CheckKey": log.CheckKey(t.Context()),
			"Record":   log.Record(t.Context(), sparekey.Event{Kind: sparekey.KindCreated, Time: noon}),
			"Flush":    log.Flush(t.Context()),
		} {
			var got *audit.KeyError
			if !errors.As(err, &got) || *got != c.want || sparekey.Refused(err) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		if !slices.Equal(lines(t, s), before) {
			t.Errorf("%s: the log was written to", name)
		}
		own := audit.New(s, audit.Config{Key: c.kept})
		if err := errors.Join(own.CheckKey(t.Context()), own.Record(t.Context(), sparekey.Event{Kind: sparekey.KindCreated, Time: noon})); err != nil {
			t.Errorf("%s, with its own key: %v", name, err)
		}
		if _, err := audit.Verify(t.Context(), s, c.kept); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnyKeyFitsAnEmptyLog(t *testing.T) {
	t.Parallel()
	if err := audit.New(memory.New(), audit.Config{Key: rightKey}).CheckKey(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestForgedTail continues after last lines that a stranger without the key wrote. Otherwise
// such lines would make the log refuse all changes. They stay visible as what they are.
func TestForgedTail(t *testing.T) {
	t.Parallel()
	s := recorded(t, audit.Config{Key: rightKey}, 2)
	forged := parsed(t, lines(t, s)[1])
	forged.Seq, forged.Prev = 3, forged.Hash
	err := s.AppendAudit(t.Context(), func(audit.Line) (audit.Addition, error) {
		return audit.Addition{Lines: []audit.Line{{Seq: 3, Text: sealed(forged)}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	log := audit.New(s, audit.Config{Key: rightKey})
	if err := log.CheckKey(t.Context()); err != nil {
		t.Error(err)
	}
	if err := log.Record(t.Context(), sparekey.Event{Kind: sparekey.KindRevoked, Time: noon}); err != nil {
		t.Error(err)
	}
	if all := lines(t, s); len(all) != 4 {
		t.Errorf("%d lines", len(all))
	}
	if _, err := audit.Verify(t.Context(), s, rightKey); brokenAt(err) != 3 {
		t.Errorf("got %v", err)
	}
}

// TestNoChangeWithAnotherKey makes a change and its record in one transaction, and neither is
// written without the key. A revocation always is.
func TestNoChangeWithAnotherKey(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "sparekey.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	with := func(key audit.Key) sparekey.Manager {
		log := audit.New(store, audit.Config{Key: key})
		return sparekey.New(store, store, sparekey.Config{Record: log.Record}).AsOperator()
	}
	_, phone, err := with(rightKey).Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "Phone"})
	if err != nil {
		t.Fatal(err)
	}
	var other *audit.KeyError
	if _, _, err := with(nil).Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "Tablet"}); !errors.As(err, &other) {
		t.Errorf("create: %v", err)
	}
	if list, err := with(nil).List(t.Context(), ann.ID); err != nil || len(list) != 1 {
		t.Errorf("after a creation that was not on record: %+v, %v", list, err)
	}
	if _, err := with(nil).Revoke(t.Context(), ann.ID, phone.UUID); !errors.As(err, &other) {
		t.Errorf("revoke: %v", err)
	}
	if list, err := with(nil).List(t.Context(), ann.ID); err != nil || len(list) != 0 {
		t.Errorf("not revoked: %+v, %v", list, err)
	}
	if _, err := audit.Verify(t.Context(), store, rightKey); err != nil {
		t.Error(err)
	}
}
