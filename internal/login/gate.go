package login

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/prefetch"
	"github.com/sparekey-dev/sparekey/throttle"
)

const (
	idleTimeout  = 2 * time.Hour
	lifetime     = 24 * time.Hour
	confirmedFor = 5 * time.Minute // for how long a main password counts as just proved
)

// keySession is the one value of a session. Being the only one, it is encoded the
// same each time, so that a store need not write what it has.
const keySession = "session"

// session identifies the signed-in user.
type session struct {
	User      string // ID
	Mark      string // of the password and the epoch that it was begun in
	Confirmed int64  // when the main password was proved, in Unix seconds
}

// session returns the session of a request, or the zero session if it is anonymous.
func (g *Gate) session(ctx context.Context) session {
	var s session
	if err := json.Unmarshal(g.sessions.GetBytes(ctx, keySession), &s); err != nil {
		return session{}
	}
	return s
}

// Gate signs users in to the pages with their main password, and knows who is signed in. Its
// sessions are in a store; the cookie is a random token. It is safe for concurrent use.
type Gate struct {
	accounts *Accounts
	sessions *scs.SessionManager
	log      *slog.Logger
	now      func() time.Time
	limiter  *throttle.Limiter
	busy     atomic.Int64 // when it was last logged that too many wait, in Unix seconds
}

// The names of the session's cookie (RFC 6265bis, section 4.1.3).
const (
	plainCookie  = "sparekey"
	hostCookie   = "__Host-sparekey"   // over https: no other host or path can have set it
	folderCookie = "__Secure-sparekey" // over https, for a folder, which the name above does not allow
)

// CookieNames returns the names that a Gate's cookie may have. The cookie signs its owner in,
// so other programs must not see it.
func CookieNames() []string { return []string{plainCookie, hostCookie, folderCookie} }

// Cookie says where the cookie of a session counts.
type Cookie struct {
	// Secure keeps it to https.
	Secure bool
	// Path is the folder of the site, as a browser writes it, such as "/blog": programs
	// elsewhere at the host do not get the cookie. Default: "/".
	Path string
}

// name is the strictest name that browsers allow the cookie to have.
func (c Cookie) name() string {
	switch {
	case !c.Secure:
		return plainCookie
	case c.Path == "" || c.Path == "/":
		return hostCookie
	}
	return folderCookie
}

// NewGate returns a Gate with such cookies. limiter throttles callers who guess
// passwords; nil: no caller is throttled.
func NewGate(accounts *Accounts, store SessionStore, cookie Cookie, limiter *throttle.Limiter, log *slog.Logger) *Gate {
	if limiter == nil {
		limiter = unthrottled(accounts.now)
	}
	s := scs.New()
	s.Store = scsStore{store}
	s.HashTokenInStore = true
	s.Lifetime = lifetime
	s.IdleTimeout = idleTimeout
	s.Cookie.Name = cookie.name()
	s.Cookie.Path = cmp.Or(cookie.Path, "/")
	s.Cookie.Secure = cookie.Secure
	s.Cookie.HttpOnly = true
	s.Cookie.SameSite = http.SameSiteLaxMode
	s.Cookie.Persist = false
	s.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		log.ErrorContext(r.Context(), "the session store does not answer", "error", err)
		http.Error(w, "Signing in is not possible right now. Try again in a moment.", http.StatusServiceUnavailable)
	}
	return &Gate{accounts: accounts, sessions: s, log: log, now: accounts.now, limiter: limiter}
}

// unthrottled returns a limiter whose rates are beyond what can be hashed. It throttles no
// caller, but knows from which addresses a password was right: those have places in the
// queue, whether guesses are throttled or not.
func unthrottled(now func() time.Time) *throttle.Limiter {
	beyond := throttle.Rate{Failures: 1_000_000, Within: 1000 * time.Second}
	return throttle.New(throttle.Config{PerAddress: beyond, PerLogin: beyond, Site: beyond, Now: now})
}

