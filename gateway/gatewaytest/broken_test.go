package gatewaytest_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

type readings = sparekey.Readings

// recorder is a test that may fail without consequences.
type recorder struct {
	testing.TB
	failed atomic.Bool
}

func (r *recorder) Errorf(string, ...any) { r.failed.Store(true) }

func (r *recorder) Fatal(...any) {
	r.failed.Store(true)
	runtime.Goexit()
}

func (r *recorder) Fatalf(string, ...any) { r.Fatal() }

// gets reports whether an attack gets through.
func gets(t *testing.T, site *gatewaytest.Site, front gatewaytest.Front, a gatewaytest.Attack) bool {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		site.Try(r, front, a)
	}()
	<-done
	return r.failed.Load()
}

// TestCarefulGate has the gate refuse every attack while nothing of it is broken, so that
// an attack that gets through a broken one does so because of what is broken.
func TestCarefulGate(t *testing.T) {
	t.Parallel()
	for kind, profile := range map[string]upstream.Profile{"generic": upstream.Generic(), "wordpress": upstream.WordPress(upstream.WordPressConfig{})} {
		site, front := gate{config: gateway.Config{Upstream: profile}}.start(t)
		for _, a := range gatewaytest.Attacks() {
			if kind == "wordpress" && a.Name == "registry-mount" {
				continue // a WordPress is not a registry
			}
			t.Run(kind+" "+a.Name, func(t *testing.T) { site.Try(t, front, a) })
		}
	}
}

// TestSuiteNotices makes every attack on a gate, or on a profile of the application, that
// lacks the guard against it. Each attack must get through one of them.
func TestSuiteNotices(t *testing.T) {
	t.Parallel()
	attacks := map[string]gatewaytest.Attack{}
	for _, a := range gatewaytest.Attacks() {
		attacks[a.Name] = a
	}
	proved := map[string]bool{}
	for name, b := range brokenGates() {
		for _, attack := range b.letsThrough {
			if _, ok := attacks[attack]; !ok {
				t.Errorf("%s: unknown attack %s", name, attack)
			}
			proved[attack] = true
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site, front := b.gate.start(t)
			for _, attack := range b.letsThrough {
				if !gets(t, site, front, attacks[attack]) {
					t.Errorf("%s does not get through", attack)
				}
			}
		})
	}
	for name := range attacks {
		if !proved[name] {
			t.Errorf("%s gets through no broken gate: add one to brokenGates", name)
		}
	}
}

// broken is a gate that is wrong in one way, and what gets through it.
type broken struct {
	gate        gate
	letsThrough []string
}

func brokenGates() map[string]broken {
	all := map[string]broken{}
	for _, group := range []map[string]broken{
		brokenHeaders(), brokenPaths(), brokenScopes(), brokenIdentity(), brokenForwarding(), brokenAuthorization(), brokenExceptions(),
	} {
		for name, b := range group {
			if _, ok := all[name]; ok {
				panic("two broken gates are called " + name)
			}
			all[name] = b
		}
	}
	return all
}

// reading is a gate whose profile reads requests after they are changed.
func reading(change func(r *upstream.Request)) gate {
	return gate{config: gateway.Config{Upstream: changes{Profile: upstream.Generic(), request: change}}}
}

// without is a gate whose profile does not see headers for which isGone holds, by their
// names as CGI has them.
func without(isGone func(name string) bool) gate {
	return reading(func(r *upstream.Request) {
		for name := range r.Header {
			if isGone(cgiName(name)) {
				delete(r.Header, name)
			}
		}
	})
}

// cgiName is how CGI writes the name of a header.
func cgiName(name string) string {
	return strings.Map(func(c rune) rune {
		if c < '0' || '9' < c && c < 'A' || 'Z' < c {
			return '_'
		}
		return c
	}, strings.ToUpper(name))
}

func oneOf(names ...string) func(string) bool {
	return func(name string) bool { return slices.Contains(names, name) }
}

