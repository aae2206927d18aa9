package cli

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestUpstreamLeadsBack names the server itself as the application, in ways that are
// known before it starts.
func TestUpstreamLeadsBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		upstream, listen, home string
		want                   string // part of the error, or nothing
	}{
		{"http://127.0.0.1:8080", "127.0.0.1:8080", "", "--listen"},
		{"http://127.0.0.1:8080/", "127.0.0.1:8080", "", "--listen"},
		{"http://localhost:8080", "127.0.0.1:8080", "", "--listen"},
		{"http://LOCALHOST:8080", "[::1]:8080", "", "--listen"},
		{"http://127.0.0.1:8080", "localhost:8080", "", "--listen"},
		{"https://127.0.0.1:8080", ":8080", "https://a.example", "--listen"},
		{"http://[::1]:8080", "0.0.0.0:8080", "https://a.example", "--listen"},
		{"http://127.0.0.1", "127.0.0.1:80", "", "--listen"},
		{"https://a.example", "0.0.0.0:8443", "https://a.example", "--url"},
		{"https://A.example:443", "0.0.0.0:8443", "https://a.example/", "--url"},
		{"http://127.0.0.1:9000", "127.0.0.1:8080", "http://127.0.0.1:9000", "--url"},
		{"http://127.0.0.1:8088", "127.0.0.1:8080", "https://a.example", ""},
		{"http://a.example", "0.0.0.0:8443", "https://a.example", ""},
		{"http://b.example:8080", ":8080", "https://a.example", ""},
	} {
		err := (&gatewaySettings{Upstream: c.upstream}).validate(c.listen, c.home)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("--upstream %s --listen %s --url %s: %v", c.upstream, c.listen, c.home, err)
		}
	}
}

// TestUpstreamComesBack has the way to the application lead back in a way that shows only with
// the first request.
func TestUpstreamComesBack(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	var back atomic.Pointer[url.URL]
	between := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(back.Load()) }})
	t.Cleanup(between.Close)
	s := startServer(t, database, "--upstream", between.URL)
	own, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	back.Store(own)
	for _, as := range []account{{}, ann} {
		if status, body := s.ask(t, as, "/about"); status != http.StatusLoopDetected || !strings.Contains(body, "leads back here") {
			t.Errorf("%q: %d %s", as.login, status, body)
		}
	}
	if status, body := s.ask(t, ann, mine); status != http.StatusOK {
		t.Errorf("what Sparekey answers itself: %d %s", status, body)
	}
}
