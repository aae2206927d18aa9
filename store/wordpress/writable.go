package wordpress

import (
	"context"
	"errors"
	"fmt"
)

// CheckWritable reports whether the database can be written, by a write to a table of
// Sparekey's own that changes nothing else: a full disk, a read-only server and a revoked right
// show only then. It does not check the account's rights to WordPress's tables. A write of
// another process to the same row is not an error.
func (s *Store) CheckWritable(ctx context.Context) error {
	err := s.makeTables(ctx)
	if err == nil {
		_, err = s.db.ExecContext(ctx, s.queries.checkWritable)
	}
	switch {
	case err == nil || isTransient(err):
		return nil
	case ctx.Err() != nil: // the driver may say that differently
		err = errors.Join(ctx.Err(), err)
	}
	return fmt.Errorf("wordpress: check whether the database can be written: %w", err)
}
