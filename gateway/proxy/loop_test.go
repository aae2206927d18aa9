package proxy_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
)

// TestLoop has requests come back to the proxy: at once, by way of a second one, and
// after one that rewrites them.
func TestLoop(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]func(back *url.URL) http.Handler{
		"at once": nil,
		"by way of a second proxy": func(back *url.URL) http.Handler {
			return proxy.New(gateway.New(accounts{}, gateway.Config{Optional: true}), back, proxy.Config{})
		},
		"beside others": func(back *url.URL) http.Handler {
			next := proxy.New(gateway.New(accounts{}, gateway.Config{Optional: true}), back, proxy.Config{})
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Set("Cdn-Loop", "other;v=1, "+r.Header.Get("Cdn-Loop")+";v=2")
				next.ServeHTTP(w, r)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			var through atomic.Int32
			var first http.Handler
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if through.Add(1) > 10 {
					w.WriteHeader(http.StatusTeapot)
					return
				}
				first.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			upstream, err := url.Parse(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			if way != nil {
				second := httptest.NewServer(way(upstream))
				t.Cleanup(second.Close)
				if upstream, err = url.Parse(second.URL); err != nil {
					t.Fatal(err)
				}
			}
			first = proxy.New(gateway.New(accounts{}, gateway.Config{Optional: true}), upstream,
				proxy.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
			f := front{addr: server.Listener.Addr().String()}
			f.authorization = "Bearer x"
			res, body := f.send(t, "GET / HTTP/1.1\nCDN-Loop: client\nConnection: CDN-Loop\n\n")
			if res.StatusCode != http.StatusLoopDetected || !strings.Contains(body, "leads back here") {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			if n := through.Load(); n != 2 {
				t.Errorf("it came by %d times", n)
			}
			if !strings.Contains(log.String(), "come back here") {
				t.Errorf("the log says %q", log.String())
			}
		})
	}
}

// TestNoLoop sends values of the header that this proxy has not written.
func TestNoLoop(t *testing.T) {
	t.Parallel()
	f := startBefore(t, rawApplication(t), proxy.Config{}, gateway.Config{})
	for _, value := range []string{"other", "sparekey-", ",,;", strings.Repeat("a,", 10_000)} {
		res, body := f.send(t, "GET / HTTP/1.1\nCDN-Loop: "+value+"\n\n")
		if res.StatusCode != http.StatusOK || strings.Count(body, "Cdn-Loop: ") != 2 {
			t.Errorf("%.20s: %d %.200s", value, res.StatusCode, body)
		}
	}
}