// brokenHeaders do not know what a header does.
func brokenHeaders() map[string]broken {
	return map[string]broken{
		"ignores headers with methods": {without(oneOf("X_HTTP_METHOD_OVERRIDE", "X_HTTP_METHOD", "X_METHOD_OVERRIDE")), []string{"scope-by-method-override", "passwords-in-the-application", "escalation-in-spite-of-expiring"}},
		"ignores headers with targets": {without(oneOf("X_ORIGINAL_URL", "X_REWRITE_URL")), []string{"scope-by-rewrite-header", "passwords-in-the-application"}},
		"ignores SCRIPT_NAME":          {without(oneOf("SCRIPT_NAME", "X_SCRIPT_NAME", "SCRIPT_URL")), []string{"path-by-script-name"}},
		"ignores PATH_INFO": {without(func(name string) bool {
			return strings.HasSuffix(name, "PATH_INFO") || strings.HasSuffix(name, "REQUEST_URI") || strings.HasSuffix(name, "_PATH")
		}), []string{"path-by-path-info"}},
		"ignores prefixes":              {without(func(name string) bool { return strings.HasPrefix(name, "X_FORWARDED_") || name == "X_INGRESS_PATH" }), []string{"path-by-forwarded-prefix"}},
		"ignores Destination":           {without(oneOf("DESTINATION")), []string{"destination-elsewhere"}},
		"ignores copies":                {without(func(name string) bool { return strings.HasSuffix(name, "_SOURCE") || name == "X_COPY_FROM" }), []string{"copy-of-another-object"}},
		"believes the first header":     {reading(func(r *upstream.Request) { first(r.Header) }), []string{"destination-elsewhere", "copy-of-another-object", "path-by-path-info"}},
		"knows names with hyphens only": {reading(func(r *upstream.Request) { gateway.StripOddNames(r.Header) }), []string{"path-by-script-name", "path-by-path-info", "path-by-forwarded-prefix", "scope-by-method-override", "scope-by-rewrite-header", "copy-of-another-object"}},
		"ignores forms":                 {without(oneOf("CONTENT_TYPE")), []string{"scope-by-form", "scope-by-multipart-form", "escalation-in-spite-of-counted", "escalation-in-spite-of-writing", "escalation-in-spite-of-everything"}},
		"knows plain forms only": {reading(func(r *upstream.Request) {
			if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
				r.Header.Del("Content-Type")
			}
		}), []string{"scope-by-multipart-form"}},
		"passes on trailers unsaid": {gate{trailers: true}, []string{"scope-by-trailer", "identity-in-a-trailer", "identity-of-another-gateway-in-a-trailer"}},
	}
}

func first(h http.Header) {
	for name, values := range h {
		h[name] = values[:1]
		if before, _, ok := strings.Cut(values[0], ","); ok && cgiName(name) != "CONTENT_TYPE" {
			h[name] = []string{before}
		}
	}
}

// replacing is a gate whose profile takes parts of the target for others.
func replacing(pairs ...string) gate {
	r := strings.NewReplacer(pairs...)
	return reading(func(asked *upstream.Request) { asked.Target = r.Replace(asked.Target) })
}

