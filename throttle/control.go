package throttle

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/internal/network"
)

// maxEntries bounds what List returns. Those that are throttled for longest come first.
const maxEntries = 1000

// Entry is a network or login that is throttled at the moment.
type Entry struct {
	Kind    string    `json:"kind"`              // "application password" or "sign-in"
	Network string    `json:"network"`           // an address or an IPv6 prefix, "unknown", or "site" for the whole site
	Login   bool      `json:"login"`             // it is one login there rather than all
	UserID  string    `json:"user_id,omitempty"` // the user of that login; empty where there is none
	Until   time.Time `json:"until"`             // when one more failure is allowed
}

// Selection is what to clear: what matches all of its fields that are set. The zero Selection is
// everything.
type Selection struct {
	Addr   netip.Addr `json:"addr,omitzero"`  // the networks that this address is in, and all logins there
	UserID string     `json:"user,omitempty"` // the logins of this user
}

func (s Selection) matches(d Debt) bool {
	if s.UserID != "" && d.UserID != s.UserID {
		return false
	}
	addr := network.Canonical(s.Addr)
	return !addr.IsValid() || d.Key.prefix().IsValid() && d.Key.prefix().Contains(addr)
}

// List returns what is throttled now, in this process and in the shared counts, at most 1,000.
func (l *Limiter) List(ctx context.Context) ([]Entry, error) {
	debts, err := l.debts(ctx)
	now := l.config.Now()
	latest := map[Entry]time.Time{} // a key can be in both counts
	for _, d := range debts {
		wait := l.rate(d.Key).wait(d.Owed)
		if wait == 0 || d.Key.origin == originUnknown {
			continue
		}
		e := Entry{Kind: d.Key.kind.String(), Network: "site", UserID: d.UserID, Login: d.Key.login != 0}
		if d.Key.origin != originSite {
			e.Network = d.Key.from()
		}
		if until := now.Add(wait); until.After(latest[e]) {
			latest[e] = until
		}
	}
	return sorted(latest), err
}

// Merge joins what several servers throttle into one list.
func Merge(answers []Answer) []Entry {
	latest := map[Entry]time.Time{}
	for _, a := range answers {
		for _, e := range a.Entries {
			until := e.Until
			e.Until = time.Time{}
			if until.After(latest[e]) {
				latest[e] = until
			}
		}
	}
	return sorted(latest)
}

// sorted returns the latest entries first, at most maxEntries.
func sorted(latest map[Entry]time.Time) []Entry {
	entries := make([]Entry, 0, len(latest))
	for e, until := range latest {
		e.Until = until.UTC().Truncate(time.Second)
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(b.Until.Compare(a.Until), strings.Compare(a.Network, b.Network), strings.Compare(a.UserID, b.UserID),
			strings.Compare(a.Kind, b.Kind))
	})
	return entries[:min(len(entries), maxEntries)]
}

// Clear resets the selected counts, in this process and in the shared counts. It returns how many
// they were.
func (l *Limiter) Clear(ctx context.Context, s Selection) (int, error) {
	debts, err := l.debts(ctx)
	selected := map[Key]bool{} // a key can be in both counts
	for _, d := range debts {
		if s.matches(d) {
			selected[d.Key] = true
		}
	}
	keys := slices.Collect(maps.Keys(selected))
	l.local.delete(keys)
	if lister := l.shared.lister(); lister != nil && len(keys) > 0 {
		err = errors.Join(err, lister.Delete(ctx, keys))
	}
	l.config.Log.InfoContext(ctx, "throttle cleared", "counts", len(keys))
	return len(keys), err
}

func (l *Limiter) debts(ctx context.Context) ([]Debt, error) {
	debts := l.local.list(l.config.Now())
	lister := l.shared.lister()
	if lister == nil {
		return debts, nil
	}
	shared, err := lister.List(ctx)
	return append(debts, shared...), err
}

