package upstream

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// IgnoresBasic is part of Profile. WordPress judges a Basic login in its REST API and in
// XML-RPC, and nowhere else (5.6 to 7.1). A request that it may
// take for one of these in any way is not ignored.
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
