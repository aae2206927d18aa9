package web

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// AccountKeeper changes the accounts of a program that has its own. The session is in
// the context of the request. It must be safe for concurrent use.
type AccountKeeper interface {
	// ChangeAccount changes the user who is signed in. A new e-mail address or main password
	// needs the present main password. A new main password ends the user's other sessions.
	//
	// It refuses with an [*sparekey.AuthError] for a wrong present main password, as [Gate]
	// does; with a [*sparekey.InvalidError] about the field "email", "display name" or
	// "password"; with [sparekey.ErrEmailTaken]; and with [sparekey.ErrConflict] if the
	// session has ended meanwhile. Any other error means that there was no answer.
	ChangeAccount(ctx context.Context, present string, change sparekey.UserChange, addr netip.Addr) error
}

// Account returns the page at [Config.AccountURL], which is required then. There people
// change their name, their e-mail address, their main password and the language of the
// pages, and sign out everywhere.
func (h *Handler) Account(keeper AccountKeeper) http.Handler {
	if keeper == nil || !localPath(h.config.AccountURL) {
		panic("web.Handler.Account: an AccountKeeper, and a path as Config.AccountURL, are required")
	}
	p := accountPages{keeper}
	return h.page(methods{http.MethodGet: signedIn(p.show), http.MethodPost: signedIn(p.change)})
}

type accountPages struct{ keeper AccountKeeper }

// accountPage is the account of the viewer.
type accountPage struct {
	view
	nav
	Login       string
	DisplayName string
	Email       string
	Notice      string
	Problem     string
	Wrong       map[string]bool // by field
	Revokes     bool            // another main password revokes all application passwords
	Languages   []choice
	SignOutURL  string
}

func (p accountPages) show(c *call) (*answer, error) {
	return c.accountPage(&accountPage{
		DisplayName: c.signed.DisplayName, Email: c.signed.Email, Notice: c.notice(),
	})
}

func (c *call) accountPage(p *accountPage) (*answer, error) {
	var err error
	p.nav, err = c.tabs("")
	p.Login = displayText(c.signed.Login)
	p.DisplayName, p.Email = first(withoutControls(p.DisplayName), maxEditable), first(withoutControls(p.Email), maxEditable)
	p.Revokes = c.svc.Policy().RevokeOnPasswordReset
	p.Languages = append([]choice{{Text: c.lang.T("account.language_auto"), Chosen: true}}, c.languages.choices(chosenLanguage(c.r))...)
	p.SignOutURL = c.config.SignOutURL
	return show("account", c.lang.T("account.title"), p), err
}

// change does what one of the forms asks for.
func (p accountPages) change(c *call) (*answer, error) {
	switch c.field("what") {
	case "details":
		name, email := strings.TrimSpace(c.field("display_name")), strings.TrimSpace(c.field("email"))
		return p.apply(c, "account", sparekey.UserChange{DisplayName: &name, Email: &email})
	case "password":
		password := c.field("password")
		if password != c.field("repeat") {
			return c.accountProblem(http.StatusBadRequest, "repeat", c.lang.T("problem.repeat"))
		}
		return p.apply(c, "password", sparekey.UserChange{Password: &password})
	case "language":
		return c.setLanguage()
	}
	return nil, errBadForm
}

func (p accountPages) apply(c *call, what string, change sparekey.UserChange) (*answer, error) {
	err := p.keeper.ChangeAccount(c.r.Context(), c.field("present"), change, c.config.Origin(c.r).Addr)
	if problem, status := c.gateProblem(err, "problem.present"); problem != "" {
		return c.accountProblem(status, "present_"+c.field("what"), problem)
	}
	var invalid *sparekey.InvalidError
	switch {
	case errors.Is(err, sparekey.ErrEmailTaken):
		return c.accountProblem(http.StatusConflict, "email", c.lang.T("problem.email_taken"))
	case errors.As(err, &invalid):
		return c.accountProblem(http.StatusBadRequest, strings.ReplaceAll(invalid.Field, " ", "_"), c.accountText(err))
	case errors.Is(err, sparekey.ErrConflict): // the session has ended, which shows there
		return redirect(c.config.AccountURL), nil
	case err != nil:
		return nil, err
	}
	return redirect(done(c.config.AccountURL, what)), nil
}

// accountText says everything that is wrong with the fields of a form.
func (c *call) accountText(err error) string {
	var texts []string
	for _, field := range wrongFields(err) {
		key := map[string]string{"email": "problem.email", "display name": "problem.display_name", "password": "problem.new_password"}[field]
		texts = append(texts, c.lang.T(key))
	}
	return strings.Join(texts, " ")
}

// accountProblem is the page with what was typed, except passwords.
func (c *call) accountProblem(status int, field, problem string) (*answer, error) {
	p := &accountPage{DisplayName: c.signed.DisplayName, Email: c.signed.Email, Problem: problem, Wrong: map[string]bool{field: true}}
	if c.field("what") == "details" {
		p.DisplayName, p.Email = c.field("display_name"), c.field("email")
	}
	a, err := c.accountPage(p)
	if err == nil {
		a.status = status
	}
	return a, err
}

// languageCookie has the language that the reader chose for this browser. It is not secret.
const languageCookie = "sparekey_language"

const languageChosenFor = 365 * 24 * time.Hour

// chosenLanguage is the tag in the cookie, or "".
func chosenLanguage(r *http.Request) string {
	chosen, err := r.Cookie(languageCookie)
	if err != nil {
		return ""
	}
	return chosen.Value
}

func (c *call) setLanguage() (*answer, error) {
	tag := c.field("language")
	cookie := &http.Cookie{ //nolint:gosec // without TLS, on this machine, a secure cookie is not possible
		Name: languageCookie, Value: tag, Path: c.cookiePath(), MaxAge: int(languageChosenFor.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(c.config.BaseURL, "https:"),
	}
	switch {
	case tag == "":
		cookie.MaxAge = -1
	case c.languages[tag] == nil:
		return nil, errBadForm
	}
	http.SetCookie(c.w, cookie)
	return redirect(done(c.config.AccountURL, "language")), nil
}

// cookiePath is the folder in which the pages' cookies count: that of the site, or that of
// the host where the pages are elsewhere.
func (c *call) cookiePath() string {
	site := siteURL(c.config.SiteURL) // withDefaults has brought it into its normal form
	path := site.EscapedPath()
	if path == "" || !strings.HasPrefix(c.base+"/", path+"/") || origin(c.config.baseURL()) != origin(site) {
		return "/"
	}
	return path
}

// choices offers the languages by their own names.
func (languages catalogue) choices(chosen string) (all []choice) {
	for _, tag := range slices.Sorted(maps.Keys(languages)) {
		all = append(all, choice{Value: tag, Text: languages[tag].Name, Chosen: tag == chosen})
	}
	return all
}

// of returns the language of a request: the one that the reader chose, or else the one
// that the browser prefers.
func (languages catalogue) of(r *http.Request) *language {
	if l := languages[chosenLanguage(r)]; l != nil {
		return l
	}
	return languages.match(r.Header.Get("Accept-Language"))
}
