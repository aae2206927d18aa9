// Package basicauth guards HTTP handlers with application passwords over Basic
// authentication (RFC 7617).
//
//	guard := basicauth.New(svc, basicauth.Config{Realm: "Example API"})
//	http.Handle("/api/", guard.Require(api))
//
// A guarded handler finds the caller with [sparekey.FromContext]. A credential
// that is presented and wrong is 401 everywhere, also where none was needed; a
// store that cannot answer is 503.
package basicauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/scope"
)

// Authenticator finds out who an attempt is. A [*sparekey.Service] is one.
type Authenticator interface {
	Authenticate(ctx context.Context, a sparekey.Attempt) (sparekey.Identity, error)
}

// withIdentity returns [sparekey.Service.WithIdentity], or a function like it for another
// Authenticator. A type that embeds a Service inherits that method, but may have its own
// Authenticate, which must then be asked.
func withIdentity(auth Authenticator) func(context.Context, sparekey.Attempt) (context.Context, error) {
	if svc, ok := auth.(*sparekey.Service); ok {
		return svc.WithIdentity
	}
	return func(ctx context.Context, a sparekey.Attempt) (context.Context, error) {
		id, err := auth.Authenticate(ctx, a)
		if err != nil {
			return nil, err
		}
		return sparekey.NewContext(ctx, id), nil
	}
}

// Rechecker is an optional interface of an [Authenticator], which [sparekey.Service] has:
// Recheck reports whether an attempt that was accepted as id still is. It must count no use.
//
// If the Authenticator does not implement it, an allowed request stays allowed until it
// ends. Asking its Authenticate again is not a substitute: it may count a use each time,
// or throttle. One that embeds a Service has the Service's Recheck, which knows nothing
// of rules that the embedding type adds in its Authenticate; it should then have a
// Recheck of its own.
type Rechecker interface {
	Recheck(ctx context.Context, id sparekey.Identity, a sparekey.Attempt) error
}

// Config holds the options of a [Guard].
type Config struct {
	// Realm names what is guarded, for the people who are asked for a login.
	// Default: "Application passwords".
	Realm string

	// Origin tells where a request came from. A secret that crossed a network
	// in the clear is refused. Default: clientip.FromPeer, which needs TLS or a
	// caller on this machine; behind a proxy name it with
	// clientip.FromForwardedFor.
	Origin clientip.Resolver

	// NoDialog prevents browsers from asking a user for a login, even a user who opens a
	// page. Set it where only programs and scripts send requests. Browsers then have no login
	// to remember, unless another program at the same origin makes them ask. Default: a
	// browser asks when a user opens a page.
	NoDialog bool

	// SharedOrigin says that another program at the same origin may have browsers ask for a
	// login and so remember it, even with NoDialog: for example an application behind a
	// gateway that sends its own challenge.
	SharedOrigin bool

	// AllowOrigins are origins, such as "https://app.example", whose pages may have a browser
	// send forms with a credential. A form from any other origin is ErrCrossOrigin, unless
	// the browser cannot have remembered the credential: NoDialog without SharedOrigin. New
	// panics on a text that is not an origin. Default: none.
	AllowOrigins []string

	// Fail writes the answer to a refused or broken request. Where status is 401, its
	// WWW-Authenticate header is already set, or left out: see [Guard.Challenge]. Default: a
	// line of text, from [Message].
	Fail func(w http.ResponseWriter, r *http.Request, status int, err error)
}

// Guard lets requests through to a handler, or not. It is safe for concurrent
// use.
type Guard struct {
	auth         Authenticator
	withIdentity func(context.Context, sparekey.Attempt) (context.Context, error) // of auth
	config       Config
	challenge    string
	crossOrigin  *http.CrossOriginProtection
}

// New returns a Guard that asks auth.
func New(auth Authenticator, config Config) *Guard {
	if auth == nil {
		panic("basicauth.New: an Authenticator is required")
	}
	if config.Realm == "" {
		config.Realm = "Application passwords"
	}
	if config.Origin == nil {
		config.Origin = clientip.FromPeer
	}
	if config.Fail == nil {
		config.Fail = failWithText
	}
	return &Guard{
		auth: auth, withIdentity: withIdentity(auth), config: config, challenge: challenge(config.Realm),
		crossOrigin: crossOriginOf(config.AllowOrigins),
	}
}

// challenge is the value of WWW-Authenticate. Control characters have no place
// in a header.
func challenge(realm string) string {
	realm = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, realm)
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(realm)
	return scheme + ` realm="` + quoted + `", charset="UTF-8"`
}

