package cli

import (
	"strings"
	"testing"
	"time"
)

// TestProgress shows nothing of what is done soon, at most ten lines in a second, and leaves
// an empty line.
func TestProgress(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	now := time.Unix(0, 0)
	p := &progress{t: terminal{err: &out}, what: "Copying users", now: func() time.Time { return now }, next: now.Add(progressDelay)}
	p.at(1, 100)
	p.end()
	if out.Len() > 0 {
		t.Errorf("at once: %q", out.String())
	}
	now = now.Add(progressDelay)
	p.at(7, 100)
	p.at(8, 100)
	if want := "\rCopying users: 7 of 100\x1b[K"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	now = now.Add(progressEvery)
	out.Reset()
	p.at(9, 0)
	if want := "\rCopying users: 9\x1b[K"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	out.Reset()
	p.end()
	p.end()
	if want := "\r\x1b[K"; out.String() != want {
		t.Errorf("the end: %q, want %q", out.String(), want)
	}
}

// TestNoProgress shows nothing where standard error is not a terminal.
func TestNoProgress(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := newProgress(terminal{err: &out}, "Copying users")
	p.at(1, 2)
	p.end()
	if p != nil || out.Len() > 0 {
		t.Errorf("%v, %q", p, out.String())
	}
}
