package forwardauth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/forwardauth"
)

// recorder is an Authenticator that knows everybody, and remembers what was asked.
type recorder struct{ last sparekey.Attempt }

func (r *recorder) Authenticate(_ context.Context, a sparekey.Attempt) (sparekey.Identity, error) {
	r.last = a
	switch a.Login {
	case "eve":
		return sparekey.Identity{}, sparekey.Throttled(time.Minute)
	case "down":
		return sparekey.Identity{}, context.DeadlineExceeded
	}
	return sparekey.Identity{User: sparekey.User{ID: "1", Login: a.Login}}, nil
}

// tells says how each dialect tells of GET /a%2Fb?c of a client at 203.0.113.9.
var tells = map[string]struct {
	target string
	header http.Header
}{
	"nginx":         {"/-/auth/nginx", http.Header{"X-Original-Method": {"GET"}, "X-Original-Uri": {"/a%2Fb?c"}, "X-Original-Host": {"example.org"}}},
	"haproxy":       {"/-/auth/haproxy", http.Header{"X-Original-Method": {"GET"}, "X-Original-Uri": {"/a%2Fb?c"}, "X-Original-Host": {"example.org"}}},
	"traefik":       {"/-/auth/traefik", http.Header{"X-Forwarded-Method": {"GET"}, "X-Forwarded-Uri": {"/a%2Fb?c"}, "X-Forwarded-Host": {"example.org"}}},
	"caddy":         {"/-/auth/caddy", http.Header{"X-Forwarded-Method": {"GET"}, "X-Forwarded-Uri": {"/a%2Fb?c"}, "X-Forwarded-Host": {"example.org"}}},
	"envoy":         {"/-/auth/envoy/a%2Fb?c", http.Header{}},
	"ingress-nginx": {"/-/auth/ingress-nginx", http.Header{"X-Original-Method": {"GET"}, "X-Original-Url": {"https://example.org/a%2Fb?c"}}},
}

