package basicauth

import (
	"net/http"

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
