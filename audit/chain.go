package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Head is the end of a log: the number and the hash of its last line. Keep a head in another
// place, and [Verify] can later tell whether the log was cut off or rewritten before it. The
// zero Head is that of an empty log.
type Head struct {
	Seq  uint64
	Hash Hash
}

// headOf returns the head of a log that ends with a line. A damaged last line does not stop
// the log, since otherwise users could not revoke anything. [Verify] finds the damage.
func headOf(last Line) Head {
	r, err := ParseLine(last.Text)
	if last.Seq > 0 && err != nil {
		r.Hash = sha256.Sum256([]byte(last.Text))
	}
	return Head{last.Seq, r.Hash}
}

// link makes records the next lines of a log.
func (h Head) link(key Key, records ...Record) []Line {
	lines := make([]Line, 0, len(records))
	for _, r := range records {
		r.Seq, r.Prev = h.Seq+1, h.Hash
		r.Hash = key.hash(r)
		lines = append(lines, Line{r.Seq, r.Line()})
		h = Head{r.Seq, r.Hash}
	}
	return lines
}

// String returns the head as people keep it: its number, a colon, its hash.
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Seq, h.Hash) }

// UnmarshalText reads what String returns.
func (h *Head) UnmarshalText(text []byte) error {
	seq, hash, ok := strings.Cut(string(text), ":")
	var read Head
	var err error
	if read.Seq, err = strconv.ParseUint(seq, 10, 64); !ok || err != nil || read.Hash.UnmarshalText([]byte(hash)) != nil {
		return fmt.Errorf("invalid head %q of a log: it must be a number, a colon and 64 hexadecimal digits", text)
	}
	*h = read
	return nil
}

// BrokenError says where a chain is broken.
type BrokenError struct {
	Seq     uint64 // of the first line that is wrong, or missing
	Problem string // what is wrong, for people
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("the log is broken at number %d: %s", e.Seq, e.Problem)
}

// ErrPruned says that a kept head cannot be compared any more, because its line
// was removed as old.
var ErrPruned = errors.New("the line of this head was removed, since it had been kept for long enough: keep a newer head")

// Report is what verifying a log found.
type Report struct {
	Head  Head
	First uint64 // number of the first line that is there; 0 in an empty log
	Lines int
}

// Verifier verifies a chain line by line. The zero Verifier begins with a log's
// first line.
type Verifier struct {
	Key  Key
	Kept []Head // heads that the log had at some time, to be found in it

	report   Report
	last     Record
	start    Head          // before the first line
	removed  map[Head]bool // what checkpoints say was removed
	predates bool          // one of Kept is before the first line
}

// Next verifies the next line. A line that breaks the chain is a [*BrokenError].
func (v *Verifier) Next(line string) error {
	expected := v.report.Head.Seq + 1
	r, err := ParseLine(line)
	if err != nil {
		return &BrokenError{expected, err.Error()}
	}
	if v.report.Lines == 0 {
		v.begin(r)
		expected = r.Seq
	}
	switch {
	case r.Seq > expected:
		return &BrokenError{expected, fmt.Sprintf("it is missing; the next line has number %d", r.Seq)}
	case r.Seq < expected || r.Seq == 0:
		return &BrokenError{max(expected, 1), fmt.Sprintf("in its place is number %d", r.Seq)}
	case r.Prev != v.report.Head.Hash:
		return &BrokenError{expected, fmt.Sprintf("it does not follow on number %d as that is now", expected-1)}
	}
	if !v.Key.verifies(r) {
		return &BrokenError{expected, "its hash is wrong: it was changed, or written with another key"}
	}
	if r.Kind == KindCheckpoint {
		v.removed[Head{r.Through, r.ThroughHash}] = true
	}
	v.report.Head = Head{r.Seq, r.Hash}
	v.report.Lines++
	v.last = r
	return v.compare(v.report.Head)
}

// begin trusts the first line. End checks whether a checkpoint says that the lines before it
// were removed.
func (v *Verifier) begin(r Record) {
	v.removed = map[Head]bool{}
	v.report.First = r.Seq
	if r.Seq > 1 {
		v.start = Head{r.Seq - 1, r.Prev}
		v.report.Head = v.start
	}
	for _, kept := range v.Kept {
		v.predates = v.predates || 0 < kept.Seq && kept.Seq < v.start.Seq
	}
}

func (v *Verifier) compare(head Head) error {
	for _, kept := range v.Kept {
		if kept.Seq != head.Seq {
			continue
		}
		if kept.Hash != head.Hash {
			return &BrokenError{head.Seq, "its hash is not the one that was kept: up to here the log was written anew"}
		}
	}
	return nil
}

// End verifies what only the whole log can tell. It returns an error that matches
// [ErrPruned] where a kept head is older than the log.
func (v *Verifier) End() (Report, error) {
	if v.start.Seq > 0 {
		if !v.removed[v.start] {
			return v.report, &BrokenError{1, fmt.Sprintf("the lines up to number %d are missing, and no checkpoint says that they were removed", v.start.Seq)}
		}
		if err := v.compare(v.start); err != nil {
			return v.report, err
		}
	}
	for _, kept := range v.Kept {
		if kept.Seq > v.report.Head.Seq {
			return v.report, &BrokenError{v.report.Head.Seq + 1, fmt.Sprintf("it is missing: the log once had %d lines", kept.Seq)}
		}
	}
	if v.predates {
		return v.report, ErrPruned
	}
	return v.report, nil
}
