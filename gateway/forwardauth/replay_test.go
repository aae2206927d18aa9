package forwardauth_test

import (
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/forwardauth"
	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// replay does what a proxy that cannot be had here does, after its documentation
// and its example: it asks about each request, and passes it on or answers it.
type replay struct {
	// ask makes the request to Sparekey about a client's, nil for one that the
	// proxy refuses by itself.
	ask func(site *gatewaytest.Site, client *http.Request) *http.Request
	// apply puts the headers of an allowing answer into the request to the
	// application.
	apply func(out, answer http.Header)
	// broken is the client's status where Sparekey does not answer.
	broken int
	// only401And403 says that it understands no refusals except 401 and 403. The replay answers as
	// the example of nginx does.
	only401And403 bool
}

func (p replay) start(t *testing.T, site *gatewaytest.Site) gatewaytest.Front {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		question := p.ask(site, r)
		if question == nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer, err := http.DefaultTransport.RoundTrip(question.WithContext(r.Context()))
		if err != nil {
			w.WriteHeader(p.broken)
			return
		}
		defer answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			p.application(site, answer.Header).ServeHTTP(w, r)
			return
		}
		for _, name := range []string{"Www-Authenticate", "Retry-After", "Cache-Control", "Content-Type"} {
			if values := answer.Header[name]; len(values) > 0 {
				w.Header()[name] = values
			}
		}
		status := answer.StatusCode
		if said, err := strconv.Atoi(answer.Header.Get(forwardauth.HeaderStatus)); p.only401And403 && err == nil && status == http.StatusForbidden {
			status = said // else this would be 403, too: the suite looks for the reason
		}
		w.WriteHeader(status)
		io.Copy(w, answer.Body)
	}))
	server.Config.ErrorLog = quiet()
	server.Start()
	t.Cleanup(server.Close)
	return gatewaytest.Front{Addr: server.Listener.Addr().String(), LeavesCaching: true}
}

// application passes an allowed request on.
func (p replay) application(site *gatewaytest.Site, answer http.Header) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL = raw(site.Application, pr.In.URL.RequestURI())
			pr.Out.Host = pr.In.Host
			pr.Out.Trailer = nil
			if !strings.EqualFold(pr.In.Header.Get("Upgrade"), "websocket") {
				pr.Out.Header.Del("Upgrade")
			}
			pr.Out.Header.Del("HTTP2-Settings")
			p.apply(pr.Out.Header, answer)
		},
		ErrorLog: quiet(),
	}
}

// raw is a URL at a server that is sent as target is written.
func raw(server *url.URL, target string) *url.URL {
	path, query, asked := strings.Cut(target, "?")
	return &url.URL{Scheme: server.Scheme, Host: server.Host, Opaque: path, RawQuery: query, ForceQuery: asked}
}

func clientAddr(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

func quiet() *log.Logger { return slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) }

// listed returns what a pattern with one group finds in a file of examples/.
func listed(t *testing.T, file, pattern string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", file))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	if len(all) == 0 {
		t.Fatalf("examples/%s has nothing like %s", file, pattern)
	}
	return all
}

// TestTraefik replays Traefik 3's ForwardAuth: GET with the client's headers, except for those
// that concern its connection, and X-Forwarded-Method, -Proto, -Host, -Uri and -For.
func TestTraefik(t *testing.T) {
	t.Parallel()
	names := listed(t, "traefik/dynamic.yml", `(?m)^          - ([A-Z]\S+)`)
	if !slices.Equal(names, slices.Concat([]string{"Authorization"}, gateway.IdentityHeaders(), []string{"Remote-User"})) {
		t.Errorf("authResponseHeaders are %q", names)
	}
	removed := listed(t, "traefik/dynamic.yml", `(?m)^          ([A-Z][A-Za-z-]+): ""`)
	p := replay{broken: http.StatusInternalServerError}
	p.ask = func(site *gatewaytest.Site, client *http.Request) *http.Request {
		question := &http.Request{Method: http.MethodGet, URL: raw(site.Sparekey, "/-/auth/traefik"), Header: client.Header.Clone()}
		for _, listed := range client.Header["Connection"] {
			for name := range strings.SplitSeq(listed, ",") {
				question.Header.Del(strings.TrimSpace(name))
			}
		}
		for _, name := range []string{"Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "X-Real-Ip", "Forwarded"} {
			question.Header.Del(name)
		}
		question.Header.Set("X-Forwarded-Method", client.Method)
		question.Header.Set("X-Forwarded-Proto", "https")
		if strings.EqualFold(client.Header.Get("Upgrade"), "websocket") {
			question.Header.Set("X-Forwarded-Proto", "wss")
		}
		question.Header.Set("X-Forwarded-Host", client.Host)
		question.Header.Set("X-Forwarded-Uri", client.URL.RequestURI())
		question.Header.Set("X-Forwarded-For", clientAddr(client))
		return question
	}
	p.apply = func(out, answer http.Header) {
		defer func() { // the middleware "clean" is the second
			for _, name := range removed {
				out.Del(name)
			}
			for _, name := range []string{"Server", "Port", "Uri", "Method", "Prefix", "For", "Host", "Proto"} { // by the entry point
				out.Del("X-Forwarded-" + name)
			}
			out.Del("X-Real-IP")
		}()
		for _, name := range names {
			out.Del(name)
			if values := answer[http.CanonicalHeaderKey(name)]; len(values) > 0 {
				out[http.CanonicalHeaderKey(name)] = values
			}
		}
	}
	gatewaytest.Run(t, p.start)
	t.Run("Optional", func(t *testing.T) { gatewaytest.RunOptional(t, p.start) })
	t.Run("Down", func(t *testing.T) { gatewaytest.RunDown(t, http.StatusInternalServerError, p.start) })
}

