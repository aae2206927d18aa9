package wordpress

import (
	"context"
	"errors"
	"fmt"
)

// CheckWritable reports whether the database can be written, by a write to a table of
// Sparekey's own that changes nothing else: a full disk, a server that became read-only
// and a right that was taken away show only then. The account's rights to WordPress's
// tables are not checked. That another process writes the same row is no error.
func (s *Store) CheckWritable(ctx context.Context) error {
	err := s.makeTables(ctx)
	if err == nil {
		_, err = s.db.ExecContext(ctx, s.queries.checkWritable)
	}
	switch {
	case err == nil || isPassing(err):
		return nil
	case ctx.Err() != nil: // the driver may say that differently
		err = errors.Join(ctx.Err(), err)
	}
	return fmt.Errorf("wordpress: check whether the database can be written: %w", err)
}
