package clientip_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/sparekey-dev/sparekey/clientip"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func request(peer string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = peer
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func check(t *testing.T, got clientip.Origin, addr string, secure bool) {
	t.Helper()
	want := netip.Addr{}
	if addr != "" {
		want = netip.MustParseAddr(addr)
	}
	if got.Addr != want || got.Secure != secure {
		t.Errorf("got %v secure=%v, want %v secure=%v", got.Addr, got.Secure, want, secure)
	}
}

func TestFromPeer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		peer, addr string
		secure     bool
	}{
		{"192.0.2.1:1234", "192.0.2.1", false},
		{"127.0.0.1:1234", "127.0.0.1", true},
		{"[::1]:1234", "::1", true},
		{"[::ffff:127.0.0.1]:1", "127.0.0.1", true},
		{"[fe80::1%eth0]:1", "fe80::1", false},
		{"@", "", false},
	} {
		r := request(c.peer, "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https", "X-Real-Ip", "203.0.113.9")
		check(t, clientip.FromPeer(r), c.addr, c.secure)
	}
	check(t, clientip.FromPeer(request("127.0.0.1:1", "X-Forwarded-Proto", "http")), "127.0.0.1", false)
	r := request("192.0.2.1:1234")
	r.TLS = &tls.ConnectionState{}
	check(t, clientip.FromPeer(r), "192.0.2.1", true)
}

func TestFromForwardedFor(t *testing.T) {
	t.Parallel()
	resolve := clientip.FromForwardedFor(proxies...)
	for name, c := range map[string]struct {
		peer   string
		header []string
		addr   string
		secure bool
	}{
		"stranger is not believed":        {"192.0.2.1:1", []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https"}, "192.0.2.1", false},
		"proxy is believed":               {"10.1.1.1:1", []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https"}, "203.0.113.9", true},
		"plain http is said":              {"10.1.1.1:1", []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "http"}, "203.0.113.9", false},
		"scheme is not said":              {"10.1.1.1:1", []string{"X-Forwarded-For", "203.0.113.9"}, "203.0.113.9", false},
		"caller invents the left part":    {"10.1.1.1:1", []string{"X-Forwarded-For", "127.0.0.1, 203.0.113.9"}, "203.0.113.9", false},
		"caller invents a second header":  {"10.1.1.1:1", []string{"X-Forwarded-For", "127.0.0.1", "X-Forwarded-For", "203.0.113.9"}, "203.0.113.9", false},
		"chain of proxies":                {"10.1.1.1:1", []string{"X-Forwarded-For", "203.0.113.9, 10.2.2.2"}, "203.0.113.9", false},
		"nothing but proxies":             {"10.1.1.1:1", []string{"X-Forwarded-For", "10.3.3.3, 10.2.2.2"}, "10.3.3.3", false},
		"no address at the end":           {"10.1.1.1:1", []string{"X-Forwarded-For", "203.0.113.9, unknown"}, "", false},
		"header is missing":               {"10.1.1.1:1", nil, "", false},
		"with a port":                     {"10.1.1.1:1", []string{"X-Forwarded-For", "203.0.113.9:4711"}, "203.0.113.9", false},
		"IPv6 in brackets with a port":    {"[fd00::1]:1", []string{"X-Forwarded-For", "[2001:db8::1]:4711"}, "2001:db8::1", false},
		"IPv6 bare":                       {"[fd00::1]:1", []string{"X-Forwarded-For", "2001:db8::1"}, "2001:db8::1", false},
		"nearest proxy tells the scheme":  {"10.1.1.1:1", []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https, http"}, "203.0.113.9", false},
		"loopback through a silent proxy": {"10.1.1.1:1", []string{"X-Forwarded-For", "127.0.0.1"}, "127.0.0.1", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, resolve(request(c.peer, c.header...)), c.addr, c.secure)
		})
	}
}

