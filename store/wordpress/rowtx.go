package wordpress

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// retryFor is for how long a write is retried after conflicts.
const retryFor = 10 * time.Second

// rowTx is one attempt to write a user's row. Its transaction locks the user's row in
// sparekey_users, against other processes of Sparekey, and WordPress's row.
//
// PHP takes no lock. It waits for ours where the tables have row locks (InnoDB). Where they
// do not (MyISAM), the row is still written only if its value is what was read.
type rowTx struct {
	s      *Store
	tx     *sql.Tx
	user   uint64
	userID string

	before   *snapshot // as read under the lock
	entries  []entry
	revoked  tombstones
	sidecars map[string]sidecar
	metaID   int64 // 0: the user has no row
	rows     int   // of this user; WordPress writes them all
	valueSum string

	rowChanged, ledgerChanged bool

	seenAt       time.Time        // the last time at which the row certainly had this state
	foundState   rowState         // as read, if the row is watched
	verdict      verdict          // on the row as read
	events       []sparekey.Event // to report after the commit
	writes       []ownWrite       // to watch after the commit
	othersWrites []ownWrite       // of other processes, to watch as well
}

// writeRow runs do with the user's row under its locks, and writes the result. It may run do
// several times.
func (s *Store) writeRow(ctx context.Context, userID string, do func(ctx context.Context, t *rowTx) error) error {
	user, ok := parseID(userID)
	if !ok {
		return &sparekey.InvalidError{Field: "user", Problem: "must be the number that WordPress gave the user"}
	}
	if err := s.makeTables(ctx); err != nil {
		return err
	}
	unlock, err := s.userLocks.lock(ctx, user)
	if err != nil {
		return err
	}
	defer unlock()
	return s.retry(ctx, func() error { return s.tryWriteRow(ctx, userID, user, do) })
}

// retry calls try until it no longer meets a conflict, for at most retryFor.
func (s *Store) retry(ctx context.Context, try func() error) error {
	tries, cancel := context.WithTimeout(ctx, retryFor)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := try()
		if isServerError(err, errNoSuchTable) {
			s.tablesMade.Store(false) // an operator dropped them
			return errors.Join(err, s.makeTables(ctx))
		}
		if !isTransient(err) {
			return err
		}
		select {
		case <-tries.Done():
			return fmt.Errorf("conflicts with other writes did not stop: %w", err)
		case <-time.After(pause):
		}
	}
}

func (s *Store) tryWriteRow(ctx context.Context, userID string, user uint64, do func(context.Context, *rowTx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	t := &rowTx{s: s, tx: tx, user: user, userID: userID}
	if err := t.load(ctx); err != nil {
		return err
	}
	t.seenAt = s.config.Now()
	if err := t.reconcile(ctx); err != nil {
		return err
	}
	if err := do(ctx, t); err != nil {
		return err
	}
	if !t.rowChanged && !t.ledgerChanged {
		s.watcher.record(t, t.before.fingerprint)
		return nil
	}
	raw, err := t.store(ctx)
	if err != nil {
		return err
	}
	t.seenAt = s.config.Now() // the locks still hold
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	s.afterCommit(ctx, t, raw)
	return nil
}

func (s *Store) afterCommit(ctx context.Context, t *rowTx, raw string) {
	snap := newSnapshot(fingerprintOf(t.metaID, raw, t.before.fingerprint.revision), t.entries, t.revoked, t.sidecars)
	s.cache.put(t.user, snap)
	s.watcher.record(t, snap.fingerprint)
	if t.rowChanged && s.config.Changed != nil {
		s.reportError(ctx, s.config.Changed(ctx, t.userID))
	}
	s.observe(ctx, t.events)
}

// load takes the locks and reads the row, from the cache if that is up to date.
func (t *rowTx) load(ctx context.Context) error {
	result, err := t.tx.ExecContext(ctx, t.s.queries.lockUser, t.user)
	if err != nil {
		return err
	}
	id, err := result.LastInsertId()
	if err != nil {
		return err
	}
	revision := uint64(id) //nolint:gosec // a count
	if t.metaID, t.rows, err = t.findRow(ctx); err != nil {
		return err
	}
	fp := fingerprint{revision: revision - 1}
	if t.metaID != 0 {
		if err := t.tx.QueryRowContext(ctx, t.s.queries.lock, t.metaID).Scan(&fp.metaID, &fp.length, &fp.digest, &t.valueSum); err != nil {
			return orRowChanged(err)
		}
	}
	snap := t.s.cache.get(t.user, fp)
	if snap == nil {
		if snap, err = t.readLocked(ctx, fp); err != nil {
			return err
		}
	}
	if snap.err != nil {
		return snap.err
	}
	t.before = newSnapshot(snap.fingerprint, snap.entries, snap.revoked, snap.sidecars)
	t.before.fingerprint.revision = revision
	t.entries, t.revoked, t.sidecars = snap.entries, snap.revoked, snap.sidecars
	return nil
}

// findRow returns the row that WordPress reads, and how many the user has.
func (t *rowTx) findRow(ctx context.Context) (metaID int64, rows int, err error) {
	err = eachRow(ctx, t.tx, t.s.queries.rows, []any{t.user}, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		if rows == 0 {
			metaID = id
		}
		rows++
		return err
	})
	return metaID, rows, err
}

