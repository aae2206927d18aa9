package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/auditsql"
)

var _ audit.Store = (*Store)(nil)

// AppendAudit implements [audit.Store].
func (s *Store) AppendAudit(ctx context.Context, build func(audit.Line) (audit.Addition, error)) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		last, err := scanLine(tx.QueryRowContext(ctx, queryLastLine))
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		addition, err := build(last)
		if err != nil {
			return err
		}
		for _, line := range addition.Lines {
			if _, err := tx.ExecContext(ctx, queryAppendLine, line.Seq, line.Text); err != nil {
				return err
			}
		}
		if addition.Through == 0 {
			return nil
		}
		_, err = tx.ExecContext(ctx, queryPruneLines, addition.Through)
		return err
	})
	return failed("append to the audit log", err)
}

func scanLine(row scanner) (line audit.Line, err error) {
	err = row.Scan(&line.Seq, &line.Text)
	return line, err
}

// ReadAudit implements [audit.Store].
func (s *Store) ReadAudit(ctx context.Context, q audit.Query) ([]audit.Line, error) {
	selection, args := auditsql.Selection(q)
	rows, err := s.readers.QueryContext(ctx, querySelectLines+selection, args...)
	lines, err := collect(scanLine, rows, err)
	return lines, failed("read the audit log", err)
}

// AddUsage implements [audit.Store].
func (s *Store) AddUsage(ctx context.Context, all []audit.Usage, addresses int) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		for _, u := range all {
			if err := addUsage(ctx, tx, u, addresses); err != nil {
				return err
			}
		}
		return nil
	})
	return failed("count uses", err)
}

func addUsage(ctx context.Context, tx *sql.Tx, u audit.Usage, addresses int) error {
	result, err := tx.ExecContext(ctx, queryAddUses, u.Credential, u.Count)
	if err != nil {
		return err
	}
	if known, err := result.RowsAffected(); err != nil || known == 0 {
		return err
	}
	for _, a := range u.Addresses {
		if _, err := tx.ExecContext(ctx, queryAddAddress, u.Credential, a.Addr, a.First.Unix(), a.Last.Unix()); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, queryForgetAddresses, u.Credential, addresses)
	return err
}

// Usage implements [audit.Store].
func (s *Store) Usage(ctx context.Context, uuid string) (audit.Usage, error) {
	u := audit.Usage{Credential: uuid}
	err := s.read(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, queryUses, uuid).Scan(&u.Count)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		rows, err := tx.QueryContext(ctx, queryAddresses, uuid)
		u.Addresses, err = collect(scanAddress, rows, err)
		return err
	})
	if err != nil {
		return audit.Usage{}, failed("read what was counted of a credential", err)
	}
	return u, nil
}

func scanAddress(row scanner) (a audit.Address, err error) {
	var first, last sql.Null[int64]
	err = row.Scan(&a.Addr, &first, &last)
	a.First, a.Last = fromSeconds(first), fromSeconds(last)
	return a, err
}