// Require lets only requests with a right credential through to next. It answers
// preflights of browsers itself, since they carry none: see [ErrPreflight]. A handler that
// wants to answer them by itself does so before the guard.
//
// A credential with scopes needs one that covers the method and the path. One that has only
// scopes of the application's own is therefore denied, so that no handler is open to it
// because RequireScope was forgotten.
func (g *Guard) Require(next http.Handler) http.Handler { return g.require("", next) }

// RequireScope is like Require, for a handler that needs a scope of the application's own (see
// [scope.Named]). A credential with scopes needs this one: a rule that covers the method and the
// path is not enough. A credential without scopes can do everything that its user can. It
// panics if the Service that the Guard was made with does not have the scope in its bundles.
func (g *Guard) RequireScope(name string) func(next http.Handler) http.Handler {
	if svc, ok := g.auth.(interface{ Bundles() scope.Bundles }); ok && !svc.Bundles().HasNamed(name) {
		panic(fmt.Sprintf("basicauth: RequireScope needs %q among the scopes in Config.Bundles of the Service", name))
	}
	return func(next http.Handler) http.Handler { return g.require(name, next) }
}

func (g *Guard) require(scope string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := sparekey.Attempt{Scope: scope}
		err := g.mustPresent(&a, r)
		g.serve(w, r, next, &a, err)
	})
}

// Authenticate is Require for programs whose handlers are not those of net/http, such as the
// middleware of a framework. It returns the request with the identity in its context, for
// [sparekey.FromContext]. Errors are [ErrNotPresented], [ErrPreflight] and those of
// [Guard.Identify]; answer with [Guard.Fail], which also answers preflights, or with [Status]
// and [Message].
func (g *Guard) Authenticate(r *http.Request) (*http.Request, error) {
	var a sparekey.Attempt
	if err := g.mustPresent(&a, r); err != nil {
		return nil, err
	}
	ctx, err := g.withIdentity(r.Context(), a)
	if err != nil {
		return nil, err
	}
	return r.WithContext(ctx), nil
}

// mustPresent reads the attempt of a request that must have a credential.
func (g *Guard) mustPresent(a *sparekey.Attempt, r *http.Request) error {
	presented, err := g.read(a, r, g.config.Origin)
	switch {
	case err != nil || presented:
		return err
	case IsPreflight(r):
		return ErrPreflight
	}
	return ErrNotPresented
}

// Optional lets requests with a right credential, and those without any, through
// to next. A wrong one is refused all the same.
func (g *Guard) Optional(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var a sparekey.Attempt
		presented, err := g.read(&a, r, g.config.Origin)
		if err == nil && !presented {
			next.ServeHTTP(w, r)
			return
		}
		g.serve(w, r, next, &a, err)
	})
}

// serve lets a request through to next if the attempt that it makes is a right one.
func (g *Guard) serve(w http.ResponseWriter, r *http.Request, next http.Handler, a *sparekey.Attempt, err error) {
	ctx := r.Context()
	if err == nil {
		ctx, err = g.withIdentity(ctx, *a)
	}
	if err != nil {
		g.Fail(w, r, err)
		return
	}
	if sparekey.EndsSoon(ctx) {
		id, _ := sparekey.FromContext(ctx)
		Warn(w.Header(), id)
	}
	next.ServeHTTP(w, r.WithContext(ctx))
}

// Identify finds out who a request is from. presented is false where it carries
// no Basic credential. Errors are [ErrCrossOrigin] and those of
// [sparekey.Service.Authenticate].
func (g *Guard) Identify(r *http.Request) (id sparekey.Identity, presented bool, err error) {
	var a sparekey.Attempt
	presented, err = g.read(&a, r, g.config.Origin)
	if err == nil && presented {
		id, err = g.auth.Authenticate(r.Context(), a)
	}
	return id, presented, err
}

// Recheck reports whether a request that Identify found to be from id would still be
// accepted, for a handler that took long since, for example to read a body. Errors are those
// of [sparekey.Service.Recheck]. It asks only an Authenticator that is a [Rechecker].
func (g *Guard) Recheck(r *http.Request, id sparekey.Identity) error {
	again, ok := g.auth.(Rechecker)
	if !ok {
		return nil
	}
	var a sparekey.Attempt
	if _, err := g.read(&a, r, g.config.Origin); err != nil {
		return err
	}
	return again.Recheck(r.Context(), id, a)
}

