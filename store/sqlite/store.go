// Package sqlite keeps credentials and users in one SQLite file, which several
// processes on one machine may share. It needs no C compiler.
//
// While a [Store] is open, its process must not open the files of the database
// by other means, such as to copy them: when it closes them again, SQLite loses
// its locks. README.md beside this package says how to back up, and describes the
// schema.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey"
)

var (
	_ sparekey.Store      = (*Store)(nil)
	_ sparekey.Directory  = (*Store)(nil)
	_ sparekey.UserLister = (*Store)(nil)
	_ sparekey.Revisioned = (*Store)(nil)
	_ sparekey.Transactor = (*Store)(nil)
)

// Store keeps credentials and users. It is safe for concurrent use. A write is
// on the disk when its method returns.
//
// The functions that are handed to its methods run inside the one write that is
// possible at a time, so they must be quick and must not write themselves.
type Store struct {
	writer  *sql.DB   // one connection: SQLite writes one after the other anyway
	readers *sql.DB   // cannot write
	pinned  *sql.Conn // open for as long as the Store; see walIndex
	index   *walIndex
	turn    *turn

	userByLogin, userByID, find, legacy *sql.Stmt // what every authentication asks

	closing  sync.Once
	closeErr error
}

// Open opens the database at path. It makes the file, readable by its owner
// alone, where there is none, and brings the schema of an older version up to
// date. It changes nothing in a file that is not a database of Sparekey, or one
// of a newer version, and returns an error.
func Open(ctx context.Context, path string) (*Store, error) {
	s, err := open(ctx, path)
	if isForeign(err) {
		err = fmt.Errorf("%w: the file is not a database of SQLite, and stays as it is: name another one", err)
	}
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string) (_ *Store, err error) {
	path, err = createFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{writer: openWriter(path), readers: openReaders(path)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := prepareDatabase(ctx, s.writer); err != nil {
		return nil, err
	}
	if s.pinned, err = pin(ctx, s.readers); err != nil {
		return nil, err
	}
	if s.index, err = openWALIndex(ctx, s.pinned); err != nil {
		return nil, err
	}
	s.turn = newTurn(s.index)
	s.beginLog(ctx)
	return s, s.prepare(ctx)
}

// prepare compiles the statements that are worth keeping.
func (s *Store) prepare(ctx context.Context) error {
	for _, p := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		{&s.userByLogin, queryUserByLogin},
		{&s.userByID, queryUserByID},
		{&s.find, queryFind},
		{&s.legacy, queryLegacy},
	} {
		stmt, err := s.readers.PrepareContext(ctx, p.query) //nolint:sqlclosecheck // closed with the pool
		if err != nil {
			return fmt.Errorf("prepare a statement: %w", err)
		}
		*p.stmt = stmt
	}
	return nil
}

// Close closes the database. It waits for the calls that are under way; later
// ones fail. Closing again does nothing.
func (s *Store) Close() error {
	s.closing.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Store) close() error {
	var errs []error
	if s.pinned != nil {
		errs = append(errs, s.pinned.Close())
	}
	// The writer goes last, because only it can tidy up: SQLite moves what is in
	// the write-ahead log into the database with the last connection.
	errs = append(errs, closePool(s.readers), closePool(s.writer))
	if s.turn != nil {
		s.turn.close()
	}
	if s.index != nil {
		errs = append(errs, s.index.close())
	}
	return errors.Join(errs...)
}

// closePool closes all connections, also those in use, which sql.DB.Close leaves
// to their users.
func closePool(db *sql.DB) error {
	err := db.Close()
	for db.Stats().OpenConnections > 0 {
		time.Sleep(time.Millisecond)
	}
	return err
}

// Ping reports whether the database can be read.
func (s *Store) Ping(ctx context.Context) error {
	var version int
	if err := s.readers.QueryRowContext(ctx, querySchemaVersion).Scan(&version); err != nil {
		return fmt.Errorf("sqlite: ping: %w", err)
	}
	return nil
}

// CheckWritable reports whether the database can be written, by a write that changes nothing
// but is committed: a full disk or a read-only file system shows only then. It queues with
// other writes. A write of another process at the same time is not an error.
func (s *Store) CheckWritable(ctx context.Context) error {
	err := s.write(ctx, func(tx *sql.Tx) error { return rewriteVersion(ctx, tx) })
	if err != nil && !isBusy(err) {
		return fmt.Errorf("sqlite: check whether the database can be written: %w", err)
	}
	return nil
}

// rewriteVersion writes the version of the schema, which is there already. SQLite writes
// the page with it all the same.
func rewriteVersion(ctx context.Context, tx *sql.Tx) error {
	var version int
	if err := tx.QueryRowContext(ctx, querySchemaVersion).Scan(&version); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf("%s = %d", querySchemaVersion, version))
	return err
}

// write runs do in a transaction that no other write can come between: that of
// Atomically, if the context is from there.
func (s *Store) write(ctx context.Context, do func(tx *sql.Tx) error) error {
	if step, ok := ctx.Value(stepKey{s}).(*step); ok {
		return step.join(do)
	}
	defer s.turn.take(ctx)()
	return transact(ctx, s.writer, do)
}

// stepKey finds the step of a Store in a context.
type stepKey struct{ *Store }

// step is the one transaction of several writes.
type step struct {
	tx     *sql.Tx
	failed error // of the first write that failed, which may have been half done
}

func (s *step) join(do func(tx *sql.Tx) error) error {
	err := do(s.tx)
	if s.failed == nil {
		s.failed = err
	}
	return err
}

// Atomically implements [sparekey.Transactor].
func (s *Store) Atomically(ctx context.Context, do func(context.Context) error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		step := &step{tx: tx}
		if err := do(context.WithValue(ctx, stepKey{s}, step)); err != nil {
			return err
		}
		return step.failed
	})
}

// read runs do in a transaction that sees one state of the database.
func (s *Store) read(ctx context.Context, do func(tx *sql.Tx) error) error {
	return transact(ctx, s.readers, do)
}

func transact(ctx context.Context, db *sql.DB, do func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
