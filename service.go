// Package sparekey gives every application its own password, so that users never share their
// own. It is the Application Passwords system as WordPress defines it, for any application: a
// user creates a random password of 24 characters for one application, the application sends
// it with Basic authentication instead of the user's own, and the user can revoke it without
// affecting any other.
//
// # Protect a handler
//
//	store, err := sqlite.Open(ctx, "sparekey.db")
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer store.Close()
//
//	svc := sparekey.New(store, store, sparekey.Config{}) // the store is the user directory, too
//	guard := basicauth.New(svc, basicauth.Config{Realm: "Example API"})
//	http.Handle("/api/", guard.Require(api)) // in api: id, _ := sparekey.FromContext(r.Context())
//
// # Words
//
// A [Credential] is the stored record of one application password, and a
// [Secret] its plaintext, which is shown once. A [User] owns credentials; an
// actor is the user who manages them. An [Attempt] is what a caller presents,
// an [Identity] who it turns out to be. To revoke is to take a credential back.
//
// # Parts
//
// A [Service] has the rules. It asks a [Store] for credentials and a
// [Directory] for users; both are interfaces, so that an application keeps its
// own users. Packages store/sqlite, store/memory and store/wordpress are stores,
// storetest proves others. Package basicauth guards handlers, package rest is
// WordPress's REST API, package web has the pages, and package gateway stands in
// front of another program. Package scope has the rules of what a credential may be
// used for. Package lifecycle gives notices before credentials expire, and revokes
// those that no longer work. Packages throttle, audit and metrics work through hooks.
// This package reaches neither HTTP nor SQL.
//
// # For those who know WordPress
//
//	WordPress                                          Sparekey
//	create_new_application_password                    Service.As(actor).Create
//	get_user_application_passwords                     Service.As(actor).List
//	get_user_application_password                      Service.As(actor).Get
//	application_name_exists_for_user                   Service.As(actor).NameExists
//	update_application_password                        Service.As(actor).Rename
//	record_application_password_usage                  Service.As(actor).RecordUse
//	delete_application_password                        Service.As(actor).Revoke
//	delete_all_application_passwords                   Service.As(actor).RevokeAll
//	is_in_use, using_application_passwords             Service.InUse
//	chunk_password                                     ParseSecret(s).Chunked
//	hash_password                                      Secret.Hash
//	check_password                                     Secret.Matches
//	wp_authenticate_application_password               Service.Authenticate
//	wp_validate_application_password                   basicauth.Guard
//	wp_is_application_passwords_supported              clientip.Origin.Secure, Attempt.Secure
//	wp_is_application_passwords_available              Service.Available; hook Config.Available
//	wp_is_application_passwords_available_for_user     Service.AvailableFor; hook Config.AvailableFor
//	wp_authenticate_application_password_errors        hook Config.Check
//	capability edit_user                               hook Config.Allow, or Authority
//	wp_create_application_password                     event KindCreated
//	wp_update_application_password                     event KindRenamed
//	wp_delete_application_password                     event KindRevoked
//	application_password_did_authenticate              event KindAuthenticated
//	application_password_failed_authentication         event KindRefused
//
// # Errors
//
// An operation succeeds, is refused, or is broken; see the errors of this package and
// [Refused]. Treat a broken operation as a refusal, never as success.
package sparekey

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sparekey-dev/sparekey/internal/authcache"
	"github.com/sparekey-dev/sparekey/internal/hashlimit"
	"github.com/sparekey-dev/sparekey/scope"
)

// DefaultUsageInterval is the time after which a new use is recorded again.
const DefaultUsageInterval = 24 * time.Hour