// matcher matches the headers that a part of Envoy's example lists, and these.
func matcher(t *testing.T, list string, others ...string) *regexp.Regexp {
	t.Helper()
	for _, m := range regexp.MustCompile(`(exact|prefix|regex): "?([^",} ]+)`).FindAllStringSubmatch(listed(t, "envoy/envoy.yaml", list)[0], -1) {
		others = append(others, map[string]string{
			"exact": "^" + regexp.QuoteMeta(m[2]) + "$", "prefix": "^" + regexp.QuoteMeta(m[2]), "regex": "^(" + m[2] + ")$",
		}[m[1]])
	}
	return regexp.MustCompile(strings.Join(others, "|"))
}

// TestEnvoy replays Envoy's ext_authz over HTTP: the client's method and Host, its
// path behind a prefix, Authorization, and the headers that the example names.
func TestEnvoy(t *testing.T) {
	t.Parallel()
	isAllowed := matcher(t, `(?s) allowed_headers:(.*?)disallowed_headers:`, "^authorization$")
	isDisallowed := matcher(t, `(?s)disallowed_headers:(.*?)http_service:`)
	prefix := listed(t, "envoy/envoy.yaml", `allowed_upstream_headers:\s+patterns:\s+- \{ prefix: ([^,]+),`)[0]
	exact := listed(t, "envoy/envoy.yaml", `allowed_upstream_headers:\s+patterns:\s+[^\n]+\s+- \{ exact: ([^,]+),`)[0]
	statically := strings.Split(listed(t, "envoy/envoy.yaml", `request_headers_to_remove: \[([^\]]+)\]`)[0], ",")
	if status := listed(t, "envoy/envoy.yaml", `status_on_error: \{ code: (\S+) \}`)[0]; status != "ServiceUnavailable" {
		t.Errorf("status_on_error is %s", status)
	}
	p := replay{broken: http.StatusServiceUnavailable}
	p.ask = func(site *gatewaytest.Site, client *http.Request) *http.Request {
		if !strings.HasPrefix(client.RequestURI, "/") || client.Method == http.MethodConnect {
			return nil
		}
		question := &http.Request{Method: client.Method, URL: raw(site.Sparekey, "/-/auth/envoy"+client.RequestURI), Host: client.Host, Header: http.Header{}}
		for name, values := range client.Header {
			if strings.Contains(name, "_") { // headers_with_underscores_action: REJECT_REQUEST
				return nil
			}
			if name := strings.ToLower(name); isAllowed.MatchString(name) && !isDisallowed.MatchString(name) {
				question.Header[http.CanonicalHeaderKey(name)] = []string{strings.Join(values, ",")}
			}
		}
		for name := range client.Trailer { // net/http has taken them out of the headers
			question.Header.Add("Trailer", name)
		}
		question.Header.Set("X-Forwarded-Proto", "https")
		question.Header.Set("X-Forwarded-For", clientAddr(client))
		return question
	}
	p.apply = func(out, answer http.Header) {
		for name, values := range answer {
			if strings.HasPrefix(strings.ToLower(name), prefix) || strings.EqualFold(name, exact) {
				out[name] = values
			}
		}
		for name := range strings.SplitSeq(answer.Get("X-Envoy-Auth-Headers-To-Remove"), ",") {
			out.Del(strings.TrimSpace(name))
		}
		for _, name := range statically {
			out.Del(strings.TrimSpace(name))
		}
	}
	gatewaytest.Run(t, p.start)
	t.Run("Optional", func(t *testing.T) { gatewaytest.RunOptional(t, p.start) })
	t.Run("Down", func(t *testing.T) { gatewaytest.RunDown(t, http.StatusServiceUnavailable, p.start) })
}

