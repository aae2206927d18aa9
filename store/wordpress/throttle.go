package wordpress

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/internal/throttlesql"
)

// sightingsAtOnce is how many are written by one statement.
const sightingsAtOnce = 500

// LoadSightings returns the random key of the sightings, which the first call makes, and the latest
// of them, at most limit. It is for throttle.Sightings.
func (s *Store) LoadSightings(ctx context.Context, limit int) (key []byte, seen map[[16]byte]time.Time, err error) {
	if err := s.makeTables(ctx); err != nil {
		return nil, nil, failed("make the key of sightings", err)
	}
	if _, err := s.db.ExecContext(ctx, s.queries.drawSightingKey, throttlesql.NewKey()); err != nil {
		return nil, nil, failed("make the key of sightings", err)
	}
	if err := s.db.QueryRowContext(ctx, s.queries.sightingKey).Scan(&key); err != nil {
		return nil, nil, failed("read the key of sightings", err)
	}
	seen, err = throttlesql.Sightings(s.db.QueryContext(ctx, s.queries.sightings, limit)) //nolint:rowserrcheck // throttlesql checks it
	return key, seen, failed("read sightings", err)
}

// SaveSightings adds sightings or makes them later, and keeps the latest limit of all. It is for
// throttle.Sightings.
func (s *Store) SaveSightings(ctx context.Context, seen map[[16]byte]time.Time, limit int) error {
	if err := s.makeTables(ctx); err != nil {
		return failed("write sightings", err)
	}
	// In one order, so that two servers do not wait for each other's rows.
	hashes := slices.SortedFunc(maps.Keys(seen), func(a, b [16]byte) int { return slices.Compare(a[:], b[:]) })
	for some := range slices.Chunk(hashes, sightingsAtOnce) {
		var args []any
		for _, h := range some {
			args = append(args, h[:], seen[h].Unix())
		}
		rows := strings.TrimSuffix(strings.Repeat("(?, ?), ", len(some)), ", ")
		query := strings.Replace(s.queries.saveSightings, "{rows}", rows, 1)
		if _, err := s.db.ExecContext(ctx, query, args...); err != nil {
			return failed("write sightings", err)
		}
	}
	_, err := s.db.ExecContext(ctx, s.queries.pruneSightings, limit-1)
	return failed("forget old sightings", err)
}

// oldestQuestion is when the oldest question was asked that is kept.
func (s *Store) oldestQuestion() int64 { return s.config.Now().Add(-throttlesql.QuestionsFor).Unix() }

// AskServers adds a question to the servers on this database. It is for throttle.Mailbox.
func (s *Store) AskServers(ctx context.Context, question []byte) (id int64, err error) {
	if err := s.makeTables(ctx); err != nil {
		return 0, failed("ask the servers", err)
	}
	for _, query := range []string{s.queries.pruneAnswers, s.queries.pruneQuestions} {
		if _, err := s.db.ExecContext(ctx, query, s.oldestQuestion()); err != nil {
			return 0, failed("forget old questions", err)
		}
	}
	result, err := s.db.ExecContext(ctx, s.queries.ask, s.config.Now().Unix(), question)
	if err != nil {
		return 0, failed("ask the servers", err)
	}
	id, err = result.LastInsertId()
	return id, failed("ask the servers", err)
}

// Questions returns the questions after a number. It is for throttle.Mailbox.
func (s *Store) Questions(ctx context.Context, after int64) (map[int64][]byte, error) {
	questions, err := throttlesql.Questions(s.db.QueryContext(ctx, s.queries.questions, after, s.oldestQuestion())) //nolint:rowserrcheck // throttlesql checks it
	return questions, failed("read questions", orNoTable(err))
}

// AnswerCommand adds an answer to a question. It is for throttle.Mailbox.
func (s *Store) AnswerCommand(ctx context.Context, id int64, answer []byte) error {
	_, err := s.db.ExecContext(ctx, s.queries.answerCommand, id, answer)
	return failed("answer a question", err)
}

// Answers returns the answers to a question. It is for throttle.Mailbox.
func (s *Store) Answers(ctx context.Context, id int64) (answers [][]byte, err error) {
	answers, err = throttlesql.Answers(s.db.QueryContext(ctx, s.queries.answersTo, id)) //nolint:rowserrcheck // throttlesql checks it
	return answers, failed("read answers", orNoTable(err))
}

// orNoTable drops the error of a missing table, which cannot have any rows.
func orNoTable(err error) error {
	if isServerError(err, errNoSuchTable) {
		return nil
	}
	return err
}