// Config holds the options and hooks of a [Service]. The zero Config is right
// for most programs. Hooks run in the caller's goroutine, so they must be safe
// for concurrent use.
type Config struct {
	// UniqueNames refuses a second credential with the same name for one user with
	// [ErrDuplicateName], as WordPress 5.7 to 6.6 did. Default: names can repeat, as in
	// WordPress 5.6 and since 6.7.
	UniqueNames bool

	// UsageInterval is the time after which a new use is recorded again, with its time and
	// address. Negative: every use is recorded. Default: DefaultUsageInterval.
	UsageInterval time.Duration

	// KeepHashes leaves legacy hashes unchanged. Set it if other programs read the store that
	// cannot verify $generic$. Default: when a secret matches a legacy hash, its $generic$
	// hash is stored instead, which authenticates faster.
	KeepHashes bool

	// NoGrace says that rotations cannot have a grace period, for example because another
	// program verifies the secrets as well and knows only the newest. Default: they can.
	NoGrace bool

	// Available reports whether application passwords are available on this site. Default:
	// they are.
	Available func(ctx context.Context) (bool, error)

	// AvailableFor reports the same for one user. Default: they are.
	AvailableFor func(ctx context.Context, u User) (bool, error)

	// Admit sees every attempt before anything is looked up or hashed, and can refuse it with
	// [Refuse]. Any other error breaks the attempt. Default: it refuses nothing.
	Admit func(ctx context.Context, a Attempt) error

	// AroundLookup makes the look-up of an attempt that the cache cannot answer. It calls lookUp
	// once, maybe after a while, and returns its error. Where that is a refusal, it may return
	// another one instead, such as that of [Throttled]. Any error that is not made by [Refuse] or
	// [Throttled] breaks the attempt, and so does a nil error if lookUp was not called or found no
	// credential. It must treat an unknown login and a wrong secret alike. Default: lookUp is
	// called at once.
	AroundLookup func(ctx context.Context, a Attempt, lookUp Lookup) error

	// Check sees every attempt with a right secret, before its use is recorded, and can
	// refuse it with [Refuse]. Any other error breaks the attempt. [Service.Recheck] calls it
	// again for long requests, with another context than the request's, so it should not
	// count calls. Default: it refuses nothing.
	Check func(ctx context.Context, id Identity, a Attempt) error

	// Allow reports whether actor may manage target's credentials. Default: the directory
	// decides if it is an [Authority], and otherwise [AllowSelf].
	Allow func(ctx context.Context, actor, target User) (bool, error)

	// AllowAll reports whether actor may search the credentials of all users, with
	// [Manager.Search]. Default: the directory decides if it is an [Authority], and otherwise
	// no user may.
	AllowAll func(ctx context.Context, actor User) (bool, error)

	// Bundles are what the names in scopes stand for, with those of the application's own (see
	// [scope.Named]). An application whose API is mounted as WordPress's adds
	// [scope.Bundles.WithWordPress]. Default: [scope.BuiltIn].
	Bundles scope.Bundles

	// Policy has the site's rules for application passwords. Default: none.
	Policy Policy

	// Record receives every creation, change and revocation before it is acknowledged. If it
	// fails, so does the operation. If the store is a [Transactor], what Record writes to the
	// store with ctx and the change are one transaction; otherwise the change stays even if
	// Record fails. A revocation always stays. Record may receive the same event more than
	// once, and must not use the store for anything else. It is for an audit log that must
	// not have gaps. Default: none.
	Record func(ctx context.Context, e Event) error

	// Observe receives every event after it happened. It should return quickly, because the
	// operation waits for it. Default: none.
	Observe func(ctx context.Context, e Event)

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Lookup looks up the user and the credential of an attempt. It returns the user that the login
// names, also together with a refusal, and the zero User for an unknown login.
type Lookup func(ctx context.Context) (User, error)

// AllowSelf lets every user manage their own credentials and no others.
func AllowSelf(_ context.Context, actor, target User) (bool, error) {
	return actor.ID != "" && actor.ID == target.ID, nil
}

// AllowAdministrators is like AllowSelf, and also lets administrators manage the credentials
// of all users. It checks for the role "administrator" in actor, as it was read. Do not use
// it with a directory that is an [Authority], whose roles can mean something else.
func AllowAdministrators(ctx context.Context, actor, target User) (bool, error) {
	if ok, err := AdministratorsOnly(ctx, actor); ok || err != nil {
		return ok, err
	}
	return AllowSelf(ctx, actor, target)
}

// AdministratorsOnly lets administrators search the credentials of all users.
func AdministratorsOnly(_ context.Context, actor User) (bool, error) {
	return actor.ID != "" && actor.HasRole(RoleAdministrator), nil
}

// Service applies the rules of application passwords to a [Store] and a
// [Directory]. It is safe for concurrent use.
type Service struct {
	store  Store
	users  Directory
	config Config
	cache  *authcache.Cache
	hashes *hashlimit.Limiter

	knownID atomic.Pointer[string] // of a user who was looked up, for unknown ones; see find
}

// New returns a Service. store and users are required and may be one object.
func New(store Store, users Directory, config Config) *Service {
	if store == nil || users == nil {
		panic("sparekey.New: a Store and a Directory are required")
	}
	if config.UsageInterval == 0 {
		config.UsageInterval = DefaultUsageInterval
	}
	if config.Available == nil {
		config.Available = func(context.Context) (bool, error) { return true, nil }
	}
	if config.Bundles == nil {
		config.Bundles = scope.BuiltIn()
	}
	config.allowBy(users)
	if config.Now == nil {
		config.Now = time.Now //nolint:forbidigo // the default clock
	}
	return &Service{
		store:  store,
		users:  users,
		config: config,
		cache:  newCache(store, users),
		hashes: hashlimit.New(),
	}
}

// allowBy fills in the rules that the Config leaves open: those of the directory, if
// it has any.
func (c *Config) allowBy(users Directory) {
	allow := AllowSelf
	allowAll := func(context.Context, User) (bool, error) { return false, nil }
	if authority, ok := users.(Authority); ok {
		allow, allowAll = authority.CanManage, authority.CanSearch
	}
	if c.Allow == nil {
		c.Allow = allow
	}
	if c.AllowAll == nil {
		c.AllowAll = allowAll
	}
}

// Directory returns the directory that the Service was made with.
func (s *Service) Directory() Directory { return s.users }

// Available reports whether application passwords are available on this site.
func (s *Service) Available(ctx context.Context) (bool, error) {
	ok, err := s.config.Available(ctx)
	if err != nil {
		return false, fmt.Errorf("ask whether application passwords are available: %w", err)
	}
	return ok, nil
}

// AvailableFor reports whether application passwords are available on this site
// and for this user.
func (s *Service) AvailableFor(ctx context.Context, u User) (bool, error) {
	ok, err := s.Available(ctx)
	if !ok || err != nil {
		return false, err
	}
	ok, err = s.availableFor(ctx, u)
	if err != nil {
		return false, fmt.Errorf("ask whether application passwords are available for user %s: %w", u.ID, err)
	}
	return ok, nil
}

func (s *Service) availableFor(ctx context.Context, u User) (bool, error) {
	if s.config.AvailableFor == nil {
		return true, nil
	}
	return s.config.AvailableFor(ctx, u)
}

// InUse reports whether any application password was ever created here.
func (s *Service) InUse(ctx context.Context) (bool, error) {
	ok, err := s.store.InUse(ctx)
	if err != nil {
		return false, fmt.Errorf("ask whether application passwords are in use: %w", err)
	}
	return ok, nil
}

// now is the time of an operation: UTC in whole seconds, as stores keep it.
func (s *Service) now() time.Time { return s.config.Now().UTC().Truncate(time.Second) }

// atomically makes one step of what do asks and writes, as far as the store can.
func (s *Service) atomically(ctx context.Context, do func(context.Context) error) error {
	if t, ok := capability[Transactor](s.store); ok {
		return t.Atomically(ctx, do)
	}
	return do(ctx)
}

// completionTime bounds a write that has to happen although its caller may have left.
const completionTime = 10 * time.Second

// completing returns a context for a write that undoes or completes what was begun: it
// has the values of ctx, and goes on for [completionTime] where ctx has ended.
func completing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), completionTime)
}

