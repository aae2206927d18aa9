package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"github.com/sparekey-dev/sparekey"
)

var _ sparekey.Searcher = (*Store)(nil)

// Search implements [sparekey.Searcher].
func (s *Store) Search(ctx context.Context, q sparekey.CredentialQuery) (found []sparekey.Credential, total int, err error) {
	selection := []any{q.UserID, strings.ToLower(q.Name), q.AppID, seconds(q.UsedBefore), q.NeverUsed, q.UUID}
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		if err = tx.QueryRowContext(ctx, queryFoundCount, selection...).Scan(&total); err != nil {
			return err
		}
		found, err = queryCredentials(ctx, tx, queryFound, append(selection, rowLimit(q.Limit), q.Offset)...)
		return err
	})
	if err != nil {
		return nil, 0, failed("search credentials", err)
	}
	return found, total, nil
}

// NextPage implements [sparekey.Searcher]. The order is that of the UUIDs.
func (s *Store) NextPage(ctx context.Context, after sparekey.CredentialKey, limit int) (page []sparekey.Credential, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		page, err = queryCredentials(ctx, tx, queryNextPage, after.UUID, limit)
		return err
	})
	return page, failed("read a page of credentials", err)
}

// rowLimit is the limit of a query as SQLite has it, where -1 is none.
func rowLimit(limit int) int {
	if limit == 0 {
		return -1
	}
	return limit
}
