package basicauth

import (
	"net/http"
	"strings"

	"github.com/sparekey-dev/sparekey/scope"
)

// requested is what a request asks for, as far as scopes are about it: as it was
// sent, whatever part of its path a router has cut off.
func requested(r *http.Request) scope.Request {
	target := r.RequestURI
	if target == "" { // of a request that was not received but made
		target = r.URL.RequestURI()
	}
	return scope.Request{Method: r.Method, Target: target, Overrides: overrides(r.Header)}
}

// overrides returns what a request says its method really is. Applications obey
// one or another of these headers.
func overrides(h http.Header) (methods []string) {
	for _, name := range [...]string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		methods = append(methods, h[name]...)
	}
	return methods
}

// forwarded is requested for a request that another program will answer, which may
// read it in ways of its own: in CGI and its heirs (PHP, WSGI, Rack) a header with
// underscores is one with hyphens, and PHP looks for parameters in forms as well.
func forwarded(r *http.Request) scope.Request {
	wanted := requested(r)
	for name, values := range r.Header {
		if strings.Contains(name, "_") && isOverride(strings.ReplaceAll(name, "_", "-")) {
			wanted.Overrides = append(wanted.Overrides, values...)
		}
	}
	wanted.Form = r.Method == http.MethodPost && r.Header.Get("Content-Type") != "" && isSimple(r.Header.Get("Content-Type"))
	return wanted
}

func isOverride(name string) bool {
	return len(overrides(http.Header{http.CanonicalHeaderKey(name): {""}})) > 0
}