// record tells Config.Record what was done.
func (s *Service) record(ctx context.Context, events []Event) error {
	if s.config.Record == nil {
		return nil
	}
	var failed []error
	for _, e := range events {
		e.Time = s.now()
		if err := s.config.Record(ctx, e); err != nil {
			failed = append(failed, fmt.Errorf("record what was %s: %w", e.Kind, err))
		}
	}
	return errors.Join(failed...)
}

// observe tells Config.Observe what happened.
func (s *Service) observe(ctx context.Context, e Event) {
	if s.config.Observe != nil {
		e.Time = s.now()
		s.config.Observe(ctx, e)
	}
}

// NotifyExpiring reports to [Config.Observe] that a credential expires soon, as [KindExpiring],
// unless its user no longer exists.
func (s *Service) NotifyExpiring(ctx context.Context, c Credential) error {
	user, err := s.users.UserByID(ctx, c.UserID)
	if errors.Is(err, ErrUserNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find user %s: %w", c.UserID, err)
	}
	s.observe(ctx, Event{Kind: KindExpiring, User: user, Credential: c, Expires: s.Expires(c)})
	return nil
}

// hashNew returns the hash under which a new secret is stored.
func (s *Service) hashNew(ctx context.Context, secret Secret) (string, error) {
	h, ok := capability[Hasher](s.store)
	if !ok {
		return secret.Hash(), nil
	}
	hash, err := h.HashNew(ctx, secret)
	if err != nil {
		return "", fmt.Errorf("hash the secret: %w", err)
	}
	return hash, nil
}