// ask has a proxy at 10.0.0.1 ask in a dialect, after change has changed the request.
func ask(t *testing.T, dialect string, change func(r *http.Request)) (*httptest.ResponseRecorder, sparekey.Attempt) {
	t.Helper()
	auth := &recorder{}
	h := forwardauth.New(gateway.New(auth, gateway.Config{}), forwardauth.Config{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	r := httptest.NewRequest(http.MethodGet, tells[dialect].target, nil)
	r.RemoteAddr, r.Host = "10.0.0.1:4711", "example.org"
	r.Header = tells[dialect].header.Clone()
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	r.Header.Set("X-Forwarded-Proto", "https")
	r.SetBasicAuth("ann", "x")
	change(r)
	if !forwardauth.Handles(r) {
		t.Fatalf("%s is not handled", r.RequestURI)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w, auth.last
}

func TestWhatReachesTheDecision(t *testing.T) {
	t.Parallel()
	for dialect := range tells {
		w, a := ask(t, dialect, func(r *http.Request) {
			// The headers of other dialects, and the client's own, do not count.
			for _, other := range tells {
				for name := range other.header {
					if r.Header.Get(name) == "" {
						r.Header.Set(name, "/spoofed")
					}
				}
			}
			r.Header.Set("X-Rewrite-Url", "/rewritten")
		})
		if w.Code != http.StatusOK || w.Header().Get("X-Sparekey-User") != "ann" {
			t.Errorf("%s: %d %v %s", dialect, w.Code, w.Header(), w.Body)
		}
		if a.Request.Method != "GET" || a.Request.Target != "/a%2Fb?c" || a.Addr != netip.MustParseAddr("203.0.113.9") || !a.Secure || !slices.Contains(a.Upstream.Readings(true).All, sparekey.Reading{Method: "GET", Path: "/rewritten"}) {
			t.Errorf("%s: %+v", dialect, a)
		}
		for _, name := range gateway.IdentityHeaders() {
			if len(w.Header()[name]) != 1 {
				t.Errorf("%s: %s: %q", dialect, name, w.Header()[name])
			}
		}
	}
}

// TestWhatIsNotTold changes what a proxy tells, one thing at a time.
func TestWhatIsNotTold(t *testing.T) {
	t.Parallel()
	for dialect, told := range tells {
		changes := map[string]func(r *http.Request){
			"a stranger":              func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" },
			"this machine":            func(r *http.Request) { r.RemoteAddr = "127.0.0.1:1" },
			"this machine, IPv6":      func(r *http.Request) { r.RemoteAddr = "[::1]:1" },
			"no address":              func(r *http.Request) { r.Header.Del("X-Forwarded-For") },
			"two addresses":           func(r *http.Request) { r.Header.Add("X-Forwarded-For", "10.9.9.9") },
			"an address that is none": func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.9, unknown") },
			"two schemes":             func(r *http.Request) { r.Header.Add("X-Forwarded-Proto", "https") },
			"a misspelled identity":   func(r *http.Request) { r.Header["X_sparekey_user"] = []string{"admin"} },
		}
		for name := range told.header {
			if !strings.HasSuffix(name, "Host") { // see TestNoHost
				changes["no "+name] = func(r *http.Request) { r.Header.Del(name) }
				changes["an empty "+name] = func(r *http.Request) { r.Header.Set(name, "") }
			}
			changes["two of "+name] = func(r *http.Request) { r.Header.Add(name, r.Header.Get(name)) }
		}
		for _, target := range []string{"a", "http://example.org/a", "*", "/a b", "/a#b", "/a\tb", "?a", "//\x7f"} {
			changes["target "+target] = func(r *http.Request) {
				for name := range told.header {
					if strings.HasSuffix(name, "Uri") {
						r.Header.Set(name, target)
					}
					if strings.HasSuffix(name, "Url") {
						r.Header.Set(name, "https://example.org"+target)
					}
				}
				if dialect == "envoy" {
					r.RequestURI = "/-/auth/envoy" + strings.TrimPrefix(target, "/")
				}
			}
		}
		for what, change := range changes {
			w, a := ask(t, dialect, change)
			if w.Code != http.StatusForbidden && w.Code != http.StatusNotFound || a.Login != "" || w.Header().Get("X-Sparekey-User") != "" {
				t.Errorf("%s, %s: %d %v %s", dialect, what, w.Code, w.Header(), w.Body)
			}
		}
	}
}

// TestInTheClear has clients send their secret without TLS.
func TestInTheClear(t *testing.T) {
	t.Parallel()
	for dialect := range tells {
		if dialect == "ingress-nginx" {
			continue // see TestIngressNginxAddress
		}
		for _, proto := range []string{"http", "", "https, http", "ws", "WS", "wss, ws"} {
			_, a := ask(t, dialect, func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", proto) })
			if a.Secure {
				t.Errorf("%s: %q is taken for secure", dialect, proto)
			}
		}
		for _, proto := range []string{"https", "wss", "WSS", "ws, wss"} { // Traefik writes "wss" for WebSockets
			w, a := ask(t, dialect, func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", proto) })
			if !a.Secure || w.Code != http.StatusOK {
				t.Errorf("%s: %q is not taken for secure: %d", dialect, proto, w.Code)
			}
		}
	}
}

// TestOwnAuthorization has proxies that put or remove headers only as the answer says
// learn what of Authorization is the application's own.
func TestOwnAuthorization(t *testing.T) {
	t.Parallel()
	const token = "Bearer eyJhbGciOiJub25lIn0.e30.x_-"
	for dialect := range tells {
		for name, own := range map[string]string{"Basic": "", "a token": token, "Digest": `Digest username="ann"`} {
			w, a := ask(t, dialect, func(r *http.Request) {
				if own != "" {
					r.Header.Set("Proxy-Authorization", r.Header.Get("Authorization"))
					r.Header.Set("Authorization", own)
				}
			})
			authorization, removed := "", ""
			switch dialect {
			case "traefik", "ingress-nginx":
				authorization = own
			case "envoy":
				removed = strings.Join(gateway.UsualIdentityHeaders(), ", ") + ", Proxy-Authorization"
				if own == "" {
					removed = strings.Join(gateway.UsualIdentityHeaders(), ", ") + ", Authorization, Proxy-Authorization"
				}
			}
			got := w.Header()
			if w.Code != http.StatusOK || a.Login != "ann" || got.Get("Authorization") != authorization || got.Get("X-Envoy-Auth-Headers-To-Remove") != removed {
				t.Errorf("%s, %s: %d %v", dialect, name, w.Code, got)
			}
		}
	}
}

// TestLoginHeaders has the application's own names for the login in every answer that
// allows a request, empty for an anonymous one, and refuses other spellings of them.
func TestLoginHeaders(t *testing.T) {
	t.Parallel()
	names := []string{"Remote-User", "X-Webauth-User", "X-Seat"}
	h := forwardauth.New(gateway.New(&recorder{}, gateway.Config{Optional: true, LoginHeaders: names}),
		forwardauth.Config{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for dialect := range tells {
		for _, c := range []struct {
			login, header string
			status        int
		}{
			{"ann", "Remote-User", http.StatusOK},
			{"ümit", "X-Other", http.StatusOK},
			{"", "Remote-User", http.StatusOK},
			{"ann", "Remote_User", http.StatusForbidden},
			{"", "x.seat", http.StatusForbidden},
			{"ann", "Trailer", http.StatusForbidden},
			{"an\tn", "X-Other", http.StatusForbidden},
		} {
			r := httptest.NewRequest(http.MethodGet, tells[dialect].target, nil)
			r.RemoteAddr, r.Host, r.Header = "10.0.0.1:4711", "example.org", tells[dialect].header.Clone()
			r.Header.Set("X-Forwarded-For", "203.0.113.9")
			r.Header.Set("X-Forwarded-Proto", "https")
			r.Header[c.header] = []string{"X-Seat"}
			if c.login != "" {
				r.SetBasicAuth(c.login, "x")
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status {
				t.Errorf("%s, %q, %s: %d %s", dialect, c.login, c.header, w.Code, w.Body)
			}
			for _, name := range names {
				if got := w.Header()[name]; c.status == http.StatusOK && !slices.Equal(got, []string{c.login}) || c.status != http.StatusOK && got != nil {
					t.Errorf("%s, %q, %s: %s is %q", dialect, c.login, c.header, name, got)
				}
				if slices.Contains(strings.Split(w.Header().Get("X-Envoy-Auth-Headers-To-Remove"), ", "), name) {
					t.Errorf("%s: Envoy is to remove %s", dialect, name)
				}
			}
		}
	}
}

// TestIngressNginxAddress has ingress-nginx ask by whole addresses.
func TestIngressNginxAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]struct {
		target string // "" if the question must be refused
		secure bool
	}{
		"https://example.org/a?b=https://c/d":      {"/a?b=https://c/d", true},
		"https://example.org/":                     {"/", true},
		"https://example.org//a":                   {"//a", true},
		"https://example.org:8443/a":               {"/a", true},
		"https://[2001:db8::1]:8443/a":             {"/a", true},
		"http://example.org/a":                     {"/a", false},
		"http://example.org/https://example.org/a": {"/https://example.org/a", false},
		"":                      {},
		"/a":                    {},
		"https://example.org":   {},
		"https://example.org?a": {},
		"https://example.org*":  {},
		"https://example.orghttp://example.org/a": {}, // the client asked in absolute form
		"https://example.org:8443http://other/a":  {},
		"https://ann@example.org/a":               {},
		"https://example.org, https://other/a":    {},
		"HTTPS://example.org/a":                   {},
		"wss://example.org/a":                     {},
		"https://example.org/a b":                 {},
		"https://example.org/a#b":                 {},
		"https://example.org\\@other/a":           {},
		"//example.org/a":                         {},
	} {
		w, a := ask(t, "ingress-nginx", func(r *http.Request) {
			r.Header.Set("X-Original-Url", address)
			r.Header.Del("X-Forwarded-Proto") // which ingress-nginx empties
			r.Header.Set("X-Original-Uri", "/spoofed")
			r.Header.Set("X-Auth-Request-Redirect", "/a")
			r.Header.Set("X-Sent-From", "nginx-ingress-controller")
		})
		if want.target == "" {
			if w.Code != http.StatusForbidden || a.Login != "" {
				t.Errorf("%q: %d for %q", address, w.Code, a.Request.Target)
			}
			continue
		}
		if w.Code != http.StatusOK || a.Request.Target != want.target || a.Secure != want.secure {
			t.Errorf("%q: %d, %+v", address, w.Code, a)
			continue
		}
		// The dialect's own header is not one of the client's.
		readings := a.Upstream.Readings(true)
		if path, _, _ := strings.Cut(want.target, "?"); readings.Unclear != "" && path == "/a" || slices.ContainsFunc(readings.All, func(r sparekey.Reading) bool { return r.Path != path }) && path == "/a" {
			t.Errorf("%q: %+v", address, readings)
		}
	}
	for name, change := range map[string]func(r *http.Request){
		"an X-Forwarded-Proto of the client": func(r *http.Request) {
			r.Header.Set("X-Original-Url", "http://example.org/a")
			r.Header.Set("X-Forwarded-Proto", "https")
		},
	} {
		if _, a := ask(t, "ingress-nginx", change); a.Secure {
			t.Errorf("%s counts", name)
		}
	}
}

// TestStatuses has nginx told in headers what its status cannot say.
func TestStatuses(t *testing.T) {
	t.Parallel()
	for dialect := range tells {
		for login, want := range map[string]int{"eve": http.StatusTooManyRequests, "down": http.StatusServiceUnavailable} {
			w, _ := ask(t, dialect, func(r *http.Request) { r.SetBasicAuth(login, "x") })
			status := want
			only401And403 := dialect == "nginx" || dialect == "ingress-nginx"
			if only401And403 {
				status = http.StatusForbidden
			}
			if w.Code != status || (login == "eve") != (w.Header().Get("Retry-After") == "60") {
				t.Errorf("%s: %d %v", dialect, w.Code, w.Header())
			}
			if only401And403 && (w.Header().Get(forwardauth.HeaderStatus) != map[string]string{"eve": "429", "down": "503"}[login] || w.Header().Get(forwardauth.HeaderMessage) == "") {
				t.Errorf("%v", w.Header())
			}
		}
	}
	if w, _ := ask(t, "nginx", func(r *http.Request) { r.RequestURI = "/-/auth/apache" }); w.Code != http.StatusNotFound {
		t.Errorf("an unknown dialect: %d", w.Code)
	}
}

// TestRefusalsOfProxiesAreReported has a proxy tell nothing of the request that it asks
// about.
func TestRefusalsOfProxiesAreReported(t *testing.T) {
	t.Parallel()
	var rules []string
	g := gateway.New(&recorder{}, gateway.Config{Observe: func(_ context.Context, d gateway.Decision) { rules = append(rules, d.Outcome.String()+" "+d.Rule) }})
	h := forwardauth.New(g, forwardauth.Config{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for _, peer := range []string{"10.0.0.1:4711", "192.0.2.1:4711"} {
		r := httptest.NewRequest(http.MethodGet, "/-/auth/nginx", nil)
		r.RemoteAddr = peer
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if want := []string{"refused proxy", "refused proxy"}; !slices.Equal(rules, want) {
		t.Errorf("%q were reported, want %q", rules, want)
	}
}

func TestNewNeedsAGateway(t *testing.T) {
	t.Parallel()
	defer func() {
		if p := fmt.Sprint(recover()); !strings.HasPrefix(p, "forwardauth.New: ") {
			t.Errorf("panic(%s)", p)
		}
	}()
	forwardauth.New(nil, forwardauth.Config{})
}

// TestReasonHeader has proxies ask for callers who are refused.
func TestReasonHeader(t *testing.T) {
	t.Parallel()
	for dialect := range tells {
		for login, want := range map[string]string{"ann": "", "eve": "throttled", "down": "", "": ""} {
			w, _ := ask(t, dialect, func(r *http.Request) {
				r.SetBasicAuth(login, "x")
				if login == "" {
					r.Header.Del("Authorization")
				}
			})
			if got := w.Header().Get("Sparekey-Reason"); got != want {
				t.Errorf("%s, %q: got %q, want %q", dialect, login, got, want)
			}
		}
	}
}
