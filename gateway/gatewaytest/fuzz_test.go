package gatewaytest_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/scope"
)

// FuzzReadings compares what the loosest application would do with a request to what its
// profile foresees: each credential of the site is refused, or may do all of it.
func FuzzReadings(f *testing.F) {
	for _, a := range gatewaytest.Attacks() {
		for _, request := range a.Requests {
			isSeeded := strings.HasPrefix(a.Name, "escalation-") && a.As != "expiring" // others have the same requests
			if len(request) < 2_000 && !isSeeded {
				f.Add(request)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4_000 {
			return
		}
		raw := strings.ReplaceAll(text, "\n", "\r\n")
		for _, isProxied := range []bool{false, true} {
			for name, limits := range gatewaytest.Limits {
				r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
				if err != nil || !gateway.IsOriginForm(r.URL.RequestURI()) || len(r.Header["Host"]) > 0 || r.Method == http.MethodConnect {
					return // no front-end asks about it
				}
				profile := upstream.Generic()
				if limits.Scopes == "" && !mayRoute(r) {
					profile = upstream.WordPress(upstream.WordPressConfig{})
				}
				if limits == (sparekey.Limits{}) && isForm(r) {
					continue // without limits, forms are looked into where the policy restricts creation
				}
				if !allows(r, profile, limits, isProxied) || limits.Scopes != "" && !isProxied && !mayRoute(r) {
					continue
				}
				arrived, ok := passed(r, isProxied)
				if !ok {
					continue
				}
				for _, act := range gatewaytest.Acts(arrived) {
					if !gatewaytest.May(name, act) && limits.Networks != "10.9.0.0/16" && limits.Expires.Unix() != 1_000_000_000 {
						t.Fatalf("proxied %v: %s may not do %q on %q, for which an application may take\n%s", isProxied, name, act.Method, act.Path, arrived)
					}
				}
			}
		}
	})
}

// mayRoute reports whether the generic profile has a form name a route of WordPress where
// the front-end does not see it: at the paths of WordPress's API and its front page. On
// other pages that is only known where a WordPress stands behind.
func mayRoute(r *http.Request) bool {
	path := strings.ToLower(r.URL.Path)
	return !isForm(r) || strings.Contains(path, "/wp-json") || path == "/" || strings.HasPrefix(path, "/index.php")
}

func isForm(r *http.Request) bool {
	header := strings.ToLower(fmt.Sprint(r.Header))
	return strings.Contains(header, "form-") || strings.Contains(header, "urlencoded") || strings.Contains(header, "multipart/") && strings.Contains(header, "form")
}

// allows judges a request as the root package does.
func allows(r *http.Request, profile upstream.Profile, limits sparekey.Limits, isProxied bool) bool {
	asked := upstream.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Trailer: r.Trailer}
	if isProxied {
		asked.Body, asked.DropsForwarded, asked.DropsOddNames = upstream.NewBody(r), true, true
	}
	reader := upstream.Reader{Profile: profile, Request: asked}
	if reader.ManagesPasswords() {
		return false
	}
	if limits == (sparekey.Limits{}) {
		return true
	}
	all := reader.Readings(limits.Scopes != "")
	if all.UnclearManages || limits.Scopes != "" && all.Unclear != "" {
		return false
	}
	bundles := scope.BuiltIn()
	return !slices.ContainsFunc(all.All, func(reading sparekey.Reading) bool {
		if limits.Scopes == "" {
			return reading.Named != ""
		}
		_, ok := limits.Scopes.Covers(reading, bundles)
		return !ok
	})
}

// passed is a request as a front-end passes it on. It is not ok if its body breaks off.
func passed(r *http.Request, isProxied bool) (raw string, ok bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", false
	}
	if isProxied {
		gateway.StripForwarding(r.Header)
		for _, h := range []http.Header{r.Header, r.Trailer} {
			gateway.StripOddNames(h)
		}
		gateway.StripRouting(r.Trailer)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.RequestURI, r.Host)
	r.Header.Del("Content-Length")
	for name, values := range r.Header {
		for _, value := range values {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	if len(body) > 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.String(), true
}
