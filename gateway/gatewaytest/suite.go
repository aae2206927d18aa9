package gatewaytest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/gateway"
)

// Run runs the suite on a front-end that start puts in front of a site.
func Run(t *testing.T, start func(t *testing.T, site *Site) Front) {
	t.Helper()
	site := newSite(t, gateway.Config{}, nil)
	front := start(t, site)
	t.Run("Answers", func(t *testing.T) { site.answers(t, front) })
	t.Run("Limited", func(t *testing.T) { site.limited(t, front) })
	t.Run("Passed on", func(t *testing.T) { site.passedOn(t, front) })
	t.Run("Targets", func(t *testing.T) { site.targets(t, front) })
	t.Run("Authorization", func(t *testing.T) { site.ownAuthorization(t, front) })
	t.Run("Caching", func(t *testing.T) { site.caching(t, front, "good") })
	t.Run("Attacks", func(t *testing.T) {
		for _, a := range Attacks() {
			t.Run(a.Name, func(t *testing.T) { site.try(t, front, a) })
		}
	})
}

// try makes one attack.
func (s *Site) try(t testing.TB, front Front, a Attack) {
	t.Helper()
	for _, request := range a.Requests {
		s.harmless(t, a.As, request, s.send(t, front, request))
	}
}

// RunOptional runs the cases that differ where a front-end also allows requests without a
// credential (gateway.Config.Optional): they get no identity, whatever they claim, and wrong
// credentials are still refused.
func RunOptional(t *testing.T, start func(t *testing.T, site *Site) Front) {
	t.Helper()
	site := newSite(t, gateway.Config{Optional: true}, nil)
	front := start(t, site)
	t.Run("anonymous", func(t *testing.T) {
		a := site.send(t, front, "GET /about HTTP/1.1\nHost: example.org\n\n")
		if a.Seen == nil || a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		site.checkNobody(t, a.Seen)
	})
	t.Run("Authorization", func(t *testing.T) { site.ownAuthorizationAlone(t, front) })
	t.Run("Caching", func(t *testing.T) { site.caching(t, front, "") })
	for _, attack := range Attacks() {
		// The others are about what a credential allows.
		elsewhere := slices.Contains([]string{"authorization-elsewhere", "authorization-misspelled", "authorization-of-another-scheme", "authorization-like-basic"}, attack.Name)
		if !elsewhere && !strings.HasPrefix(attack.Name, "identity-") {
			continue
		}
		t.Run(attack.Name, func(t *testing.T) {
			for _, request := range attack.Requests {
				nobodys := strings.ReplaceAll(request, "\nAuthorization: {good}\n", "\n")
				if strings.Contains(nobodys, "X-Sparekey-Authorization") {
					continue // those who replace headers by name let it pass, since it is none of Sparekey's
				}
				if a := site.send(t, front, nobodys); a.Seen != nil && (elsewhere || !strings.Contains(nobodys, "{")) {
					site.checkNobody(t, a.Seen)
				}
			}
		})
	}
	for as, status := range map[string]int{
		"good": http.StatusOK, "wrong": http.StatusUnauthorized, "expired": http.StatusUnauthorized, "networked": http.StatusForbidden,
		"throttled": http.StatusTooManyRequests, "broken": http.StatusServiceUnavailable,
	} {
		t.Run(as, func(t *testing.T) {
			a := site.send(t, front, "GET /about HTTP/1.1\nHost: example.org\nAuthorization: {"+as+"}\n\n")
			if a.Status != status || (a.Seen != nil) != (status == http.StatusOK) {
				t.Errorf("%d %s", a.Status, a.Body)
			}
			if a.Seen != nil {
				site.checkIdentity(t, as, a.Seen)
			}
		})
	}
}

// checkNobody sees that a request tells nothing of anybody.
func (s *Site) checkNobody(t *testing.T, seen *Seen) {
	t.Helper()
	for _, h := range slices.Concat(seen.Header, seen.Trailer) {
		if name := fold(h[0]); h[1] != "" && (strings.HasPrefix(name, "X_SPAREKEY") || saysWho(name)) {
			t.Errorf("%s %s: the application got %q", seen.Method, seen.Target, h)
		}
	}
	s.checkNoCredential(t, seen)
}

