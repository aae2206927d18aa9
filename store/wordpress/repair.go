package wordpress

import (
	"context"
	"fmt"
	"slices"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/phpserial"
)

// repair puts one user's row in order.
func (s *Store) repair(ctx context.Context, userID string, user uint64) error {
	err := s.write(ctx, userID, func(context.Context, *writing) error { return nil })
	if err != nil {
		return fmt.Errorf("repair the row of user %d: %w", user, err)
	}
	return nil
}

// putBack writes again what was lost: in its place, or at the end.
func (w *writing) putBack(ctx context.Context, o ourWrite) error {
	v, err := phpserial.Decode(o.record)
	if err != nil {
		return fmt.Errorf("read what was written before: %w", err)
	}
	at := indexOf(w.elements, o.uuid)
	if at >= 0 {
		w.elements = slices.Clone(w.elements)
		w.elements[at] = w.elements[at].with(v)
	} else {
		key, err := nextKey(w.elements)
		if err != nil {
			return &RowError{UserID: w.userID, MetaID: w.metaID, Err: err}
		}
		at = len(w.elements)
		w.elements = append(slices.Clip(w.elements), newElement(key, w.userID, v))
	}
	w.rowChanged = true
	w.report(sparekey.KindPutBack, w.elements[at].credential)
	w.ours = append(w.ours, o)
	w.ownChanged = true
	_, err = w.tx.ExecContext(ctx, w.s.queries.again, o.record, []byte(o.earlier), w.user, o.uuid)
	return err
}
