package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// usualIdentity are the names under which applications take a login, or what belongs to
// it, from the proxy that signs people in for them: those of Authelia, authentik,
// oauth2-proxy, Gitea, Grafana, Radicale, Kubernetes and their like. A client must not be
// able to set any of them. The list is that of the examples, too, which have to name
// each.
var usualIdentity = []string{
	"Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email",
	"X-Remote-User", "X-Remote-Group", "X-Remote-Groups", "X-Remote-Name", "X-Remote-Email",
	"X-Webauth-User", "X-Webauth-Name", "X-Webauth-Fullname", "X-Webauth-Email", "X-Webauth-Groups", "X-Webauth-Role",
	"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
	"X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username",
	"X-Authentik-Username", "X-Authentik-Name", "X-Authentik-Email", "X-Authentik-Groups", "X-Authentik-Uid",
	"X-Auth-User", "X-Auth-Username", "X-Auth-Email", "X-Auth-Groups",
	"X-Authenticated-User", "X-Authenticated-Userid", "X-Authenticated-Email", "X-Authenticated-Groups",
	"X-Proxy-User", "X-Proxy-Roles",
}

// identityFamilies begin the names of which usualIdentity has the most usual ones.
var identityFamilies = []string{
	namespace, "X-Remote-", "X-Webauth-", "X-Auth-Request-", "X-Authentik-", "X-Authenticated-",
}

// UsualIdentityHeaders returns names of headers in which applications look for who is
// asking, and which [StripIdentity] removes beside Sparekey's own, for front-ends that
// have to name each.
func UsualIdentityHeaders() []string { return slices.Clone(usualIdentity) }

// isUsualIdentity reports whether a header's name is one of usualIdentity, or of their
// families, for those who take every character that is not a letter or a digit for a
// hyphen.
func isUsualIdentity(name string) bool {
	for _, family := range identityFamilies {
		if hasFolded(name, family) {
			return true
		}
	}
	return slices.ContainsFunc(usualIdentity, func(usual string) bool { return isFolded(name, usual) })
}

// isFolded is hasFolded for the whole name.
func isFolded(name, other string) bool { return len(name) == len(other) && hasFolded(name, other) }

// CheckLoginHeader returns why a name cannot be one of Config.LoginHeaders, or nil.
func CheckLoginHeader(name string) error {
	if name == "" || upstream.IsOdd(name) {
		return fmt.Errorf("the header %q must be of letters, digits and hyphens, such as Remote-User", name)
	}
	folded := strings.ToLower(name)
	_, rest, isForwardedOne := strings.Cut(folded, "x-forwarded-")
	switch {
	case isIdentity(name):
		return fmt.Errorf("the header %s has a name of Sparekey's own", name)
	case isForwardedOne && slices.Contains(forwardedNames, rest), isForwarding(name) && !isForwardedOne,
		upstream.IsRouting(name), slices.Contains(httpNames, folded), strings.HasPrefix(folded, "proxy-"),
		strings.HasPrefix(folded, "content-"), strings.HasPrefix(folded, "if-"), strings.HasPrefix(folded, "sec-"),
		strings.HasPrefix(folded, "accept"), strings.HasPrefix(folded, "access-control-"):
		return fmt.Errorf("the header %s means something else in requests: name the one in which the application looks for the login, such as Remote-User", name)
	}
	return nil
}

// forwardedNames are what a proxy says in headers that begin with X-Forwarded-, other
// than who is asking.
var forwardedNames = []string{
	"for", "host", "proto", "port", "prefix", "server", "uri", "method", "ssl", "scheme", "protocol", "by", "path", "context",
}

// httpNames are headers of HTTP itself (RFC 9110, RFC 6265), and of loops.
var httpNames = []string{
	"host", "authorization", "www-authenticate", "cookie", "set-cookie", "connection", "keep-alive", "te", "trailer", "transfer-encoding",
	"upgrade", "expect", "range", "origin", "referer", "user-agent", "date", "cache-control", "pragma", "via", "vary", "cdn-loop",
	"location", "retry-after", "from", "max-forwards", "http2-settings",
}

// errLogin refuses what the application would take for a request of another user, or for
// an anonymous one.
const errLogin = "The login cannot be told to the application: it has control characters, or blanks at an end. Rename the user."

// isTellable reports whether a login arrives in a header as it is. Other bytes than ASCII
// arrive as bytes (RFC 9110, section 5.5).
func isTellable(login string) bool {
	for i := range len(login) {
		if c := login[i]; c < ' ' || c == 0x7f {
			return false
		}
	}
	return login != "" && login[0] != ' ' && login[len(login)-1] != ' '
}

// setLogin sets Config.LoginHeaders.
func (g *Gateway) setLogin(h http.Header, login string) {
	for _, name := range g.config.LoginHeaders {
		h[name] = []string{login}
	}
}

// canonicalLoginHeaders returns names as http.Header has them, once each.
func canonicalLoginHeaders(names []string) (all []string) {
	for _, name := range names {
		if err := CheckLoginHeader(name); err != nil {
			panic("gateway.New: Config.LoginHeaders: " + err.Error())
		}
		if name = http.CanonicalHeaderKey(name); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// LoginHeaders returns Config.LoginHeaders, for front-ends that tell a proxy of them.
func (g *Gateway) LoginHeaders() []string { return slices.Clone(g.config.LoginHeaders) }

// StripIdentity is the function [StripIdentity], and removes Config.LoginHeaders too, in
// any spelling.
func (g *Gateway) StripIdentity(h http.Header) {
	for name := range h {
		if g.isIdentity(name) {
			delete(h, name)
		}
	}
}

func (g *Gateway) isIdentity(name string) bool {
	return isUsualIdentity(name) || slices.ContainsFunc(g.config.LoginHeaders, func(own string) bool { return isFolded(name, own) })
}

// Misspelled returns the name of a header that only looks like one by which an
// application may learn who is asking, such as X_Sparekey_User or Remote.User, or of an
// announced trailer that looks like one in any spelling; else "". A front-end that can
// replace headers by their name, but not remove others, must refuse a request that has
// one.
func (g *Gateway) Misspelled(h http.Header) string {
	for name := range h {
		if upstream.IsOdd(name) && g.isIdentity(name) {
			return name
		}
	}
	for _, line := range h["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); g.isIdentity(name) {
				return name
			}
		}
	}
	return ""
}