// RunDown has start put a front-end in front of a site whose Sparekey then goes
// away, and sees that nothing goes through and the client gets this status. It is
// for front-ends that ask over the network.
func RunDown(t *testing.T, status int, start func(t *testing.T, site *Site) Front) {
	t.Helper()
	site := newSite(t, gateway.Config{}, nil)
	front := start(t, site)
	request := "GET /api/posts HTTP/1.1\nHost: example.org\nAuthorization: {good}\n\n"
	if a := site.send(t, front, request); a.Seen == nil {
		t.Fatalf("nothing goes through at all: %d %s", a.Status, a.Body)
	}
	site.stop()
	if a := site.send(t, front, request); a.Status != status || a.Seen != nil {
		t.Errorf("with Sparekey gone: %d %s", a.Status, a.Body)
	}
}

// RunPages wants a front-end to lead to Sparekey's pages at the host
// passwords.example.org, with what proxies tell, and nowhere else.
func RunPages(t *testing.T, start func(t *testing.T, site *Site) Front) {
	t.Helper()
	site := newSite(t, gateway.Config{}, nil)
	front := start(t, site)
	const at = " HTTP/1.1\nHost: passwords.example.org\n"
	for request, body := range map[string]string{
		"GET /sign-in" + at + "X-Forwarded-For: 10.9.0.1\nX-Forwarded-Proto: http\n\n": "pages: passwords.example.org /sign-in from [127.0.0.2] over [https], authorized=false",
		"GET /a%2Fb?c" + at + "Authorization: {good}\n\n":                              "pages: passwords.example.org /a%2Fb?c from [127.0.0.2] over [https], authorized=true",
	} {
		if a := site.send(t, front, request); a.Status != http.StatusOK || a.Body != body || a.Seen != nil {
			t.Errorf("%s%d %s", request, a.Status, a.Body)
		}
	}
	for _, dialect := range []string{"nginx", "caddy", "haproxy", "envoy/", "envoy/../../../x"} { // as no client may ask
		tell := "X-Original-Method: GET\nX-Original-URI: /\nX-Original-Host: example.org\nX-Forwarded-Method: GET\nX-Forwarded-Uri: /\n"
		a := site.send(t, front, "GET /-/auth/"+dialect+at+"Authorization: {good}\n"+tell+"\n")
		if a.Status != http.StatusNotFound || len(a.Header.Values("X-Sparekey-User")) > 0 {
			t.Errorf("a client asks as %s: %d %v", dialect, a.Status, a.Header)
		}
	}
	for _, host := range []string{"example.org", "other.example", "passwords.example.org.example", "xpasswords.example.org"} {
		if a := site.send(t, front, "GET /sign-in HTTP/1.1\nHost: "+host+"\n\n"); a.Status != http.StatusUnauthorized || a.Seen != nil {
			t.Errorf("anonymous at %s: %d %s", host, a.Status, a.Body)
		}
		if a := site.send(t, front, "GET /sign-in HTTP/1.1\nHost: "+host+"\nAuthorization: {good}\n\n"); a.Seen == nil {
			t.Errorf("the application at %s: %d %s", host, a.Status, a.Body)
		}
	}
}

