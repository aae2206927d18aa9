// Package rest is WordPress's REST API of application passwords, together with the other
// parts of that API that its clients need: users, and the index, where clients find the
// authorization page. Clients written for WordPress 7.1 work with it unchanged.
//
//	svc := sparekey.New(store, app, sparekey.Config{Allow: app.MayEdit})
//	api := rest.New(svc, app.Viewer, rest.Config{BaseURL: "https://example.org/wp-json"})
//	mux.Handle("/wp-json", api)
//	mux.Handle("/wp-json/", api)
//	mux.Handle("/", api.Discover(app.Pages()))
//
// The API only reads users, unless [Config.Users] can change them. An application adds its
// own routes at a longer pattern, such as "/wp-json/wp/v2/posts", behind a basicauth.Guard.
//
// # Authentication
//
// A Basic credential decides if a request has one; a wrong one is answered with 401 on every
// route. Otherwise the application's own session decides, by the viewer of [New]. With a session,
// requests that change something must come from the same site. JSONP ignores sessions, since
// pages of any site can send such requests.
//
// # Differences from WordPress
//
// The API does not repeat known faults of WordPress. A user or a UUID in the path cannot be
// replaced by one in the query or the body. GET and HEAD change nothing, whatever a method
// override says. CORS never allows credentials. A wrong credential is refused rather than
// ignored. When a store is down, the status is 503.
package rest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/internal/siteurl"
	"github.com/sparekey-dev/sparekey/scope"
)

// DefaultMaxBody is how many bytes the body of a request may have.
const DefaultMaxBody = 1 << 20

// Config holds the options of a [Handler].
type Config struct {
	// BaseURL is the public URL of the API's root, such as
	// "https://example.org/wp-json". Links are made from it, and its path is the
	// one that the Handler serves. A site whose API has no paths has
	// "https://example.org/?rest_route=/", as in WordPress. Required; it must be absolute.
	BaseURL string

	// HomeURL is the public URL of the site that the API belongs to. Default:
	// BaseURL without its last path element.
	HomeURL string

	// AuthorizeURL is the page on which a user lets an application have an
	// application password. Default: HomeURL and
	// "/wp-admin/authorize-application.php".
	AuthorizeURL string

	// Name is the site's name. Default: the host of HomeURL.
	Name string

	// Description is the site's motto. Default: none.
	Description string

	// OpaqueUserIDs lets routes address users by any ID of letters, digits and
	// "_.~-", for applications whose users are not numbered; such IDs are
	// strings in the answers. Default: decimal IDs alone, as in WordPress.
	OpaqueUserIDs bool

	// Users changes users. Default: the API only reads them, and answers 501 to callers who
	// may change one in WordPress.
	Users UserChanger

	// Avatar returns the URL of a user's picture, size pixels wide and high, or "". Default:
	// no user has a picture.
	Avatar func(u sparekey.User, size int) string

	// UserURL returns the URL of a user's page, which clients show as a link: it should
	// lead to something. Default: "/author/" and the login below HomeURL, as in WordPress.
	UserURL func(u sparekey.User) string

	// Origin determines where a request came from. On an insecure request, the API answers
	// that application passwords are not available. Default: clientip.FromPeer, which needs
	// TLS or a caller on this machine; behind a proxy name it with clientip.FromForwardedFor.
	Origin clientip.Resolver

	// Realm names the API to people whose browser asks them for a login.
	// Default: that of [basicauth.Config].
	Realm string

	// SharedOrigin says that another program at the API's origin may have browsers ask for a
	// login. AllowOrigins names origins whose pages may send forms even then: see
	// basicauth.Config. Default: not shared, so forms of all origins that bring an
	// application password are carried out, as in WordPress.
	SharedOrigin bool
	AllowOrigins []string

	// WordPressErrors tells an unknown login (invalid_username), an unknown
	// e-mail address (invalid_email) and a wrong secret (incorrect_password)
	// apart, as WordPress's own codes do, and so tells anyone who asks which
	// logins exist. Default: all of them are incorrect_password.
	WordPressErrors bool

	// MaxBody bounds the body of a request, in bytes. Of an anonymous one, at most 16 KiB are
	// read. Default: DefaultMaxBody.
	MaxBody int64

	// Now is the clock. Default: time.Now.
	Now func() time.Time

	// Log receives the requests that could not be answered. Default: none.
	Log *slog.Logger
}

// Handler serves the API. It answers requests below the path of [Config.BaseURL], and
// requests for any path with a query parameter rest_route. It is safe for concurrent use.
type Handler struct {
	svc         *sparekey.Service
	viewer      func(*http.Request) (sparekey.User, bool, error)
	config      Config
	base        string // BaseURL without a slash at its end
	basePath    string // its path, in the form of a request's
	byQuery     bool   // the API has no paths: BaseURL ends with the parameter rest_route
	guard       *basicauth.Guard
	crossOrigin *http.CrossOriginProtection
	routes      []*route
	password    *route // of a single application password
}