// brokenPaths know less of paths than applications do.
func brokenPaths() map[string]broken {
	return map[string]broken{
		"does not resolve dots":       {replacing("/..;/", "/x/", "/..", "/x", "/.", "/x"), []string{"path-with-dots"}},
		"does not decode dots":        {replacing("%2e", "x", "%2E", "x", "..%2f", "x", "%2f..", "x", "..%5c", "x"), []string{"path-with-encoded-dots"}},
		"decodes once":                {replacing("%25", "x"), []string{"path-with-double-encoding"}},
		"does not merge slashes":      {replacing("//..", "/x", "//", "/x/"), []string{"path-with-empty-segments"}},
		"knows no backslashes":        {replacing(`\..\`, "x", `..\`, "x", "%5c..%5c", "x"), []string{"path-with-backslashes"}},
		"does not cut off parameters": {replacing("..;", "x", ";/..", "x", ";", "_"), []string{"path-with-parameters", "path-with-a-parameter-for-a-suffix"}},
		"passes control characters":   {replacing("%00/..", "x", "..%00", "x", "..%0a", "x", "%0d%0a", "x"), []string{"path-with-control-characters"}},
		"takes bytes for letters": {reading(func(r *upstream.Request) {
			r.Target = strings.ToValidUTF8(strings.ReplaceAll(r.Target, "%ff", "x"), "x")
		}), []string{"path-with-raw-bytes"}},
		"does not cut off fragments":    {replacing("#/..", "x", "..#", "x", "#", "x"), []string{"path-with-a-fragment"}},
		"looks anywhere in the address": {anywhere(), []string{"path-in-the-query"}},
		"does not read absolute addresses": {reading(func(r *upstream.Request) {
			if !strings.HasPrefix(r.Target, "/") {
				r.Target = "/api/posts"
			}
		}), []string{"target-in-absolute-form"}},
		"small letters": {reading(func(r *upstream.Request) { r.Target = strings.ToLower(r.Target) }), []string{"scope-of-another-case"}},
	}
}

// anywhere is a gate that is content with an address that has a right one in it.
func anywhere() gate {
	return reading(func(r *upstream.Request) {
		if strings.Contains(r.Target, "/api/posts") {
			r.Target = "/api/posts"
		}
	})
}

// brokenScopes judge something else than the request.
func brokenScopes() map[string]broken {
	escalating := []string{"escalation-in-spite-of-expiring", "escalation-in-spite-of-nearby", "escalation-in-spite-of-counted", "escalation-in-spite-of-writing", "escalation-in-spite-of-everything"}
	return map[string]broken{
		"takes any object for none": {gate{config: gateway.Config{Upstream: changes{Profile: upstream.Generic(), result: pathOnly}}}, []string{"objects-in-a-dav-body"}},
		"ignores the query":         {reading(func(r *upstream.Request) { r.Target, _, _ = strings.Cut(r.Target, "?") }), []string{"scope-by-method-parameter", "scope-by-route-parameter", "registry-mount"}},
		"judges paths alone":        {reading(func(r *upstream.Request) { r.Method = http.MethodGet }), []string{"scope-of-another-method"}},
		"leaves the API alone":      {reading(func(r *upstream.Request) { leaveAPI(r) }), []string{"scope-widens-itself"}},
		"knows no escalation":       {gate{config: gateway.Config{Upstream: changes{Profile: upstream.Generic(), result: forgetNames}}}, append(escalating, "passwords-in-the-application")},
		"judges the first only":     {gate{config: gateway.Config{Upstream: changes{Profile: upstream.Generic(), result: firstOnly}}}, []string{"scope-by-method-override", "scope-by-method-parameter", "destination-elsewhere", "registry-mount"}},
		"lets unclear ones through": {gate{config: gateway.Config{Upstream: changes{Profile: upstream.Generic(), result: func(all *readings) {
			all.Unclear, all.UnclearManages = "", false
		}}}}, []string{"path-by-script-name", "path-by-forwarded-prefix"}},
	}
}

func leaveAPI(r *upstream.Request) {
	if strings.Contains(r.Target, "/wp-json") {
		r.Method, r.Target = http.MethodGet, "/api/posts"
	}
}

func forgetNames(all *readings) {
	all.UnclearManages = false
	for i := range all.All {
		all.All[i].Named = ""
	}
}

// pathOnly leaves out what stands for objects that are not known.
func pathOnly(all *readings) {
	all.All = slices.DeleteFunc(all.All, func(r sparekey.Reading) bool { return strings.HasSuffix(r.Path, "/*") })
}

func firstOnly(all *readings) {
	if len(all.All) > 0 {
		all.All = all.All[:1]
	}
	all.Unclear, all.UnclearManages = "", false
}

// brokenIdentity let the client say who it is.
func brokenIdentity() map[string]broken {
	keep := func(set func(http.Header), h http.Header) {
		own := http.Header{}
		set(own)
		for name, values := range own {
			if len(h[name]) == 0 {
				h[name] = values
			}
		}
	}
	nothing := func(http.Header) {}
	return map[string]broken{
		"keeps the client's identity": {gate{strip: nothing, identity: keep}, []string{"identity-spoofed", "identity-in-another-case", "identity-twice"}},
		"strips Sparekey's names alone": {gate{strip: func(h http.Header) {
			for name := range h {
				if strings.HasPrefix(cgiName(name), "X_SPAREKEY_") {
					delete(h, name)
				}
			}
		}}, []string{"identity-of-another-gateway"}},
		"strips one spelling of others": {gate{strip: func(h http.Header) {
			for _, name := range gateway.UsualIdentityHeaders() {
				h.Del(name)
			}
		}}, []string{"identity-of-another-gateway-misspelled"}},
		"strips one spelling": {gate{strip: nothing}, []string{"identity-with-underscores", "identity-with-dots"}},
		"drops what Connection names": {gate{after: func(client *http.Request, h http.Header) {
			for name := range strings.SplitSeq(client.Header.Get("Connection"), ",") {
				h.Del(strings.TrimSpace(name))
			}
		}}, []string{"identity-named-in-connection"}},
		"lets anonymous requests through": {gate{config: gateway.Config{Optional: true}}, []string{"identity-of-anonymous", "authorization-dropped", "authorization-of-another-scheme"}},
		"parses loosely": {gate{unasked: func(head string) bool {
			return strings.Contains(head, " :") || strings.Contains(head, "\n ")
		}}, []string{"identity-with-a-blank-before-the-colon"}},
	}
}

// brokenForwarding believe what only a proxy may say.
func brokenForwarding() map[string]broken {
	believing := func(r *http.Request) clientip.Origin {
		origin := clientip.FromPeer(r)
		if addr, err := netip.ParseAddr(r.Header.Get("X-Forwarded-For")); err == nil {
			origin.Addr = addr
		}
		return origin
	}
	take := func(field func(r *http.Request) *string, names ...string) gate {
		return gate{before: func(r *http.Request) {
			for _, name := range names {
				if value := r.Header.Get(name); value != "" {
					*field(r) = value
				}
			}
		}}
	}
	return map[string]broken{
		"believes X-Forwarded-For":    {gate{origin: believing}, []string{"forwarded-address-spoofed"}},
		"passes on forwarded words":   {gate{forwards: true}, []string{"forwarded-words-for-the-application"}},
		"believes X-Forwarded-Uri":    {take(func(r *http.Request) *string { return &r.RequestURI }, "X-Forwarded-Uri", "X-Original-Uri"), []string{"forwarded-target-spoofed"}},
		"believes X-Forwarded-Method": {take(func(r *http.Request) *string { return &r.Method }, "X-Forwarded-Method", "X-Original-Method"), []string{"forwarded-method-spoofed"}},
		"asks nothing where its own words are dropped": {gate{unasked: func(head string) bool {
			return strings.Contains(head, "Connection: X-Forwarded") || strings.Contains(head, "Connection: X-Original")
		}}, []string{"forwarded-headers-dropped"}},
		"knows one host": {gate{unasked: func(head string) bool { return !strings.Contains(head, "Host: example.org\r\n") }}, []string{"host-spelled-otherwise"}},
		"passes on what it cannot parse": {gate{unasked: func(head string) bool {
			return strings.Contains(head, "Transfer-Encoding: ") && strings.Contains(head, "\r\n") && !strings.Contains(head, "Trailer") || strings.Count(head, "Content-Length") > 1
		}}, []string{"request-smuggling"}},
		"tunnels":                       {gate{unasked: func(head string) bool { return strings.HasPrefix(head, "CONNECT ") }}, []string{"connect"}},
		"passes on what is long":        {gate{unasked: func(head string) bool { return len(head) > 10_000 }}, []string{"oversized"}},
		"switches to any protocol":      {gate{upgrades: true}, []string{"h2c-smuggling"}},
		"does not ask about websockets": {gate{unasked: func(head string) bool { return strings.Contains(head, "Upgrade: websocket\r\n") }}, []string{"exceptions-for-websockets"}},
	}
}

// brokenAuthorization find a password where there is none.
func brokenAuthorization() map[string]broken {
	from := func(find func(r *http.Request) string) gate {
		return gate{before: func(r *http.Request) {
			if found := find(r); found != "" {
				r.Header["Authorization"] = []string{found}
			}
		}}
	}
	return map[string]broken{
		"takes the last Authorization": {from(func(r *http.Request) string {
			all := append([]string{""}, r.Header["Authorization"]...)
			return all[len(all)-1]
		}), []string{"authorization-twice"}},
		"splits Authorization": {from(func(r *http.Request) string {
			all := strings.Split(r.Header.Get("Authorization"), ", ")
			return all[len(all)-1]
		}), []string{"authorization-joined"}},
		"looks elsewhere": {from(func(r *http.Request) string {
			for _, name := range []string{"X-Authorization", "X-Forwarded-Authorization"} {
				if value := r.Header.Get(name); value != "" {
					return value
				}
			}
			return ""
		}), []string{"authorization-elsewhere"}},
		"searches for Basic": {from(func(r *http.Request) string {
			found := regexp.MustCompile(`(?i)basic\s+([a-z0-9+/=]+)`).FindStringSubmatch(strings.Join(r.Header["Authorization"], ","))
			if found == nil {
				return ""
			}
			return "Basic " + found[1]
		}), []string{"authorization-like-basic"}},
		"prefers Proxy-Authorization": {from(func(r *http.Request) string {
			found := r.Header.Get("Proxy-Authorization")
			r.Header.Del("Proxy-Authorization")
			return found
		}), []string{"authorization-wrong-beside-proxy-authorization", "proxy-authorization-beside-authorization"}},
		"does not limit Proxy-Authorization": {gate{unasked: func(head string) bool { return strings.Contains(head, "Proxy-Authorization: ") }}, []string{"scope-by-proxy-authorization"}},
		"takes other names": {from(func(r *http.Request) string {
			return r.Header.Get("Authorization_") + r.Header.Get("Http_authorization")
		}), []string{"authorization-misspelled"}},
		"takes an address for a password": {gate{unasked: func(head string) bool {
			line, _, _ := strings.Cut(head, "\r\n")
			return strings.Contains(line, "@") || strings.Contains(line, "?Authorization=")
		}}, []string{"authorization-in-the-address"}},
	}
}

// brokenExceptions do not ask about some requests.
func brokenExceptions() map[string]broken {
	all := map[string]broken{}
	for _, method := range []string{"OPTIONS", "TRACE"} {
		all["does not ask about "+method] = broken{gate{unasked: func(head string) bool { return strings.HasPrefix(head, method+" ") }}, []string{"exceptions-for-methods"}}
	}
	for _, path := range []string{"/favicon.ico", "/.well-known/", "/healthz", "/-/auth/"} {
		all[fmt.Sprintf("does not ask about %s", path)] = broken{gate{unasked: func(head string) bool { return strings.HasPrefix(head, "GET "+path) }}, []string{"exceptions-for-paths"}}
	}
	return all
}
