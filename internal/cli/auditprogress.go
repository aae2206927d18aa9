package cli

import (
	"context"

	"github.com/sparekey-dev/sparekey/audit"
)

// watchedLog is an audit log that is read from its first record to its last, and shows how
// far that is.
type watchedLog struct {
	audit.Store
	p     *progress
	total int // number of the last record
}

// watchLog returns the log, which shows how far its reading is if that is seen on a terminal.
func watchLog(ctx context.Context, store audit.Store, t terminal, what string) (audit.Store, *progress, error) {
	p := newProgress(t, what)
	if p == nil {
		return store, nil, nil
	}
	last, err := store.ReadAudit(ctx, audit.Query{Newest: true, Limit: 1})
	if err != nil || len(last) == 0 {
		return store, nil, err
	}
	return watchedLog{store, p, int(last[0].Seq)}, p, nil
}

// ReadAudit implements [audit.Store].
func (l watchedLog) ReadAudit(ctx context.Context, q audit.Query) ([]audit.Line, error) {
	lines, err := l.Store.ReadAudit(ctx, q)
	if len(lines) > 0 && !q.Newest {
		l.p.at(int(lines[len(lines)-1].Seq), l.total)
	}
	return lines, err
}
