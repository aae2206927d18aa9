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
	"github.com/sparekey-dev/sparekey/internal/phpserial"
)

// patience is for how long a write is tried again while others are in the way.
const patience = 10 * time.Second

// writing is one attempt to write a user's row, in a transaction that holds the
// user's turn among all programs of Sparekey, and the lock on WordPress's row.
//
// PHP knows neither. Where the tables have locks, it waits while the row is
// locked; in any case the row is written only if it still is what was read.
type writing struct {
	s      *Store
	tx     *sql.Tx
	user   uint64
	userID string

	read     *known // what the row was
	elements []element
	revoked  tombstones
	beside   map[string]beside
	metaID   int64 // 0: the user has no row
	rows     int   // that the user has
	proof    string

	rowChanged, ownChanged bool

	seen    time.Time        // when the row was certainly as it is here
	found   snapshot         // what the row was, where it is watched
	verdict verdict          // on what is missing of the row
	events  []sparekey.Event // to be told when it is written
	ours    []ourWrite       // to be watched when it is written
	adopted []ourWrite       // of another program, to be watched as well
}

// write runs do with the user's row as it is then, and writes what do made of it.
// It may run do more than once.
func (s *Store) write(ctx context.Context, userID string, do func(ctx context.Context, w *writing) error) error {
	user, ok := parseID(userID)
	if !ok {
		return &sparekey.InvalidError{Field: "user", Problem: "must be the number that WordPress gave the user"}
	}
	if err := s.makeTables(ctx); err != nil {
		return err
	}
	leave, err := s.lanes.enter(ctx, user)
	if err != nil {
		return err
	}
	defer leave()
	return s.again(ctx, func() error { return s.writeOnce(ctx, userID, user, do) })
}

// again tries to write for as long as others are in the way, within bounds.
func (s *Store) again(ctx context.Context, once func() error) error {
	tries, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := once()
		if isServerError(err, errNoSuchTable) {
			s.tablesMade.Store(false) // they were dropped
			return errors.Join(err, s.makeTables(ctx))
		}
		if !isPassing(err) {
			return err
		}
		select {
		case <-tries.Done():
			return fmt.Errorf("others wrote the same all the time: %w", err)
		case <-time.After(pause):
		}
	}
}

func (s *Store) writeOnce(ctx context.Context, userID string, user uint64, do func(context.Context, *writing) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	w := &writing{s: s, tx: tx, user: user, userID: userID}
	if err := w.load(ctx); err != nil {
		return err
	}
	w.seen = s.config.Now()
	if err := w.heal(ctx); err != nil {
		return err
	}
	if err := do(ctx, w); err != nil {
		return err
	}
	if !w.rowChanged && !w.ownChanged {
		s.watcher.saw(w, w.read.stamp)
		return nil
	}
	raw, err := w.store(ctx)
	if err != nil {
		return err
	}
	w.seen = s.config.Now() // until here, the lock kept others out
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	s.wrote(ctx, w, raw)
	return nil
}

// wrote is what there is to do once a write is there.
func (s *Store) wrote(ctx context.Context, w *writing, raw string) {
	k := newKnown(stampOf(w.metaID, raw, w.read.stamp.version), w.elements, w.revoked, w.beside)
	s.cache.put(w.user, k)
	s.watcher.saw(w, k.stamp)
	if w.rowChanged && s.config.Changed != nil {
		s.fail(ctx, s.config.Changed(ctx, w.userID))
	}
	s.tell(ctx, w.events)
}

// load takes the user's turn and reads the row, from memory if that has it as it
// is.
func (w *writing) load(ctx context.Context) error {
	result, err := w.tx.ExecContext(ctx, w.s.queries.turn, w.user)
	if err != nil {
		return err
	}
	turn, err := result.LastInsertId()
	if err != nil {
		return err
	}
	version := uint64(turn) //nolint:gosec // a count
	if w.metaID, w.rows, err = w.findRow(ctx); err != nil {
		return err
	}
	st := stamp{version: version - 1}
	if w.metaID != 0 {
		if err := w.tx.QueryRowContext(ctx, w.s.queries.lock, w.metaID).Scan(&st.metaID, &st.length, &st.digest, &w.proof); err != nil {
			return orLost(err)
		}
	}
	k := w.s.cache.get(w.user, st)
	if k == nil {
		if k, err = w.readLocked(ctx, st); err != nil {
			return err
		}
	}
	if k.err != nil {
		return k.err
	}
	w.read = newKnown(k.stamp, k.elements, k.revoked, k.beside)
	w.read.stamp.version = version
	w.elements, w.revoked, w.beside = k.elements, k.revoked, k.beside
	return nil
}

