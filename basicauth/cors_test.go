package basicauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
)

// preflights are requests with OPTIONS, and whether they are preflights.
var preflights = map[string]struct {
	method string
	header http.Header
	want   bool
}{
	"fetch with Authorization":  {"OPTIONS", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,content-type"}}, true},
	"without headers":           {"OPTIONS", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"DELETE"}}, true},
	"DAV":                       {"OPTIONS", http.Header{"Origin": {"http://localhost:3000"}, "Access-Control-Request-Method": {"PROPFIND"}, "Access-Control-Request-Headers": {"authorization,depth"}}, true},
	"mobile app in a web view":  {"OPTIONS", http.Header{"Origin": {"capacitor://localhost"}, "Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": {"authorization"}}, true},
	"page from a file":          {"OPTIONS", http.Header{"Origin": {"null"}, "Access-Control-Request-Method": {"GET"}}, true},
	"no Origin":                 {"OPTIONS", http.Header{"Access-Control-Request-Method": {"POST"}}, false},
	"no method":                 {"OPTIONS", http.Header{"Origin": {"https://app.example"}}, false},
	"empty method":              {"OPTIONS", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {""}}, false},
	"a method that is none":     {"OPTIONS", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"PO ST"}}, false},
	"two methods":               {"OPTIONS", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST", "GET"}}, false},
	"two origins":               {"OPTIONS", http.Header{"Origin": {"https://app.example", "https://b.example"}, "Access-Control-Request-Method": {"POST"}}, false},
	"an origin that is none":    {"OPTIONS", http.Header{"Origin": {"https://app.example/path"}, "Access-Control-Request-Method": {"POST"}}, false},
	"another method":            {"GET", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}}, false},
	"POST":                      {"POST", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}}, false},
	"with a cookie":             {"OPTIONS", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}, "Cookie": {"a=b"}}, false},
	"with a wrong credential":   {"OPTIONS", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}, "Authorization": {basic("ann:x")}}, false},
	"with another credential":   {"OPTIONS", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}, "Authorization": {"Bearer x"}}, false},
	"with an empty credential":  {"OPTIONS", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}, "Authorization": {""}}, false},
	"a line end in the headers": {"OPTIONS", http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"x\r\nSet-Cookie: a=b, authorization, ,"}}, true},
}

// TestPreflight wants a guard to answer preflights, and to have nothing behind it see one.
func TestPreflight(t *testing.T) {
	t.Parallel()
	svc, _ := newService(t, sparekey.Config{})
	for name, c := range preflights {
		r := httptest.NewRequest(c.method, "/", nil)
		r.RemoteAddr, r.Header = "127.0.0.1:4711", c.header
		if got := basicauth.IsPreflight(r); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		called := false
		w := httptest.NewRecorder()
		basicauth.New(svc, basicauth.Config{}).Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })).ServeHTTP(w, r)
		want := http.StatusUnauthorized
		if c.want {
			want = http.StatusNoContent
		}
		h := w.Header()
		if w.Code != want || called || c.want && (w.Body.Len() > 0 || h.Get("Access-Control-Allow-Origin") != c.header["Origin"][0] ||
			h.Get("Access-Control-Allow-Methods") != c.header["Access-Control-Request-Method"][0]) {
			t.Errorf("%s: %d %v, handler called: %v", name, w.Code, h, called)
		}
		if h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: what the browser remembers is allowed", name)
		}
		if name == "a line end in the headers" && h.Get("Access-Control-Allow-Headers") != "authorization" {
			t.Errorf("%s: %q", name, h["Access-Control-Allow-Headers"])
		}
		if name == "DAV" && h.Get("Access-Control-Allow-Headers") != "authorization, depth" {
			t.Errorf("%s: %q", name, h["Access-Control-Allow-Headers"])
		}
	}
}

