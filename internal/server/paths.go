package server

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey/gateway/forwardauth"
	"github.com/sparekey-dev/sparekey/internal/doctor"
	"github.com/sparekey-dev/sparekey/internal/rawpath"
	"github.com/sparekey-dev/sparekey/internal/siteurl"
)

// Where the server's own pages and probes are, below the path of --url and --prefix.
const (
	accountPath   = "/account/application-passwords"
	profilePath   = "/account/profile"
	authorizePath = "/authorize"
	signInPath    = "/sign-in"
	signOutPath   = "/sign-out"
	confirmPath   = "/confirm-password"
	alivePath     = "/healthz"
	readyPath     = "/readyz"
)

// changePasswordPath is where password managers look for the page to change a main
// password: at the root of a host, whatever the site's folder is
// (https://w3c.github.io/webappsec-change-password-url/).
const changePasswordPath = "/.well-known/change-password"

// Paths that WordPress's clients know. They are below the path of --url, and --prefix does
// not move them.
const (
	apiPath         = "/wp-json"
	wpAuthorizePath = "/wp-admin/authorize-application.php"
)

// paths says where everything is that the server answers itself, as clients see it. It is
// the one place that knows how --url and --prefix move that. Both parts are in the form of
// [siteurl.Path].
type paths struct {
	base   string // the path of --url: the folder of the site
	prefix string // --prefix
}

// own is the path of a page or probe of Sparekey, which --prefix moves.
func (p paths) own(path string) string { return p.base + p.prefix + path }

// wordPress is a path that WordPress's clients know, which --prefix does not move.
func (p paths) wordPress(path string) string { return p.base + path }

// isOwn reports whether a path is one of a page or probe that Sparekey answers itself in
// front of an application. The sign-in of the application itself stays its own.
func (p paths) isOwn(path string) bool {
	path, ok := rawpath.CutFolder(path, p.base)
	if _, isRest := rawpath.CutFolder(path, wpAuthorizePath); ok && isRest {
		return true
	}
	moved, isMoved := rawpath.CutFolder(path, p.prefix)
	if path, err := url.PathUnescape(moved); ok && isMoved && err == nil {
		return slices.Contains(ownPaths, path) || strings.HasPrefix(path, accountPath+"/") ||
			p.prefix != "" && (path == changePasswordPath || path == "" || path == "/")
	}
	return false
}

// ownPaths are the pages and probes in front of an application, beside those below
// accountPath.
var ownPaths = []string{
	accountPath, profilePath, authorizePath, signInPath, signOutPath, confirmPath, alivePath, readyPath, doctor.Path,
}

// forProxies returns the request of a proxy that asks about another one, as
// [forwardauth.Handler] takes it. Proxies ask at the address that the server listens on, so
// the path of --url is not in it.
func (p paths) forProxies(r *http.Request) (asked *http.Request, ok bool) {
	target, ok := strings.CutPrefix(r.RequestURI, p.prefix)
	if p.prefix != "" && ok {
		c := *r
		c.RequestURI = target
		r = &c
	}
	return r, ok && forwardauth.Handles(r)
}

// clean returns the request with one slash in front of its path, one behind the folder of
// the site, and that folder in its one form. ok is false for a request that is not in the
// folder; it is returned without the slashes in front.
//
// Clients that join a site's address, "https://example.org/blog/", and "/wp-json/" send two
// slashes, and some of them (.NET, Apple) drop Authorization when they follow a redirect.
// It is for what Sparekey answers itself: what is judged is what it answers. An application
// behind Sparekey may read such a path in its own way.
func (p paths) clean(r *http.Request) (cleaned *http.Request, ok bool) {
	path := r.URL.EscapedPath()
	clean := oneSlash(path)
	if rest, below := rawpath.CutFolder(clean, p.base); below {
		clean, ok = p.base+oneSlash(rest), true
	}
	if clean == path {
		return r, ok
	}
	u := *r.URL
	u.RawPath = clean
	decoded, err := url.PathUnescape(clean)
	if err != nil { // net/http has parsed it, so that cannot be
		return r, false
	}
	u.Path = decoded
	c := *r
	c.URL = &u
	c.RequestURI = clean
	if u.RawQuery != "" || u.ForceQuery {
		c.RequestURI += "?" + u.RawQuery
	}
	return &c, ok
}

// oneSlash returns a path with one slash in front where it has several. Encoded slashes
// stay, and so do those further on.
func oneSlash(path string) string {
	if strings.HasPrefix(path, "//") {
		return "/" + strings.TrimLeft(path, "/")
	}
	return path
}

// cleaned has h answer requests as [paths.clean] returns them.
func (p paths) cleaned(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, _ = p.clean(r)
		h.ServeHTTP(w, r)
	})
}

// paths are those of a server whose clients reach it under home.
func (c *server) paths(home string) paths {
	var p paths
	if u, err := url.Parse(home); err == nil { // home is in its normal form
		p.base = u.EscapedPath()
	}
	p.prefix, _ = siteurl.Path(c.Prefix) // Validate has seen to it
	return p
}
