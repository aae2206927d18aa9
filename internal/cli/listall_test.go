package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/server"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// manyCredentials makes n credentials, one at a time, and counts how often it was asked to.
func manyCredentials(n int, runs *int) iter.Seq2[sparekey.Credential, error] {
	return func(yield func(sparekey.Credential, error) bool) {
		*runs++
		for i := range n {
			c := sparekey.Credential{UserID: fmt.Sprint(i % 1500), UUID: fmt.Sprintf("%08x", i), Name: fmt.Sprint("app ", i), Created: time.Unix(int64(1e9+i), 0)}
			if !yield(c, nil) {
				return
			}
		}
	}
}

func everyRow(sparekey.Credential, row) (bool, error) { return true, nil }

// TestNewestFirst sorts what it may keep in memory, and keeps only that.
func TestNewestFirst(t *testing.T) {
	t.Parallel()
	store := memory.New()
	s := &site{&server.Site{Service: sparekey.New(store, store, sparekey.Config{})}}
	for n, isKept := range map[int]bool{0: true, 1: true, mostSorted: true, mostSorted + 1: false, 5000: false} {
		runs := 0
		rows := s.rowsOf(t.Context(), manyCredentials(n, &runs), nil, everyRow)
		kept, ok, err := newestFirst(rows)
		if err != nil || ok != isKept || isKept && len(kept) != n || !isKept && kept != nil {
			t.Fatalf("of %d: %d rows, kept: %v, %v", n, len(kept), ok, err)
		}
		for i, r := range kept {
			if r.text("uuid") != fmt.Sprintf("%08x", n-1-i) {
				t.Fatalf("of %d: row %d is %v", n, i, r.text("uuid"))
			}
		}
		again := 0
		for _, err := range rows { // as the list of more does
			if again++; err != nil {
				t.Fatal(err)
			}
		}
		if again != n || runs != 2 {
			t.Errorf("%d again are %d rows, after %d runs", n, again, runs)
		}
	}
}

// TestStreamedFormats prints a stream as it prints rows that are kept.
func TestStreamedFormats(t *testing.T) {
	t.Parallel()
	store := memory.New()
	s := &site{&server.Site{Service: sparekey.New(store, store, sparekey.Config{})}}
	runs := 0
	rows := s.rowsOf(t.Context(), manyCredentials(3, &runs), nil, everyRow)
	kept := allUsersListing(s.Service)
	for r, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		kept.rows = append(kept.rows, r)
	}
	streamed := allUsersListing(s.Service)
	streamed.stream = rows
	for _, format := range []string{"table", "csv", "json", "yaml", "ids", "count", "auto"} {
		var a, b strings.Builder
		flags := listFlags{Format: format}
		if err := errors.Join(flags.print(terminal{out: &a}, kept), flags.print(terminal{out: &b}, streamed)); err != nil {
			t.Fatal(err)
		}
		if a.String() != b.String() || a.Len() == 0 {
			t.Errorf("%s: a stream as\n%s\nand rows as\n%s", format, b.String(), a.String())
		}
		var list []map[string]any
		if format == "json" {
			if err := json.Unmarshal([]byte(b.String()), &list); err != nil || len(list) != 3 || list[0]["user_login"] != "0 (this user is gone)" {
				t.Errorf("%v, %v", list, err)
			}
		}
	}
}

// TestStreamFails returns the error in the middle of a stream, in every format.
func TestStreamFails(t *testing.T) {
	t.Parallel()
	store := memory.New()
	s := &site{&server.Site{Service: sparekey.New(store, store, sparekey.Config{})}}
	broken := errors.New("the database is away")
	for _, format := range []string{"table", "csv", "json", "yaml", "ids", "count"} {
		l := allUsersListing(s.Service)
		l.stream = s.rowsOf(t.Context(), func(yield func(sparekey.Credential, error) bool) {
			if yield(sparekey.Credential{UserID: "1", UUID: "x"}, nil) {
				yield(sparekey.Credential{}, broken)
			}
		}, nil, everyRow)
		if err := (listFlags{Format: format}).print(terminal{out: &strings.Builder{}}, l); !errors.Is(err, broken) {
			t.Errorf("%s: %v, want the error of the stream", format, err)
		}
	}
}
