package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/doctor"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/internal/rawpath"
	"github.com/sparekey-dev/sparekey/rest"
	"github.com/sparekey-dev/sparekey/web"
)

// api is WordPress's REST API, as far as Sparekey has it, with the root base. home is the
// URL of the site.
func (c *server) api(site *Site, database, base, home string, log *slog.Logger) *rest.Handler {
	var users rest.UserChanger
	var pageOf func(sparekey.User) string // on WordPress, the page of an author
	if !config.IsWordPress(database) {
		users = ownAccounts{site: site}
		pageOf = func(sparekey.User) string { return home + "/" } // users have no pages of their own
	}
	return rest.New(site.Service, nil, rest.Config{
		Users:           users,
		BaseURL:         base,
		HomeURL:         home,
		Name:            c.SiteName,
		UserURL:         pageOf,
		Origin:          c.origin(),
		WordPressErrors: c.WordpressErrors,
		SharedOrigin:    !c.hasNoDialogs(database),
		AllowOrigins:    c.AllowOrigin,
		Log:             log,
	})
}

// handler is everything that the server answers itself, and the places at which it answers
// for a WordPress, which has these sites.
func (c *server) handler(site *Site, sites *upstream.Sites, database, home string, log *slog.Logger) (http.Handler, *places) {
	p := c.paths(home)
	if c.Upstream == "" {
		sites = nil // WordPress is not behind this address
	}
	gate, pages := c.pages(site, database, home, log)
	a := &places{
		paths: p, home: home, api: c.api(site, database, home+apiPath, home, log), sites: sites,
		newAPI: func(base, home string) *rest.Handler { return c.api(site, database, base, home, log) },
		authorizeFor: func(siteURL string) http.Handler {
			return c.withHSTS(home, c.origin(), pages.AuthorizeFor(siteURL))
		},
		load: gate.Load,
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+p.own(doctor.Path), doctor.Answer(c.origin()))
	mux.HandleFunc("GET "+p.own(alivePath), alive)
	mux.Handle("GET "+p.own(readyPath), &ready{backend: site, log: log})
	handle := func(pattern string, page http.Handler) { mux.Handle(pattern, a.discover(page)) }
	handlePages(p, gate, pages, handle)
	if !config.IsWordPress(database) {
		handleAccount(site, gate, p, pages, handle)
	}
	return apiFirst(a.api, p, orNoPage(mux, gate.Load(pages))), a
}

// orNoPage has a browser that asks for what mux does not know see the pages' own
// word on that, in its language. Programs get what they always got.
func orNoPage(mux *http.ServeMux, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		if pattern == "" && r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") {
			pages.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// pages are what people see in a browser, and the gate that knows who is signed in to them.
func (c *server) pages(site *Site, database, home string, log *slog.Logger) (*login.Gate, *web.Handler) {
	p := c.paths(home)
	account := p.own(profilePath)
	if config.IsWordPress(database) {
		account = ""
	}
	callbacks, _ := c.Callbacks() // Validate has read them
	cookie := login.Cookie{Secure: strings.HasPrefix(home, "https:"), Path: p.base}
	gate := login.NewGate(site.Accounts, site, cookie, site.limiter, log)
	return gate, web.New(site.Service, gate.Viewer, web.Config{
		BaseURL:         home + p.prefix + accountPath,
		SiteURL:         home,
		SiteName:        c.SiteName,
		TryURL:          home + c.firstRoute(),
		WordPress:       c.isWordPress(database),
		SignInURL:       p.own(signInPath),
		SignOutURL:      p.own(signOutPath),
		AccountURL:      account,
		Session:         gate.Session,
		Confirmed:       gate.Confirmed,
		ConfirmURL:      p.own(confirmPath),
		Origin:          c.origin(),
		NoQueryRedirect: c.NoQueryRedirect,
		AllowCallbacks:  callbacks,
		Audit:           site.History(),
		Log:             log,
	})
}

// handlePages adds the pages, and redirects to them from where people may look.
func handlePages(p paths, gate *login.Gate, pages *web.Handler, handle func(pattern string, page http.Handler)) {
	for pattern, h := range map[string]http.Handler{
		p.own(accountPath):           pages,
		p.own(accountPath) + "/":     pages,
		p.own(authorizePath):         pages.Authorize(),
		p.wordPress(wpAuthorizePath): pages.Authorize(),
		p.own(signInPath):            pages.SignIn(gate),
		p.own(signOutPath):           pages.SignIn(gate),
		p.own(confirmPath):           pages.SignIn(gate),
	} {
		handle(pattern, gate.Load(h))
	}
	toAccount := http.RedirectHandler(p.own(accountPath), http.StatusFound)
	handle(p.base+"/{$}", toAccount)
	if p.base != "" {
		handle(p.base, toAccount)
	}
	if p.prefix != "" {
		handle(p.own("/{$}"), toAccount)
		handle(p.own(""), toAccount)
	}
	handle(p.own("/account"), toAccount)
	handle(p.wordPress("/wp-admin/"), toAccount)
	handle(p.wordPress("/wp-login.php"), http.RedirectHandler(p.own(signInPath), http.StatusFound))
}

// apiFirst sends what is for the API there as it is: what is below its path, since a
// ServeMux redirects "//", which the API answers itself, and requests with
// ?rest_route= where a site without pretty URLs has it. All others go to next.
func apiFirst(api http.Handler, p paths, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := rawpath.CutFolder(r.URL.EscapedPath(), p.base)
		_, isBelow := rawpath.CutFolder(path, apiPath)
		byQuery := (path == "" || path == "/" || path == "/index.php") && namesRoute(r.URL.Query())
		if ok && (byQuery || isBelow) {
			api.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// namesRoute reports whether a query has a rest_route, be it as a list, which the API
// refuses.
func namesRoute(query url.Values) bool {
	for name := range query {
		if stem, _, _ := strings.Cut(name, "["); stem == "rest_route" {
			return true
		}
	}
	return false
}

// alive answers that the program runs.
func alive(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") }

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that is gone needs no answer
}

// logRequests logs every request at DEBUG. Queries are left out: what clients put
// there is their own affair.
func logRequests(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !log.Enabled(r.Context(), slog.LevelDebug) {
			next.ServeHTTP(w, r)
			return
		}
		start := time.Now()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		log.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path,
			"status", recorder.status, "took", time.Since(start), "peer", r.RemoteAddr)
	})
}

