package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"github.com/sparekey-dev/sparekey"
)

// List implements [sparekey.Store].
func (s *Store) List(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	list, err := queryCredentials(ctx, s.readers, queryList, userID)
	return list, failed("list a user's credentials", err)
}

// Find implements [sparekey.Store]. Of credentials with equal hashes it is the
// oldest.
func (s *Store) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	c, err := scanCredential(s.find.QueryRowContext(ctx, userID, hash))
	return c, failed("find a credential by its hash", err)
}

// Legacy implements [sparekey.Store].
func (s *Store) Legacy(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	rows, err := s.legacy.QueryContext(ctx, userID)
	list, err := collect(scanCredential, rows, err)
	return list, failed("list a user's credentials with other hashes", err)
}

// Insert implements [sparekey.Store].
func (s *Store) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	c = c.WholeSeconds()
	err := s.write(ctx, func(tx *sql.Tx) error {
		if err := judge(ctx, tx, c, check); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, queryInsert, credentialValues(c)...)
		if isTaken(err) {
			return sparekey.ErrConflict
		}
		return err
	})
	return failed("insert a credential", err)
}

// Update implements [sparekey.Store].
func (s *Store) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	var c sparekey.Credential
	err := s.write(ctx, func(tx *sql.Tx) error {
		old, err := scanCredential(tx.QueryRowContext(ctx, queryCredential, uuid, userID))
		if err != nil {
			return err
		}
		c = old
		if err := change(&c); err != nil {
			return err
		}
		c.UUID, c.UserID = old.UUID, old.UserID
		c = c.WholeSeconds()
		if c == old {
			return nil
		}
		if err := judge(ctx, tx, c, check); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, queryUpdate, credentialValues(c)...)
		return err
	})
	if err != nil {
		return sparekey.Credential{}, failed("update a credential", err)
	}
	return c, nil
}

// judge asks check, if there is one, whether c may be written.
func judge(ctx context.Context, tx *sql.Tx, c sparekey.Credential, check sparekey.Check) error {
	if check == nil {
		return nil
	}
	others, err := queryCredentials(ctx, tx, queryOthers, c.UserID, c.UUID)
	if err != nil {
		return err
	}
	return check(c, others)
}

// Delete implements [sparekey.Store].
func (s *Store) Delete(ctx context.Context, userID, uuid string) (sparekey.Credential, error) {
	var removed sparekey.Credential
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		removed, err = scanCredential(tx.QueryRowContext(ctx, queryDelete, uuid, userID))
		return err
	})
	if err != nil {
		return sparekey.Credential{}, failed("delete a credential", err)
	}
	return removed, nil
}

// DeleteAll implements [sparekey.Store].
func (s *Store) DeleteAll(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	var removed []sparekey.Credential
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		if removed, err = queryCredentials(ctx, tx, queryList, userID); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, queryDeleteAll, userID)
		return err
	})
	if err != nil {
		return nil, failed("delete a user's credentials", err)
	}
	return removed, nil
}

// WasRevoked reports whether a credential with this UUID was ever deleted, of
// whichever user.
func (s *Store) WasRevoked(ctx context.Context, _, uuid string) (revoked bool, err error) {
	err = s.readers.QueryRowContext(ctx, queryWasRevoked, uuid).Scan(&revoked)
	return revoked, failed("ask whether a credential was deleted", err)
}

// InUse implements [sparekey.Store].
func (s *Store) InUse(ctx context.Context) (inUse bool, err error) {
	err = s.readers.QueryRowContext(ctx, queryInUse).Scan(&inUse)
	return inUse, failed("ask whether there were ever credentials", err)
}

func queryCredentials(ctx context.Context, q queryer, query string, args ...any) ([]sparekey.Credential, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	return collect(scanCredential, rows, err)
}

// credentialValues returns what the database keeps of a credential, in the order
// that queryInsert and queryUpdate share.
func credentialValues(c sparekey.Credential) []any {
	return []any{
		c.AppID, c.Name, strings.ToLower(c.Name), c.Hash, seconds(c.Created), seconds(c.LastUsed), c.LastIP,
		seconds(c.Limits.Expires), c.Limits.Scopes, c.Limits.Networks, c.Limits.MaxUses, c.Uses, c.OldHash, seconds(c.OldUntil), c.HashUnused,
		c.UUID, c.UserID,
	}
}
