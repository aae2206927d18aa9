package proxy

import "net/http"

// Forwarded returns the request line's target that the application gets, for tests.
func Forwarded(r *http.Request) (target, sent string, ok bool) {
	target, ok = originForm(r)
	return target, locate(target).RequestURI(), ok
}
