package wordpress

import (
	"context"
	"crypto/rand"
	"database/sql"
	"maps"
	"slices"
	"strings"
	"time"
)

// sightingsAtOnce is how many are written by one statement.
const sightingsAtOnce = 500

// LoadSightings returns the random key of the sightings, which the first call makes, and the latest
// of them, at most limit. It is for throttle.Sightings.
func (s *Store) LoadSightings(ctx context.Context, limit int) (key []byte, seen map[[16]byte]time.Time, err error) {
	if err := s.makeTables(ctx); err != nil {
		return nil, nil, failed("make the key of sightings", err)
	}
	drawn := make([]byte, 32)
	rand.Read(drawn) // never fails, as it documents
	if _, err := s.db.ExecContext(ctx, s.queries.drawSightingKey, drawn); err != nil {
		return nil, nil, failed("make the key of sightings", err)
	}
	if err := s.db.QueryRowContext(ctx, s.queries.sightingKey).Scan(&key); err != nil {
		return nil, nil, failed("read the key of sightings", err)
	}
	rows, err := s.db.QueryContext(ctx, s.queries.sightings, limit)
	if err != nil {
		return nil, nil, failed("read sightings", err)
	}
	defer rows.Close()
	seen = map[[16]byte]time.Time{}
	for rows.Next() {
		var hash []byte
		var at int64
		if err := rows.Scan(&hash, &at); err != nil {
			return nil, nil, failed("read sightings", err)
		}
		if len(hash) == 16 {
			seen[[16]byte(hash)] = time.Unix(at, 0)
		}
	}
	return key, seen, failed("read sightings", rows.Err())
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
	_, err := s.db.ExecContext(ctx, s.queries.forgetSightings, limit-1)
	return failed("forget old sightings", err)
}

// questionsFor is how long a question to the servers is kept.
const questionsFor = time.Minute

// oldestQuestion is when the oldest question was asked that is kept.
func (s *Store) oldestQuestion() int64 { return s.config.Now().Add(-questionsFor).Unix() }

// AskServers adds a question to the servers on this database. It is for throttle.Mailbox.
func (s *Store) AskServers(ctx context.Context, question []byte) (id int64, err error) {
	if err := s.makeTables(ctx); err != nil {
		return 0, failed("ask the servers", err)
	}
	for _, query := range []string{s.queries.forgetAnswers, s.queries.forgetQuestions} {
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
	questions := map[int64][]byte{}
	err := s.each(ctx, s.queries.questions, func(rows *sql.Rows) error {
		var id int64
		var body []byte
		err := rows.Scan(&id, &body)
		questions[id] = body
		return err
	}, after, s.oldestQuestion())
	return questions, failed("read questions", err)
}

// AnswerCommand adds an answer to a question. It is for throttle.Mailbox.
func (s *Store) AnswerCommand(ctx context.Context, id int64, answer []byte) error {
	_, err := s.db.ExecContext(ctx, s.queries.answerCommand, id, answer)
	return failed("answer a question", err)
}

// Answers returns the answers to a question. It is for throttle.Mailbox.
func (s *Store) Answers(ctx context.Context, id int64) (answers [][]byte, err error) {
	err = s.each(ctx, s.queries.answersTo, func(rows *sql.Rows) error {
		var body []byte
		err := rows.Scan(&body)
		answers = append(answers, body)
		return err
	}, id)
	return answers, failed("read answers", err)
}

// each has do read each row of an answer, if the table is there.
func (s *Store) each(ctx context.Context, query string, do func(*sql.Rows) error, args ...any) error {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if isServerError(err, errNoSuchTable) {
		return nil
	}
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
