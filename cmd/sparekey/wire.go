package main

import (
	"context"
	"fmt"
	"maps"
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

// stores opens databases by the scheme of their URL. A path without a scheme is
// a SQLite file.
var stores = map[string]func(ctx context.Context, database string) (backend, error){
	"sqlite": func(ctx context.Context, database string) (backend, error) {
		path := strings.TrimPrefix(strings.TrimPrefix(database, "sqlite:"), "//")
		return sqlite.Open(ctx, path)
	},
	"memory": func(context.Context, string) (backend, error) { return memoryBackend{memory.New()}, nil },
}

// openDatabase opens the database that a path or a URL names.
func openDatabase(ctx context.Context, database string) (backend, error) {
	scheme, _, isURL := strings.Cut(database, ":")
	if !isURL || len(scheme) < 2 { // a single letter is a drive, not a scheme
		scheme = "sqlite"
	}
	open, ok := stores[scheme]
	if !ok {
		return nil, fmt.Errorf("database %q: unknown scheme %q: give the path of a SQLite file, or a URL with one of the schemes %s",
			redactURL(database), scheme, strings.Join(slices.Sorted(maps.Keys(stores)), ", "))
	}
	b, err := open(ctx, database)
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