// TestIngressNginx replays the question of ingress-nginx's template for auth-url: all of
// the client's headers, X-Original-URL, X-Original-Method, X-Forwarded-For, X-Real-IP, no
// X-Forwarded-Proto, and a Host of Sparekey's. It is nginx, so it drops odd names.
func TestIngressNginx(t *testing.T) {
	t.Parallel()
	const file = "kubernetes/ingress-nginx.yaml"
	names := strings.Split(listed(t, file, `auth-response-headers: (\S+)`)[0], ",")
	if !slices.Equal(names, slices.Concat([]string{"Authorization"}, gateway.IdentityHeaders(), []string{"Remote-User"})) {
		t.Errorf("auth-response-headers are %q", names)
	}
	path := listed(t, file, `auth-url: http://[^/]+(/\S+)`)[0]
	removed := listed(t, file, `(?m)^  ([A-Z][A-Za-z0-9-]+): ""$`)
	p := replay{broken: http.StatusInternalServerError, only401And403: true}
	p.ask = func(site *gatewaytest.Site, client *http.Request) *http.Request {
		if client.Method == http.MethodConnect || client.Method == http.MethodTrace { // which nginx refuses
			return nil
		}
		question := &http.Request{Method: http.MethodGet, URL: raw(site.Sparekey, path), Host: "sparekey.sparekey.svc.cluster.local", Header: client.Header.Clone()}
		for name := range client.Header {
			if upstream.IsOdd(name) {
				question.Header.Del(name)
				delete(question.Header, name)
				delete(client.Header, name)
			}
		}
		for name := range client.Trailer { // net/http has taken them out of the headers
			question.Header.Add("Trailer", name)
		}
		for _, name := range []string{"Connection", "Upgrade", "Te", "Keep-Alive", "Transfer-Encoding", "Content-Length", "Expect", "X-Forwarded-Proto"} {
			question.Header.Del(name)
		}
		question.Header.Set("X-Request-ID", "0123456789abcdef")
		question.Header.Set("X-Original-Url", "https://"+client.Host+client.RequestURI)
		question.Header.Set("X-Original-Method", client.Method)
		question.Header.Set("X-Sent-From", "nginx-ingress-controller")
		question.Header.Set("X-Real-IP", clientAddr(client))
		question.Header.Set("X-Forwarded-For", clientAddr(client))
		question.Header.Set("X-Auth-Request-Redirect", client.RequestURI)
		return question
	}
	p.apply = func(out, answer http.Header) {
		for _, name := range removed {
			out.Del(name)
		}
		for _, name := range names {
			out.Del(name)
			if value := answer.Get(name); value != "" {
				out[http.CanonicalHeaderKey(name)] = []string{value}
			}
		}
		for _, name := range []string{"X-Real-Ip", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Scheme", "X-Scheme"} {
			out.Set(name, "the controller's") // of its template
		}
	}
	gatewaytest.Run(t, p.start)
	t.Run("Optional", func(t *testing.T) { gatewaytest.RunOptional(t, p.start) })
	t.Run("Down", func(t *testing.T) { gatewaytest.RunDown(t, http.StatusInternalServerError, p.start) })
}

// TestExamplesSetNoRoutingHeaders has no example ask by a header that counts as moving the
// path or naming a method: Sparekey would refuse every request of a limited credential.
func TestExamplesSetNoRoutingHeaders(t *testing.T) {
	t.Parallel()
	for file, pattern := range map[string]string{
		"nginx/example.conf": `proxy_set_header (\S+) +\$`, "haproxy/sparekey.lua": `headers\["([a-z-]+)"\] = `, "haproxy/haproxy.cfg": `set-header (\S+) `, "envoy/envoy.yaml": `\{ key: ([a-z-]+),`,
	} {
		for _, name := range listed(t, file, pattern) {
			if upstream.IsRouting(name) || upstream.IsOdd(name) {
				t.Errorf("examples/%s sets %s", file, name)
			}
		}
	}
	for dialect, told := range tells {
		for name := range told.header {
			if dialect != "ingress-nginx" && upstream.IsRouting(name) { // of which it does not count
				t.Errorf("%s asks by %s", dialect, name)
			}
		}
	}
}
