package proxy_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
)

// TestCaching has an application say different things to caches, or nothing.
func TestCaching(t *testing.T) {
	t.Parallel()
	const both = "Authorization, Proxy-Authorization"
	type header map[string][]string
	for name, c := range map[string]struct {
		status int
		says   header
		vary   []string
		cache  []string // for a request with an application password; as it is for the others
	}{
		"nothing":                         {200, nil, []string{both}, []string{"private"}},
		"nothing, of a page that is away": {404, nil, []string{both}, []string{"private"}},
		"nothing, of a redirect":          {301, header{"Location": {"/b"}}, []string{both}, []string{"private"}},
		"nothing, of an error":            {500, nil, []string{both}, []string{"private"}},
		"nothing but the time":            {200, header{"Expires": {"Thu, 01 Dec 2044 16:00:00 GMT"}}, []string{both}, []string{"private"}},
		"nothing in an empty header":      {200, header{"Cache-Control": {" , "}}, []string{both}, []string{"private"}},
		"public":                          {200, header{"Cache-Control": {"public, max-age=60"}}, []string{both}, []string{"public, max-age=60"}},
		"an age":                          {200, header{"Cache-Control": {"max-age=60"}}, []string{both}, []string{"max-age=60"}},
		"no-store":                        {200, header{"Cache-Control": {"no-store"}}, []string{both}, []string{"no-store"}},
		"two lines":                       {200, header{"Cache-Control": {"public", "max-age=60"}}, []string{both}, []string{"public", "max-age=60"}},
		"nothing that changed":            {304, header{"Etag": {`"a"`}}, []string{both}, nil},
		"a change that is public":         {304, header{"Cache-Control": {"public"}}, []string{both}, []string{"public"}},
		"that it varies":                  {200, header{"Vary": {"Accept-Encoding, Origin"}}, []string{"Accept-Encoding, Origin, " + both}, []string{"private"}},
		"that it varies by one":           {200, header{"Vary": {"Cookie", "authorization"}}, []string{"Cookie, authorization, Proxy-Authorization"}, []string{"private"}},
		"that it varies by both":          {200, header{"Vary": {"proxy-authorization,AUTHORIZATION"}}, []string{"proxy-authorization,AUTHORIZATION"}, []string{"private"}},
		"that it varies by all":           {200, header{"Vary": {"*"}}, []string{"*"}, []string{"private"}},
		"that it varies by nothing":       {200, header{"Vary": {" ,"}}, []string{both}, []string{"private"}},
		"that it varies by one alike":     {200, header{"Vary": {"X-Authorization"}}, []string{"X-Authorization, " + both}, []string{"private"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for name, values := range c.says {
					w.Header()[name] = values
				}
				w.WriteHeader(c.status)
			}))
			t.Cleanup(application.Close)
			u, err := url.Parse(application.URL)
			if err != nil {
				t.Fatal(err)
			}
			f := startBefore(t, u, proxy.Config{}, gateway.Config{Optional: true})
			right := f.authorization
			for what, request := range map[string][2]string{
				"credential":       {right, "GET / HTTP/1.1\n\n"},
				"proxy credential": {"Bearer x", "GET / HTTP/1.1\nProxy-Authorization: " + right + "\n\n"},
				"HEAD":             {right, "HEAD / HTTP/1.1\n\n"},
				"anonymous":        {"", "GET / HTTP/1.1\n\n"},
				"another scheme":   {"Bearer x", "GET / HTTP/1.1\n\n"},
			} {
				f.authorization = request[0]
				res, _ := f.send(t, request[1])
				want := c.cache
				if what == "anonymous" || what == "another scheme" {
					want = c.says["Cache-Control"]
				}
				got := res.Header["Cache-Control"]
				if res.StatusCode != c.status || !slices.Equal(res.Header["Vary"], c.vary) || strings.Join(got, "|") != strings.Trim(strings.Join(want, "|"), " ") {
					t.Errorf("%s: %d, Vary %q, Cache-Control %q, want %q and %q", what, res.StatusCode, res.Header["Vary"], got, c.vary, want)
				}
			}
		})
	}
}

// TestCachingOfRefusals has no cache keep what Sparekey answers itself.
func TestCachingOfRefusals(t *testing.T) {
	t.Parallel()
	f := startBefore(t, rawApplication(t), proxy.Config{}, gateway.Config{Optional: true})
	for _, authorization := range []string{"Basic", "Basic eDp5", "Bearer Basic x"} {
		f.authorization = authorization
		if res, _ := f.send(t, "GET / HTTP/1.1\n\n"); res.StatusCode != http.StatusUnauthorized || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q: %d %v", authorization, res.StatusCode, res.Header)
		}
	}
}
