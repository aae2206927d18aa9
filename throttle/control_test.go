package throttle_test

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/throttle"
)

// shown is what List returns, without the times.
func (h *house) shown() string {
	h.t.Helper()
	entries, err := h.limiter.List(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	var lines []string
	for _, e := range entries {
		if !e.Until.After(h.now()) || e.Until.After(h.now().Add(time.Hour)) {
			h.t.Errorf("%+v at %v", e, h.now())
		}
		line := e.Kind + " " + e.Network
		if e.Login {
			line += " login:" + strings.ReplaceAll(e.UserID, h.user, "ann")
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

// signIn makes sign-ins that fail.
func (h *house) signIn(n int, login, addr string) {
	h.t.Helper()
	for range n {
		if done, err := h.limiter.Try(h.t.Context(), login, h.newGuess(), netip.MustParseAddr(addr)); err == nil {
			done(&sparekey.AuthError{Reason: wrong})
		}
	}
}

func TestListAndClear(t *testing.T) {
	t.Parallel()
	fill := func() *house {
		h := newHouse(t, rates)
		for range 3 {
			h.guess(wrong, "ann", "192.0.2.1")
			h.guess(unknown, "correct horse", "192.0.2.2")
		}
		h.signIn(3, "ann", "2001:db8::1")
		for i := range 6 {
			h.guess(unknown, fmt.Sprint("user", i), "192.0.2.3")
		}
		h.guess(wrong, "ann", "192.0.2.4") // which is not throttled
		return h
	}
	const (
		ann      = "application password 192.0.2.1 login:ann"
		missing  = "application password 192.0.2.2 login:"
		all      = "application password 192.0.2.3"
		annsPage = "sign-in 2001:db8::/64 login:ann"
	)
	h := fill()
	if got, want := h.shown(), strings.Join([]string{ann, missing, all, annsPage}, "; "); got != want {
		t.Errorf("throttled are %s, want %s", got, want)
	}
	for name, c := range map[string]struct {
		throttle.Selection
		want []string
	}{
		"an address":        {throttle.Selection{Addr: netip.MustParseAddr("192.0.2.1")}, []string{missing, all, annsPage}},
		"in another form":   {throttle.Selection{Addr: netip.MustParseAddr("::ffff:192.0.2.3")}, []string{ann, missing, annsPage}},
		"an IPv6 address":   {throttle.Selection{Addr: netip.MustParseAddr("2001:db8::ffff")}, []string{ann, missing, all}},
		"another address":   {throttle.Selection{Addr: netip.MustParseAddr("192.0.2.9")}, []string{ann, missing, all, annsPage}},
		"a user":            {throttle.Selection{UserID: h.user}, []string{missing, all}},
		"a user somewhere":  {throttle.Selection{UserID: h.user, Addr: netip.MustParseAddr("192.0.2.1")}, []string{missing, all, annsPage}},
		"another user":      {throttle.Selection{UserID: "99"}, []string{ann, missing, all, annsPage}},
		"everything":        {throttle.Selection{}, nil},
		"another user here": {throttle.Selection{UserID: "99", Addr: netip.MustParseAddr("192.0.2.1")}, []string{ann, missing, all, annsPage}},
	} {
		h := fill()
		if _, err := h.limiter.Clear(t.Context(), c.Selection); err != nil {
			t.Fatal(err)
		}
		if got := h.shown(); got != strings.Join(c.want, "; ") {
			t.Errorf("%s: throttled are %s, want %v", name, got, c.want)
		}
	}
	h.wait(time.Hour)
	if got := h.shown(); got != "" {
		t.Errorf("an hour later, throttled are %s", got)
	}
}

// mailbox is a Mailbox in memory.
type mailbox struct {
	mu        sync.Mutex
	questions map[int64][]byte
	answers   map[int64][][]byte
}

func (m *mailbox) AskServers(_ context.Context, question []byte) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.questions == nil {
		m.questions, m.answers = map[int64][]byte{}, map[int64][][]byte{}
	}
	id := int64(len(m.questions) + 1)
	m.questions[id] = question
	return id, nil
}

func (m *mailbox) Questions(_ context.Context, after int64) (map[int64][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[int64][]byte{}
	for id, q := range m.questions {
		if id > after {
			found[id] = q
		}
	}
	return found, nil
}

func (m *mailbox) AnswerCommand(_ context.Context, id int64, answer []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answers[id] = append(m.answers[id], answer)
	return nil
}

func (m *mailbox) Answers(_ context.Context, id int64) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.answers[id]), nil
}

// TestServersAreAsked asks two servers through a mailbox.
func TestServersAreAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &mailbox{}
		if answers, err := throttle.Ask(t.Context(), m, nil); err != nil || len(answers) != 0 {
			t.Errorf("no server answers %v, %v", answers, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		a, b := newHouse(t, rates), newHouse(t, rates)
		for range 3 {
			a.guess(wrong, "ann", "192.0.2.1")
			b.guess(wrong, "ann", "192.0.2.1")
			b.guess(unknown, "bob", "192.0.2.2")
		}
		var servers sync.WaitGroup
		servers.Go(func() { a.limiter.Attend(ctx, m) })
		time.Sleep(300 * time.Millisecond)
		servers.Go(func() { b.limiter.Attend(ctx, m) })
		answers, err := throttle.Ask(t.Context(), m, nil)
		if err != nil || len(answers) != 2 || len(throttle.Merge(answers)) != 2 {
			t.Errorf("the servers answer %+v, %v", answers, err)
		}
		answers, err = throttle.Ask(t.Context(), m, &throttle.Selection{UserID: a.user})
		if err != nil || len(answers) != 2 || answers[0].Cleared+answers[1].Cleared != 2 {
			t.Errorf("the servers answer %+v, %v", answers, err)
		}
		if a.shown() != "" || b.shown() != "application password 192.0.2.2 login:" {
			t.Errorf("throttled are %q and %q", a.shown(), b.shown())
		}
		if text := fmt.Sprintf("%q %q", slices.Collect(maps.Values(m.questions)), slices.Collect(maps.Values(m.answers))); strings.Contains(text, "guess ") || strings.Contains(text, "bob") {
			t.Errorf("the mailbox has what was typed: %s", text)
		}
		cancel()
		servers.Wait()
		time.Sleep(time.Minute)
	})
}
