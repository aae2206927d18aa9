package main

import (
	"net/http"
	"strings"
)

// withOneSlash has h answer requests as if their path began with one slash. Clients that
// join a site's address, "https://example.org/", and "/wp-json/" send two, and some of
// them (.NET, Apple) drop Authorization when they follow a redirect.
//
// It is for h that answer themselves: what is judged is what they answer. Nothing is
// changed for an application behind Sparekey, which may read such a path in its own way.
func withOneSlash(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, oneSlash(r)) })
}

// oneSlash returns the request with one slash in front of its path, which is r itself as
// a rule. Encoded slashes stay, and so do those further on.
func oneSlash(r *http.Request) *http.Request {
	path := r.URL.EscapedPath()
	extra := len(path) - len(strings.TrimLeft(path, "/")) - 1
	if extra < 1 {
		return r
	}
	u := *r.URL
	u.Path = u.Path[extra:]
	if u.RawPath != "" {
		u.RawPath = u.RawPath[extra:]
	}
	cleaned := *r
	cleaned.URL = &u
	cleaned.RequestURI = u.EscapedPath()
	if u.RawQuery != "" || u.ForceQuery {
		cleaned.RequestURI += "?" + u.RawQuery
	}
	return &cleaned
}
