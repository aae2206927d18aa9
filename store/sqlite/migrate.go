package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"
)

// applicationID marks a database as Sparekey's: "SpKy" in ASCII.
const applicationID = 0x53704b79

// migrationFiles brings a database from one schema version to the next, file by
// file in the order of their names. A file that was released is never changed.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

func migrations() ([]string, error) {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, e := range entries {
		text, err := migrationFiles.ReadFile("migrations/" + e.Name())
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}

// prepareDatabase brings the database to the newest schema. It writes only to
// an empty database, or one of this program.
func prepareDatabase(ctx context.Context, db *sql.DB) error {
	steps, err := migrations()
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	version, err := recognise(ctx, db, len(steps))
	if err != nil {
		return err
	}
	if err := useWAL(ctx, db); err != nil {
		return err
	}
	if version == len(steps) { // so that readers do not wait for a writer
		return nil
	}
	return migrate(ctx, db, steps)
}

// migrate takes the steps that are missing, all or none. The transaction holds
// the write lock from its beginning, so that of several programs that start at
// the same time one migrates and the others find it done.
func migrate(ctx context.Context, db *sql.DB, steps []string) error {
	return transact(ctx, db, func(tx *sql.Tx) error {
		version, err := recognise(ctx, tx, len(steps))
		if err != nil {
			return err
		}
		for i, step := range steps[version:] {
			if _, err := tx.ExecContext(ctx, step); err != nil {
				return fmt.Errorf("migrate to schema version %d: %w", version+i+1, err)
			}
			if !strings.HasPrefix(step, rekeyMark) {
				continue
			}
			if err := rekey(ctx, tx); err != nil {
				return fmt.Errorf("migrate to schema version %d: compare logins anew: %w", version+i+1, err)
			}
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf(formatClaim, applicationID, len(steps)))
		return err
	})
}

// queryer is a database or a transaction in it.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// recognise returns the schema version of the database, 0 for an empty one, or
// an error for one that this program must leave alone.
func recognise(ctx context.Context, q queryer, newest int) (version int, err error) {
	var application int
	var filled bool
	if err := q.QueryRowContext(ctx, queryRecognise).Scan(&application, &version, &filled); err != nil {
		return 0, err
	}
	switch {
	case application == 0 && version == 0 && !filled:
		return 0, nil
	case application != applicationID:
		return 0, errors.New("this is the database of another program, and stays as it is: name another file")
	case version > newest:
		return 0, fmt.Errorf("the database has schema version %d, and this program knows those up to %d: use a newer one", version, newest)
	}
	return version, nil
}

// useWAL switches the database to a write-ahead log, permanently. SQLite does not wait for
// other processes that use the database at that moment, so useWAL does.
func useWAL(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		var mode string
		err := db.QueryRowContext(ctx, queryUseWAL).Scan(&mode)
		switch {
		case err == nil && mode != "wal":
			return fmt.Errorf("the database cannot have a write-ahead log here: its journal mode is %s", mode)
		case err == nil || !isBusy(err):
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
