package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errStop ends the iteration of [Each].
var errStop = errors.New("stop")

// Prune removes the records from before a time, and appends a checkpoint that names the last
// of them, so that the log can still be verified. The last record always stays. Prune removes
// nothing from a broken log, and returns a [*BrokenError].
func (l *Log) Prune(ctx context.Context, before time.Time) error {
	for {
		old, more, err := l.oldest(ctx, before)
		if err != nil {
			return fmt.Errorf("look for old records: %w", err)
		}
		if old.Seq == 0 {
			return nil
		}
		checkpoint := Record{Time: l.now(), Kind: KindCheckpoint, Through: old.Seq, ThroughHash: old.Hash}
		err = l.store.AppendAudit(ctx, func(last Line) (Addition, error) {
			return Addition{Lines: headOf(last).link(l.config.Key, checkpoint), Through: old.Seq}, nil
		})
		if err != nil {
			return fmt.Errorf("remove old records: %w", err)
		}
		if !more {
			return nil
		}
	}
}

// oldest returns the last of the lines that may be removed in one step, or the
// zero Head. more says that there may be more to remove after it.
func (l *Log) oldest(ctx context.Context, before time.Time) (old Head, more bool, err error) {
	v := Verifier{Key: l.config.Key}
	err = Each(ctx, l.store, Query{Limit: pruneBatch + 1}, func(line Line) error {
		last := v.report.Head
		if err := v.Next(line.Text); err != nil {
			return err
		}
		if v.report.Lines > 1 {
			old = last // a line follows it, which stays
		}
		if !v.last.Time.Before(before) {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return old, false, nil
	}
	return old, v.report.Lines > pruneBatch && err == nil, err
}

func (l *Log) pruneOld(ctx context.Context) error {
	if l.config.Keep <= 0 {
		return nil
	}
	return l.Prune(ctx, l.now().Add(-l.config.Keep))
}
