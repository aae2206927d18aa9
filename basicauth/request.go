package basicauth

import (
	"net/http"
	"slices"
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
// underscores or dots is one with hyphens, PHP looks for parameters in forms as
// well, and some route by what a header says.
func forwarded(r *http.Request) scope.Request {
	wanted := requested(r)
	wanted.Foreign = true
	for name, values := range r.Header {
		if len(name) < len("X-Rewrite-Url") || len(name) > len("X-Http-Method-Override") { // most of them
			continue
		}
		switch canonical := hyphenated(name); {
		case canonical == "X-Original-Url" || canonical == "X-Rewrite-Url":
			wanted.Reroutes = append(wanted.Reroutes, values...)
		case canonical != name && isOverride(canonical):
			wanted.Overrides = append(wanted.Overrides, values...)
		}
	}
	wanted.Form = r.Method == http.MethodPost && slices.ContainsFunc(r.Header["Content-Type"], mayBeForm)
	return wanted
}

// hyphenated is the name of a header with hyphens for whatever is no letter or
// digit.
func hyphenated(name string) string {
	if !strings.ContainsFunc(name, isOdd) {
		return name
	}
	return http.CanonicalHeaderKey(strings.Map(func(c rune) rune {
		if isOdd(c) {
			return '-'
		}
		return c
	}, name))
}

func isOdd(c rune) bool {
	return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-'
}

func isOverride(name string) bool {
	return len(overrides(http.Header{name: {""}})) > 0
}

// mayBeForm reports whether PHP may take a body of this type for a form. It ends the
// type at a comma or a blank, too.
func mayBeForm(contentType string) bool {
	mediaType, _, _ := strings.Cut(strings.Map(func(c rune) rune {
		if c == ',' || c == ' ' || c == '\t' {
			return ';'
		}
		return c
	}, strings.TrimSpace(contentType)), ";")
	return mediaType != "" && isSimple(mediaType) && !strings.EqualFold(mediaType, "text/plain")
}
