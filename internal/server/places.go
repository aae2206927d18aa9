package server

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/internal/rawpath"
	"github.com/sparekey-dev/sparekey/rest"
)

// places knows where a WordPress behind Sparekey has its API and its authorise screen, for
// each of its sites, as their own indexes say. It answers there in WordPress's place. It is
// safe for concurrent use.
type places struct {
	paths

	home  string          // the URL of the site
	api   *rest.Handler   // at its usual place
	sites *upstream.Sites // nil: no WordPress is behind the server

	newAPI       func(base, home string) *rest.Handler // for another place
	authorizeFor func(siteURL string) http.Handler     // the screen of another site
	load         func(http.Handler) http.Handler       // gives it the session

	mu   sync.Mutex
	apis map[string]*rest.Handler // by their BaseURL
}

// maxPlaces bounds how many handlers of other places are kept.
const maxPlaces = 64

// otherPrefix is the prefix by which the site has its API instead of "wp-json", or "".
func (a *places) otherPrefix() string {
	if a.sites == nil {
		return ""
	}
	return a.sites.Prefix()
}

// isForPasswords reports whether Sparekey answers a request because the application may take
// it for one about application passwords.
func (a *places) isForPasswords(r *http.Request) bool {
	return upstream.IsForPasswords(r.RequestURI, a.otherPrefix) && !upstream.HasWordPressSession(r)
}

// inFront puts own, which is what Sparekey answers itself, and api, which is
// [places.serveAPI], in front of an application, which has nothing outside of the site.
func (a *places) inFront(api, own, application http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cleaned, ok := a.clean(r)
		switch {
		case !ok || a.isOwn(cleaned.URL.EscapedPath()):
			own.ServeHTTP(w, cleaned)
		case a.isForPasswords(r):
			api.ServeHTTP(w, cleaned)
		default:
			if screen, ok := a.authorize(cleaned); ok {
				screen.ServeHTTP(w, cleaned)
				return
			}
			application.ServeHTTP(w, r)
		}
	})
}

// serveAPI answers a request about application passwords, cleaned, at each place where a site
// has its API. It answers 404 elsewhere, and 503 where the site cannot be asked.
func (a *places) serveAPI(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	byQuery := namesRoute(r.URL.Query())
	if route, ok := rawpath.CutFolder(path, a.wordPress(apiPath)); ok && !byQuery {
		if a.sites != nil {
			r = asked(r, apiPath+route)
		}
		a.api.ServeHTTP(w, r)
		return
	}
	folder, route, ok := a.locate(path, byQuery)
	isUsual := byQuery && folder == a.base
	if !ok || a.sites == nil && !isUsual {
		a.api.Refuse(w, r, http.StatusNotFound, "", nil)
		return
	}
	h, there := a.api, r
	if a.sites != nil {
		site, err := a.sites.In(r.Context(), folder)
		switch {
		case err == nil:
			h, there = a.at(site, r, route)
			if main, err := a.sites.MainSite(); err == nil && main.Home == site.Home {
				there = asked(there, cmp.Or(prefixed(apiPath, route), "/"))
			}
		case isUsual: // which WordPress always has
		case errors.Is(err, upstream.ErrNoSite):
			a.api.Refuse(w, r, http.StatusNotFound, "", nil)
			return
		default:
			a.api.Refuse(w, r, http.StatusServiceUnavailable,
				"The site does not say whether its API is at this address, since it does not answer. Try again in a moment.", nil)
			return
		}
	}
	h.ServeHTTP(w, there)
}

// asked returns a request whose rules are compared with another path, as the gateway does for
// the API of the main site: with the usual one. The answer stays the same.
func asked(r *http.Request, path string) *http.Request {
	there := *r
	there.RequestURI = path
	if r.URL.RawQuery != "" {
		there.RequestURI += "?" + r.URL.RawQuery
	}
	return &there
}

// prefixed is text with something in front, or "" if there is none.
func prefixed(front, text string) string {
	if text == "" {
		return ""
	}
	return front + text
}

// locate splits the path of a request into the folder of the site that it is for and the
// route below the API's root, which is "" for one in the query. ok is false for a path that
// leads to no API.
func (a *places) locate(path string, byQuery bool) (folder, route string, ok bool) {
	switch {
	case byQuery:
		return upstream.FolderOf(path), "", true
	case a.sites == nil:
		return "", "", false
	}
	return a.sites.Locate(path)
}

// at returns the API of a site, and the request as it takes it: WordPress answers below the
// root that its index says with and without index.php.
func (a *places) at(site upstream.Site, r *http.Request, route string) (*rest.Handler, *http.Request) {
	base := site.Home + "/?rest_route=/"
	if site.Root != "" {
		base = site.Home + site.Root
	}
	h := a.handler(a.origin()+base, a.origin()+site.Home)
	if route == "" || site.Root == "" {
		return h, r
	}
	decoded, err := url.PathUnescape(base + route)
	if err != nil { // net/http has parsed it
		return a.api, r
	}
	u := *r.URL
	u.Path, u.RawPath = decoded, base+route
	there := *r
	there.URL = &u
	return h, &there
}

func (a *places) origin() string { return strings.TrimSuffix(a.home, a.base) }

// handler is the API with this root.
func (a *places) handler(base, home string) *rest.Handler {
	if base == a.home+apiPath {
		return a.api
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if h := a.apis[base]; h != nil {
		return h
	}
	if a.apis == nil || len(a.apis) >= maxPlaces {
		a.apis = map[string]*rest.Handler{}
	}
	h := a.newAPI(base, home)
	a.apis[base] = h
	return h
}

// isForAPI reports whether a request asks the API for something, in whatever spelling.
func (a *places) isForAPI(r *http.Request) bool {
	if upstream.IsForAPI(r.RequestURI) {
		return true
	}
	if a.sites == nil {
		return false
	}
	_, _, ok := a.sites.Locate(r.URL.EscapedPath())
	return ok
}

// discover adds to the pages of next the header by which clients find the API.
func (a *places) discover(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := a.api
		if a.sites != nil {
			if site, err := a.sites.In(r.Context(), a.base); err == nil {
				h, _ = a.at(site, r, "")
			}
		}
		h.Discover(next).ServeHTTP(w, r)
	})
}

// authorize returns the authorise screen of another site than the one of --url, or of
// another folder of it, if the request is for one.
func (a *places) authorize(r *http.Request) (http.Handler, bool) {
	path := r.URL.EscapedPath()
	folder, ok := strings.CutSuffix(path, wpAuthorizePath)
	if !ok || a.sites == nil {
		return nil, false
	}
	site, err := a.sites.In(r.Context(), a.base)
	if err != nil || !strings.EqualFold(site.Files, folder) {
		site, err = a.sites.In(r.Context(), folder)
	}
	if err != nil || !strings.EqualFold(site.Files, folder) {
		return nil, false
	}
	return a.discover(a.load(a.authorizeFor(a.origin() + site.Files))), true
}
