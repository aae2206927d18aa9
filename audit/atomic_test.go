package audit_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// TestNoChangeWithoutRecord has a log that takes nothing, in the database of the
// credentials: nothing changes, but that what is revoked is revoked.
func TestNoChangeWithoutRecord(t *testing.T) {
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
	log := audit.New(store, audit.Config{})
	var full, observed error
	svc := sparekey.New(store, store, sparekey.Config{
		Record: func(ctx context.Context, e sparekey.Event) error { return errors.Join(log.Record(ctx, e), full) },
		Observe: func(_ context.Context, e sparekey.Event) {
			if full != nil {
				observed = errors.New("observed: " + string(e.Kind))
			}
		},
	})
	m := svc.As(ann)
	_, c, err := m.Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "Phone"})
	if err != nil {
		t.Fatal(err)
	}
	full = errFull
	for what, do := range map[string]func() error{
		"create": func() error {
			_, _, err := m.Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "Tablet"})
			return err
		},
		"rename": func() error { _, err := m.Rename(t.Context(), ann.ID, c.UUID, "Other"); return err },
		"limit":  func() error { _, err := m.Limit(t.Context(), ann.ID, c.UUID, sparekey.Limits{MaxUses: 1}); return err },
		"rotate": func() error { _, _, err := m.Rotate(t.Context(), ann.ID, c.UUID, 0); return err },
	} {
		if err := do(); !errors.Is(err, errFull) || sparekey.Refused(err) {
			t.Errorf("%s: %v", what, err)
		}
		if list, err := m.List(t.Context(), ann.ID); err != nil || len(list) != 1 || list[0] != c {
			t.Errorf("%s: it was done: %+v, %v", what, list, err)
		}
	}
	if got, err := m.Revoke(t.Context(), ann.ID, c.UUID); !errors.Is(err, errFull) || sparekey.Refused(err) || got != c {
		t.Errorf("revoke: %+v, %v", got, err)
	}
	if list, err := m.List(t.Context(), ann.ID); err != nil || len(list) != 0 {
		t.Errorf("not revoked: %+v, %v", list, err)
	}
	if all := lines(t, store); len(all) != 1 || observed != nil {
		t.Errorf("%d lines, %v", len(all), observed)
	}
}