// Load gives next the session of each request, and keeps what next changed of
// it. The other methods need it around them.
//
// The body is read first, of at most maxForm bytes: a session that ends while a
// client takes its time with a form is not good for what is in it.
func (g *Gate) Load(next http.Handler) http.Handler {
	load := g.sessions.LoadAndSave(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = prefetch.Body(http.MaxBytesReader(w, r.Body, maxForm))
		}
		load.ServeHTTP(w, r.WithContext(withStored(r.Context())))
	})
}

// maxForm is how many bytes a form may have, which is more than any page takes. Callers who
// are not signed in can have so much kept each, for as long as a body may take.
const maxForm = 128 << 10

// Viewer returns the user who is signed in. An error says that it cannot tell.
func (g *Gate) Viewer(r *http.Request) (u sparekey.User, signedIn bool, err error) {
	u, err = g.viewer(r.Context())
	return u, err == nil && u.ID != "", err
}

// viewer returns the user of the session, or the zero User. A session ends when the user's
// main password changes or the user is deleted.
func (g *Gate) viewer(ctx context.Context) (sparekey.User, error) {
	s := g.session(ctx)
	if s.User == "" {
		return sparekey.User{}, nil
	}
	u, err := g.accounts.store.UserByID(ctx, s.User)
	if errors.Is(err, sparekey.ErrUserNotFound) {
		return sparekey.User{}, nil
	}
	if err != nil {
		return sparekey.User{}, err
	}
	mark, err := g.mark(ctx, u.ID)
	if err != nil || mark != s.Mark {
		return sparekey.User{}, err
	}
	return u, nil
}

// Session returns a function that reports, in any later request, whether the session of r
// still exists.
func (g *Gate) Session(r *http.Request) (lasts func(ctx context.Context) (bool, error)) {
	token, user := g.sessions.Token(r.Context()), g.session(r.Context()).User
	return func(ctx context.Context) (bool, error) {
		ctx, err := g.sessions.Load(withoutSession{ctx}, token)
		if err != nil {
			return false, fmt.Errorf("look for the session: %w", err)
		}
		u, err := g.viewer(ctx)
		return err == nil && u.ID != "" && u.ID == user, err
	}
}

// withoutSession is a context without the session, or anything else, of its request.
type withoutSession struct{ context.Context } //nolint:containedctx // it is one

func (withoutSession) Value(any) any { return nil }

// mark is the mark of a user as they are now.
func (g *Gate) mark(ctx context.Context, id string) (string, error) {
	epoch, err := g.accounts.store.SessionEpoch(ctx, id)
	if err != nil {
		return "", err
	}
	hash, err := g.accounts.store.PasswordHash(ctx, id)
	if err != nil {
		return "", err
	}
	return g.accounts.mark(epoch, hash), nil
}

// digest is a text of fixed size that stands for another of any.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// Confirmed reports whether the signed-in user entered the main password within the last
// minutes.
func (g *Gate) Confirmed(r *http.Request) bool {
	_, signedIn, err := g.Viewer(r)
	if err != nil {
		g.log.ErrorContext(r.Context(), "cannot tell who is signed in", "error", err)
	}
	if !signedIn {
		return false
	}
	age := g.now().Sub(time.Unix(g.session(r.Context()).Confirmed, 0))
	return age >= 0 && age < confirmedFor
}

// SignIn begins a session, under a new token. It refuses with an
// [*sparekey.AuthError], [sparekey.ReasonWrongSecret] or [sparekey.ReasonThrottled], and
// with a [BusyError] where too many wait to be checked.
func (g *Gate) SignIn(ctx context.Context, login, password string, addr netip.Addr) error {
	one, err := g.verify(ctx, login, password, addr)
	if err == nil {
		err = g.begin(ctx, one)
	}
	g.tell(ctx, one, addr, err)
	return err
}

// tell tells the log of a sign-in, or of its refusal: for that with the user that the
// login names, but never with the login itself, into which people type passwords.
func (g *Gate) tell(ctx context.Context, one account, addr netip.Addr, err error) {
	var refused *sparekey.AuthError
	if g.accounts.log == nil || err != nil && !errors.As(err, &refused) {
		return
	}
	e := sparekey.Event{Kind: audit.KindSignedIn, Time: g.accounts.time(), User: one.user, Addr: addr}
	if err != nil {
		e.Kind, e.Reason = audit.KindSignInRefused, refused.Reason
		if one.unknown {
			e.Reason = sparekey.ReasonUnknownLogin
		}
	}
	g.accounts.log.Observe(ctx, e)
}

