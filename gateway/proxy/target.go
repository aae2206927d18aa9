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

// isSendable reports whether net/http sends a target unchanged.
func isSendable(target string) bool {
	return !strings.HasPrefix(target, "//") || parseTarget(target).RequestURI() == target
}

// upstreamTarget replaces the path that clients see by the path of the application's own URL. ok
// is false for a target outside of it, and for one that programs may read so.
func (p *Proxy) upstreamTarget(target string) (upstream string, ok bool) {
	if p.config.Base == "" && p.folder == "" {
		return target, true
	}
	path, query, hasQuery := strings.Cut(target, "?")
	rest, ok := rawpath.CutFolder(path, p.config.Base)
	if !ok || p.folder != "" && hasParentSegment(rest) {
		return "", false
	}
	upstream = cmp.Or(p.folder+rest, "/")
	if hasQuery {
		upstream += "?" + query
	}
	return upstream, isSendable(upstream)
}

// hasParentSegment reports whether a program may find a segment ".." in a percent-encoded path,
// and so leave the folder of the application.
func hasParentSegment(path string) bool {
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

// parseTarget returns a URL that net/http writes as target, if possible. It writes Opaque
// unchanged, unless that begins with two slashes.
func parseTarget(target string) *url.URL {
	path, query, asked := strings.Cut(target, "?")
	u := &url.URL{Opaque: path, RawQuery: query, ForceQuery: asked}
	if strings.HasPrefix(path, "//") {
		u.Opaque, u.RawPath = "", path
		u.Path, _ = url.PathUnescape(path) // where this fails the two do not fit, and RequestURI shows it
	}
	return u
}

func (p *Proxy) upstreamURL(target string) *url.URL {
	u := parseTarget(target)
	u.Scheme, u.Host = p.upstream.Scheme, p.upstream.Host
	return u
}

// keepOnlyWebsocket removes requests to switch to other protocols than websocket. After a switch
// to h2c, for example, further requests would bypass the gateway.
func keepOnlyWebsocket(h http.Header) {
	if upgrade := h["Upgrade"]; len(upgrade) > 1 || len(upgrade) == 1 && !strings.EqualFold(upgrade[0], "websocket") {
		h.Del("Upgrade")
		h.Del("Connection")
	}
	h.Del("HTTP2-Settings")
}
