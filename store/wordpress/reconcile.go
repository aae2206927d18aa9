package wordpress

import (
	"context"
	"fmt"
	"slices"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/phpserial"
)

// reconcile needs no change of its own: every write reconciles the row first.
func (s *Store) reconcile(ctx context.Context, userID string, user uint64) error {
	err := s.writeRow(ctx, userID, func(context.Context, *rowTx) error { return nil })
	if err != nil {
		return fmt.Errorf("reconcile the row of user %d: %w", user, err)
	}
	return nil
}

// restore writes a lost record again: in its place, or at the end of the row.
func (t *rowTx) restore(ctx context.Context, o ownWrite) error {
	v, err := phpserial.Decode(o.record)
	if err != nil {
		return fmt.Errorf("read the record to restore: %w", err)
	}
	at := indexOf(t.entries, o.uuid)
	if at >= 0 {
		t.entries = slices.Clone(t.entries)
		t.entries[at] = t.entries[at].with(v)
	} else {
		key, err := nextKey(t.entries)
		if err != nil {
			return &RowError{UserID: t.userID, MetaID: t.metaID, Err: err}
		}
		at = len(t.entries)
		t.entries = append(slices.Clip(t.entries), newEntry(key, t.userID, v))
	}
	t.rowChanged = true
	t.report(sparekey.KindRestored, t.entries[at].credential)
	t.writes = append(t.writes, o)
	t.ledgerChanged = true
	_, err = t.tx.ExecContext(ctx, t.s.queries.saveRestored, o.record, []byte(o.earlier), t.user, o.uuid)
	return err
}

// reconcile comes before the change of a write: records without a UUID get one, lost writes
// are restored, and revoked credentials are removed.
func (t *rowTx) reconcile(ctx context.Context) error {
	entries, changed := giveUUIDs(t.entries)
	t.entries, t.rowChanged = entries, t.rowChanged || changed
	t.verdict = t.s.watcher.judge(t)
	for _, o := range t.verdict.restore {
		if err := t.restore(ctx, o); err != nil {
			return err
		}
	}
	for _, uuid := range t.verdict.accepted {
		t.ledgerChanged = true
		if _, err := t.tx.ExecContext(ctx, t.s.queries.deleteLedger, t.user, uuid); err != nil {
			return err
		}
	}
	for _, uuid := range t.verdict.ambiguous {
		t.report(sparekey.KindConflict, sparekey.Credential{UUID: uuid, UserID: t.userID})
	}
	for _, c := range t.removeRevoked() {
		t.report(sparekey.KindReRevoked, c)
	}
	return nil
}

func (t *rowTx) report(kind sparekey.Kind, c sparekey.Credential) {
	t.events = append(t.events, sparekey.Event{Kind: kind, User: sparekey.User{ID: t.userID}, Credential: c})
}

// removeRevoked returns the revoked credentials that it removed. A record with the hash from
// before a rotation gets its present hash instead.
func (t *rowTx) removeRevoked() (removed []sparekey.Credential) {
	k := snapshot{revoked: t.revoked, sidecars: t.sidecars}
	kept := make([]entry, 0, len(t.entries))
	changed := false
	for _, e := range t.entries {
		if !e.isRecord || !t.revoked.has(e.credential) {
			kept = append(kept, e)
			continue
		}
		changed = true
		if _, alive := k.effective(e.credential); !alive {
			removed = append(removed, e.credential)
			continue
		}
		kept = append(kept, e.with(e.value().With("password", phpserial.NewString(t.sidecars[e.credential.UUID].rowHash))))
		t.report(sparekey.KindRestored, e.credential)
	}
	if changed {
		t.entries, t.rowChanged = kept, true
	}
	return removed
}
