package sqlite

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/sparekey-dev/sparekey/internal/throttlesql"
)

// sightingsAtOnce is how many are written in one transaction, which keeps others from writing.
const sightingsAtOnce = 1000

// LoadSightings returns the random key of the sightings, which the first call makes, and the latest
// of them, at most limit. It is for [throttle.Sightings].
//
// [throttle.Sightings]: https://pkg.go.dev/github.com/sparekey-dev/sparekey/throttle#Sightings
func (s *Store) LoadSightings(ctx context.Context, limit int) (key []byte, seen map[[16]byte]time.Time, err error) {
	if key, err = s.sightingKey(ctx); err != nil {
		return nil, nil, failed("read the key of sightings", err)
	}
	seen, err = throttlesql.Sightings(s.readers.QueryContext(ctx, querySightings, limit)) //nolint:rowserrcheck // throttlesql checks it
	return key, seen, failed("read sightings", err)
}

func (s *Store) sightingKey(ctx context.Context) (key []byte, err error) {
	if err := s.readers.QueryRowContext(ctx, querySightingKey).Scan(&key); err == nil {
		return key, nil
	}
	drawn := throttlesql.NewKey()
	err = s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, queryDrawSightingKey, drawn); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, querySightingKey).Scan(&key)
	})
	return key, err
}

// SaveSightings adds sightings or makes them later, and keeps the latest limit of all. It is for
// throttle.Sightings.
func (s *Store) SaveSightings(ctx context.Context, seen map[[16]byte]time.Time, limit int) error {
	for hashes := range slices.Chunk(slices.Collect(maps.Keys(seen)), sightingsAtOnce) {
		err := s.write(ctx, func(tx *sql.Tx) error {
			for _, h := range hashes {
				if _, err := tx.ExecContext(ctx, querySaveSighting, h[:], seen[h].Unix()); err != nil {
					return err
				}
			}
			_, err := tx.ExecContext(ctx, queryForgetSightings, limit-1)
			return err
		})
		if err != nil {
			return failed("write sightings", err)
		}
	}
	return nil
}

// oldestQuestion is when the oldest question was asked that is kept.
func oldestQuestion() int64 { return wallClock() - int64(throttlesql.QuestionsFor.Seconds()) }

// AskServers adds a question to the servers on this database. It is for throttle.Mailbox.
func (s *Store) AskServers(ctx context.Context, question []byte) (id int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		for _, query := range []string{queryForgetAnswers, queryForgetQuestions} {
			if _, err := tx.ExecContext(ctx, query, oldestQuestion()); err != nil {
				return err
			}
		}
		result, err := tx.ExecContext(ctx, queryAskServers, wallClock(), question)
		if err != nil {
			return err
		}
		id, err = result.LastInsertId()
		return err
	})
	return id, failed("ask the servers", err)
}

// Questions returns the questions after a number. It is for throttle.Mailbox.
func (s *Store) Questions(ctx context.Context, after int64) (map[int64][]byte, error) {
	questions, err := throttlesql.Questions(s.readers.QueryContext(ctx, queryQuestions, after, oldestQuestion())) //nolint:rowserrcheck // throttlesql checks it
	return questions, failed("read questions", err)
}

// AnswerCommand adds an answer to a question that is still kept. It is for throttle.Mailbox.
func (s *Store) AnswerCommand(ctx context.Context, id int64, answer []byte) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, queryAnswerCommand, answer, id)
		return err
	})
	return failed("answer a question", err)
}

// Answers returns the answers to a question. It is for throttle.Mailbox.
func (s *Store) Answers(ctx context.Context, id int64) (answers [][]byte, err error) {
	answers, err = throttlesql.Answers(s.readers.QueryContext(ctx, queryAnswers, id)) //nolint:rowserrcheck // throttlesql checks it
	return answers, failed("read answers", err)
}