// answers tries every outcome.
func (s *Site) answers(t *testing.T, front Front) {
	for _, c := range []struct {
		name, method, target, as string
		status                   int
		body                     string // part of what a refusal says
	}{
		{"allowed", "GET", "/api/posts?page=2", "good", http.StatusOK, ""},
		{"allowed to write", "POST", "/api/users", "good", http.StatusOK, ""},
		{"in scope", "GET", "/api/posts?page=2", "scoped", http.StatusOK, ""},
		{"in the network", "GET", "/", "nearby", http.StatusOK, ""},
		{"no credential", "GET", "/api/posts", "", http.StatusUnauthorized, "Basic authentication"},
		{"wrong secret", "GET", "/api/posts", "wrong", http.StatusUnauthorized, "wrong"},
		{"unknown user", "GET", "/api/posts", "unknown", http.StatusUnauthorized, "wrong"},
		{"expired", "GET", "/api/posts", "expired", http.StatusUnauthorized, "expired"},
		{"method out of scope", "POST", "/api/posts", "scoped", http.StatusForbidden, scoped},
		{"path out of scope", "GET", "/api/users", "scoped", http.StatusForbidden, scoped},
		{"out of network", "GET", "/api/posts", "networked", http.StatusForbidden, ""},
		{"throttled", "GET", "/api/posts", "throttled", http.StatusTooManyRequests, ""},
		{"broken", "GET", "/api/posts", "broken", http.StatusServiceUnavailable, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			request := c.method + " " + c.target + " HTTP/1.1\nHost: example.org\nContent-Length: 0\n"
			if c.as != "" {
				request += "Authorization: {" + c.as + "}\n"
			}
			a := s.send(t, front, request+"\n")
			if a.Status != c.status || !strings.Contains(a.Body, c.body) {
				t.Fatalf("%d %v %s", a.Status, a.Header, a.Body)
			}
			s.checkHeaders(t, a)
			if (a.Seen != nil) != (c.status == http.StatusOK) {
				t.Fatalf("the application saw %v", a.Seen)
			}
			if a.Seen != nil {
				if a.Seen.Method != c.method || a.Seen.Target != c.target {
					t.Errorf("the application saw %s %s", a.Seen.Method, a.Seen.Target)
				}
				s.checkIdentity(t, c.as, a.Seen)
			}
		})
	}
}

