package wordpress

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/sparekey-dev/sparekey"
)

// parseID reads a user's ID. Other ways to write the same number are unknown users.
func parseID(id string) (user uint64, ok bool) {
	user, err := strconv.ParseUint(id, 10, 63)
	return user, err == nil && strconv.FormatUint(user, 10) == id
}

func formatID(user uint64) string { return strconv.FormatUint(user, 10) }

// statements are prepared once, since they are what every request asks.
type statements struct {
	mu   sync.Mutex
	made map[string]*sql.Stmt
}

// prepared returns the statement for a query.
func (s *Store) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	s.statements.mu.Lock()
	stmt := s.statements.made[query]
	s.statements.mu.Unlock()
	if stmt != nil {
		return stmt, nil
	}
	stmt, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.statements.mu.Lock()
	defer s.statements.mu.Unlock()
	if other := s.statements.made[query]; other != nil {
		_ = stmt.Close() // another goroutine was quicker
		return other, nil
	}
	if s.statements.made == nil {
		s.statements.made = map[string]*sql.Stmt{}
	}
	s.statements.made[query] = stmt
	return stmt, nil
}

// queryRow runs a prepared query for one row.
func (s *Store) queryRow(ctx context.Context, query string, args []any, dest ...any) error {
	stmt, err := s.prepared(ctx, query)
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(ctx, args...).Scan(dest...)
}

// current returns the stamp of a user's credentials as they are now. It is one
// trip to the database, which carries nothing of the row.
func (s *Store) current(ctx context.Context, user uint64) (st stamp, err error) {
	err = s.queryRow(ctx, s.queries.stamp, []any{user, user}, &st.metaID, &st.length, &st.digest, &st.version)
	if isServerError(err, errNoSuchTable) { // nothing was written yet that would need Sparekey's tables
		err = s.queryRow(ctx, s.queries.stampPlain, []any{user}, &st.metaID, &st.length, &st.digest, &st.version)
	}
	return st, err
}

// know returns what there is about a user now.
func (s *Store) know(ctx context.Context, userID string) (*known, error) {
	user, ok := parseID(userID)
	if !ok {
		return newKnown(stamp{}, nil, tombstones{}, nil), nil
	}
	st, err := s.current(ctx, user)
	if err != nil {
		return nil, err
	}
	if user == nobody { // has no row, but costs as much as a user who does
		return newKnown(stamp{}, nil, tombstones{}, nil), nil
	}
	k := s.cache.get(user, st)
	if k == nil {
		if k, err = s.read(ctx, userID, user, st); err != nil {
			return nil, err
		}
		s.cache.put(user, k)
	}
	if k.err != nil {
		return nil, k.err
	}
	if k.index().sick {
		return s.cure(ctx, userID, user, k)
	}
	return k, nil
}

// cure has the row reconciled. Records without a UUID get one first, to be addressable; revoked
// ones are ignored until Run removes them.
func (s *Store) cure(ctx context.Context, userID string, user uint64, k *known) (*known, error) {
	if _, without := giveUUIDs(k.elements); !without {
		s.watcher.urge(user)
		return k, nil
	}
	if err := s.repair(ctx, userID, user); err != nil {
		return nil, fmt.Errorf("give UUIDs to those that have none: %w", err)
	}
	st, err := s.current(ctx, user)
	if err != nil {
		return nil, err
	}
	return s.read(ctx, userID, user, st)
}

// read reads the row of a stamp. If it is another one by now, so is the result: it
// then has a stamp that is never asked for.
func (s *Store) read(ctx context.Context, userID string, user uint64, st stamp) (*known, error) {
	raw, err := s.readValue(ctx, s.db, s.queries.value, userID, st.metaID, st.length)
	if rowErr, ok := errors.AsType[*RowError](err); ok {
		k := newKnown(st, nil, tombstones{}, nil)
		k.err = rowErr
		return k, nil
	}
	if err != nil {
		return nil, err
	}
	revoked, beside, err := s.readOwn(ctx, s.db, user, st.version)
	if err != nil {
		return nil, err
	}
	st = stampOf(st.metaID, raw, st.version)
	elements, err := parseRow(userID, raw)
	k := newKnown(st, elements, revoked, beside)
	if err != nil {
		k.err = &RowError{UserID: userID, MetaID: st.metaID, Err: err}
	}
	return k, nil
}

// queryer is the database, or a transaction in it.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// readValue returns the text of a row, empty where there is none.
func (s *Store) readValue(ctx context.Context, q queryer, query, userID string, metaID, length int64) (string, error) {
	if length > maxRow {
		return "", &RowError{UserID: userID, MetaID: metaID, Err: fmt.Errorf("the value has %d bytes, and at most %d are read", length, maxRow)}
	}
	if metaID == 0 {
		return "", nil
	}
	var raw sql.Null[string]
	err := q.QueryRowContext(ctx, query, metaID, maxRow).Scan(&raw)
	if errors.Is(err, sql.ErrNoRows) { // deleted in between, or NULL
		return "", nil
	}
	return raw.V, err
}

// readOwn returns what Sparekey's own tables have about a user.
func (s *Store) readOwn(ctx context.Context, q queryer, user, version uint64) (tombstones, map[string]beside, error) {
	if version == 0 { // they never had anything
		return tombstones{}, nil, nil
	}
	revoked := tombstones{uuids: map[string]bool{}, hashes: map[hashSum]bool{}}
	err := eachRow(ctx, q, s.queries.revoked, []any{user}, func(scan func(...any) error) error {
		var uuid, sum []byte
		err := scan(&uuid, &sum)
		if len(uuid) > 0 {
			revoked.uuids[string(uuid)] = true
		}
		if len(sum) == len(hashSum{}) {
			revoked.hashes[hashSum(sum)] = true
		}
		return err
	})
	if err != nil {
		return tombstones{}, nil, err
	}
	all := map[string]beside{}
	err = eachRow(ctx, q, s.queries.beside, []any{user}, func(scan func(...any) error) error {
		uuid, b, err := scanBeside(scan)
		all[uuid] = b
		return err
	})
	return revoked, all, err
}

// eachRow calls do for every row of a query.
func eachRow(ctx context.Context, q queryer, query string, args []any, do func(scan func(...any) error) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// List implements [sparekey.Store].
func (s *Store) List(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	k, err := s.know(ctx, userID)
	if err != nil {
		return nil, failed("list a user's credentials", err)
	}
	return append([]sparekey.Credential(nil), k.index().list...), nil
}

// WasRevoked reports whether a credential of a user with this UUID was revoked
// through Sparekey.
func (s *Store) WasRevoked(ctx context.Context, userID, uuid string) (bool, error) {
	k, err := s.know(ctx, userID)
	if err != nil {
		return false, failed("ask whether a credential was revoked", err)
	}
	return k.revoked.uuids[uuid], nil
}

// Find implements [sparekey.Store]. Of credentials with equal hashes it is the
// first in the row.
func (s *Store) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	k, err := s.know(ctx, userID)
	if err != nil {
		return sparekey.Credential{}, failed("find a credential by its hash", err)
	}
	i, ok := k.index().byHash[hash]
	if !ok {
		return sparekey.Credential{}, sparekey.ErrNotFound
	}
	return k.index().list[i], nil
}

// Legacy implements [sparekey.Store].
func (s *Store) Legacy(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	k, err := s.know(ctx, userID)
	if err != nil {
		return nil, failed("list a user's credentials with other hashes", err)
	}
	return append([]sparekey.Credential(nil), k.index().legacy...), nil
}
