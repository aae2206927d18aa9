package web

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/wpname"
	"github.com/sparekey-dev/sparekey/web/internal/urlquery"
)

// Gate is the accounts and sessions behind the sign-in pages. The session is in
// the context of the request. An [*sparekey.AuthError] refuses, with
// [sparekey.ReasonThrottled] after too many tries. An error with a method RetryAfter()
// [time.Duration] says that nothing was checked, since too many wait for it. Any other
// error means that the gate could not answer. It must be safe for concurrent use.
type Gate interface {
	// SignIn begins a session of the user with this login or e-mail address and
	// main password. It gives the session another token.
	SignIn(ctx context.Context, login, password string, addr netip.Addr) error
	// Confirm notes in the session that its user has just entered their main
	// password again.
	Confirm(ctx context.Context, password string, addr netip.Addr) error
	// SignOut ends the session.
	SignOut(ctx context.Context) error
	// SignOutEverywhere ends all sessions of its user.
	SignOutEverywhere(ctx context.Context) error
}

// SignIn returns the pages to sign in and out, for a program with accounts of its
// own: at [Config.SignInURL], [Config.ConfirmURL] and [Config.SignOutURL], all
// of which are required then. They look and speak as the pages of h do, and use
// its files.
func (h *Handler) SignIn(gate Gate) http.Handler {
	if gate == nil || h.config.SignInURL == "" || h.config.ConfirmURL == "" || h.config.SignOutURL == "" {
		panic("web.Handler.SignIn: a Gate, and Config.SignInURL, ConfirmURL and SignOutURL, are required")
	}
	g := gatekeeper{gate}
	mux := http.NewServeMux()
	mux.Handle(pathOf(h.config.SignInURL), h.page(methods{http.MethodGet: g.showSignIn, http.MethodPost: g.signIn}))
	mux.Handle(pathOf(h.config.ConfirmURL), h.page(methods{http.MethodGet: signedIn(g.showConfirm), http.MethodPost: signedIn(g.confirm)}))
	mux.Handle(pathOf(h.config.SignOutURL), h.page(methods{http.MethodGet: g.showSignOut, http.MethodPost: g.signOut}))
	mux.Handle("/", h.page(nil))
	return mux
}

func pathOf(target string) string {
	u, err := url.Parse(target)
	if err != nil || u.Path == "" {
		return "/{$}"
	}
	return u.EscapedPath()
}

type gatekeeper struct{ gate Gate }

// passwordPage asks for a main password: to sign in, or to confirm who it is.
type passwordPage struct {
	view
	Login         string
	Problem       string
	Notice        string
	RedirectTo    string
	RequestingApp string // which application asks to be connected, or empty
	Focus         bool   // on the password
}

// signOutPage offers to sign out, here or everywhere.
type signOutPage struct {
	view
	RedirectTo string // after the next sign-in; empty: the list
	Back       string // for a user who stays signed in
}

func (g gatekeeper) showSignIn(c *call) (*answer, error) {
	if !c.config.Origin(c.r).Secure {
		return nil, errInsecure
	}
	_, ok, err := c.whoIsSignedIn()
	switch {
	case err != nil:
		return nil, err
	case ok:
		return redirect(c.redirectTo()), nil
	}
	return c.signInPage(&passwordPage{Notice: c.notice()}), nil
}

func (c *call) signInPage(p *passwordPage) *answer {
	p.RedirectTo = c.redirectTo()
	p.RequestingApp = c.requestingApp(p.RedirectTo)
	return show("signin", c.lang.T("signin.title", "site", c.config.SiteName), p)
}

// requestingApp says which application asks to be connected, if signing in continues at the
// authorize screen.
func (c *call) requestingApp(next string) string {
	u, err := url.Parse(next)
	if err != nil || !strings.HasSuffix(u.Path, "/authorize") && !strings.HasSuffix(u.Path, "/authorize-application.php") {
		return ""
	}
	if app := displayText(wpname.Sanitize(u.Query().Get("app_name"))); app != "" {
		return c.lang.T("signin.asks", "app", app)
	}
	return c.lang.T("signin.asks_unnamed")
}

func (g gatekeeper) signIn(c *call) (*answer, error) {
	origin := c.config.Origin(c.r)
	if !origin.Secure {
		return nil, errInsecure
	}
	login := c.field("login")
	err := g.gate.SignIn(c.r.Context(), login, c.field("password"), origin.Addr)
	if problem, status := c.gateProblem(err, "problem.signin"); problem != "" {
		a := c.signInPage(&passwordPage{Login: login, Problem: problem})
		a.status = status
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	return redirect(c.redirectTo()), nil
}

func (g gatekeeper) showConfirm(c *call) (*answer, error) {
	return c.confirmPasswordPage(""), nil
}

func (c *call) confirmPasswordPage(problem string) *answer {
	return show("password", c.lang.T("password.title"), &passwordPage{
		Login: c.signed.Login, Problem: problem, RedirectTo: c.redirectTo(), Focus: true,
	})
}

func (g gatekeeper) confirm(c *call) (*answer, error) {
	err := g.gate.Confirm(c.r.Context(), c.field("password"), c.config.Origin(c.r).Addr)
	if problem, status := c.gateProblem(err, "problem.password"); problem != "" {
		a := c.confirmPasswordPage(problem)
		a.status = status
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	return redirect(c.redirectTo()), nil
}

// gateProblem is the message and the status for a refusal of the gate. All refusals look the
// same, so that they do not reveal which logins exist. The form keeps everything except the
// password.
func (c *call) gateProblem(err error, key string) (problem string, status int) {
	var refused *sparekey.AuthError
	var busy interface {
		error
		RetryAfter() time.Duration
	}
	switch {
	case errors.As(err, &busy):
		c.retryAfter(busy.RetryAfter())
		return c.lang.T("problem.busy"), http.StatusServiceUnavailable
	case !errors.As(err, &refused):
		return "", 0
	case refused.Reason == sparekey.ReasonThrottled:
		c.retryAfter(refused.RetryAfter)
		return c.lang.T("problem.throttled"), http.StatusTooManyRequests
	}
	return c.lang.T(key), http.StatusForbidden
}

func (c *call) retryAfter(wait time.Duration) {
	if seconds := math.Ceil(wait.Seconds()); seconds > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
}

// showSignOut does not make a user who signed out already come back to it after signing in.
func (g gatekeeper) showSignOut(c *call) (*answer, error) {
	if redirected, err := c.identify(c.redirectTo()); redirected != nil || err != nil {
		return redirected, err
	}
	return show("signout", c.lang.T("signout.title"), &signOutPage{RedirectTo: c.field("redirect_to"), Back: c.redirectTo()}), nil
}

func (g gatekeeper) signOut(c *call) (*answer, error) {
	if err := c.identifyOptional(); err != nil {
		return nil, err
	}
	if c.signed.ID != "" {
		if err := c.checkFormOwner(); err != nil {
			return nil, err
		}
	}
	end := g.gate.SignOut
	if c.fields().Has("everywhere") {
		end = g.gate.SignOutEverywhere
	}
	if err := end(c.r.Context()); err != nil {
		return nil, err
	}
	to := done(c.config.SignInURL, "signed_out")
	if back := c.field("redirect_to"); localPath(back) {
		to = urlquery.Add(to, urlquery.Field{Name: "redirect_to", Value: back})
	}
	return redirect(to), nil
}

func (c *call) redirectTo() string {
	if to := c.field("redirect_to"); localPath(to) {
		return to
	}
	return c.home()
}