func (l *Limiter) rate(k Key) Rate {
	if k.origin == originSite {
		return l.config.Site
	}
	times := 1
	for _, level := range levels {
		if level.bits == k.bits {
			times = level.times
		}
	}
	if k.login != 0 {
		return l.config.PerLogin.times(times)
	}
	return l.config.PerAddress.times(times)
}

// Mailbox carries requests from a command to the servers on the same database. Its entries
// expire within a minute. It must be safe for concurrent use.
//
// The types are plain, so that a store need not import this package.
type Mailbox interface {
	// AskServers adds a question, and returns its number, which is greater than all before.
	AskServers(ctx context.Context, question []byte) (id int64, err error)
	// Questions returns the questions after a number, by their numbers.
	Questions(ctx context.Context, after int64) (map[int64][]byte, error)
	// AnswerCommand adds an answer to a question.
	AnswerCommand(ctx context.Context, id int64, answer []byte) error
	// Answers returns the answers to a question.
	Answers(ctx context.Context, id int64) ([][]byte, error)
}

const (
	pollEvery          = time.Second            // how often a server looks for questions
	answersEvery       = 100 * time.Millisecond // how often a command looks for answers
	firstAnswerTimeout = 5 * time.Second        // how long a command waits for the first answer
)

// question is what a command asks.
type question struct {
	Clear *Selection `json:"clear,omitempty"` // nil: only list
}

// Answer is what one server answers.
type Answer struct {
	Entries []Entry `json:"entries"`         // what is throttled, before anything was cleared
	Cleared int     `json:"cleared"`         // how many counts were cleared
	Error   string  `json:"error,omitempty"` // what went wrong with the shared counts
}

// Attend answers the questions that commands ask through a Mailbox, until the context ends. Where
// the Mailbox cannot be read, it says so once and goes on to try.
func (l *Limiter) Attend(ctx context.Context, m Mailbox) {
	if l == nil {
		return
	}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	var last int64
	silent := false
	for {
		questions, err := m.Questions(ctx, last)
		for id, text := range questions {
			last = max(last, id)
			err = errors.Join(err, l.answer(ctx, m, id, text))
		}
		if err != nil && !silent && ctx.Err() == nil {
			l.config.Log.WarnContext(ctx, "cannot answer \"sparekey throttle\"", "error", err)
		}
		silent = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (l *Limiter) answer(ctx context.Context, m Mailbox, id int64, text []byte) error {
	var q question
	if err := json.Unmarshal(text, &q); err != nil {
		return fmt.Errorf("read a question: %w", err)
	}
	var a Answer
	entries, err := l.List(ctx)
	a.Entries = entries
	if q.Clear != nil {
		var clearErr error
		a.Cleared, clearErr = l.Clear(ctx, *q.Clear)
		err = errors.Join(err, clearErr)
	}
	if err != nil {
		a.Error = "the shared counts do not answer"
		l.config.Log.WarnContext(ctx, "the shared counts cannot be listed or cleared", "error", err)
	}
	data, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write an answer: %w", err)
	}
	return m.AnswerCommand(ctx, id, data)
}

// Ask asks all servers that attend to a Mailbox what is throttled, and has them clear what is
// selected if that is not nil. It waits a few seconds for their answers; none means that no server
// runs there, or that its throttle is off.
func Ask(ctx context.Context, m Mailbox, toClear *Selection) ([]Answer, error) {
	text, err := json.Marshal(question{Clear: toClear})
	if err != nil {
		return nil, fmt.Errorf("write a question: %w", err)
	}
	id, err := m.AskServers(ctx, text)
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(answersEvery)
	defer ticker.Stop()
	var texts [][]byte
	for left := int(firstAnswerTimeout / answersEvery); left > 0; left-- {
		before := len(texts)
		if texts, err = m.Answers(ctx, id); err != nil {
			return nil, err
		}
		if before == 0 && len(texts) > 0 { // other servers poll as often
			left = min(left, int((pollEvery+pollEvery/2)/answersEvery))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
	answers := make([]Answer, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal(text, &answers[i]); err != nil {
			return nil, fmt.Errorf("read an answer: %w", err)
		}
	}
	return answers, nil
}
