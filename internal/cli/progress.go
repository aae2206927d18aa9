package cli

import (
	"fmt"
	"os"
	"time"
)

// progress shows people on a terminal how far long work is, in one line that is removed at
// its end. In pipes and log files it shows nothing. A nil progress does nothing.
type progress struct {
	t     terminal
	what  string
	now   func() time.Time
	next  time.Time // when there is something to show again
	shown bool
}

// Work that is done before progressDelay shows nothing, so that nothing flickers.
const (
	progressDelay = 300 * time.Millisecond
	progressEvery = 100 * time.Millisecond
)

// newProgress returns the progress of what is being done, such as "Reading users".
func newProgress(t terminal, what string) *progress {
	if !isTerminal(t.err) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return &progress{t: t, what: what, now: time.Now, next: time.Now().Add(progressDelay)}
}

// at says that n are done, of a total if that is known and else 0.
func (p *progress) at(n, total int) {
	if p == nil || p.now().Before(p.next) {
		return
	}
	p.next, p.shown = p.now().Add(progressEvery), true
	count := fmt.Sprint(n)
	if total > 0 {
		count = fmt.Sprintf("%d of %d", n, total)
	}
	fmt.Fprintf(p.t.err, "\r%s: %s%s", p.what, count, eraseRest)
}

// end removes the line, so that the next output begins on an empty one.
func (p *progress) end() {
	if p != nil && p.shown {
		fmt.Fprint(p.t.err, "\r"+eraseRest)
		p.shown = false
	}
}

// eraseRest erases a line from the cursor on (ECMA-48, EL).
const eraseRest = "\x1b[K"