// TestForwardedScheme tries the schemes that proxies write, for every Resolver that
// reads them.
func TestForwardedScheme(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		protos []string
		scheme string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"https"}, "https"},
		{[]string{"wss"}, "https"}, // Traefik, for WebSockets
		{[]string{"ws"}, "http"},
		{[]string{"WSS"}, "https"},
		{[]string{"Ws"}, "http"},
		{[]string{" wss "}, "https"},
		{[]string{"ws, wss"}, "https"},
		{[]string{"wss,ws"}, "http"},
		{[]string{"https, ws"}, "http"},
		{[]string{"http,wss,"}, "https"},
		{[]string{"ws", "wss"}, "https"},
		{[]string{"wss", "ws"}, "http"},
		{[]string{"wss; q=1"}, "wss; q=1"},
		{[]string{"wsss"}, "wsss"},
		{[]string{"wss://"}, "wss://"},
	} {
		t.Run(fmt.Sprintf("%q", c.protos), func(t *testing.T) {
			t.Parallel()
			r := request("10.1.1.1:1", "X-Forwarded-For", "203.0.113.9", "X-Real-Ip", "203.0.113.9")
			r.Header["X-Forwarded-Proto"] = c.protos
			if got := clientip.ForwardedScheme(r.Header); got != c.scheme {
				t.Errorf("ForwardedScheme: %q, want %q", got, c.scheme)
			}
			for name, resolve := range map[string]clientip.Resolver{
				"FromForwardedFor": clientip.FromForwardedFor(proxies...), "FromHeader": clientip.FromHeader("X-Real-IP", proxies...),
			} {
				got := resolve(r)
				check(t, got, "203.0.113.9", c.scheme == "https")
				if got.Scheme != c.scheme {
					t.Errorf("%s: scheme %q, want %q", name, got.Scheme, c.scheme)
				}
			}
			r.RemoteAddr = "127.0.0.1:1" // a proxy that was not named
			check(t, clientip.FromPeer(r), "127.0.0.1", c.scheme != "http")
			r.RemoteAddr = "192.0.2.1:1" // a stranger
			check(t, clientip.FromPeer(r), "192.0.2.1", false)
		})
	}
}

func TestFromHeader(t *testing.T) {
	t.Parallel()
	resolve := clientip.FromHeader("X-Real-IP", proxies...)
	check(t, resolve(request("10.1.1.1:1", "X-Real-IP", "203.0.113.9", "X-Forwarded-Proto", "HTTPS")), "203.0.113.9", true)
	check(t, resolve(request("192.0.2.1:1", "X-Real-IP", "203.0.113.9")), "192.0.2.1", false)
	check(t, resolve(request("10.1.1.1:1")), "", false)
	check(t, resolve(request("10.1.1.1:1", "X-Real-IP", "127.0.0.1", "X-Real-IP", "203.0.113.9")), "", false)
}

// FuzzFromForwardedFor wants a caller behind a proxy to have no choice of address: the
// proxy's own entry on the right is always the answer.
func FuzzFromForwardedFor(f *testing.F) {
	for _, seed := range []string{"", "127.0.0.1", "10.0.0.1, 10.0.0.2", "[::1]:80", ",,,", "\x00", "fe80::1%eth0"} {
		f.Add(seed)
	}
	resolve := clientip.FromForwardedFor(proxies...)
	f.Fuzz(func(t *testing.T, sent string) {
		r := request("10.1.1.1:1", "X-Forwarded-For", sent, "X-Forwarded-For", "203.0.113.9")
		check(t, resolve(r), "203.0.113.9", false)
	})
}

func ExampleFromForwardedFor() {
	resolve := clientip.FromForwardedFor(netip.MustParsePrefix("10.0.0.0/8"))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "10.0.0.5:41234" // the proxy
	r.Header.Set("X-Forwarded-For", "127.0.0.1, 203.0.113.9")
	r.Header.Set("X-Forwarded-Proto", "https")
	fmt.Println(resolve(r).Addr, resolve(r).Secure)
	// Output: 203.0.113.9 true
}
