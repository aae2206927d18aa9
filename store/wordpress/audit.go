package wordpress

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/auditsql"
)

var _ audit.Store = (*Store)(nil)

// dummyUser is an ID that WordPress never assigns. Look-ups of unknown users ask for it, and
// writers of the audit log lock its row, so that they take turns.
const dummyUser = 0

// AppendAudit implements [audit.Store].
func (s *Store) AppendAudit(ctx context.Context, build func(audit.Line) (audit.Addition, error)) error {
	return failed("append to the audit log", s.withAuditLock(ctx, func(tx *sql.Tx) error {
		var last audit.Line
		err := tx.QueryRowContext(ctx, s.queries.lastLine).Scan(&last.Seq, &last.Text)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		addition, err := build(last)
		if err != nil {
			return err
		}
		for _, line := range addition.Lines {
			if _, err := tx.ExecContext(ctx, s.queries.appendLine, line.Seq, line.Text); err != nil {
				return err
			}
		}
		if addition.Through == 0 {
			return nil
		}
		_, err = tx.ExecContext(ctx, s.queries.pruneLines, addition.Through)
		return err
	}))
}

// withAuditLock runs do in a transaction that holds the lock of the audit log. It retries after
// conflicts.
func (s *Store) withAuditLock(ctx context.Context, do func(tx *sql.Tx) error) error {
	if err := s.makeTables(ctx); err != nil {
		return err
	}
	return s.retry(ctx, func() error {
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, s.queries.lockUser, dummyUser); err != nil {
			return err
		}
		if err := do(tx); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		return nil
	})
}

// ReadAudit implements [audit.Store].
func (s *Store) ReadAudit(ctx context.Context, q audit.Query) (lines []audit.Line, err error) {
	selection, args := auditsql.Selection(q)
	err = eachRow(ctx, s.db, s.queries.selectLines+selection, args, func(scan func(...any) error) error {
		var line audit.Line
		err := scan(&line.Seq, &line.Text)
		lines = append(lines, line)
		return err
	})
	if isServerError(err, errNoSuchTable) {
		return nil, nil
	}
	return lines, failed("read the audit log", err)
}

// AddUsage implements [audit.Store]. Credentials that WordPress itself revoked leave their
// counts behind.
func (s *Store) AddUsage(ctx context.Context, all []audit.Usage, addresses int) error {
	var existing []audit.Usage
	for _, u := range all {
		ok, err := s.has(ctx, u.User, u.Credential)
		if err != nil {
			return failed("count uses", err)
		}
		if ok {
			existing = append(existing, u)
		}
	}
	if len(existing) == 0 {
		return nil
	}
	return failed("count uses", s.withAuditLock(ctx, func(tx *sql.Tx) error {
		for _, u := range existing {
			if err := s.addUsage(ctx, tx, u, addresses); err != nil {
				return err
			}
		}
		return nil
	}))
}

// has reports whether a user has a credential. It is false for a row that cannot be read.
func (s *Store) has(ctx context.Context, userID, uuid string) (bool, error) {
	snap, err := s.snapshot(ctx, userID)
	if isRowError(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(snap.index().list, func(c sparekey.Credential) bool { return c.UUID == uuid }), nil
}

func (s *Store) addUsage(ctx context.Context, tx *sql.Tx, u audit.Usage, addresses int) error {
	if _, err := tx.ExecContext(ctx, s.queries.addUses, u.Credential, u.Count); err != nil {
		return err
	}
	for _, a := range u.Addresses {
		if _, err := tx.ExecContext(ctx, s.queries.addAddress, u.Credential, a.Addr, a.First.Unix(), a.Last.Unix()); err != nil {
			return err
		}
	}
	all, err := s.addresses(ctx, tx, u.Credential)
	if err != nil {
		return err
	}
	for _, a := range all[min(addresses, len(all)):] {
		if _, err := tx.ExecContext(ctx, s.queries.deleteAddress, u.Credential, a.Addr); err != nil {
			return err
		}
	}
	return nil
}

// addresses returns a credential's addresses, the last seen first.
func (s *Store) addresses(ctx context.Context, q queryer, uuid string) (all []audit.Address, err error) {
	err = eachRow(ctx, q, s.queries.addresses, []any{uuid}, func(scan func(...any) error) error {
		var a audit.Address
		var first, last sql.Null[int64]
		err := scan(&a.Addr, &first, &last)
		a.First, a.Last = fromSeconds(first), fromSeconds(last)
		all = append(all, a)
		return err
	})
	return all, err
}

// Usage implements [audit.Store].
func (s *Store) Usage(ctx context.Context, uuid string) (audit.Usage, error) {
	u := audit.Usage{Credential: uuid}
	err := s.db.QueryRowContext(ctx, s.queries.uses, uuid).Scan(&u.Count)
	if err == nil {
		u.Addresses, err = s.addresses(ctx, s.db, uuid)
	}
	if errors.Is(err, sql.ErrNoRows) || isServerError(err, errNoSuchTable) {
		return audit.Usage{Credential: uuid}, nil
	}
	if err != nil {
		return audit.Usage{}, failed("read what was counted of a credential", err)
	}
	return u, nil
}
