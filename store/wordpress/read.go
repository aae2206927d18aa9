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

// statements are prepared once, since every request runs them.
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
	if errors.Is(err, sql.ErrNoRows) { // deleted in between
		return "", nil
	}
	return raw.V, err
}

func (s *Store) readOwnTables(ctx context.Context, q queryer, user, revision uint64) (tombstones, map[string]sidecar, error) {
	if revision == 0 { // Sparekey never wrote for this user
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
	all := map[string]sidecar{}
	err = eachRow(ctx, q, s.queries.sidecars, []any{user}, func(scan func(...any) error) error {
		uuid, sc, err := scanSidecar(scan)
		all[uuid] = sc
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
	snap, err := s.snapshot(ctx, userID)
	if err != nil {
		return nil, failed("list a user's credentials", err)
	}
	return append([]sparekey.Credential(nil), snap.index().list...), nil
}

// WasRevoked reports whether a credential of a user with this UUID was revoked
// through Sparekey.
func (s *Store) WasRevoked(ctx context.Context, userID, uuid string) (bool, error) {
	snap, err := s.snapshot(ctx, userID)
	if err != nil {
		return false, failed("ask whether a credential was revoked", err)
	}
	return snap.revoked.uuids[uuid], nil
}

// Find implements [sparekey.Store]. Of credentials with equal hashes it is the
// first in the row.
func (s *Store) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	snap, err := s.snapshot(ctx, userID)
	if err != nil {
		return sparekey.Credential{}, failed("find a credential by its hash", err)
	}
	i, ok := snap.index().byHash[hash]
	if !ok {
		return sparekey.Credential{}, sparekey.ErrNotFound
	}
	return snap.index().list[i], nil
}

// Legacy implements [sparekey.Store].
func (s *Store) Legacy(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	snap, err := s.snapshot(ctx, userID)
	if err != nil {
		return nil, failed("list a user's credentials with other hashes", err)
	}
	return append([]sparekey.Credential(nil), snap.index().legacy...), nil
}
