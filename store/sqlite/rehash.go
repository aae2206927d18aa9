package sqlite

import (
	"context"
	"database/sql"
)

// ReplacePasswordHash stores another hash of the same password, if the stored one is
// still old, and reports whether it was. It leaves the SessionEpoch as it is. It
// refuses with [sparekey.ErrUserNotFound].
func (s *Store) ReplacePasswordHash(ctx context.Context, id, old, hash string) (replaced bool, err error) {
	err = s.writeUser(ctx, id, func(tx *sql.Tx, row int64) error {
		result, err := tx.ExecContext(ctx, queryReplacePasswordHash, hash, row, old)
		if err != nil {
			return err
		}
		changed, err := result.RowsAffected()
		if replaced = changed > 0; replaced || err != nil {
			return err
		}
		var stored string
		return orUserNotFound(tx.QueryRowContext(ctx, queryPasswordHash, row).Scan(&stored))
	})
	return replaced && err == nil, failed("replace a user's password hash", err)
}

// SamplePasswordHashes returns the password hashes of the n oldest and the n newest
// users, in no order.
func (s *Store) SamplePasswordHashes(ctx context.Context, n int) (hashes []string, err error) {
	rows, err := s.readers.QueryContext(ctx, querySamplePasswordHashes, n)
	if err != nil {
		return nil, failed("sample password hashes", err)
	}
	defer rows.Close()
	for rows.Next() {
		var hash string
		if err := rows.Scan(&hash); err != nil {
			return nil, failed("sample password hashes", err)
		}
		hashes = append(hashes, hash)
	}
	return hashes, failed("sample password hashes", rows.Err())
}
