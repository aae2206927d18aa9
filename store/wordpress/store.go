package wordpress

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sparekey-dev/sparekey"
)

var (
	_ sparekey.Store      = (*Store)(nil)
	_ sparekey.Directory  = (*Store)(nil)
	_ sparekey.UserLister = (*Store)(nil)
	_ sparekey.Authority  = (*Store)(nil)
	_ sparekey.Searcher   = (*Store)(nil)
	_ sparekey.Hasher     = (*Store)(nil)
)

// Config has the options of a [Store]. The zero Config is right for most programs.
type Config struct {
	// Observe receives what was reconciled: [sparekey.KindReRevoked], [sparekey.KindRestored]
	// and [sparekey.KindConflict]. Of the user, an event has the ID only. Default: none.
	Observe func(ctx context.Context, e sparekey.Event)

	// Changed receives the ID of a user whose row was written, so that it can drop what a
	// persistent object cache has of them: WordPress does not see the change otherwise. Failed
	// receives its error. Default: none.
	Changed func(ctx context.Context, userID string) error

	// Failed receives errors of background work, which has no caller to return them to.
	// Default: none.
	Failed func(ctx context.Context, err error)

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Store keeps credentials in the database of a WordPress site. It is safe for
// concurrent use, by several processes and beside WordPress.
type Store struct {
	db      *sql.DB
	config  Config
	hashes  hashChoice
	queries queries
	multi   bool // a multisite, whose users may be marked as spam or deleted

	statements statements
	tablesMade atomic.Bool
	cache      cache
	userLocks  userLocks
	watcher    watcher
	roles      roleNames
}

// Open opens the database of the WordPress site that a URL names, such as
//
//	wordpress://user:password@127.0.0.1:3306/database?prefix=wp_
//
// and returns an error if it does not have a WordPress. It changes nothing.
func Open(ctx context.Context, rawURL string, config Config) (*Store, error) {
	target, err := parseURL(rawURL)
	if err != nil {
		return nil, fmt.Errorf("wordpress: %w", err)
	}
	s, err := open(ctx, target, config)
	if err != nil {
		return nil, fmt.Errorf("wordpress: open: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, target target, config Config) (_ *Store, err error) {
	connector, err := mysql.NewConnector(target.driver)
	if err != nil {
		return nil, err
	}
	if config.Now == nil {
		config.Now = time.Now //nolint:forbidigo // the clock of those who bring none
	}
	s := &Store{
		db: sql.OpenDB(connector), config: config, hashes: target.hashes, queries: newQueries(target.prefix),
		cache: newCache(), userLocks: newUserLocks(),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.db.Close())
		}
	}()
	s.db.SetMaxOpenConns(target.pool)
	s.db.SetMaxIdleConns(target.pool)
	s.db.SetConnMaxLifetime(connectionLife)
	s.watcher.init()
	return s, s.recognise(ctx, target)
}

// recognise finds out what kind of site it is, or that it is none.
func (s *Store) recognise(ctx context.Context, target target) error {
	var found, multi int
	err := s.db.QueryRowContext(ctx, s.queries.recognise, target.prefix+"users", target.prefix+"usermeta",
		target.prefix+"options", target.prefix+"sitemeta").Scan(&found, &multi)
	if err != nil {
		return withAdvice(err)
	}
	if found != 3 {
		return fmt.Errorf("found no WordPress with the table prefix %q in database %q: "+
			"give the $table_prefix of wp-config.php as ?prefix=", target.prefix, target.driver.DBName)
	}
	s.multi = multi > 0
	s.queries.forSite(s.multi)
	return nil
}

// Close closes the database. Calls that are under way fail.
func (s *Store) Close() error { return s.db.Close() }

// Ping reports whether the database can be read.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return failed("ping", s.db.QueryRowContext(ctx, s.queries.ping).Scan(&one))
}

func (s *Store) observe(ctx context.Context, events []sparekey.Event) {
	if s.config.Observe == nil {
		return
	}
	for _, e := range events {
		e.Time = s.config.Now().UTC().Truncate(time.Second)
		s.config.Observe(ctx, e)
	}
}

func (s *Store) reportError(ctx context.Context, err error) {
	if err != nil && s.config.Failed != nil {
		s.config.Failed(ctx, err)
	}
}
