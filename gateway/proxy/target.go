package proxy

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// originForm returns a request's target in origin form (RFC 9112, section 3.2),
// byte for byte as it was received. ok is false for a target without a path, one
// with a fragment, a blank or a control character, which HTTP/2 can carry, and one
// that cannot be sent on unchanged.
func originForm(r *http.Request) (target string, ok bool) {
	target = r.RequestURI
	if !strings.HasPrefix(target, "/") {
		target, ok = afterAuthority(target)
		if !ok {
			return "", false
		}
	}
	return target, r.Method != http.MethodConnect && gateway.IsOriginForm(target) && isSendable(target)
}

// isSendable reports whether a target can be sent as it is.
func isSendable(target string) bool {
	return !strings.HasPrefix(target, "//") || locate(target).RequestURI() == target
}

// there is the target of a request with the application, which has the path of its own URL
// in place of the one that clients see. ok is false for a target outside of that, and for one
// that programs may take for such.
func (p *Proxy) there(target string) (there string, ok bool) {
	if p.config.Base == "" && p.folder == "" {
		return target, true
	}
	path, query, hasQuery := strings.Cut(target, "?")
	rest, ok := rawpath.CutFolder(path, p.config.Base)
	if !ok || p.folder != "" && climbs(rest) {
		return "", false
	}
	there = cmp.Or(p.folder+rest, "/")
	if hasQuery {
		there += "?" + query
	}
	return there, isSendable(there)
}

// climbs reports whether a program may find a segment ".." in a percent-encoded path, by
// which it would leave the folder of the application.
func climbs(path string) bool {
	path = strings.ReplaceAll(rawpath.Unescape(path), `\`, "/")
	for segment := range strings.SplitSeq(path, "/") {
		segment, _, _ = strings.Cut(segment, ";")
		if strings.TrimFunc(segment, func(c rune) bool { return c <= ' ' || c == 0x7f }) == ".." {
			return true
		}
	}
	return false
}

// afterAuthority cuts the scheme and the host off a target in absolute form. They
// are in r.Host.
func afterAuthority(target string) (string, bool) {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", false
	}
	at := strings.IndexAny(rest, "/?")
	switch {
	case at < 0:
		return "/", true
	case rest[at] == '?':
		return "/" + rest[at:], true
	}
	return rest[at:], true
}

// locate returns a URL that is written as target, if at all possible. Opaque is written
// unchanged, unless it begins with two slashes.
func locate(target string) *url.URL {
	path, query, asked := strings.Cut(target, "?")
	u := &url.URL{Opaque: path, RawQuery: query, ForceQuery: asked}
	if strings.HasPrefix(path, "//") {
		u.Opaque, u.RawPath = "", path
		u.Path, _ = url.PathUnescape(path) // where this fails the two do not fit, and RequestURI shows it
	}
	return u
}

// address is where a target is with the application.
func (p *Proxy) address(target string) *url.URL {
	u := locate(target)
	u.Scheme, u.Host = p.upstream.Scheme, p.upstream.Host
	return u
}

// onlyWebsocket takes the wish for another protocol than websocket out of a
// request. Whatever is sent after switching to h2c, say, would pass by the gateway.
func onlyWebsocket(h http.Header) {
	if upgrade := h["Upgrade"]; len(upgrade) > 1 || len(upgrade) == 1 && !strings.EqualFold(upgrade[0], "websocket") {
		h.Del("Upgrade")
		h.Del("Connection")
	}
	h.Del("HTTP2-Settings")
}
