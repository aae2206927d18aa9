package gateway_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/scope"
)

func parseRules(t *testing.T, rules ...string) scope.List {
	t.Helper()
	list, err := scope.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// publicRules are the exceptions of the tests.
func publicRules(t *testing.T) gateway.Public {
	return gateway.Public{
		Requests: parseRules(t, "GET /feed*", "GET /static/*/logo.png", "POST /hook", "OPTIONS /api/*", "POST /wp-json/shop/*"),
		Bundles:  scope.BuiltIn(),
	}
}

const urlencoded, multipartForm = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"

// TestPublic sends requests without a credential. A request is public only if each of its
// readings is.
func TestPublic(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		method, target string
		header         []string
		body           string
		public         bool
	}{
		"feed":                   {"GET", "/feed", nil, "", true},
		"below it":               {"GET", "/feed/atom/", nil, "", true},
		"HEAD counts as GET":     {"HEAD", "/feed", nil, "", true},
		"with a query":           {"GET", "/feed?paged=2&q=a+b%20c", nil, "", true},
		"encoded letters":        {"GET", "/%66eed", nil, "", true},
		"in the middle":          {"GET", "/static/v2/logo.png", nil, "", true},
		"with another scheme":    {"GET", "/feed", []string{"Authorization", "Bearer x"}, "", true},
		"absolute form":          {"GET", "http://example.org/feed", nil, "", true},
		"preflight":              {"OPTIONS", "/api/x", []string{"Origin", "https://a.example", "Access-Control-Request-Method", "DELETE"}, "", true},
		"hook, JSON":             {"POST", "/hook", []string{"Content-Type", "application/json"}, `{"method":"DELETE"}`, true},
		"hook, form":             {"POST", "/hook", []string{"Content-Type", urlencoded}, "a=1&b=2", true},
		"other path":             {"GET", "/", nil, "", false},
		"other method":           {"POST", "/feed", nil, "", false},
		"lower-case method":      {"get", "/feed", nil, "", false},
		"path in another case":   {"GET", "/Feed", nil, "", false},
		"star for a slash":       {"GET", "/static/a/b/logo.png", nil, "", false},
		"preflight elsewhere":    {"OPTIONS", "/admin", []string{"Origin", "https://a.example", "Access-Control-Request-Method", "GET"}, "", false},
		"preflight by GET":       {"GET", "/api/x", []string{"Origin", "https://a.example", "Access-Control-Request-Method", "GET"}, "", false},
		"preflight as override":  {"OPTIONS", "/api/x", []string{"X-HTTP-Method-Override", "DELETE"}, "", false},
		"in the query":           {"GET", "/admin?/feed", nil, "", false}, // CVE-2025-54576
		"in the query's value":   {"GET", "/admin?next=/feed", nil, "", false},
		"at the end of the path": {"GET", "/admin/feed", nil, "", false},
		"encoded question mark":  {"GET", "/admin%3F/feed", nil, "", false},
		"fragment":               {"GET", "/admin#/feed", nil, "", false},
		"dots":                   {"GET", "/feed/../admin", nil, "", false},
		"encoded dots":           {"GET", "/feed/%2e%2e/admin", nil, "", false},
		"encoded slash":          {"GET", "/feed/..%2fadmin", nil, "", false},
		"encoded twice":          {"GET", "/feed/%252e%252e/admin", nil, "", false},
		"backslash":              {"GET", `/feed\..\admin`, nil, "", false},
		"empty segment":          {"GET", "//feed", nil, "", false},
		"path parameter":         {"GET", "/feed/..;/admin", nil, "", false},
		"NUL":                    {"GET", "/feed/%00/admin", nil, "", false},
		"method in the query":    {"GET", "/feed?_method=DELETE", nil, "", false},
		"route in the query":     {"GET", "/feed?rest_route=/wp/v2/users", nil, "", false},
		"route in disguise":      {"GET", "/feed?rest%5Froute=/wp/v2/users", nil, "", false},
		"method in a header":     {"GET", "/feed", []string{"X-HTTP-Method-Override", "DELETE"}, "", false},
		"path in a header":       {"GET", "/feed", []string{"X-Original-URL", "/admin"}, "", false},
		"prefix in a header":     {"GET", "/feed", []string{"X-Script-Name", "/admin"}, "", false},
		"method in a form":       {"POST", "/hook", []string{"Content-Type", urlencoded}, "_method=DELETE", false},
		"form of unclear type":   {"POST", "/hook", []string{"Content-Type", "x/form-y"}, "a=1", false},
		"form with two types":    {"POST", "/hook", []string{"Content-Type", urlencoded, "Content-Type", "text/plain"}, "_method=DELETE", false},
		"route in a form":        {"POST", "/wp-json/shop/hook", []string{"Content-Type", urlencoded}, "rest_route=/wp/v2/users", false},
		"copy":                   {"COPY", "/feed", []string{"Destination", "/feed/2"}, "", false},
		"wrong credential":       {"GET", "/feed", []string{"Authorization", "Basic eDp5"}, "", false},
		"malformed credential":   {"GET", "/feed", []string{"Authorization", "Basic"}, "", false},
		"two credentials":        {"GET", "/feed", []string{"Authorization", "Basic eDp5", "Authorization", "Basic eDp5"}, "", false},
	} {
		for kind, profile := range map[string]upstream.Profile{
			"generic": upstream.Generic(), "wordpress": upstream.WordPress(upstream.WordPressConfig{}),
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				wrong := outcome{err: &sparekey.AuthError{Reason: sparekey.ReasonWrongSecret}}
				g := gateway.New(wrong, gateway.Config{Upstream: profile, Public: publicRules(t)})
				r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(c.body))
				r.Method, r.RequestURI, r.Host = c.method, c.target, "example.org"
				for i := 0; i < len(c.header); i += 2 {
					r.Header.Add(c.header[i], c.header[i+1])
				}
				d, hold := g.DecideProxied(r, loopback)
				if public := d.Outcome == gateway.Allowed; public != c.public || public && d.Rule != gateway.RulePublic {
					t.Errorf("%v by %q: %v", d.Outcome, d.Rule, d.Err)
				}
				if hold != nil || d.Identity.User.ID != "" {
					t.Error("there is an identity")
				}
				if body, err := io.ReadAll(r.Body); c.public && (err != nil || string(body) != c.body) {
					t.Errorf("the body is %q, %v", body, err)
				}
				// A front-end that only tells of a request never allows more.
				r.Body = http.NoBody
				if told := g.Decide(r, loopback); told.Outcome == gateway.Allowed && !c.public {
					t.Errorf("only told of: %v by %q", told.Outcome, told.Rule)
				}
			})
		}
	}
}