// findRow returns the row that WordPress reads, and how many there are.
func (w *writing) findRow(ctx context.Context) (metaID int64, rows int, err error) {
	err = eachRow(ctx, w.tx, w.s.queries.rows, []any{w.user}, func(scan func(...any) error) error {
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

// readLocked reads what memory does not have.
func (w *writing) readLocked(ctx context.Context, st stamp) (*known, error) {
	raw, err := w.s.readValue(ctx, w.tx, w.s.queries.lockedValue, w.userID, st.metaID, st.length)
	if err != nil {
		return nil, err
	}
	elements, err := parseRow(w.userID, raw)
	if err != nil {
		return nil, &RowError{UserID: w.userID, MetaID: st.metaID, Err: err}
	}
	revoked, beside, err := w.s.readOwn(ctx, w.tx, w.user, max(st.version, 1))
	return newKnown(st, elements, revoked, beside), err
}

func orLost(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errLost
	}
	return err
}

// store writes the row, to all of the user's rows as WordPress does.
func (w *writing) store(ctx context.Context) (raw string, err error) {
	raw = formatRow(w.elements)
	if !w.rowChanged {
		return raw, nil
	}
	if w.metaID == 0 {
		result, err := w.tx.ExecContext(ctx, w.s.queries.add, w.user, raw)
		if err != nil {
			return "", err
		}
		w.metaID, err = result.LastInsertId()
		return raw, err
	}
	result, err := w.tx.ExecContext(ctx, w.s.queries.update, raw, w.metaID, w.proof)
	if err != nil {
		return "", err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return "", errors.Join(errLost, err)
	}
	if w.rows > 1 {
		_, err = w.tx.ExecContext(ctx, w.s.queries.updateOthers, raw, w.user, w.metaID)
	}
	return raw, err
}

// append adds a credential at the end.
func (w *writing) append(ctx context.Context, c sparekey.Credential) error {
	key, err := nextKey(w.elements)
	if err != nil {
		return &RowError{UserID: w.userID, MetaID: w.metaID, Err: err}
	}
	e := newElement(key, w.userID, newRecord(c))
	w.elements = append(slices.Clip(w.elements), e)
	w.rowChanged = true
	return w.remember(ctx, e, nil, besideOf(c, c.Hash, false))
}

// change replaces the entry at a place.
func (w *writing) change(ctx context.Context, at int, e element, b beside) error {
	before := w.elements[at].record
	if e.record != before {
		w.elements = slices.Clone(w.elements)
		w.elements[at] = e
		w.rowChanged = true
	}
	return w.remember(ctx, e, []byte(before), b)
}

// remember keeps what Sparekey wrote, what was there before, and what the row has
// no place for.
func (w *writing) remember(ctx context.Context, e element, before []byte, b beside) error {
	uuid := e.credential.UUID
	if old, has := w.beside[uuid]; has || !b.isNothing() {
		w.beside = maps.Clone(w.beside)
		if w.beside == nil {
			w.beside = map[string]beside{}
		}
		b.rotated = b.rotated || old.rotated
		w.beside[uuid] = b
	}
	w.ownChanged = true
	if e.record != string(before) {
		w.ours = append(w.ours, ourWrite{uuid: uuid, record: e.record, earlier: string(before)})
	}
	args := append([]any{w.user, uuid}, b.values()...)
	_, err := w.tx.ExecContext(ctx, w.s.queries.ledger, append(args, e.record, before)...)
	return err
}

// remove takes credentials out of the row for good.
func (w *writing) remove(ctx context.Context, revoked []sparekey.Credential) error {
	w.revoked = w.revoked.with(revoked...)
	for _, c := range w.drop() {
		if !slices.Contains(revoked, c) {
			revoked = append(revoked, c) // another of the same UUID or secret
		}
	}
	w.revoked = w.revoked.with(revoked...)
	w.ownChanged = true
	for _, c := range revoked {
		sum := sumOf(c.Hash)
		if _, err := w.tx.ExecContext(ctx, w.s.queries.revoke, w.user, c.UUID, sum[:]); err != nil {
			return err
		}
		if _, err := w.tx.ExecContext(ctx, w.s.queries.forget, w.user, c.UUID); err != nil {
			return err
		}
		for _, query := range []string{w.s.queries.forgetUses, w.s.queries.forgetUsedFrom} {
			if _, err := w.tx.ExecContext(ctx, query, c.UUID); err != nil {
				return err
			}
		}
		w.ours = append(w.ours, ourWrite{uuid: c.UUID})
	}
	return nil
}

// drop takes what was revoked out of the row, and returns it. A record with the hash from
// before a rotation gets its present one again.
func (w *writing) drop() (dropped []sparekey.Credential) {
	k := known{revoked: w.revoked, beside: w.beside}
	kept := make([]element, 0, len(w.elements))
	changed := false
	for _, e := range w.elements {
		if !e.isRecord || !w.revoked.has(e.credential) {
			kept = append(kept, e)
			continue
		}
		changed = true
		if _, alive := k.effective(e.credential); !alive {
			dropped = append(dropped, e.credential)
			continue
		}
		kept = append(kept, e.with(e.value().With("password", phpserial.NewString(w.beside[e.credential.UUID].rowHash))))
		w.report(sparekey.KindPutBack, e.credential)
	}
	if changed {
		w.elements, w.rowChanged = kept, true
	}
	return dropped
}

// list returns the credentials of the row as it is to be written.
func (w *writing) list() []sparekey.Credential { return w.known().index().list }

// known is the user as they would be if this were written now.
func (w *writing) known() *known { return newKnown(stamp{}, w.elements, w.revoked, w.beside) }
