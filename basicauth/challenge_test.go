package basicauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
)

// senders are requests as clients send them, recorded without what does not matter here.
var senders = map[string]struct {
	header   map[string]string
	isPage   bool
	isScript bool
}{
	"curl":                                {header: map[string]string{"User-Agent": "curl/8.14.1", "Accept": "*/*"}},
	"wget":                                {header: map[string]string{"User-Agent": "Wget/1.25.0", "Accept": "*/*", "Accept-Encoding": "identity"}},
	"PowerShell 5.1":                      {header: map[string]string{"User-Agent": "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1"}},
	".NET HttpClient for JSON":            {header: map[string]string{"Accept": "application/json"}},
	"Java URLConnection":                  {header: map[string]string{"User-Agent": "Java/17.0.9", "Accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}},
	"lynx":                                {header: map[string]string{"User-Agent": "Lynx/2.9.2", "Accept": "text/html, text/plain, text/sgml, text/css, */*;q=0.01"}},
	"git":                                 {header: map[string]string{"User-Agent": "git/2.47.3", "Accept": "*/*", "Pragma": "no-cache"}},
	"Apple's dataaccessd":                 {header: map[string]string{"User-Agent": "macOS/14 dataaccessd/1.0", "Accept": "*/*", "Depth": "0"}},
	"wget with a referrer":                {header: map[string]string{"User-Agent": "Wget/1.25.0", "Accept": "*/*", "Referer": "https://example.org/"}},
	"nothing":                             {},
	"page":                                {isPage: true, header: map[string]string{"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none", "Sec-Fetch-User": "?1"}},
	"page by a link of another site":      {isPage: true, header: map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site", "Referer": "https://app.example/"}},
	"page over http":                      {isPage: true, header: map[string]string{"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "Referer": "http://nas.local/", "Cookie": "a=b"}},
	"form over http":                      {isPage: true, header: map[string]string{"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Origin": "http://nas.local"}},
	"fetch":                               {isScript: true, header: map[string]string{"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin"}},
	"fetch of another origin":             {isScript: true, header: map[string]string{"Accept": "*/*", "Origin": "https://app.example", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "cross-site"}},
	"fetch that asks for HTML":            {isScript: true, header: map[string]string{"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "empty"}},
	"fetch without cors":                  {isScript: true, header: map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "cross-site"}},
	"XMLHttpRequest of jQuery":            {isScript: true, header: map[string]string{"Accept": "application/json, text/javascript, */*; q=0.01", "X-Requested-With": "XMLHttpRequest"}},
	"a web view of Android":               {isScript: true, header: map[string]string{"Accept": "text/html,application/xhtml+xml", "X-Requested-With": "com.example.app", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}},
	"WordPress's own scripts over http":   {isScript: true, header: map[string]string{"Accept": "application/json, */*;q=0.1", "X-WP-Nonce": "a1b2c3d4e5", "Referer": "http://nas.local/wp-admin/"}},
	"fetch of another origin over http":   {isScript: true, header: map[string]string{"Accept": "*/*", "Origin": "http://app.local", "Referer": "http://app.local/"}},
	"fetch over http of a person's page":  {isScript: true, header: map[string]string{"Accept": "*/*", "Referer": "http://nas.local/", "Cookie": "session=x"}},
	"event stream":                        {isScript: true, header: map[string]string{"Accept": "text/event-stream", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}},
	"WebSocket":                           {isScript: true, header: map[string]string{"Origin": "https://app.example", "Sec-Fetch-Mode": "websocket", "Sec-Fetch-Dest": "websocket"}},
	"picture":                             {isScript: true, header: map[string]string{"Accept": "image/avif,image/webp,*/*", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}},
	"script element, such as JSONP":       {isScript: true, header: map[string]string{"Accept": "*/*", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}},
	"frame in a page":                     {isScript: true, header: map[string]string{"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}},
	"old WebKit that names the site only": {isScript: true, header: map[string]string{"Accept": "*/*", "Sec-Fetch-Site": "same-origin"}},
	"a mode that does not exist yet":      {isScript: true, header: map[string]string{"Sec-Fetch-Mode": "something"}},
}

// TestChallenge has every kind of client get a 401: for no credential, for a wrong one, for
// a malformed one. Programs get the challenge, and scripts never do.
func TestChallenge(t *testing.T) {
	t.Parallel()
	svc, _ := newService(t, sparekey.Config{})
	for name, c := range senders {
		for _, authorization := range []string{"", basic("ann:wrong"), "Basic !"} {
			for _, noDialog := range []bool{false, true} {
				guard := basicauth.New(svc, basicauth.Config{NoDialog: noDialog})
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.RemoteAddr = "127.0.0.1:4711"
				for name, value := range c.header {
					r.Header.Set(name, value)
				}
				if authorization != "" {
					r.Header.Set("Authorization", authorization)
				}
				w := httptest.NewRecorder()
				guard.Require(http.HandlerFunc(whoami)).ServeHTTP(w, r)
				want := !c.isScript && (!c.isPage || !noDialog)
				if got := w.Header().Get("WWW-Authenticate") != ""; w.Code != http.StatusUnauthorized || got != want {
					t.Errorf("%s, %q, NoDialog %v: %d, challenged %v, want %v", name, authorization, noDialog, w.Code, got, want)
				}
			}
		}
	}
}
