package proxy_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"

	"github.com/sparekey-dev/sparekey/gateway/proxy"
)

// FuzzTarget sends any address, and sees that what goes to the application is a part
// of it, byte for byte, and the part that scopes are about.
func FuzzTarget(f *testing.F) {
	for _, target := range []string{
		"/", "//", "/a%2Fb?c#d", "//a//b", "http://h/a", "http://h?/a", "http://u:p@h//a", "HTTP://h", "*", "a", "/a b", "/%", "/?", "//?x", "/é", "//h/%zz", "http:///a", "://x/a", "//[::1]/a",
	} {
		f.Add("GET", target)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: example.org\r\n\r\n")))
		if err != nil {
			return
		}
		got, sent, ok := proxy.Forwarded(r)
		if !ok {
			return
		}
		if sent != got || !strings.HasPrefix(got, "/") || !strings.HasSuffix(r.RequestURI, strings.TrimPrefix(got, "/")) || strings.ContainsAny(got, " #\r\n\t\x00\x7f") {
			t.Fatalf("%q is sent as %q, after %q was decided about", r.RequestURI, sent, got)
		}
		asked, _, _ := strings.Cut(got, "?")
		if path := (sparekey.Request{Method: r.Method, Target: r.RequestURI}).Path(); path != "" && path != asked {
			t.Errorf("of %q, scopes judge %q, and %q is asked for", r.RequestURI, path, asked)
		}
	})
}
