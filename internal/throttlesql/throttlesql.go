// Package throttlesql has what the SQL stores of package throttle share: how they read the
// rows of sightings and of the questions to servers.
package throttlesql

import (
	"crypto/rand"
	"database/sql"
	"time"
)

// QuestionsFor is how long a question to the servers is kept.
const QuestionsFor = time.Minute

// keySize is that of the key of sightings, in bytes.
const keySize = 32

// NewKey returns a random key of sightings.
func NewKey() []byte {
	key := make([]byte, keySize)
	rand.Read(key) // never fails, as it documents
	return key
}

// Sightings reads rows of a hash and when it was seen, in Unix seconds, and closes them. err
// is the error of the query. Hashes of another length than 16 bytes are left out.
func Sightings(rows *sql.Rows, err error) (map[[16]byte]time.Time, error) {
	seen := map[[16]byte]time.Time{}
	err = each(rows, err, func() error {
		var hash []byte
		var at int64
		err := rows.Scan(&hash, &at)
		if len(hash) == 16 {
			seen[[16]byte(hash)] = time.Unix(at, 0)
		}
		return err
	})
	return seen, err
}

// Questions reads rows of an ID and a question, and closes them. err is the error of the
// query.
func Questions(rows *sql.Rows, err error) (map[int64][]byte, error) {
	questions := map[int64][]byte{}
	err = each(rows, err, func() error {
		var id int64
		var body []byte
		err := rows.Scan(&id, &body)
		questions[id] = body
		return err
	})
	return questions, err
}

// Answers reads rows of an answer, and closes them. err is the error of the query.
func Answers(rows *sql.Rows, err error) (answers [][]byte, _ error) {
	err = each(rows, err, func() error {
		var body []byte
		err := rows.Scan(&body)
		answers = append(answers, body)
		return err
	})
	return answers, err
}

// each has do read each row.
func each(rows *sql.Rows, err error, do func() error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(); err != nil {
			return err
		}
	}
	return rows.Err()
}