func (t *rowTx) readLocked(ctx context.Context, fp fingerprint) (*snapshot, error) {
	raw, err := t.s.readValue(ctx, t.tx, t.s.queries.lockedValue, t.userID, fp.metaID, fp.length)
	if err != nil {
		return nil, err
	}
	entries, err := parseRow(t.userID, raw)
	if err != nil {
		return nil, &RowError{UserID: t.userID, MetaID: fp.metaID, Err: err}
	}
	revoked, sidecars, err := t.s.readOwnTables(ctx, t.tx, t.user, max(fp.revision, 1))
	return newSnapshot(fp, entries, revoked, sidecars), err
}

func orRowChanged(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errRowChanged
	}
	return err
}

// store writes all of the user's rows, as WordPress does.
func (t *rowTx) store(ctx context.Context) (raw string, err error) {
	raw = formatRow(t.entries)
	if !t.rowChanged {
		return raw, nil
	}
	if t.metaID == 0 {
		result, err := t.tx.ExecContext(ctx, t.s.queries.add, t.user, raw)
		if err != nil {
			return "", err
		}
		t.metaID, err = result.LastInsertId()
		return raw, err
	}
	result, err := t.tx.ExecContext(ctx, t.s.queries.update, raw, t.metaID, t.valueSum)
	if err != nil {
		return "", err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return "", errors.Join(errRowChanged, err)
	}
	if t.rows > 1 {
		_, err = t.tx.ExecContext(ctx, t.s.queries.updateOthers, raw, t.user, t.metaID)
	}
	return raw, err
}

func (t *rowTx) append(ctx context.Context, c sparekey.Credential) error {
	key, err := nextKey(t.entries)
	if err != nil {
		return &RowError{UserID: t.userID, MetaID: t.metaID, Err: err}
	}
	e := newEntry(key, t.userID, newRecord(c))
	t.entries = append(slices.Clip(t.entries), e)
	t.rowChanged = true
	return t.record(ctx, e, nil, newSidecar(c, c.Hash, false))
}

func (t *rowTx) change(ctx context.Context, at int, e entry, sc sidecar) error {
	before := t.entries[at].record
	if e.record != before {
		t.entries = slices.Clone(t.entries)
		t.entries[at] = e
		t.rowChanged = true
	}
	return t.record(ctx, e, []byte(before), sc)
}

// record saves the sidecar in the ledger, with the record as written and as it was before, so
// that a lost write can be restored.
func (t *rowTx) record(ctx context.Context, e entry, before []byte, sc sidecar) error {
	uuid := e.credential.UUID
	if previous, has := t.sidecars[uuid]; has || !sc.isEmpty() {
		t.sidecars = maps.Clone(t.sidecars)
		if t.sidecars == nil {
			t.sidecars = map[string]sidecar{}
		}
		sc.rotated = sc.rotated || previous.rotated
		t.sidecars[uuid] = sc
	}
	t.ledgerChanged = true
	if e.record != string(before) {
		t.writes = append(t.writes, ownWrite{uuid: uuid, record: e.record, earlier: string(before)})
	}
	args := append([]any{t.user, uuid}, sc.values()...)
	_, err := t.tx.ExecContext(ctx, t.s.queries.saveLedger, append(args, e.record, before)...)
	return err
}

// remove revokes credentials, and removes them from the row.
func (t *rowTx) remove(ctx context.Context, revoked []sparekey.Credential) error {
	t.revoked = t.revoked.with(revoked...)
	for _, c := range t.removeRevoked() {
		if !slices.Contains(revoked, c) {
			revoked = append(revoked, c) // a copy with the same UUID or secret
		}
	}
	t.revoked = t.revoked.with(revoked...)
	t.ledgerChanged = true
	for _, c := range revoked {
		sum := sumOf(c.Hash)
		if _, err := t.tx.ExecContext(ctx, t.s.queries.revoke, t.user, c.UUID, sum[:]); err != nil {
			return err
		}
		if _, err := t.tx.ExecContext(ctx, t.s.queries.deleteLedger, t.user, c.UUID); err != nil {
			return err
		}
		for _, query := range []string{t.s.queries.deleteUses, t.s.queries.deleteAddresses} {
			if _, err := t.tx.ExecContext(ctx, query, c.UUID); err != nil {
				return err
			}
		}
		t.writes = append(t.writes, ownWrite{uuid: c.UUID})
	}
	return nil
}

// list returns the credentials of the row as it is to be written.
func (t *rowTx) list() []sparekey.Credential { return t.snapshot().index().list }

// snapshot is the state that a commit would write now.
func (t *rowTx) snapshot() *snapshot {
	return newSnapshot(fingerprint{}, t.entries, t.revoked, t.sidecars)
}