// begin begins a session of an account, which ends if its password was changed since
// that was checked.
func (g *Gate) begin(ctx context.Context, one account) error {
	if err := g.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("begin a session: %w", err)
	}
	mark := g.accounts.mark(one.epoch, one.hash)
	value, err := json.Marshal(session{User: one.user.ID, Mark: mark, Confirmed: g.now().Unix()})
	if err != nil {
		return fmt.Errorf("begin a session: %w", err)
	}
	g.sessions.Put(ctx, keySession, value)
	return nil
}

// Confirm checks the main password of the signed-in user again. It refuses as SignIn does.
func (g *Gate) Confirm(ctx context.Context, password string, addr netip.Addr) error {
	u, err := g.viewer(ctx)
	if err != nil {
		return err
	}
	if u.ID == "" {
		return &sparekey.AuthError{Reason: sparekey.ReasonMalformed}
	}
	return g.SignIn(ctx, u.Login, password, addr)
}

// verify checks a main password, unless too many guesses came before it.
func (g *Gate) verify(ctx context.Context, login, password string, addr netip.Addr) (account, error) {
	done, err := g.limiter.Try(ctx, login, password, addr)
	if err != nil {
		return account{}, err
	}
	one, err := g.accounts.prove(ctx, login, password, caller{addr, g.limiter.IsKnown(addr)})
	done(err)
	if one.notRehashed != nil {
		g.log.WarnContext(ctx, "a main password could not be rehashed in a better format", "error", one.notRehashed)
	}
	if errors.Is(err, BusyError{}) {
		g.warnBusy(ctx)
	}
	return one, err
}

// warnBusy says that attempts are refused because too many wait: once a minute, however
// many they are.
func (g *Gate) warnBusy(ctx context.Context) {
	now, last := g.now().Unix(), g.busy.Load()
	if now-last >= 60 && g.busy.CompareAndSwap(last, now) {
		g.log.WarnContext(ctx, "sign-ins are refused for now: too many wait to be checked")
	}
}

// SignOut ends the session.
func (g *Gate) SignOut(ctx context.Context) error {
	u, err := g.viewer(ctx)
	if err != nil {
		g.log.ErrorContext(ctx, "cannot tell who signs out", "error", err)
	}
	if err := g.end(ctx); err != nil {
		return err
	}
	if u.ID != "" && g.accounts.log != nil {
		e := sparekey.Event{Kind: audit.KindSignedOut, Time: g.accounts.time(), User: u}
		e.Addr, _ = sparekey.CallerFrom(ctx)
		g.accounts.log.Observe(ctx, e)
	}
	return nil
}

func (g *Gate) end(ctx context.Context) error {
	if err := g.sessions.Destroy(ctx); err != nil {
		return fmt.Errorf("end the session: %w", err)
	}
	return nil
}

// SignOutEverywhere ends all sessions of the signed-in user.
func (g *Gate) SignOutEverywhere(ctx context.Context) error {
	u, err := g.viewer(ctx)
	if err != nil {
		return err
	}
	if u.ID != "" {
		if err := g.endSessions(ctx, u); err != nil {
			return fmt.Errorf("end the sessions of user %s: %w", u.ID, err)
		}
	}
	return g.end(ctx)
}

// endSessions ends all sessions of a user, even if that cannot be recorded: a thief may have
// one of them.
func (g *Gate) endSessions(ctx context.Context, u sparekey.User) error {
	if err := g.accounts.store.EndSessions(ctx, u.ID); err != nil || g.accounts.log == nil {
		return err
	}
	e := sparekey.Event{Kind: audit.KindSignedOutEverywhere, Time: g.accounts.time(), User: u, Actor: u}
	e.Addr, e.Request = sparekey.CallerFrom(ctx)
	return g.accounts.log.Record(ctx, e)
}