// Attempt returns the attempt of a request that another program will answer. Its origin
// is known already, for example from a proxy that asks about the request. It reads
// r.Method, r.RequestURI, r.Host and r.Header. presented is false where the request
// carries no Basic credential. The caller sets Attempt.Upstream. Errors are
// [ErrCrossOrigin] and refusals of what is malformed.
func (g *Guard) Attempt(r *http.Request, origin clientip.Origin) (a sparekey.Attempt, presented bool, err error) {
	presented, err = g.present(&a, r)
	if err == nil && presented {
		a.Addr, a.Secure = origin.Addr, origin.Secure
	}
	return a, presented, err
}

// read reads what a request presents into a, for a handler of this program.
func (g *Guard) read(a *sparekey.Attempt, r *http.Request, from clientip.Resolver) (presented bool, err error) {
	presented, err = g.present(a, r)
	if err == nil && presented {
		origin := from(r)
		a.Addr, a.Secure = origin.Addr, origin.Secure
		a.Upstream = upstream.ForHandler(r, a.Request.Target)
	}
	return presented, err
}

// present reads the credential of a request, and the request itself, into a.
func (g *Guard) present(a *sparekey.Attempt, r *http.Request) (presented bool, err error) {
	a.Login, a.Secret, presented, err = fromRequest(r)
	if err != nil || !presented {
		return presented, err
	}
	if g.isForgeable(r) {
		return true, ErrCrossOrigin
	}
	a.Request = requested(r)
	return true, nil
}

// requested is the request as it was sent, with the part of its path that a router cut off.
func requested(r *http.Request) sparekey.Request {
	target := r.RequestURI
	if target == "" { // of a request that was not received but made
		target = r.URL.RequestURI()
	}
	return sparekey.Request{Method: r.Method, Target: target}
}

// Fail answers a request that err refused or broke. Scripts of other origins can read a
// refusal.
func (g *Guard) Fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, ErrPreflight) {
		answerPreflight(w, r)
		return
	}
	status := Status(err)
	ShowRefusal(w.Header(), r)
	setReason(w.Header(), r, err)
	if status == http.StatusUnauthorized {
		g.Challenge(w.Header(), r)
	}
	if seconds := RetryAfter(err); seconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	w.Header().Set("Cache-Control", "no-store")
	g.config.Fail(w, r, status, err)
}

// RetryAfter returns for how many seconds a throttled caller should wait, or 0.
func RetryAfter(err error) int {
	var refused *sparekey.AuthError
	if !errors.As(err, &refused) {
		return 0
	}
	return refused.RetrySeconds()
}

// Status is the HTTP status for an error of Identify: 401, 403 or 429 for a
// refusal, 204 for ErrPreflight, 503 where the attempt is broken.
func Status(err error) int {
	var refused *sparekey.AuthError
	switch {
	case errors.Is(err, ErrPreflight):
		return http.StatusNoContent
	case errors.As(err, &refused) && refused.Reason == sparekey.ReasonThrottled:
		return http.StatusTooManyRequests
	case errors.Is(err, sparekey.ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, sparekey.ErrUnauthenticated):
		return http.StatusUnauthorized
	default:
		return http.StatusServiceUnavailable
	}
}

// Message says what the caller may know of an error of Identify. It is the same
// for an unknown user and for a wrong secret.
func Message(err error) string {
	var refused *sparekey.AuthError
	if !errors.As(err, &refused) {
		switch {
		case errors.Is(err, ErrCrossOrigin):
			return "A page of another origin had the browser send this, which may have added an application password that it remembers, so it was not carried out. Send JSON by fetch, or have the operator allow the origin (--allow-origin)."
		case errors.Is(err, sparekey.ErrForbidden):
			return "This application password may not do that."
		}
		return "The application password could not be checked. Try again in a moment."
	}
	switch refused.Reason {
	case sparekey.ReasonInsecure:
		return "Application passwords are accepted over HTTPS only."
	case sparekey.ReasonDisabled:
		return "Application passwords are switched off here."
	case sparekey.ReasonDisabledForUser:
		return "Application passwords are switched off for this user."
	case sparekey.ReasonMalformed:
		if errors.Is(refused.Err, ErrSeveral) {
			return refused.Err.Error()
		}
		return "Send your login and an application password with Basic authentication."
	case sparekey.ReasonUnknownLogin, sparekey.ReasonUnknownEmail, sparekey.ReasonWrongSecret:
		return wrongCredential
	default: // limits of a credential whose secret is right, throttling, and the reasons of hooks
		if refused.Err != nil {
			return refused.Err.Error()
		}
		return wrongCredential
	}
}

const wrongCredential = "The login or the application password is wrong. Send the login of your account, " +
	"not the name of the application, and an application password, not your main password."

func failWithText(w http.ResponseWriter, _ *http.Request, status int, err error) {
	http.Error(w, Message(err), status)
}
