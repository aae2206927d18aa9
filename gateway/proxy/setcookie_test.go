package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
)

// own are the cookies of the pages beside the application.
var own = proxy.Config{Cookies: []string{"sparekey", "__Host-sparekey"}}

// scripted is an application that answers every request with these bytes, in which
// "\n" ends a line.
func scripted(t *testing.T, answer string) *url.URL {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, 4096)
				for request := ""; !strings.Contains(request, "\r\n\r\n"); {
					n, err := conn.Read(buffer)
					if err != nil {
						return
					}
					request += string(buffer[:n])
				}
				_, _ = io.WriteString(conn, strings.ReplaceAll(answer, "\n", "\r\n")) // a client that is gone needs none
			}()
		}
	}()
	return &url.URL{Scheme: "http", Host: listener.Addr().String()}
}

// everything returns all bytes that come back for a GET.
func (f front) everything(t *testing.T) string {
	t.Helper()
	r, _ := f.dial(t, "GET /app/page HTTP/1.1\nConnection: close\n\n")
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(all), "\r\n", "\n")
}

// TestApplicationCannotSetOwnCookies has an application answer with every spelling in
// which a browser, or a program that is looser than one, sets the pages' cookie.
func TestApplicationCannotSetOwnCookies(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"sparekey=x", "sparekey=x; Path=/; HttpOnly", "__Host-sparekey=x; Secure; Path=/", "sparekey=",
		"sparekey", "sparekey;Path=/",
		"SpareKey=x", "__HOST-sparekey=x", "__host-sparekey=x",
		"  sparekey=x", "\tsparekey=x", "sparekey =x", "sparekey\t=x", "sparekey = x",
		"=sparekey=x", " = sparekey=x", "==sparekey=x", "=sparekey", "= __Host-sparekey=x; Path=/",
		"; sparekey=x",
		`"sparekey"=x`, `'sparekey'=x`, `="sparekey=x"`, "$sparekey=x", "\u00a0sparekey=x",
		"a=1, sparekey=x", "a=1; Path=/, __Host-sparekey=x; Path=/", "a=1,sparekey=x",
		"a=1; sparekey=x", "a=\"1, sparekey=x\"",
		"sparekey=x; Domain=example.org", "sparekey=x; Max-Age=0", "sparekey=\"x; y\"", "sparekey==x",
	} {
		for _, name := range []string{"Set-Cookie", "set-cookie", "SET-COOKIE", "Set-Cookie2"} {
			f := startBefore(t, scripted(t, "HTTP/1.1 200 OK\nSet-Cookie: first=1; Path=/\n"+
				name+": "+line+"\nSet-Cookie: last=2\nContent-Length: 2\n\nok"), own, gateway.Config{})
			res, body := f.send(t, "GET / HTTP/1.1\n\n")
			got := res.Header["Set-Cookie"]
			if !slices.Equal(got, []string{"first=1; Path=/", "last=2"}) ||
				res.Header["Set-Cookie2"] != nil || body != "ok" {
				t.Errorf("%s: %q became %q, %q", name, line, got, body)
			}
		}
	}
}

// TestOtherCookiesAreSet has an application set its own cookies, byte for byte.
func TestOtherCookiesAreSet(t *testing.T) {
	t.Parallel()
	lines := []string{
		"session=1; Path=/; HttpOnly", "sparekey2=x", "my-sparekey=x", "sparekey_app=x",
		"wp-sparekey=1", "__Secure-sparekey=x", "a=sparekey", "a=sparekey=x",
		"a=1; Path=/sparekey", "a=1; Domain=sparekey.example",
		"a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "=nameless", "", "a", `a="b, c"; Path=/`,
	}
	f := startBefore(t, scripted(t, "HTTP/1.1 200 OK\nSet-Cookie: "+
		strings.Join(lines, "\nSet-Cookie: ")+"\nContent-Length: 0\n\n"), own, gateway.Config{})
	if res, _ := f.send(t, "GET / HTTP/1.1\n\n"); !slices.Equal(res.Header["Set-Cookie"], lines) {
		t.Errorf("%q became %q", lines, res.Header["Set-Cookie"])
	}
	all := startBefore(t, scripted(t, "HTTP/1.1 200 OK\nSet-Cookie: sparekey=x\n"+
		"Service-Worker-Allowed: /\nContent-Length: 0\n\n"), proxy.Config{}, gateway.Config{})
	res, _ := all.send(t, "GET /app/sw.js HTTP/1.1\n\n")
	if res.Header.Get("Set-Cookie") != "sparekey=x" || res.Header.Get("Service-Worker-Allowed") != "/" {
		t.Errorf("without pages of our own: %q", res.Header)
	}
}

