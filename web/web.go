// Package web has the pages of application passwords: the list in which users create, see,
// rename and revoke theirs, the same list over all users for administrators, and the screen
// on which users let an application have one.
//
//	svc := sparekey.New(store, app, sparekey.Config{Allow: app.MayEdit})
//	mux.Handle("/account/passwords/", web.New(svc, app.Viewer, web.Config{
//		BaseURL:   "https://example.org/account/passwords",
//		SignInURL: "/login",
//	}))
//
// The pages work without JavaScript, and are more comfortable with it. They load nothing from
// other sites, are never framed, and use the reader's language if the catalogue has it.
//
// # Who is signed in
//
// The application decides that, with the viewer of [New]. Its session cookie should be SameSite=Lax.
// The pages refuse requests that other sites make a browser send, but they can only recognize
// these in browsers that say where a request comes from.
//
// # How an application gets its password
//
// [Handler.Authorize] takes the parameters that WordPress's screen takes:
// app_name, app_id, success_url and reject_url, and redirects to success_url
// with site_url, user_login and password in the query. An application can ask
// for what keeps the password out of URLs instead:
//
//   - success_format=form_post has the browser post the same fields to
//     success_url;
//   - response_type=code with code_challenge and code_challenge_method=S256 (RFC
//     7636) redirects with a code of [CodeLifetime] that is good for one POST to
//     the [Handler.Token] endpoint, which answers with the fields as JSON. The
//     application password is made by that exchange, so a code without an
//     exchange leaves nothing behind.
//
// Both return a state parameter to the application. The page shows the address that will
// receive the password, since an application can give itself any name.
//
// # Several processes
//
// A process keeps codes, and which forms were sent already, in its memory. A code must be
// exchanged at the process that issued it. If several processes run behind a balancer, route
// the paths of the token endpoint and of the authorize screen to one of them, or do not use
// response_type=code.
package web

import (
	"html/template"
	"net/http"
	"net/url"

	"github.com/sparekey-dev/sparekey"
)

// Handler serves the pages below the path of [Config.BaseURL]. It is safe for
// concurrent use.
type Handler struct {
	svc         *sparekey.Service
	viewer      func(*http.Request) (sparekey.User, bool, error)
	config      Config
	base        string // the path of BaseURL, without a slash at its end
	assets      assets
	languages   catalogue
	pages       *template.Template
	layout      *template.Template
	crossOrigin *http.CrossOriginProtection
	codes       *codes
	idempotency *idempotency
	mux         *http.ServeMux
}

// New returns a Handler for the application passwords of svc. viewer returns the user who is
// signed in by the application's own session, and false where there is none: such callers see
// only the way to sign in. An error says that it cannot tell, for example because the store of
// sessions is down: the answer is then 503, as for every question without an answer. viewer must
// be safe for concurrent use. It is also what package rest takes.
func New(svc *sparekey.Service, viewer func(*http.Request) (sparekey.User, bool, error), config Config) *Handler {
	if svc == nil || viewer == nil {
		panic("web.New: a *sparekey.Service and a viewer are required")
	}
	base := config.baseURL()
	config = config.withDefaults(base)
	h := &Handler{
		svc:         svc,
		viewer:      viewer,
		config:      config,
		base:        base.EscapedPath(),
		assets:      newAssets(config.Accent),
		languages:   newCatalogue(),
		pages:       newTemplates(),
		crossOrigin: http.NewCrossOriginProtection(),
		codes:       newCodes(config.Now),
		idempotency: newIdempotency(),
		mux:         http.NewServeMux(),
	}
	if h.layout = config.Layout; h.layout == nil {
		h.layout = h.pages.Lookup("layout")
	}
	// For browsers that send only Origin, behind a proxy that changes Host.
	if err := h.crossOrigin.AddTrustedOrigin(origin(base)); err != nil {
		panic("web.New: Config.BaseURL: " + err.Error())
	}
	h.route()
	return h
}

// route is the table of all pages below BaseURL.
func (h *Handler) route() {
	list := h.page(methods{http.MethodGet: signedIn(showList)})
	creation := h.page(methods{http.MethodGet: signedIn(showNew), http.MethodPost: signedIn(create)})
	revokeAll := h.page(methods{http.MethodGet: signedIn(confirmRevokeAll), http.MethodPost: signedIn(revokeAll)})
	rename := h.page(methods{http.MethodGet: signedIn(showRename), http.MethodPost: signedIn(rename)})
	revoke := h.page(methods{http.MethodGet: signedIn(confirmRevoke), http.MethodPost: signedIn(revoke)})
	history := h.page(methods{http.MethodGet: signedIn(showHistory)})
	limits := h.page(methods{http.MethodGet: signedIn(showLimits), http.MethodPost: signedIn(limit)})
	rotation := h.page(methods{http.MethodGet: signedIn(showRotate), http.MethodPost: signedIn(rotate)})
	for _, owner := range []string{"", "/users/{user}"} { // the viewer, or another user
		h.mux.Handle(h.base+owner+"/{$}", list)
		h.mux.Handle(h.base+owner+"/new", creation)
		h.mux.Handle(h.base+owner+"/revoke-all", revokeAll)
		h.mux.Handle(h.base+owner+"/history/{uuid}", history)
		h.mux.Handle(h.base+owner+"/rename/{uuid}", rename)
		h.mux.Handle(h.base+owner+"/revoke/{uuid}", revoke)
		h.mux.Handle(h.base+owner+"/limits/{uuid}", limits)
		h.mux.Handle(h.base+owner+"/rotate/{uuid}", rotation)
	}
	if h.base != "" {
		h.mux.Handle(h.base, list)
	}
	h.mux.Handle(h.base+"/users/{user}", list)
	h.mux.Handle(h.base+"/all", h.page(methods{http.MethodGet: signedIn(showAll)}))
	h.mux.Handle(h.base+"/all/revoke", h.page(methods{
		http.MethodGet: signedIn(confirmRevokeMany), http.MethodPost: signedIn(revokeMany),
	}))
	h.mux.Handle(h.base+"/authorize", h.Authorize())
	h.mux.Handle(h.base+"/token", h.Token())
	h.mux.Handle(h.base+"/assets/{name}", h.assets)
	h.mux.Handle("/", h.page(nil))
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Authorize returns the screen on which a user lets an application have an
// application password. It is at BaseURL + "/authorize" already; mount it at
// /wp-admin/authorize-application.php as well, where clients of WordPress look.
func (h *Handler) Authorize() http.Handler {
	return h.page(methods{http.MethodGet: showAuthorization, http.MethodPost: answerAuthorization})
}

// AuthorizeFor returns the screen of [Handler.Authorize] for another site with the same
// users, such as one of a WordPress network: applications get siteURL as the address of the
// site. It must be an absolute URL.
func (h *Handler) AuthorizeFor(siteURL string) http.Handler {
	other := *h
	other.config.SiteURL = normalSiteURL(siteURL)
	return other.Authorize()
}

// home is the path of the viewer's own list.
func (h *Handler) home() string { return h.base + "/" }

// origin is the scheme and host of a URL.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }
