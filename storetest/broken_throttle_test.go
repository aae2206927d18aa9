package storetest_test

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/storetest"
)

// TestThrottleSuiteNotices does the same for stores of what the throttle keeps.
func TestThrottleSuiteNotices(t *testing.T) {
	t.Parallel()
	testNotices(t, storetest.ThrottleCases(), map[string]wrong[storetest.ThrottleStore]{
		"draws a key each time":        {"SightingKey", func() storetest.ThrottleStore { return &throttled{manyKeys: true} }},
		"makes sightings earlier":      {"Sightings", func() storetest.ThrottleStore { return &throttled{overwrites: true} }},
		"keeps all sightings":          {"SightingsLimit", func() storetest.ThrottleStore { return &throttled{keepsAll: true} }},
		"returns old questions":        {"Mailbox", func() storetest.ThrottleStore { return &throttled{forgetsAfter: true} }},
		"answers all questions as one": {"Mailbox", func() storetest.ThrottleStore { return &throttled{oneAnswer: true} }},
		"uses a number again":          {"MailboxConcurrent", func() storetest.ThrottleStore { return &throttled{oneNumber: true} }},
	})
}

// TestThrottleSuitePasses has the store of the test above pass where it is right.
func TestThrottleSuitePasses(t *testing.T) {
	t.Parallel()
	storetest.RunThrottle(t, func(*testing.T) storetest.ThrottleStore { return &throttled{} })
}

// throttled is a ThrottleStore in memory, which may be wrong in one way.
type throttled struct {
	manyKeys, overwrites, keepsAll, forgetsAfter, oneAnswer, oneNumber bool

	mu        sync.Mutex
	key       []byte
	seen      map[[16]byte]time.Time
	questions map[int64][]byte
	answers   map[int64][][]byte
}

// latest are the latest hashes that there are.
func (s *throttled) latest(limit int) [][16]byte {
	hashes := slices.SortedFunc(maps.Keys(s.seen), func(a, b [16]byte) int { return s.seen[b].Compare(s.seen[a]) })
	return hashes[:min(limit, len(hashes))]
}

func (s *throttled) LoadSightings(_ context.Context, limit int) ([]byte, map[[16]byte]time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key == nil || s.manyKeys {
		s.key = make([]byte, 32)
		rand.Read(s.key)
	}
	found := map[[16]byte]time.Time{}
	for _, h := range s.latest(limit) {
		found[h] = s.seen[h]
	}
	return s.key, found, nil
}

func (s *throttled) SaveSightings(_ context.Context, seen map[[16]byte]time.Time, limit int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[[16]byte]time.Time{}
	}
	for h, at := range seen {
		if s.overwrites || at.After(s.seen[h]) {
			s.seen[h] = at
		}
	}
	if kept := s.latest(limit); !s.keepsAll {
		maps.DeleteFunc(s.seen, func(h [16]byte, _ time.Time) bool { return !slices.Contains(kept, h) })
	}
	return nil
}

func (s *throttled) AskServers(_ context.Context, question []byte) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.questions == nil {
		s.questions, s.answers = map[int64][]byte{}, map[int64][][]byte{}
	}
	id := int64(len(s.questions) + 1)
	if s.oneNumber {
		id = 1
	}
	s.questions[id] = question
	return id, nil
}

func (s *throttled) Questions(_ context.Context, after int64) (map[int64][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := maps.Clone(s.questions)
	maps.DeleteFunc(found, func(id int64, _ []byte) bool { return id <= after && !s.forgetsAfter })
	return found, nil
}

func (s *throttled) AnswerCommand(_ context.Context, id int64, answer []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.oneAnswer {
		id = 1
	}
	s.answers[id] = append(s.answers[id], answer)
	return nil
}

func (s *throttled) Answers(_ context.Context, id int64) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.answers[id]), nil
}