// limited sends what limited credentials may do: a front-end that refuses attacks must
// not refuse these with them.
func (s *Site) limited(t *testing.T, front Front) {
	for name, request := range map[string]string{
		"JSON where a form would be refused":  post("/api/posts", "writer", "application/json", `{"meta":{"_method":"x"}}`),
		"a file":                              post("/api/posts/1", "writer", "image/png", "x"),
		"COPY to one's own path":              ask("COPY", "/files/ann/a", "files", "Destination: /files/ann/b"),
		"MOVE to one's own address":           ask("MOVE", "/files/ann/a", "files", "Destination: http://example.org/files/ann/b%20c"),
		"a copy of one's own object":          ask("PUT", "/files/ann/a", "files", "Content-Length: 0", "X-Amz-Copy-Source: /files/ann/b"),
		"a mount of one's own blob":           ask("POST", "/v2/mine/blobs/uploads/?mount=sha256:0&from=mine/other", "pusher", "Content-Length: 0"),
		"a report":                            ask("GET", "/reports/a%20b.pdf", "reports"),
		"comments":                            ask("GET", "/projects/1/comments", "reports"),
		"a post of WordPress, with an expiry": post("/wp-json/wp/v2/posts", "expiring", "application/json", "{}"),
		"a post of WordPress, in a network":   post("/wp-json/wp/v2/posts", "nearby", "application/json", "{}"),
		"a post of WordPress, by write":       post("/wp-json/wp/v2/posts", "writing", "application/json", "{}"),
		"a report of a calendar, by write":    xmlBody("REPORT", "/files/bob/", "writing", multiget("/files/bob/1.ics")),
		"a search, by * /*":                   xmlBody("SEARCH", "/files/", "everything", "<searchrequest><basicsearch><from><scope><href>/files/</href></scope></from></basicsearch></searchrequest>"),
		"the properties of one's own files":   xmlBody("PROPFIND", "/files/ann/cal/", "files", "<propfind><allprop/></propfind>"),
		"reading users, with a few uses":      ask("GET", "/wp-json/wp/v2/users?page=2", "counted"),
		"reading settings, by * /*":           ask("GET", "/wp-json/wp/v2/settings", "everything"),
		"other users than WordPress's":        post("/users", "expiring", "application/json", "{}"),
		"a list of application passwords":     ask("GET", "/wp-json/wp/v2/users/me/application-passwords", "good"),
		"users, without limits":               post("/wp-json/wp/v2/users", "good", "application/json", "{}"),
		"a trailer":                           ask("POST", "/api/posts", "writer", "Transfer-Encoding: chunked", "Trailer: X-Checksum", "", "2", "hi", "0", "X-Checksum: 1", "", ""),
	} {
		t.Run(name, func(t *testing.T) {
			if a := s.send(t, front, request); a.Seen == nil || a.Status != http.StatusOK {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
}

// checkHeaders looks for the headers that belong to a refusal, and for details that clients
// must not see.
func (s *Site) checkHeaders(t *testing.T, a Answer) {
	t.Helper()
	if challenge := a.Header.Values("WWW-Authenticate"); (a.Status == http.StatusUnauthorized) != (len(challenge) == 1 && strings.HasPrefix(challenge[0], "Basic realm=")) {
		t.Errorf("status %d with WWW-Authenticate %q", a.Status, challenge)
	}
	if wait := a.Header.Values("Retry-After"); (a.Status == http.StatusTooManyRequests) != (len(wait) == 1 && wait[0] == "30") {
		t.Errorf("status %d with Retry-After %q", a.Status, wait)
	}
	if strings.Contains(a.Body, errDown.Error()) {
		t.Errorf("the client sees the error %q", a.Body)
	}
}

// checkIdentity looks at every header that an application could take for one of
// Sparekey's.
func (s *Site) checkIdentity(t testing.TB, as string, seen *Seen) {
	t.Helper()
	want := s.identity(as)
	for name := range want {
		got := seen.values(name)
		if empty := want.Get(name) == "" && len(got) == 0; !empty && !slices.Equal(got, want[name]) {
			t.Errorf("%s: %q, want %q", name, got, want[name])
		}
	}
	for _, h := range slices.Concat(seen.Header, seen.Trailer) {
		name := http.CanonicalHeaderKey(h[0])
		_, ok := want[name]
		switch {
		case ok, name == gateway.HeaderSignature:
		case strings.HasPrefix(fold(name), "X_SPAREKEY"), h[1] != "" && saysWho(name):
			t.Errorf("the application got %q", h)
		}
	}
	if problem := checkSignature(*seen, want, time.Now()); problem != "" {
		t.Errorf("%s %s: %s", seen.Method, seen.Target, problem)
	}
	s.checkNoCredential(t, seen)
}

// passedOn sends what an application needs beside the address: bodies, its host, and
// the wish for a websocket.
func (s *Site) passedOn(t *testing.T, front Front) {
	const head = " / HTTP/1.1\nHost: example.org:8443\nAuthorization: {good}\n"
	for name, c := range map[string]struct{ request, body string }{
		"a body":                {"POST" + head + "Content-Type: text/plain\nContent-Length: 5\n\nhello", "hello"},
		"a body in chunks":      {"PUT" + head + "Transfer-Encoding: chunked\n\n3\nhel\n2\nlo\n0\n\n", "hello"},
		"a body after 100":      {"POST" + head + "Expect: 100-continue\nContent-Length: 5\n\nhello", "hello"},
		"a body of 100 KB":      {"POST" + head + "Content-Length: 100000\n\n" + strings.Repeat("x", 100_000), strings.Repeat("x", 100_000)},
		"a body of a deletion":  {"DELETE" + head + "Content-Length: 2\n\n{}", "{}"},
		"the wish for a socket": {"GET" + head + "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.send(t, front, c.request)
			if a.Seen == nil || a.Seen.Body != c.body {
				t.Fatalf("%d %.200s", a.Status, a.Body)
			}
			if got := a.Seen.values("Host"); !slices.Equal(got, []string{"example.org:8443"}) {
				t.Errorf("Host: %q", got)
			}
			if upgrade := a.Seen.values("Upgrade"); strings.Contains(c.request, "Upgrade: websocket") != slices.Equal(upgrade, []string{"websocket"}) {
				t.Errorf("Upgrade: %q", upgrade)
			}
			s.checkIdentity(t, "good", a.Seen)
		})
	}
}

// targets sends addresses that are written in unusual ways. Whatever reaches the
// application must be what was decided about: unchanged.
func (s *Site) targets(t *testing.T, front Front) {
	for _, target := range []string{"/a%2Fb", "/a%2fb/", "/%61", "/a;b=c", "/a?b=%2F&c=d+e%20f", "/a?", "/a:b", "/~a/%7Ea", "/a?x=/../b", "/a,b", "/a+b", "/%C3%A9"} {
		t.Run(target, func(t *testing.T) {
			a := s.send(t, front, "GET "+target+" HTTP/1.1\nHost: example.org\nAuthorization: {good}\n\n")
			if a.Seen == nil {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			if a.Seen.Target != target {
				t.Errorf("the application got %s", a.Seen.Target)
			}
		})
	}
}