// New returns a Handler for the application passwords of svc. viewer returns the user who is
// signed in by the application's own session, and false where there is none. An error says that
// it cannot tell, for example because the store of sessions is down: the answer is then 503, as
// for every question without an answer. viewer must be safe for concurrent use. It is also what
// package web takes. A nil viewer means that callers authenticate with application passwords
// only.
func New(svc *sparekey.Service, viewer func(*http.Request) (sparekey.User, bool, error), config Config) *Handler {
	if svc == nil {
		panic("rest.New: a *sparekey.Service is required")
	}
	text, byQuery := cutRoute(config.BaseURL)
	base := absolute("BaseURL", text)
	config = withDefaults(config, base, byQuery)
	if viewer == nil {
		viewer = func(*http.Request) (sparekey.User, bool, error) { return sparekey.User{}, false, nil }
	}
	h := &Handler{
		svc:         svc,
		viewer:      viewer,
		config:      config,
		base:        base.String(),
		basePath:    base.EscapedPath(),
		byQuery:     byQuery,
		crossOrigin: http.NewCrossOriginProtection(),
	}
	if byQuery {
		if strings.HasSuffix(text, "/") {
			h.base += "/"
		}
		h.base += routeParameter
		h.basePath = strings.TrimSuffix(h.basePath, "/index.php") + defaultBasePath
	}
	h.guard = basicauth.New(svc, basicauth.Config{
		Realm: config.Realm, Origin: config.Origin, NoDialog: true, SharedOrigin: config.SharedOrigin,
		AllowOrigins: config.AllowOrigins, Fail: h.failCredential,
	})
	if err := h.crossOrigin.AddTrustedOrigin(base.Scheme + "://" + base.Host); err != nil {
		panic(fmt.Sprintf("rest.New: Config.BaseURL: %v", err))
	}
	h.routes, h.password = routes(config.OpaqueUserIDs)
	return h
}

// routeParameter ends the BaseURL of an API without paths.
const routeParameter = "?rest_route="

// defaultBasePath is where an API without paths would have them. It is part of what scopes
// are compared with.
const defaultBasePath = "/wp-json"

// cutRoute cuts the parameter off the BaseURL of an API without paths. The slash that its
// path ends with stays.
func cutRoute(text string) (before string, byQuery bool) {
	return strings.CutSuffix(strings.TrimRight(text, "/"), routeParameter)
}

// absolute is a configured URL in its normal form, without a slash at its end.
func absolute(field, text string) *url.URL {
	u, err := siteurl.Parse(strings.TrimRight(text, "/"))
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		panic(fmt.Sprintf("rest.New: Config.%s must be an absolute URL without a query, such as %q, not %q",
			field, "https://example.org/wp-json", text))
	}
	return u
}

func withDefaults(config Config, base *url.URL, byQuery bool) Config {
	if config.HomeURL == "" {
		home := *base
		home.RawPath = ""
		if byQuery {
			home.Path = strings.TrimSuffix(base.Path, "/index.php")
		} else {
			home.Path = strings.TrimRight(path.Dir("/"+strings.TrimLeft(base.Path, "/")), "/")
		}
		config.HomeURL = home.String()
	}
	home := absolute("HomeURL", config.HomeURL)
	config.HomeURL = home.String()
	if config.AuthorizeURL == "" {
		config.AuthorizeURL = config.HomeURL + "/wp-admin/authorize-application.php"
	}
	if config.Name == "" {
		config.Name = home.Host
	}
	if config.Avatar == nil {
		config.Avatar = func(sparekey.User, int) string { return "" }
	}
	if config.UserURL == nil {
		config.UserURL = func(u sparekey.User) string { return config.HomeURL + "/author/" + slug(u) + "/" }
	}
	if config.Origin == nil {
		config.Origin = clientip.FromPeer
	}
	if config.MaxBody <= 0 {
		config.MaxBody = DefaultMaxBody
	}
	if config.Now == nil {
		config.Now = time.Now //nolint:forbidigo // the default clock
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return config
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer h.answerPanic(w, r)
	setCommonHeaders(w.Header(), r, h.root())
	if !scope.IsSafe(r.Method) {
		r = r.WithContext(sparekey.WithCaller(r.Context(), h.config.Origin(r).Addr, r.Method, r.RequestURI))
	}
	c := &call{h: h, w: w, r: r}
	answer, err := c.answer()
	if c.caller.identity != nil {
		basicauth.Warn(w.Header(), *c.caller.identity)
	}
	var refused *credentialError
	switch {
	case errors.As(err, &refused):
		h.guard.Fail(w, r, refused.err)
	case err != nil:
		if c.unavailableErr != nil { // the credential was not looked at
			w.Header().Set(basicauth.HeaderReason, string(sparekey.ReasonDisabled))
		}
		c.write(w, c.failure(err))
	default:
		c.write(w, answer)
	}
}

// answer processes a request in WordPress's order: caller, route, parameters, permission. It
// reads nothing of the body before the caller is known.
func (c *call) answer() (*response, error) {
	if err := c.readQuery(); err != nil {
		return nil, err
	}
	if err := c.identify(); err != nil {
		return nil, err
	}
	if c.method == http.MethodOptions {
		return c.describe()
	}
	if err := c.findRoute(); err != nil {
		return nil, err
	}
	if err := c.readBody(); err != nil {
		return nil, err
	}
	if err := c.readArgs(); err != nil {
		return nil, err
	}
	if err := c.endpoint.authorize(c); err != nil {
		return nil, err
	}
	return c.endpoint.handle(c)
}

// Discover adds to the pages of next the header by which clients find the API.
func (h *Handler) Discover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Link", rootLink(h.root()))
		next.ServeHTTP(w, r)
	})
}

func (h *Handler) root() string { return h.base + "/" }

// answerPanic answers for a hook or a handler that panicked.
func (h *Handler) answerPanic(w http.ResponseWriter, r *http.Request) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		h.config.Log.ErrorContext(r.Context(), "panic in the REST API",
			slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		setNoCache(w.Header())
		writePlain(w, r, &apiError{code: codeInternal})
	}
}
