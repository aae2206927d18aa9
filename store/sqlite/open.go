package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// patience is for how long a call waits for what another process is doing.
const patience = 10 * time.Second

// createFile makes an empty database file where there is none, so that it is
// the owner's alone: SQLite would make one that everybody may read, and it gives
// its other files the same mode. It returns the absolute path.
func createFile(path string) (string, error) {
	if path == "" || strings.HasPrefix(path, ":") || strings.HasPrefix(path, "file:") {
		return "", errors.New("the path of a file is required")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	switch err := createExclusively(path); {
	case err == nil:
		return path, nil
	case errors.Is(err, fs.ErrNotExist):
		return "", errors.New("the folder is not there: make it first")
	case !errors.Is(err, fs.ErrExist):
		return "", fmt.Errorf("create the file: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("not a regular file")
	}
	if err := mayWrite(path); err != nil {
		return "", fmt.Errorf("this user may not read and write the file: %w", err)
	}
	return path, nil
}

func createExclusively(path string) error {
	process.Lock() // closing the file is safe only before anybody else opens it
	defer process.Unlock()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// openWriter returns the pool of the one connection that writes. Its
// transactions take the write lock when they begin: one that read before it
// would fail at once if another process wrote in between. A commit is on the
// disk when it returns, so that no power cut brings a revoked credential back.
func openWriter(path string) *sql.DB {
	return openPool(1, path, url.Values{
		"mode": {"rw"}, "_txlock": {"immediate"}, "_pragma": {"synchronous(FULL)"},
	})
}

// openReaders returns the pool of the connections that read. There is one more
// than work, because one is pinned.
func openReaders(path string) *sql.DB {
	return openPool(1+max(4, runtime.GOMAXPROCS(0)), path, url.Values{"mode": {"ro"}})
}

func openPool(size int, path string, params url.Values) *sql.DB {
	params.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()))
	db, err := sql.Open("sqlite", uri(path, params))
	if err != nil {
		panic("sqlite: " + err.Error()) // only ever: the driver is not registered
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db
}

// uri names a file so that no character of its path means anything else.
func uri(path string, params url.Values) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // a drive letter
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: params.Encode()}
	return u.String()
}

// pin takes a connection out of the pool and has it open the write-ahead log.
// SQLite keeps the log and its index in place for as long as any connection has
// them open.
func pin(ctx context.Context, readers *sql.DB) (*sql.Conn, error) {
	conn, err := readers.Conn(ctx)
	if err != nil {
		return nil, err
	}
	var version int
	if err := conn.QueryRowContext(ctx, querySchemaVersion).Scan(&version); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}
