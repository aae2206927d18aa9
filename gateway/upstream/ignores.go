package upstream

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// IgnoresBasic is part of Profile. WordPress judges a Basic login in its REST API and in
// XML-RPC, and nowhere else (5.6 to 7.1). A request that it may take for one of these in
// any way is not ignored. See also [SessionFinder].
func (w *wordPress) IgnoresBasic(r *Request) bool {
	path, query := rawpath.Split(r.Target)
	if path == "" || mayBeAPI(path, w.config.Routes().prefix) {
		return false
	}
	for p := range parameters(query) {
		if p.namesRoute() {
			return false
		}
	}
	for name := range r.Header {
		if IsRouting(name) {
			return false
		}
	}
	return !mayHaveRoute(r)
}

// SessionFinder is an optional interface of a [Profile], for an application with sessions of
// its own, such as WordPress, whose pages have scripts that call its API.
type SessionFinder interface {
	// HasSession reports whether a request says that it belongs to a session, with which
	// the application identifies the user before it looks for a Basic login. Any client
	// can write that, and the application checks the login where the session is not valid:
	// so a login that is not accepted must not reach the application.
	HasSession(r *Request) bool
}

// HasSession is part of SessionFinder. XML-RPC looks for no session.
func (w *wordPress) HasSession(r *Request) bool {
	path, _ := rawpath.Split(r.Target)
	return path != "" && hasSession(r) && !IsForXMLRPC(r.Target)
}

// hasSession reports whether a request looks like one of a script in a page of WordPress,
// whose user is signed in: it has the cookie, and the nonce that belongs to it. WordPress
// looks for the cookie first. Where the cookie is not valid, it checks the Basic login, and
// looks at the nonce only where that login is wrong, too.
func hasSession(r *Request) bool {
	cookies := (&http.Request{Header: http.Header{"Cookie": r.Header["Cookie"]}}).Cookies()
	if !slices.ContainsFunc(cookies, isSessionCookie) {
		return false
	}
	if nonces := r.Header["X-Wp-Nonce"]; len(nonces) == 1 && nonces[0] != "" {
		return true
	}
	_, query := rawpath.Split(r.Target)
	for p := range parameters(query) {
		if value, ok := p.text(); ok && p.plain && p.raw == "_wpnonce" && value != "" {
			return true
		}
	}
	return false
}

// isSessionCookie reports whether a cookie says that a user is signed in to WordPress.
// Whether it is valid is for WordPress to say.
func isSessionCookie(c *http.Cookie) bool { return strings.HasPrefix(c.Name, "wordpress_logged_in_") }

// Examiner is an optional interface of a [Profile], for an application that examines
// whether Authorization reaches it, as WordPress does in its Site Health.
type Examiner interface {
	// Examines reports whether a request does just that. Its login and secret are then
	// well-known ones, which are those of no user.
	Examines(r *Request) bool
}

// What the script of Site Health asks for, and the credential "user" with "pwd" that it
// sends (5.6 to 7.1).
const (
	examination      = "/wp-site-health/v1/tests/authorization-header"
	examinationLogin = "Basic dXNlcjpwd2Q="
)

// Examines is part of Examiner. The test is that of a user who is signed in by the cookie.
func (w *wordPress) Examines(r *Request) bool {
	sent := r.Header["Authorization"]
	if r.Method != http.MethodGet || len(sent) != 1 || sent[0] != examinationLogin || len(r.Header["Proxy-Authorization"]) > 0 || !hasSession(r) {
		return false
	}
	path, query := rawpath.Split(r.Target)
	for p := range parameters(query) {
		if p.namesRoute() {
			value, ok := p.text()
			return ok && p.plain && value == examination
		}
	}
	path, ok := rawpath.Decode(path)
	if !ok {
		return false
	}
	route, ok := routeOf(path)
	if prefix := w.config.Routes().prefix; !ok && prefix != "" {
		route, ok = routeBehind(path, prefix)
	}
	return ok && route == examination
}

// mayBeAPI reports whether WordPress may take a path for its REST API, or XML-RPC. prefix
// is another one than "wp-json" by which the site has its API, or empty.
func mayBeAPI(path, prefix string) bool {
	unescaped := rawpath.Unescape(path)
	if rawpath.ContainsFold(unescaped, "xmlrpc") {
		return true
	}
	if _, isAPI := routeOf(unescaped); isAPI {
		return true
	}
	if prefix != "" && rawpath.ContainsFold(unescaped, strings.ToLower(prefix)) {
		return true
	}
	_, isClear := rawpath.Decode(path) // else what is left of it may be the API's
	return !isClear && rawpath.ContainsFold(unescaped, strings.TrimPrefix(api, "/"))
}

// mayHaveRoute reports whether the body of a request may have a route of the REST API,
// which WordPress looks for in a form on any page. A multipart form is looked through as
// it streams, and ends where it has one.
func mayHaveRoute(r *Request) bool {
	var types []string
	for name, values := range r.Header {
		if isContentType(name) {
			types = append(types, values...)
		}
	}
	if r.Method != http.MethodPost || !slices.ContainsFunc(types, mayBeForm) {
		return false
	}
	if r.Body == nil || len(types) > 1 {
		return true
	}
	if isMultipart(types[0]) {
		return r.Body.forbid(fieldNames{route: true}) != ""
	}
	body, why := r.Body.peek()
	if why != "" || !isPlainForm(types[0]) {
		return true
	}
	for p := range parameters(string(body)) {
		if p.namesRoute() {
			return true
		}
	}
	return false
}
