package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/throttle"
)

// Site is an opened database with the rules on top.
type Site struct {
	Backend
	Service  *sparekey.Service
	Accounts *login.Accounts
	Log      *audit.Log        // nil where the database keeps none
	limiter  *throttle.Limiter // nil: nothing is throttled
}

// Open opens the database that the settings name. The rules are completed by those of the
// settings. Events of its repairs go to the observer of
// all other events.
func Open(ctx context.Context, settings *config.Site, how Opening, rules sparekey.Config) (*Site, error) {
	how.observe = func(ctx context.Context, e sparekey.Event) {
		if rules.Observe != nil {
			rules.Observe(ctx, e)
		}
	}
	b, err := openDatabase(ctx, settings.Database, how)
	if err != nil {
		return nil, err
	}
	rules.UniqueNames = settings.DuplicateNames == "reject"
	rules.UsageInterval = time.Duration(settings.UsageInterval)
	rules.Bundles, rules.Policy = settings.Scopes.OrBuiltIn(), settings.Policy()
	if _, ok := b.(sparekey.Authority); !ok { // the directory has no rule of its own
		rules.Allow, rules.AllowAll = sparekey.AllowAdministrators, sparekey.AdministratorsOnly
	}
	log, err := openLog(settings, b, rules.Observe)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	var accountLog login.Log
	if log != nil {
		accountLog, rules.Record = log, log.Record
		if rules.Observe != nil {
			rules.Observe = sparekey.Observers(rules.Observe, log.Observe)
		}
	}
	var limiter *throttle.Limiter
	if how.limiter != nil {
		limiter = how.limiter(b)
	}
	service := sparekey.New(b, b, limiter.Protect(rules))
	return &Site{Backend: b, Service: service, Accounts: login.New(b, accountLog, time.Now), Log: log, limiter: limiter}, nil
}

// Atomically makes one step of what do writes, as far as the database can.
func (s *Site) Atomically(ctx context.Context, do func(context.Context) error) error {
	if t, ok := s.Backend.(sparekey.Transactor); ok {
		return t.Atomically(ctx, do)
	}
	return do(ctx)
}

// openLog is the audit log of a database, or nil where it keeps none. A server's observer
// receives an event for what could not be written.
func openLog(settings *config.Site, b Backend, observe func(context.Context, sparekey.Event)) (*audit.Log, error) {
	store, ok := b.(audit.Store)
	if !ok {
		return nil, nil //nolint:nilnil // there is none
	}
	key, err := settings.AuditLogKey()
	if err != nil {
		return nil, err
	}
	log := audit.Config{Key: key, Operator: accountName(), Keep: time.Duration(settings.AuditKeep)}
	if observe != nil {
		log.Operator = "server" // what it manages by itself, as the policy says
		log.Failed = func(err error) {
			observe(context.Background(), sparekey.Event{Kind: sparekey.KindUsageWriteFailed, Time: time.Now().UTC(), Err: err})
		}
	}
	return audit.New(store, log), nil
}

// CheckKey refuses to go on with another key than that of the audit log.
func (s *Site) CheckKey(ctx context.Context) error {
	if s.Log == nil {
		return nil
	}
	return s.Log.CheckKey(ctx)
}

// KeyAdvice adds what to do about a key that is not the log's.
func KeyAdvice(err error) error {
	var other *audit.KeyError
	switch {
	case !errors.As(err, &other):
		return err
	case other.Plain:
		return fmt.Errorf("%w: leave --audit-key (SPAREKEY_AUDIT_KEY) out, since a log cannot get a key later", err)
	}
	return fmt.Errorf("%w: name the file that has the log's key with --audit-key (SPAREKEY_AUDIT_KEY)", err)
}

// accountName is who runs the program, as far as the operating system tells.
func accountName() string {
	name := "operator"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if by := os.Getenv("SUDO_USER"); by != "" && by != name {
		name += " (sudo by " + by + ")"
	}
	return name
}

// keepLog writes what a server counts of uses and refusals, until the context ends.
func (s *Site) keepLog(ctx context.Context) {
	if s.Log != nil {
		s.Log.Run(ctx)
	}
}

// History is what the database has of the audit log, or nil where it keeps none.
func (s *Site) History() audit.Store {
	store, _ := s.Backend.(audit.Store)
	return store
}