// TestCookiesElsewhereInAnAnswer puts the cookie where an answer has headers besides
// its first ones.
func TestCookiesElsewhereInAnAnswer(t *testing.T) {
	t.Parallel()
	const (
		cookie  = "Set-Cookie: sparekey=evil\nService-Worker-Allowed: /\n"
		hint    = "HTTP/1.1 103 Early Hints\nLink: </a>; rel=preload\n" + cookie + "\n"
		answer  = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"
		chunks  = "Transfer-Encoding: chunked\n\n2\nok\n0\nX-Sum: 7\n" + cookie + "\n"
		whole   = cookie + "Content-Length: 2\n\nok"
		trailer = "Trailer: Set-Cookie, X-Sum, Service-Worker-Allowed\n"
	)
	for name, c := range map[string]struct{ answer, want string }{
		"an early hint":          {hint + answer, "rel=preload"},
		"two of them":            {hint + hint + answer, "103 Early Hints"},
		"processing":             {"HTTP/1.1 102 Processing\n" + cookie + "\n" + answer, "102 Processing"},
		"a trailer":              {"HTTP/1.1 200 OK\n" + trailer + chunks, "X-Sum: 7"},
		"an unannounced trailer": {"HTTP/1.1 200 OK\n" + chunks, "X-Sum: 7"},
		"a redirect":             {"HTTP/1.1 302 Found\nLocation: /\n" + whole, "Location: /"},
		"an error":               {"HTTP/1.1 500 Broken\n" + whole, "500"},
	} {
		f := startBefore(t, scripted(t, c.answer), own, gateway.Config{})
		got := f.everything(t)
		if strings.Contains(got, "sparekey") || strings.Contains(got, "Service-Worker") ||
			!strings.Contains(got, c.want) || !strings.Contains(got, "ok") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestCookieWhenSwitchingProtocols sets the cookie as a websocket is opened.
func TestCookieWhenSwitchingProtocols(t *testing.T) {
	t.Parallel()
	application := scripted(t, "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\n"+
		"Upgrade: websocket\nSet-Cookie: a=1\nSet-Cookie: sparekey=evil\n\nhello")
	f := startBefore(t, application, own, gateway.Config{})
	r, _ := f.dial(t, "GET / HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket\n\n")
	all, err := io.ReadAll(r)
	got := string(all)
	if err != nil || strings.Contains(got, "sparekey") || !strings.Contains(got, "Set-Cookie: a=1") ||
		!strings.HasSuffix(got, "hello") {
		t.Errorf("%s, %v", got, err)
	}
}

// TestServiceWorkersStayInTheirFolder has the application give a service worker more
// of the host than the folder of its script.
func TestServiceWorkersStayInTheirFolder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, scope string
		kept        bool
	}{
		{"/app/sw.js", "/", false},
		{"/app/sw.js", " / ", false},
		{"/app/sw.js", "../", false},
		{"/app/sw.js", "/app/../", false},
		{"/app/sw.js", "/app/%2e%2e/", false},
		{"/app/sw.js", `/app/..\`, false},
		{"/app/sw.js", "/app", false},
		{"/app/sw.js", "/sign-in", false},
		{"/app/sw.js", "https://example.org/", false},
		{"/app/sw.js", "//example.org/", false},
		{"/app/sw.js", "", false},
		{"/app/sw.js?x=/", "/", false},
		{"/app/sw.js", "/app/", true},
		{"/app/sw.js", "/app/part/", true},
		{"/sw.js", "/app/", true},
	} {
		f := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Service-Worker-Allowed", c.scope)
		}), own)
		res, _ := f.send(t, fmt.Sprintf("GET %s HTTP/1.1\nService-Worker: script\n\n", c.path))
		got := res.Header.Values("Service-Worker-Allowed")
		if (len(got) == 1) != c.kept || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %q became %q, %d", c.path, c.scope, got, res.StatusCode)
		}
	}
}

// TestBrowserKeepsOwnCookie has a jar of cookies, as a browser has one, visit the
// application: it sends the same session to the pages as before.
func TestBrowserKeepsOwnCookie(t *testing.T) {
	t.Parallel()
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "sparekey", Value: "attacker", Path: "/"})
		http.SetCookie(w, &http.Cookie{Name: "sparekey", Value: "", MaxAge: -1, Path: "/"})
	}), own)
	rec := httptest.NewRecorder()
	http.SetCookie(rec, &http.Cookie{Name: "sparekey", Value: "mine", Path: "/"})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	at := &url.URL{Scheme: "http", Host: f.addr, Path: "/"}
	jar.SetCookies(at, rec.Result().Cookies())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", f.authorization)
	res, err := (&http.Client{Jar: jar}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	got := jar.Cookies(at)
	if res.StatusCode != http.StatusOK || len(got) != 1 || got[0].Value != "mine" {
		t.Errorf("%d, the jar has %v", res.StatusCode, got)
	}
}

// TestApplicationCannotSetReason has an application say why a credential is refused, in every
// place of an answer.
func TestApplicationCannotSetReason(t *testing.T) {
	t.Parallel()
	const (
		reason = "sparekey-reason: expired\n"
		whole  = "Content-Length: 2\n\nok"
		chunks = "Transfer-Encoding: chunked\n\n2\nok\n0\nX-Sum: 7\n" + reason + "\n"
	)
	for name, answer := range map[string]string{
		"a header":               "HTTP/1.1 401 Unauthorized\n" + reason + whole,
		"an early hint":          "HTTP/1.1 103 Early Hints\n" + reason + "\nHTTP/1.1 200 OK\n" + whole,
		"a trailer":              "HTTP/1.1 200 OK\nTrailer: X-Sum, Sparekey-Reason\n" + chunks,
		"an unannounced trailer": "HTTP/1.1 200 OK\n" + chunks,
	} {
		f := startBefore(t, scripted(t, answer), proxy.Config{}, gateway.Config{})
		if got := f.everything(t); strings.Contains(strings.ToLower(got), "sparekey-reason") || !strings.Contains(got, "ok") {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