// TestPublicFormField wants the body of a multipart form to break off before a field that
// names another method.
func TestPublicFormField(t *testing.T) {
	t.Parallel()
	g := gateway.New(outcome{}, gateway.Config{Public: publicRules(t)})
	for field, allowed := range map[string]bool{"title": true, "_method": false, "rest_route": false} {
		r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(
			"--x\r\nContent-Disposition: form-data; name=\""+field+"\"\r\n\r\nDELETE\r\n--x--\r\n"))
		r.Header.Set("Content-Type", multipartForm)
		if d, _ := g.DecideProxied(r, loopback); d.Outcome != gateway.Allowed {
			t.Errorf("%s: %v", field, d.Err)
		}
		if _, err := io.ReadAll(r.Body); (err == nil) != allowed {
			t.Errorf("%s: the body ends with %v", field, err)
		}
	}
}

func TestPublicNetworks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		networks []string
		addr     string
		public   bool
	}{
		{[]string{"10.0.0.0/8"}, "10.1.2.3", true},
		{[]string{"10.0.0.0/8"}, "::ffff:10.1.2.3", true},
		{[]string{"192.0.2.7", "2001:db8::/32"}, "2001:db8::1", true},
		{[]string{"fe80::/10"}, "fe80::1%eth0", true},
		{[]string{"10.0.0.0/8"}, "11.0.0.1", false},
		{[]string{"10.0.0.0/8"}, "", false},
		{nil, "10.1.2.3", false},
		{nil, "", false},
	} {
		networks, err := sparekey.ParseNetworks(c.networks)
		if err != nil {
			t.Fatal(err)
		}
		wrong := outcome{err: &sparekey.AuthError{Reason: sparekey.ReasonWrongSecret}}
		g := gateway.New(wrong, gateway.Config{Public: gateway.Public{Networks: networks}})
		origin := clientip.Origin{}
		if c.addr != "" {
			origin.Addr = netip.MustParseAddr(c.addr)
		}
		d := g.Decide(request(http.MethodDelete, "/anything?_method=x"), origin)
		if public := d.Rule == gateway.RulePublic; public != c.public || public != (d.Outcome == gateway.Allowed) {
			t.Errorf("%v from %q: %v by %q", c.networks, c.addr, d.Outcome, d.Rule)
		}
		if d := g.Decide(request(http.MethodGet, "/", "Authorization", "Basic eDp5"), origin); d.Status() != http.StatusUnauthorized {
			t.Errorf("%v from %q with a wrong credential: %d", c.networks, c.addr, d.Status())
		}
	}
}

