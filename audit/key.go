package audit

import (
	"context"
	"crypto/hmac"
	"fmt"
)

// KeyError says that a log is kept with another key than this one. Nothing is appended then,
// because the chain would never verify again, with either key.
type KeyError struct {
	Given bool // there is a key at hand
	Plain bool // the log is kept without one
}

func (e *KeyError) Error() string {
	switch {
	case e.Plain:
		return "the audit log is kept without a key, and one was given"
	case e.Given:
		return "the audit log is kept with another key than the one that was given"
	}
	return "the audit log is kept with a key, and none was given"
}

// verifies reports whether a record has the hash that this key makes.
func (k Key) verifies(r Record) bool {
	hash := k.hash(r)
	return hmac.Equal(hash[:], r.Hash[:])
}

// continues reports whether this key can continue a log that ends with a line.
func (k Key) continues(last Line) bool {
	r, err := ParseLine(last.Text)
	return last.Seq == 0 || err == nil && k.verifies(r)
}

// CheckKey returns a [*KeyError] where the log is kept with another key than
// [Config].Key. All that writes to the log looks first; this is for programs that
// would rather not start.
func (l *Log) CheckKey(ctx context.Context) error {
	last, err := l.store.ReadAudit(ctx, Query{Newest: true, Limit: 1})
	if err != nil {
		return fmt.Errorf("read the end of the log: %w", err)
	}
	if len(last) == 0 || l.config.Key.continues(last[0]) {
		return nil
	}
	return l.keyError(ctx)
}

// keyError returns the error for a last line with the wrong hash. If no line before it verifies
// either, the key is the wrong one. If one does, the end was damaged, or
// written by a program that did not check. Then the log continues, since otherwise users
// could not change anything, and [Verify] finds the damage.
func (l *Log) keyError(ctx context.Context) error {
	lines, err := l.store.ReadAudit(ctx, Query{Newest: true, Limit: pageSize})
	if err != nil {
		return fmt.Errorf("read the end of the log: %w", err)
	}
	var other *KeyError
	for _, line := range lines {
		r, err := ParseLine(line.Text)
		switch {
		case err != nil: // a damaged line has no hash to compare
		case l.config.Key.verifies(r):
			return nil
		case other == nil:
			other = &KeyError{Given: len(l.config.Key) > 0, Plain: Key(nil).verifies(r)}
		}
	}
	if other == nil {
		return nil
	}
	return other
}
