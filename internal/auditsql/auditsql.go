// Package auditsql has what the SQL stores of the audit log share.
package auditsql

import (
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/audit"
)

// Selection is the end of a SELECT from a table of lines: the conditions of a
// query, and no others so that the database can use its indexes, the order and the
// limit. The columns are seq, time, kind, user_id, actor_id and credential.
func Selection(q audit.Query) (text string, args []any) {
	conditions := []string{"seq > ?"}
	args = []any{q.After}
	where := func(condition string, values ...any) {
		conditions = append(conditions, condition)
		args = append(args, values...)
	}
	if q.Before > 0 {
		where("seq < ?", q.Before)
	}
	if q.User != "" {
		where("(user_id = ? OR actor_id = ?)", q.User, q.User)
	}
	if q.Credential != "" {
		where("credential = ?", q.Credential)
	}
	if n := len(q.Kinds); n > 0 {
		var kinds []any
		for _, k := range q.Kinds {
			kinds = append(kinds, string(k))
		}
		where("kind IN (?"+strings.Repeat(", ?", n-1)+")", kinds...)
	}
	if !q.Since.IsZero() {
		where("time >= ?", lineTime(q.Since))
	}
	if !q.Until.IsZero() {
		where("time < ?", lineTime(q.Until))
	}
	text = " WHERE " + strings.Join(conditions, " AND ") + " ORDER BY seq"
	if q.Newest {
		text += " DESC"
	}
	if q.Limit > 0 {
		text += " LIMIT ?"
		args = append(args, q.Limit)
	}
	return text, args
}

// lineTime is a time as lines have it, rounded up to whole seconds.
func lineTime(t time.Time) string { return t.Add(time.Second - 1).UTC().Format(time.RFC3339) }