// TestPublicNamesBundles also wants a bundle that does not exist to cover nothing.
func TestPublicNamesBundles(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]bool{"read": true, "wp:posts": false, "no-such-bundle": false} {
		g := gateway.New(outcome{}, gateway.Config{Public: gateway.Public{Requests: parseRules(t, rule), Bundles: scope.BuiltIn()}})
		if d := g.Decide(request(http.MethodGet, "/a"), loopback); (d.Outcome == gateway.Allowed) != want {
			t.Errorf("%s: %v", rule, d.Outcome)
		}
		if d := g.Decide(request(http.MethodPost, "/a"), loopback); d.Outcome == gateway.Allowed {
			t.Errorf("%s allows POST", rule)
		}
	}
}

// TestPublicIsBlockedAsWell wants what must not reach WordPress to be refused from a
// public network, too.
func TestPublicIsBlockedAsWell(t *testing.T) {
	t.Parallel()
	g := gateway.New(outcome{}, gateway.Config{
		Upstream: upstream.WordPress(upstream.WordPressConfig{}),
		Public:   gateway.Public{Networks: "127.0.0.0/8", Requests: parseRules(t, "* /*")},
	})
	if d := g.Decide(request(http.MethodPost, "/xmlrpc.php"), loopback); d.Outcome == gateway.Allowed {
		t.Errorf("XML-RPC is %v by %q", d.Outcome, d.Rule)
	}
}

func TestPublicIsObserved(t *testing.T) {
	t.Parallel()
	var seen []sparekey.Event
	public := publicRules(t)
	public.Observe = func(_ context.Context, e sparekey.Event) { seen = append(seen, e) }
	g := gateway.New(outcome{}, gateway.Config{Public: public})
	g.Decide(request(http.MethodGet, "/feed?secret=1"), loopback)
	g.Decide(request(http.MethodGet, "/other"), loopback)
	want := sparekey.Event{
		Kind: sparekey.KindPublic, Rule: gateway.RulePublic, Addr: loopback.Addr,
		Request: sparekey.Request{Method: "GET", Target: "/feed?secret=1"},
	}
	if len(seen) != 1 || seen[0].Kind != want.Kind || seen[0].Rule != want.Rule || seen[0].Addr != want.Addr || seen[0].Request != want.Request {
		t.Errorf("got %+v", seen)
	}
}
