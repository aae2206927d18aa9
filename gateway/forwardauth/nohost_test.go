package forwardauth_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
)

// TestNoHost has every proxy tell of a request without a Host, as clients that speak
// HTTP/1.0 may send it. The address of a COPY must be a path then.
func TestNoHost(t *testing.T) {
	t.Parallel()
	for dialect, told := range tells {
		drops := map[string]func(r *http.Request){
			"none": func(r *http.Request) {
				for name := range told.header {
					if strings.HasSuffix(name, "Host") {
						r.Header.Del(name)
					}
				}
			},
			"an empty one": func(r *http.Request) {
				for name := range told.header {
					if strings.HasSuffix(name, "Host") {
						r.Header.Set(name, "")
					}
				}
			},
		}
		for name, drop := range drops {
			dropAll := func(r *http.Request) {
				drop(r)
				for name := range told.header {
					if strings.HasSuffix(name, "Uri") {
						r.Header.Set(name, "/a?c")
					}
				}
				if dialect == "ingress-nginx" {
					r.Header.Set("X-Original-Url", "https:///a?c")
				}
				if dialect == "envoy" {
					r.Host, r.RequestURI = "", "/-/auth/envoy/a?c"
				}
			}
			w, a := ask(t, dialect, dropAll)
			if w.Code != http.StatusOK || a.Request.Target != "/a?c" {
				t.Errorf("%s, %s: %d %v %s", dialect, name, w.Code, w.Header(), w.Body)
			}
			for destination, isClear := range map[string]bool{"/b": true, "http:///b": false, "https://example.org/b": false, "//example.org/b": false} {
				_, a := ask(t, dialect, func(r *http.Request) {
					dropAll(r)
					r.Header.Set("Destination", destination)
				})
				if why := a.Upstream.Readings(true).Unclear; (why == "") != isClear {
					t.Errorf("%s, %s: Destination %s: %q", dialect, name, destination, why)
				}
			}
		}
	}
}

// TestHTTP10 sends requests of HTTP/1.0 with and without a Host through real proxies: they
// reach the application, which has a Host to go by where the proxy speaks HTTP/1.1 to it,
// and the log blames no proxy.
func TestHTTP10(t *testing.T) {
	t.Parallel()
	for name, start := range realFronts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := gatewaytest.NewSite(t)
			front := start(t, site)
			for _, host := range []string{"", "Host: example.org\n"} {
				a := site.Send(t, front, "GET /about HTTP/1.0\n"+host+"Authorization: {good}\n\n")
				if a.Status != http.StatusOK || a.Seen == nil {
					t.Fatalf("with %q: %d %s", host, a.Status, a.Body)
				}
				if a := site.Send(t, front, "GET /about HTTP/1.0\n"+host+"Authorization: {wrong}\n\n"); a.Status != http.StatusUnauthorized || a.Seen != nil {
					t.Errorf("a wrong secret with %q: %d %s", host, a.Status, a.Body)
				}
				if isHTTP11 := name == "nginx" || name == "caddy" || name == "proxy"; isHTTP11 && !hasHost(a.Seen) {
					t.Errorf("with %q the application got %q", host, a.Seen.Header)
				}
			}
			if warnings := site.Warnings.String(); warnings != "" {
				t.Error(warnings)
			}
		})
	}
}

// hasHost reports whether a request has the Host without which HTTP/1.1 has none.
func hasHost(seen *gatewaytest.Seen) bool {
	return slices.ContainsFunc(seen.Header, func(h [2]string) bool { return strings.EqualFold(h[0], "Host") && h[1] != "" })
}
