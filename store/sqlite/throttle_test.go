package sqlite_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/storetest"
)

func TestThrottle(t *testing.T) {
	t.Parallel()
	storetest.RunThrottle(t, func(t *testing.T) storetest.ThrottleStore { return openStore(t, newPath(t)) })
}

// TestThrottleAcrossProcesses has two Stores of one file share what they keep.
func TestThrottleAcrossProcesses(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	a, b := openStore(t, path), openStore(t, path)
	if err := a.SaveSightings(t.Context(), map[[16]byte]time.Time{{1}: time.Unix(5, 0)}, 10); err != nil {
		t.Fatal(err)
	}
	keyA, _, errA := a.LoadSightings(t.Context(), 10)
	keyB, seen, errB := b.LoadSightings(t.Context(), 10)
	if errA != nil || errB != nil || !bytes.Equal(keyA, keyB) || seen[[16]byte{1}].Unix() != 5 {
		t.Errorf("the sightings are %v, %v, %v", seen, errA, errB)
	}
	id, err := a.AskServers(t.Context(), []byte("?"))
	if err != nil {
		t.Fatal(err)
	}
	if questions, err := b.Questions(t.Context(), id-1); err != nil || string(questions[id]) != "?" {
		t.Errorf("the questions are %v, %v", questions, err)
	}
}

// TestOldQuestionsAreForgotten has questions and answers of more than a minute ago removed.
func TestOldQuestionsAreForgotten(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	old, err := s.AskServers(t.Context(), []byte("old"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AnswerCommand(t.Context(), old, []byte("!")); err != nil {
		t.Fatal(err)
	}
	execute(t, rawDatabase(t, path), `UPDATE throttle_questions SET asked = asked - 61`)
	if questions, err := s.Questions(t.Context(), 0); err != nil || len(questions) != 0 {
		t.Errorf("the questions are %v, %v", questions, err)
	}
	id, err := s.AskServers(t.Context(), []byte("new"))
	if err != nil || id <= old {
		t.Errorf("the question has the number %d after %d, %v", id, old, err)
	}
	if answers, err := s.Answers(t.Context(), old); err != nil || len(answers) != 0 {
		t.Errorf("the answers are %q, %v", answers, err)
	}
	if err := s.AnswerCommand(t.Context(), old, []byte("late")); err != nil {
		t.Error(err)
	}
	if answers, err := s.Answers(t.Context(), old); err != nil || len(answers) != 0 {
		t.Errorf("late answers are %q, %v", answers, err)
	}
}

// TestThrottleLeavesTheVersion has what is kept invalidate no cache of credentials.
func TestThrottleLeavesTheVersion(t *testing.T) {
	t.Parallel()
	s := openStore(t, newPath(t))
	before, ok := s.Revision()
	if !ok {
		t.Skip("no version on this system")
	}
	if err := s.SaveSightings(t.Context(), map[[16]byte]time.Time{{1}: time.Unix(5, 0)}, 10); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AskServers(t.Context(), []byte("?")); err != nil {
		t.Fatal(err)
	}
	if after, _ := s.Revision(); after != before {
		t.Error("the version is another one")
	}
}
