package audit_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// recorded returns a store with records of so many users, a minute apart.
func recorded(tb testing.TB, config audit.Config, users int) *memory.Store {
	tb.Helper()
	s := memory.New()
	log := audit.New(s, config)
	for i := range users {
		e := sparekey.Event{Kind: sparekey.KindCreated, Time: noon.Add(time.Duration(i) * time.Minute), User: sparekey.User{ID: fmt.Sprint(i)}}
		if err := log.Record(tb.Context(), e); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

func lines(tb testing.TB, s audit.Store) (all []string) {
	tb.Helper()
	err := audit.Each(tb.Context(), s, audit.Query{}, func(line audit.Line) error {
		all = append(all, line.Text)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// verify verifies an export of lines.
func verify(key audit.Key, all []string) (audit.Report, error) {
	return audit.VerifyExport(strings.NewReader(strings.Join(all, "\n")+"\n"), key)
}

// brokenAt returns the number at which a log is broken, or 0 where it is not.
func brokenAt(err error) uint64 {
	var broken *audit.BrokenError
	if errors.As(err, &broken) {
		return broken.Seq
	}
	return 0
}

// parsed returns a line as a record.
func parsed(tb testing.TB, line string) audit.Record {
	tb.Helper()
	r, err := audit.ParseLine(line)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// sealed returns the line that anyone without a key can make.
func sealed(r audit.Record) string {
	line := r.Line()
	r.Hash = sha256.Sum256([]byte(line[:strings.LastIndex(line, `,"hash":`)]))
	return r.Line()
}

func TestVerify(t *testing.T) {
	t.Parallel()
	for _, key := range []audit.Key{nil, audit.Key("key")} {
		for _, n := range []int{0, 1, 2, 2500} {
			s := recorded(t, audit.Config{Key: key}, n)
			report, err := audit.Verify(t.Context(), s, key)
			if err != nil || report.Lines != n || report.Head.Seq != uint64(n) || report.First != uint64(min(n, 1)) {
				t.Errorf("%d lines: %+v, %v", n, report, err)
			}
			if again, err := audit.Verify(t.Context(), s, key, report.Head); err != nil || again != report {
				t.Errorf("%d lines, with its head: %+v, %v", n, again, err)
			}
		}
	}
}

// TestTampered does to a log what must be found.
func TestTampered(t *testing.T) {
	t.Parallel()
	good := lines(t, recorded(t, audit.Config{}, 10))
	other := lines(t, recorded(t, audit.Config{}, 12))
	forged := func(line string, change func(*audit.Record)) string {
		r := parsed(t, line)
		change(&r)
		return sealed(r)
	}
	for name, c := range map[string]struct {
		seq uint64
		lie func(all []string) []string
	}{
		"text changed": {5, func(all []string) []string {
			all[4] = strings.Replace(all[4], `"user":"4"`, `"user":"9"`, 1)
			return all
		}},
		"last text changed": {10, func(all []string) []string {
			all[9] = strings.Replace(all[9], `"user":"9"`, `"user":"8"`, 1)
			return all
		}},
		"no record":          {5, func(all []string) []string { all[4] = "nothing to see here"; return all }},
		"removed":            {5, func(all []string) []string { return slices.Delete(all, 4, 5) }},
		"several removed":    {5, func(all []string) []string { return slices.Delete(all, 4, 8) }},
		"first removed":      {1, func(all []string) []string { return all[1:] }},
		"first ones removed": {1, func(all []string) []string { return all[5:] }},
		"swapped":            {5, func(all []string) []string { all[4], all[5] = all[5], all[4]; return all }},
		"doubled":            {6, func(all []string) []string { return slices.Insert(all, 5, all[4]) }},
		"inserted":           {6, func(all []string) []string { return slices.Insert(all, 5, other[11]) }},
		"renumbered":         {5, func(all []string) []string { all[4] = forged(all[5], func(r *audit.Record) { r.Seq = 5 }); return all }},
		"in front": {1, func(all []string) []string {
			return slices.Insert(all, 0, forged(all[0], func(r *audit.Record) { r.Seq = 0 }))
		}},
		"begins with a hash": {1, func(all []string) []string { return []string{forged(all[0], func(r *audit.Record) { r.Prev[0] = 1 })} }},
	} {
		all := c.lie(slices.Clone(good))
		if _, err := verify(nil, all); brokenAt(err) != c.seq {
			t.Errorf("%s: got %v, want it broken at %d", name, err, c.seq)
		}
	}
}

// TestKeptHead finds what a chain alone cannot show.
func TestKeptHead(t *testing.T) {
	t.Parallel()
	good := lines(t, recorded(t, audit.Config{}, 10))
	report, err := verify(nil, good)
	if err != nil {
		t.Fatal(err)
	}
	early, err := verify(nil, good[:5])
	if err != nil {
		t.Fatal(err)
	}
	anew := lines(t, recorded(t, audit.Config{Operator: "mallory"}, 10))
	if _, err := verify(nil, anew); err != nil {
		t.Fatalf("the chain of a log that was written anew: %v", err)
	}
	grown := recorded(t, audit.Config{}, 8)
	for range 4 {
		if err := audit.New(grown, audit.Config{}).Record(t.Context(), sparekey.Event{Kind: sparekey.KindCreated, Time: noon}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		lines []string
		kept  []audit.Head
		seq   uint64
	}{
		"as it was":            {good, []audit.Head{early.Head, report.Head}, 0},
		"cut off":              {good[:8], []audit.Head{report.Head}, 9},
		"cut off, grown again": {lines(t, grown), []audit.Head{early.Head, report.Head}, 10},
		"written anew":         {anew, []audit.Head{report.Head}, 10},
		"written anew earlier": {anew, []audit.Head{early.Head}, 5},
		"emptied":              {nil, []audit.Head{early.Head}, 1},
		"the empty log's":      {good, []audit.Head{{}}, 0},
	} {
		text := strings.Join(c.lines, "\n")
		if _, err := audit.VerifyExport(strings.NewReader(text), nil, c.kept...); brokenAt(err) != c.seq || c.seq == 0 && err != nil {
			t.Errorf("%s: got %v, want it broken at %d", name, err, c.seq)
		}
	}
}

// TestKey rewrites a log without its key.
func TestKey(t *testing.T) {
	t.Parallel()
	key := audit.Key("the right key")
	good := lines(t, recorded(t, audit.Config{Key: key}, 3))
	for name, wrong := range map[string]struct {
		key   audit.Key
		lines []string
		seq   uint64
	}{
		"verified without":      {nil, good, 1},
		"verified with another": {audit.Key("the wrong key"), good, 1},
		"written without":       {key, lines(t, recorded(t, audit.Config{}, 3)), 1},
	} {
		if _, err := verify(wrong.key, wrong.lines); brokenAt(err) != wrong.seq {
			t.Errorf("%s: %v", name, err)
		}
	}
	last := parsed(t, good[2])
	last.Login = "mallory"
	if _, err := verify(key, append(good[:2:2], sealed(last))); brokenAt(err) != 3 {
		t.Errorf("the last line was written anew: %v", err)
	}
}

// TestDamagedTail continues after a last line that is not a record: otherwise users could not
// revoke anything. The damage stays visible.
func TestDamagedTail(t *testing.T) {
	t.Parallel()
	s := damaged{recorded(t, audit.Config{}, 3)}
	log := audit.New(s, audit.Config{})
	if err := log.Record(t.Context(), sparekey.Event{Kind: sparekey.KindRevoked, Time: noon}); err != nil {
		t.Fatal(err)
	}
	if r := parsed(t, lines(t, s.Store)[3]); r.Seq != 4 || r.Kind != sparekey.KindRevoked {
		t.Errorf("went on with %+v", r)
	}
	if _, err := audit.Verify(t.Context(), s.Store, nil); brokenAt(err) != 4 {
		t.Errorf("got %v", err)
	}
}

// damaged shows a last line that is damaged.
type damaged struct{ *memory.Store }

func (s damaged) AppendAudit(ctx context.Context, build func(audit.Line) (audit.Addition, error)) error {
	return s.Store.AppendAudit(ctx, func(last audit.Line) (audit.Addition, error) {
		last.Text = "nothing to see here"
		return build(last)
	})
}
