package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/internal/wpcache"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/store/sqlite"
	"github.com/sparekey-dev/sparekey/store/wordpress"
	"github.com/sparekey-dev/sparekey/throttle"
)

// Backend is what the program needs of a database.
type Backend interface {
	sparekey.Store
	login.Store
	login.SessionStore
	Ping(ctx context.Context) error
	Close() error
}

// Opening says how a database is to be opened.
type Opening struct {
	Create bool              // make one that is not there
	Made   func(path string) // receives the path of a new file; nil: not reported

	observe func(ctx context.Context, e sparekey.Event) // receives what a database repairs; nil: not reported
	log     *slog.Logger                                // nil: nothing is logged
	limiter func(b Backend) *throttle.Limiter           // makes the limiter of guesses for the database; nil: no limiter
}

// opener opens a database.
type opener func(ctx context.Context, database string, how Opening) (Backend, error)

// reconciler is a database that must be reconciled with what another program writes to it, while
// the server runs.
type reconciler interface {
	Run(ctx context.Context)
}

// stores opens databases by the scheme of their URL. A path without a scheme is
// a SQLite file.
var stores = map[string]opener{
	"sqlite":    openSQLite,
	"memory":    func(context.Context, string, Opening) (Backend, error) { return memoryBackend{memory.New()}, nil },
	"wordpress": openWordPress,
}

// keepReconciled reconciles the database with WordPress, if it is one that PHP writes as well, until the context ends.
func (s *Site) keepReconciled(ctx context.Context) {
	if r, ok := s.Backend.(reconciler); ok {
		r.Run(ctx)
	}
}

// wordPressBackend is the database of a WordPress site, and its object cache.
type wordPressBackend struct {
	*wordpress.Store
	cache *wpcache.Cache // nil: none is known
}

func (b wordPressBackend) Close() error {
	err := b.Store.Close()
	if b.cache != nil {
		err = errors.Join(err, b.cache.Close())
	}
	return err
}

// openWordPress opens the database of a WordPress site. Its URL may have that of
// the site's object cache in the parameter cache.
func openWordPress(ctx context.Context, database string, how Opening) (Backend, error) {
	config := wordpress.Config{Observe: how.observe, Failed: func(ctx context.Context, err error) {
		if how.log != nil {
			how.log.ErrorContext(ctx, "WordPress is not in step", "error", err)
		}
	}}
	database, cache, err := objectCache(database)
	if err != nil {
		return nil, err
	}
	if cache != nil {
		config.Changed = cache.Drop
	}
	s, err := wordpress.Open(ctx, database, config)
	if err != nil {
		return nil, err
	}
	return wordPressBackend{s, cache}, nil
}

// objectCache takes the parameter cache out of a URL.
func objectCache(database string) (without string, cache *wpcache.Cache, err error) {
	u, err := url.Parse(database)
	if err != nil || !u.Query().Has("cache") {
		return database, nil, nil //nolint:nilerr // opening it reports the error
	}
	query := u.Query()
	cache, err = wpcache.New(query.Get("cache"))
	query.Del("cache")
	u.RawQuery = query.Encode()
	return u.String(), cache, err
}

// sqlitePath is the path of a SQLite file that is given as a path or as a URL.
func sqlitePath(database string) string {
	return strings.TrimPrefix(strings.TrimPrefix(database, "sqlite:"), "//")
}

func openSQLite(ctx context.Context, database string, how Opening) (Backend, error) {
	path := sqlitePath(database)
	info, err := os.Stat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	isEmpty := err == nil && info.Mode().IsRegular() && info.Size() == 0
	switch {
	case isNew && !how.Create:
		return nil, errors.New("the file does not exist: name the database with --database; \"serve\" and \"user create\" make a new one")
	case isEmpty && !how.Create:
		return nil, errors.New("this file is empty: name the database with --database; \"serve\" and \"user create\" make this one")
	}
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	if isNew && how.Made != nil {
		how.Made(path)
	}
	return s, nil
}

// CheckDatabase reports whether a path or a URL can be that of a database.
func CheckDatabase(database string) error {
	_, err := findStore(database)
	return err
}

// WordPressSchema returns the statements that make Sparekey's own tables in the database of a
// WordPress site.
func WordPressSchema(database string) (string, error) {
	database, _, err := objectCache(database)
	if err != nil {
		return "", err
	}
	return wordpress.Schema(database)
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
			config.RedactURL(database), scheme, strings.Join(slices.Sorted(maps.Keys(stores)), ", "))
	}
	return open, nil
}

// openDatabase opens the database that a path or a URL names.
func openDatabase(ctx context.Context, database string, how Opening) (Backend, error) {
	if database == "" {
		return nil, errors.New("--database is empty: give the path of a SQLite file, or the URL of a database")
	}
	open, err := findStore(database)
	if err != nil {
		return nil, err
	}
	b, err := open(ctx, database, how)
	if err != nil {
		return nil, fmt.Errorf("open database %q: %w", config.RedactURL(database), err)
	}
	return b, nil
}

// memoryBackend keeps everything until the program ends: for a try.
type memoryBackend struct{ *memory.Store }

func (memoryBackend) Ping(context.Context) error { return nil }
func (memoryBackend) Close() error               { return nil }
