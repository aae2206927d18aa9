package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// backend is what the program needs of a database.
type backend interface {
	sparekey.Store
	login.Store
	login.SessionStore
	Ping(ctx context.Context) error
	Close() error
}

// opener opens a database. It makes one that is not there only if create is
// true.
type opener func(ctx context.Context, database string, create bool) (backend, error)

// stores opens databases by the scheme of their URL. A path without a scheme is
// a SQLite file.
var stores = map[string]opener{
	"sqlite": openSQLite,
	"memory": func(context.Context, string, bool) (backend, error) { return memoryBackend{memory.New()}, nil },
}

func openSQLite(ctx context.Context, database string, create bool) (backend, error) {
	path := strings.TrimPrefix(strings.TrimPrefix(database, "sqlite:"), "//")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !create {
		return nil, errors.New("there is no such file: name the database with --database; \"serve\" and \"user create\" make a new one")
	}
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// findStore finds out how the database that a path or a URL names is opened.
func findStore(database string) (opener, error) {
	scheme, _, isURL := strings.Cut(database, ":")
	if !isURL || len(scheme) < 2 { // a single letter is a drive, not a scheme
		scheme = "sqlite"
	}
	open, ok := stores[scheme]
	if !ok {
		return nil, fmt.Errorf("database %q: unknown scheme %q: give the path of a SQLite file, or a URL with one of the schemes %s",
			redactURL(database), scheme, strings.Join(slices.Sorted(maps.Keys(stores)), ", "))
	}
	return open, nil
}

// openDatabase opens the database that a path or a URL names.
func openDatabase(ctx context.Context, database string, create bool) (backend, error) {
	open, err := findStore(database)
	if err != nil {
		return nil, err
	}
	b, err := open(ctx, database, create)
	if err != nil {
		return nil, fmt.Errorf("open database %q: %w", redactURL(database), err)
	}
	return b, nil
}

// redactURL leaves the user and password out of a URL that is to be printed.
func redactURL(database string) string {
	scheme, rest, ok := strings.Cut(database, "://")
	if !ok {
		return database
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		return scheme + "://" + "…" + rest[at:]
	}
	return database
}

// memoryBackend keeps everything until the program ends: for a try.
type memoryBackend struct{ *memory.Store }

func (memoryBackend) Ping(context.Context) error { return nil }
func (memoryBackend) Close() error               { return nil }