// TestRefusalsAreReadable wants scripts of other origins to be able to read each refusal, and
// never to use what the browser remembers.
func TestRefusalsAreReadable(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]string{
		"https://app.example": "https://app.example", "http://localhost:3000": "http://localhost:3000", "null": "null",
		"": "", "https://app.example/path": "", "javascript:alert(1)": "", "https://user@app.example": "",
	} {
		for _, err := range []error{
			sparekey.Refuse(sparekey.ReasonWrongSecret, ""), sparekey.Refuse(sparekey.ReasonOutOfScope, ""),
			sparekey.ErrForbidden, sparekey.Throttled(1), http.ErrServerClosed,
		} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = "127.0.0.1:4711"
			r.SetBasicAuth("ann", "x")
			if origin != "" {
				r.Header.Set("Origin", origin)
			}
			w := httptest.NewRecorder()
			basicauth.New(outcome{err}, basicauth.Config{}).Optional(http.HandlerFunc(whoami)).ServeHTTP(w, r)
			h := w.Header()
			if h.Get("Access-Control-Allow-Origin") != want || (h.Get("Vary") == "Origin") != (want != "") || h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%q, %v: %d %v", origin, err, w.Code, h)
			}
		}
	}
}

// TestUploads sends a form with a file, as a page's script does that brings a right
// application password, from several origins to guards with several settings.
func TestUploads(t *testing.T) {
	t.Parallel()
	svc, secret := newService(t, sparekey.Config{})
	const named, other = "https://app.example", "https://evil.example"
	for name, c := range map[string]struct {
		config               basicauth.Config
		origin, mode         string
		want                 int
		contentTypeOfNothing bool
	}{
		"browsers may remember":                {basicauth.Config{}, other, "cors", http.StatusForbidden, false},
		"a named origin":                       {basicauth.Config{AllowOrigins: []string{named}}, named, "cors", http.StatusOK, false},
		"a named origin, older browser":        {basicauth.Config{AllowOrigins: []string{named}}, named, "", http.StatusOK, false},
		"a named origin, as a form":            {basicauth.Config{AllowOrigins: []string{named}}, named, "navigate", http.StatusOK, false},
		"another origin":                       {basicauth.Config{AllowOrigins: []string{named}}, other, "cors", http.StatusForbidden, false},
		"another port of the host":             {basicauth.Config{AllowOrigins: []string{named}}, named + ":8443", "cors", http.StatusForbidden, false},
		"another scheme":                       {basicauth.Config{AllowOrigins: []string{named}}, "http://app.example", "cors", http.StatusForbidden, false},
		"null":                                 {basicauth.Config{AllowOrigins: []string{named}}, "null", "cors", http.StatusForbidden, false},
		"no dialogs":                           {basicauth.Config{NoDialog: true}, other, "cors", http.StatusOK, false},
		"no dialogs, older browser":            {basicauth.Config{NoDialog: true}, other, "", http.StatusOK, false},
		"no dialogs, blob without type":        {basicauth.Config{NoDialog: true}, other, "cors", http.StatusOK, true},
		"no dialogs, but a form":               {basicauth.Config{NoDialog: true}, other, "navigate", http.StatusForbidden, false},
		"no dialogs, but a script without say": {basicauth.Config{NoDialog: true}, other, "no-cors", http.StatusForbidden, false},
		"no dialogs here":                      {basicauth.Config{NoDialog: true, SharedOrigin: true}, other, "cors", http.StatusForbidden, false},
		"no dialogs here, a named origin":      {basicauth.Config{NoDialog: true, SharedOrigin: true, AllowOrigins: []string{named}}, named, "cors", http.StatusOK, false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.RemoteAddr = "127.0.0.1:4711"
		r.SetBasicAuth("ann", secret.Reveal())
		r.Header.Set("Origin", c.origin)
		if !c.contentTypeOfNothing {
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		}
		if c.mode != "" {
			r.Header.Set("Sec-Fetch-Mode", c.mode)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}
		w := httptest.NewRecorder()
		basicauth.New(svc, c.config).Require(http.HandlerFunc(whoami)).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestAllowOriginsMustBeOrigins(t *testing.T) {
	t.Parallel()
	svc, _ := newService(t, sparekey.Config{})
	for _, origin := range []string{"", "app.example", "https://app.example/", "https://app.example/path", "https://"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is taken", origin)
				}
			}()
			basicauth.New(svc, basicauth.Config{AllowOrigins: []string{origin}})
		}()
	}
}
