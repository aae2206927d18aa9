package gatewaytest

import (
	"slices"
	"strings"
)

// named are headers in which applications look for the login, or what belongs to it:
// Authelia, Radicale, Gitea and Grafana, oauth2-proxy, authentik, Kubernetes, and those
// that many applications have in common.
var named = []string{
	"Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email", "X-Remote-User", "X-Remote-Group", "X-Remote-Groups", "X-Remote-Name", "X-Remote-Email",
	"X-WEBAUTH-USER", "X-WEBAUTH-NAME", "X-WEBAUTH-FULLNAME", "X-WEBAUTH-EMAIL", "X-WEBAUTH-GROUPS", "X-WEBAUTH-ROLE",
	"X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
	"X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username",
	"X-authentik-username", "X-authentik-name", "X-authentik-email", "X-authentik-groups", "X-authentik-uid",
	"X-Auth-User", "X-Auth-Username", "X-Auth-Email", "X-Auth-Groups",
	"X-Authenticated-User", "X-Authenticated-Userid", "X-Authenticated-Email", "X-Authenticated-Groups", "X-Proxy-User", "X-Proxy-Roles",
}

// saysWho reports whether an application may take a header for one that says who is
// asking.
func saysWho(name string) bool {
	return slices.ContainsFunc(named, func(other string) bool { return fold(other) == fold(name) })
}

// proxysWords are what a proxy says of a request. Applications believe them of the
// nearest one, so that none of a client's may reach them.
var proxysWords = []string{
	"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-Path", "X-Forwarded-Context",
	"X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Ssl", "X-Forwarded-Scheme", "X-Forwarded-Protocol", "X-Forwarded-By",
	"X-Original-Host", "X-Original-Method", "X-Original-URI", "X-Original-URL", "X-Rewrite-URL", "X-Real-IP", "Forwarded",
}

// spoofed is the value by which a proxy's word of a client is known.
const spoofed = "/spoofed"

// spoofs returns a proxy's word that reached the application from the client.
func (s *Seen) spoofs() string {
	for _, h := range slices.Concat(s.Header, s.Trailer) {
		if strings.Contains(h[1], spoofed) && slices.ContainsFunc(proxysWords, func(word string) bool { return fold(word) == fold(h[0]) }) {
			return h[0] + ": " + h[1]
		}
	}
	return ""
}

// namedAttacks have the client say who it is in the headers of other gateways.
func namedAttacks() []Attack {
	spelled := func(change func(string) string) (headers []string) {
		for _, name := range named {
			headers = append(headers, change(name)+": admin")
		}
		return headers
	}
	same := func(name string) string { return name }
	underscores := func(name string) string { return strings.ReplaceAll(name, "-", "_") }
	last := func(name string) string { i := strings.LastIndex(name, "-"); return name[:i] + "_" + name[i+1:] }
	dots := func(name string) string { return strings.ToLower(strings.ReplaceAll(name, "-", ".")) }
	words := []string{}
	for _, name := range proxysWords {
		words = append(words, name+": "+spoofed, strings.ToLower(name)+": "+spoofed+"\n"+name+": "+spoofed)
	}
	return []Attack{
		{"forwarded-words-for-the-application", "applications make addresses and log entries of X-Forwarded-Host, -Port and their like", "good", each("good", "/", words...)},
		{"identity-of-another-gateway", "Radicale (X-Remote-User), Gitea and Grafana (X-WEBAUTH-USER), Authelia (Remote-User): the client says who it is", "good", each("good", "/",
			append(spelled(same), append(spelled(strings.ToLower), "Remote-User: ann\nRemote-User: admin", "Connection: Remote-User\nRemote-User: admin", "Connection: Remote-User")...)...)},
		{"identity-of-another-gateway-misspelled", "the same for applications that cannot tell X_Remote_User from X-Remote-User", "good", each("good", "/",
			append(spelled(underscores), append(spelled(last), spelled(dots)...)...)...)},
		{"identity-of-another-gateway-in-a-trailer", "the same for applications that take trailers for headers", "writer", []string{
			trailing("Trailer: Remote-User", "Remote-User: admin"), trailing("Trailer: X-WEBAUTH-USER", "X-WEBAUTH-USER: admin"),
			trailing("trailer: x-checksum, x-remote-user", "X-Checksum: 1", "X-Remote-User: admin"), trailing("Trailer: X_Forwarded_User", "X_Forwarded_User: admin"),
		}},
	}
}
