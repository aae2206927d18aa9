package storetest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"
)

// ThrottleStore is a store that keeps what package throttle needs: it has the methods of its
// Sightings and its Mailbox.
type ThrottleStore interface {
	LoadSightings(ctx context.Context, limit int) (key []byte, seen map[[16]byte]time.Time, err error)
	SaveSightings(ctx context.Context, seen map[[16]byte]time.Time, limit int) error
	AskServers(ctx context.Context, question []byte) (id int64, err error)
	Questions(ctx context.Context, after int64) (map[int64][]byte, error)
	AnswerCommand(ctx context.Context, id int64, answer []byte) error
	Answers(ctx context.Context, id int64) ([][]byte, error)
}

// RunThrottle tests what a store keeps for package throttle, as Run tests credentials.
func RunThrottle(t *testing.T, open func(t *testing.T) ThrottleStore) {
	t.Helper()
	for _, c := range throttleCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

type throttleCase struct {
	name string
	run  func(testing.TB, ThrottleStore)
}

func throttleCases() []throttleCase {
	return []throttleCase{
		{"SightingKey", testSightingKey},
		{"Sightings", testSightings},
		{"SightingsLimit", testSightingsLimit},
		{"Mailbox", testMailbox},
		{"MailboxConcurrent", testMailboxConcurrent},
	}
}

// testSightingKey has many processes ask for the key for the first time.
func testSightingKey(t testing.TB, s ThrottleStore) {
	var mu sync.Mutex
	keys := map[string]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			key, seen, err := s.LoadSightings(t.Context(), 10)
			if err != nil || len(seen) != 0 || len(key) != 32 || bytes.Equal(key, make([]byte, 32)) {
				t.Errorf("LoadSightings of none: %d bytes of a key, %v, %v", len(key), seen, err)
			}
			mu.Lock()
			defer mu.Unlock()
			keys[string(key)] = true
		})
	}
	all.Wait()
	if len(keys) != 1 {
		t.Errorf("there are %d keys, want the same one for all", len(keys))
	}
}

func wantSightings(t testing.TB, s ThrottleStore, limit int, want map[[16]byte]time.Time) {
	t.Helper()
	_, got, err := s.LoadSightings(t.Context(), limit)
	if err != nil || !maps.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("LoadSightings: got %v, %v, want %v", got, err, want)
	}
}

func testSightings(t testing.TB, s ThrottleStore) {
	at := time.Unix(1_700_000_000, 0)
	a, b, c := [16]byte{0, 1}, [16]byte{0xff, 0x80, 0, 0xff}, [16]byte{'A'}
	save := func(seen map[[16]byte]time.Time) {
		t.Helper()
		if err := s.SaveSightings(t.Context(), seen, 100); err != nil {
			t.Fatalf("SaveSightings: %v", err)
		}
	}
	save(map[[16]byte]time.Time{a: at, b: at.Add(time.Second)})
	save(map[[16]byte]time.Time{a: at.Add(time.Hour), b: at, c: at})
	save(map[[16]byte]time.Time{{'a'}: at.Add(-time.Hour)})
	save(nil)
	all := map[[16]byte]time.Time{a: at.Add(time.Hour), b: at.Add(time.Second), c: at, {'a'}: at.Add(-time.Hour)}
	wantSightings(t, s, 100, all)
	wantSightings(t, s, 2, map[[16]byte]time.Time{a: at.Add(time.Hour), b: at.Add(time.Second)})
}

func testSightingsLimit(t testing.TB, s ThrottleStore) {
	at := time.Unix(1_700_000_000, 0)
	seen := map[[16]byte]time.Time{}
	want := map[[16]byte]time.Time{}
	for i := range 3000 {
		h := [16]byte{byte(i), byte(i >> 8), 1}
		seen[h] = at.Add(time.Duration(i) * time.Second)
		if i >= 2990 {
			want[h] = seen[h]
		}
	}
	if err := s.SaveSightings(t.Context(), seen, 10); err != nil {
		t.Fatalf("SaveSightings: %v", err)
	}
	wantSightings(t, s, 5000, want)
}

func testMailbox(t testing.TB, s ThrottleStore) {
	if got, err := s.Questions(t.Context(), 0); err != nil || len(got) != 0 {
		t.Errorf("Questions of none: %v, %v", got, err)
	}
	if got, err := s.Answers(t.Context(), 1); err != nil || len(got) != 0 {
		t.Errorf("Answers to none: %q, %v", got, err)
	}
	ask := func(text string) int64 {
		id, err := s.AskServers(t.Context(), []byte(text))
		if err != nil {
			t.Fatalf("AskServers: %v", err)
		}
		return id
	}
	first, second := ask("first"), ask("sec\x00ond\xff")
	if first <= 0 || second <= first {
		t.Errorf("the questions have the numbers %d and %d", first, second)
	}
	for after, want := range map[int64]map[int64]string{
		0: {first: "first", second: "sec\x00ond\xff"}, first: {second: "sec\x00ond\xff"}, second: {},
	} {
		got, err := s.Questions(t.Context(), after)
		if err != nil || len(got) != len(want) || slices.ContainsFunc(slices.Collect(maps.Keys(want)), func(id int64) bool { return string(got[id]) != want[id] }) {
			t.Errorf("Questions after %d: got %v, %v, want %v", after, got, err, want)
		}
	}
	for _, answer := range []string{"a", "b"} {
		if err := s.AnswerCommand(t.Context(), second, []byte(answer)); err != nil {
			t.Fatalf("AnswerCommand: %v", err)
		}
	}
	for id, want := range map[int64]string{first: "[]", second: `["a" "b"]`} {
		got, err := s.Answers(t.Context(), id)
		slices.SortFunc(got, bytes.Compare)
		if err != nil || fmt.Sprintf("%q", got) != want {
			t.Errorf("Answers to %d: got %q, %v, want %s", id, got, err, want)
		}
	}
}

func testMailboxConcurrent(t testing.TB, s ThrottleStore) {
	var mu sync.Mutex
	asked := map[int64]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			id, err := s.AskServers(t.Context(), []byte("?"))
			if err == nil {
				err = s.AnswerCommand(t.Context(), id, []byte("!"))
			}
			answers, answersErr := s.Answers(t.Context(), id)
			if err != nil || answersErr != nil || len(answers) != 1 {
				t.Errorf("question %d: %q, %v, %v", id, answers, err, answersErr)
			}
			mu.Lock()
			defer mu.Unlock()
			asked[id] = true
		})
	}
	all.Wait()
	if len(asked) != 8 {
		t.Errorf("eight questions have %d numbers", len(asked))
	}
}
