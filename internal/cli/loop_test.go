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
