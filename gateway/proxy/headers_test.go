package proxy_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
)

// received sends a request with these lines in its head, and returns the headers
// that the application got over the wire.
func (f front) received(t *testing.T, lines string) textproto.MIMEHeader {
	t.Helper()
	res, body := f.send(t, "GET / HTTP/1.1\n"+lines+"\n")
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	_, head, _ := strings.Cut(body, "\r\n")
	h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(head + "\r\n"))).ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestOwnCookiesStayHere sends the cookie of Sparekey's pages among others.
func TestOwnCookiesStayHere(t *testing.T) {
	t.Parallel()
	f := startBefore(t, rawApplication(t), proxy.Config{Cookies: []string{"sparekey", "__Host-sparekey"}}, gateway.Config{})
	for lines, want := range map[string][]string{
		"":                                          nil,
		"Cookie: a=1; b=2\n":                        {"a=1; b=2"},
		"Cookie: sparekey=t\n":                      nil,
		"Cookie: __Host-sparekey=t\n":               nil,
		"Cookie: a=1; sparekey=t\n":                 {"a=1"},
		"Cookie: sparekey=t; a=1\n":                 {"a=1"},
		"Cookie: a=1; __Host-sparekey=t; b\n":       {"a=1; b"},
		"Cookie: a=1;sparekey=t;b=\"x=y\";;  c=3\n": {`a=1;b="x=y";;  c=3`},
		"Cookie: a=1;\tsparekey =t; sparekey; sparekey=;  sparekey=u=v; b=2\n":                         {"a=1; b=2"},
		"Cookie: sparekey=t\nCookie: a=1;b=2\nCookie: c=3; sparekey=t\n":                               {"a=1;b=2", "c=3"},
		"cookie: Sparekey=1; sparekey2=2; xsparekey=3; __host-sparekey=4; a=sparekey=5; wp-sparekey\n": {"Sparekey=1; sparekey2=2; xsparekey=3; __host-sparekey=4; a=sparekey=5; wp-sparekey"},
		"Connection: x-other\nCookie: sparekey=t\n":                                                    nil,
	} {
		if got := f.received(t, lines)["Cookie"]; !slices.Equal(got, want) {
			t.Errorf("%q became %q, want %q", lines, got, want)
		}
	}
	all := startBefore(t, rawApplication(t), proxy.Config{}, gateway.Config{})
	if got := all.received(t, "Cookie: a=1; sparekey=t\n")["Cookie"]; !slices.Equal(got, []string{"a=1; sparekey=t"}) {
		t.Errorf("without names, %q arrives", got)
	}
}

// TestForwardingHeaders sends what applications could take for the word of a proxy.
func TestForwardingHeaders(t *testing.T) {
	t.Parallel()
	f := startBefore(t, rawApplication(t), proxy.Config{}, gateway.Config{})
	var lines strings.Builder
	for _, name := range []string{
		"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Path", "X-Forwarded-User",
		"Forwarded", "X-Real-IP", "X-Original-URL", "X-Original-URI", "X-Original-Host", "X-Original-Method", "X-Rewrite-URL",
	} {
		for _, spelled := range []string{
			name, strings.ToLower(name), strings.ReplaceAll(name, "-", "_"), strings.ToUpper(strings.ReplaceAll(name, "-", ".")), strings.Replace(name, "-", "_", 1),
			strings.ReplaceAll(name, "-", "~"),
		} {
			lines.WriteString(spelled + ": evil\n")
		}
	}
	h := f.received(t, "Connection: X-Forwarded-For, X_Forwarded_For\n"+lines.String()+"X-Forwarded: kept\nX-Real-IP-Not: kept\nOriginal-Url: kept\n")
	for name, values := range h {
		if slices.Contains(values, "evil") {
			t.Errorf("the application got %s: %q", name, values)
		}
	}
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "Example.ORG.:8443",
		"X-Forwarded": "kept", "X-Real-Ip-Not": "kept", "Original-Url": "kept",
	} {
		if got := h[name]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestControlCharacters asks about request-targets that not every server refuses by
// itself.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	for c := range byte(0x80) {
		for _, target := range []string{"/a" + string(rune(c)) + "b", "/a?b" + string(rune(c)), "http://other.example/a" + string(rune(c))} {
			r := &http.Request{Method: http.MethodGet, RequestURI: target}
			if _, _, ok := proxy.Forwarded(r); ok != (c > ' ' && c != 0x7f && c != '#') {
				t.Errorf("%q: %v", target, ok)
			}
		}
	}
}

// TestBlanksInHTTP2 sends request-targets over HTTP/2 that would be something else in
// the request line of HTTP/1.
func TestBlanksInHTTP2(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(proxy.New(gateway.New(accounts{}, gateway.Config{Optional: true}), rawApplication(t), proxy.Config{}))
	server.Config.ErrorLog = quiet()
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]int{
		"/a?b": http.StatusOK, "/a b": http.StatusBadRequest, "/a HTTP/1.1": http.StatusBadRequest, "/a?b c": http.StatusBadRequest,
	} {
		r := &http.Request{Method: http.MethodGet, Host: u.Host, URL: &url.URL{Scheme: "https", Host: u.Host, Opaque: target}, Header: http.Header{}}
		res, err := server.Client().Transport.RoundTrip(r.WithContext(t.Context()))
		if err != nil {
			t.Errorf("%q: %v", target, err)
			continue
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.ProtoMajor != 2 || res.StatusCode != want {
			t.Errorf("%q: %s %d %q, %v", target, res.Proto, res.StatusCode, body, err)
		}
		if want == http.StatusOK && !strings.HasPrefix(string(body), "GET "+target+" HTTP/1.1\r\n") {
			t.Errorf("%q became %q", target, body)
		}
	}
}

// TestReasonIsSparekeys has the application send what only Sparekey says: why a credential is
// refused.
func TestReasonIsSparekeys(t *testing.T) {
	t.Parallel()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["sparekey-reason"] = []string{"expired"}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(application.Close)
	u, err := url.Parse(application.URL)
	if err != nil {
		t.Fatal(err)
	}
	f := startBefore(t, u, proxy.Config{}, gateway.Config{Optional: true})
	for name, c := range map[string]struct{ authorization, want string }{
		"right":        {f.authorization, ""},
		"anonymous":    {"", ""},
		"wrong secret": {"Basic YW5uOndyb25n", "wrong_secret"},
	} {
		f.authorization = c.authorization
		res, _ := f.send(t, "GET / HTTP/1.1\n\n")
		if got := res.Header.Get("Sparekey-Reason"); res.StatusCode != http.StatusUnauthorized || got != c.want {
			t.Errorf("%s: %d with the reason %q, want %q", name, res.StatusCode, got, c.want)
		}
	}
}