// statusRecorder remembers the status that a handler answered with.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// logEvents logs what happens to credentials. Refusals are warnings: many of them mean that an
// attacker is guessing.
func logEvents(log *slog.Logger) func(context.Context, sparekey.Event) {
	return func(ctx context.Context, e sparekey.Event) {
		switch e.Kind {
		case sparekey.KindAuthenticated:
			log.DebugContext(ctx, string(e.Kind), "user", e.User.Login, "credential", e.Credential, "addr", e.Addr)
		case sparekey.KindRefused:
			log.Log(ctx, refusalLevel(e), string(e.Kind), refusal(e)...)
		case sparekey.KindPublic: // the gateway reports these to the audit log alone
		case sparekey.KindBroken: // the handler that answers logs why; this is for those that do not
			log.DebugContext(ctx, string(e.Kind), "addr", e.Addr, "error", e.Err)
		case sparekey.KindUsageWriteFailed:
			log.ErrorContext(ctx, string(e.Kind), "user", e.User.Login, "credential", e.Credential, "error", e.Err)
		case sparekey.KindReRevoked, sparekey.KindRestored, sparekey.KindConflict:
			log.WarnContext(ctx, string(e.Kind), "user", e.User.ID, "credential", e.Credential)
		case sparekey.KindExpiring:
			log.WarnContext(ctx, string(e.Kind), "user", e.User.Login, "credential", e.Credential, "expires", e.Expires)
		case sparekey.KindCreated, sparekey.KindRenamed, sparekey.KindLimited, sparekey.KindRotated, sparekey.KindRevoked:
			log.InfoContext(ctx, string(e.Kind), change(e)...)
		}
	}
}

// change is what is logged of a change to a credential.
func change(e sparekey.Event) []any {
	attrs := []any{"user", e.User.Login, "credential", e.Credential, "actor", e.Actor.Login}
	if e.Reason != "" {
		attrs = append(attrs, "reason", e.Reason)
	}
	return attrs
}

// refusalLevel is a warning, except for throttled requests: the beginning of throttling is
// logged once, or a flood would fill the log.
func refusalLevel(e sparekey.Event) slog.Level {
	if e.Reason == sparekey.ReasonThrottled {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// cut returns as much as is logged of a text that a client chose. slog escapes what
// could begin another line.
func cut(text string) string {
	const most = 500
	return text[:min(len(text), most)]
}

// refusal is what is logged of one: not the login as it was presented, since
// people put the password into the field for the login.
func refusal(e sparekey.Event) []any {
	attrs := []any{"reason", e.Reason}
	if e.User.Login != "" {
		attrs = append(attrs, "user", e.User.Login)
	}
	if e.Credential.UUID != "" {
		attrs = append(attrs, "credential", e.Credential)
	}
	if e.Addr.IsValid() {
		attrs = append(attrs, "addr", e.Addr)
	}
	if !e.Request.IsZero() {
		attrs = append(attrs, "method", cut(e.Request.Method), "path", cut(e.Request.Path()))
	}
	if e.Err != nil {
		attrs = append(attrs, "error", e.Err)
	}
	if e.Reason == sparekey.ReasonInsecure {
		attrs = append(attrs, "hint", "the request came in the clear: serve HTTPS, or have the trusted proxy send X-Forwarded-Proto: https")
	}
	return attrs
}
