package cli

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// options sends OPTIONS with these headers.
func (s *serverProcess) options(t *testing.T, target string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.url+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res
}

const pageOrigin = "https://app.example"

// TestPreflights sends preflights to the server in front of an application, whose policy
// is not to answer any: it is the application's where no credential is needed, and where
// one is, the application does not get them.
func TestPreflights(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	var asked atomic.Int64
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusTeapot)
	}))
	t.Cleanup(application.Close)
	for auth, want := range map[string]int{"required": http.StatusNoContent, "optional": http.StatusTeapot} {
		s := startServer(t, database, "--upstream-auth="+auth, "--upstream", application.URL)
		for _, method := range []string{"GET", "PUT", "PROPFIND", "DELETE"} {
			for _, target := range []string{"/api/posts", "/dav/ann/", "/wp-json/wp/v2/posts"} {
				before := asked.Load()
				res := s.options(t, target, "Origin", pageOrigin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", "authorization,depth")
				if res.StatusCode != want || (asked.Load() > before) != (auth == "optional") {
					t.Errorf("%s, %s %s: %d", auth, method, target, res.StatusCode)
				}
				if h := res.Header; auth == "required" && (h.Get("Access-Control-Allow-Origin") != pageOrigin || h.Get("Access-Control-Allow-Methods") != method || h.Get("Access-Control-Allow-Headers") != "authorization, depth") {
					t.Errorf("%s %s: %v", method, target, h)
				}
			}
		}
		if res := s.options(t, mine, "Origin", pageOrigin, "Access-Control-Request-Method", "POST"); res.StatusCode != http.StatusOK || res.Header.Get("Access-Control-Allow-Origin") != pageOrigin {
			t.Errorf("%s, at Sparekey's own API: %d %v", auth, res.StatusCode, res.Header)
		}
	}
}

// TestPreflightsOfProxies asks on behalf of proxies, which can let a preflight through or
// not: through it goes for the origins that are named, and for nothing that an application
// could take for another method.
func TestPreflightsOfProxies(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	for name, args := range map[string][]string{"named": {"--allow-origin=" + pageOrigin, "--allow-origin=https://other.example"}, "none": nil} {
		s := startServer(t, database, append(args, "--throttle=off", "--trusted-proxy=127.0.0.1")...)
		for what, c := range map[string]struct {
			target string
			header []string
			want   bool
		}{
			"preflight":                   {"/api", []string{"Origin", pageOrigin, "Access-Control-Request-Method", "PUT"}, true},
			"of the other named origin":   {"/api?x=1", []string{"Origin", "https://other.example", "Access-Control-Request-Method", "GET"}, true},
			"of another origin":           {"/api", []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "PUT"}, false},
			"of another port":             {"/api", []string{"Origin", pageOrigin + ":8443", "Access-Control-Request-Method", "PUT"}, false},
			"without a method":            {"/api", []string{"Origin", pageOrigin}, false},
			"with an override":            {"/api", []string{"Origin", pageOrigin, "Access-Control-Request-Method", "PUT", "X-HTTP-Method-Override", "GET"}, false},
			"with another override":       {"/api", []string{"Origin", pageOrigin, "Access-Control-Request-Method", "PUT", "X-HTTP-Method", "DELETE"}, false},
			"with an override in a query": {"/api?_method=DELETE", []string{"Origin", pageOrigin, "Access-Control-Request-Method", "PUT"}, false},
			"with a wrong credential":     {"/api", []string{"Origin", pageOrigin, "Access-Control-Request-Method", "PUT", "Authorization", "Basic YW5uOng="}, false},
			"with a session":              {"/api", []string{"Origin", pageOrigin, "Access-Control-Request-Method", "PUT", "Cookie", "a=b"}, false},
		} {
			header := append([]string{
				"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https",
				"X-Forwarded-Method", "OPTIONS", "X-Forwarded-Uri", c.target, "X-Forwarded-Host", "example.org",
				"X-Original-Method", "OPTIONS", "X-Original-Uri", c.target, "X-Original-Host", "example.org",
			}, c.header...)
			for _, dialect := range []string{"nginx", "traefik", "caddy", "haproxy", "envoy" + c.target} {
				res := s.options(t, "/-/auth/"+dialect, header...)
				want := http.StatusUnauthorized
				if c.want && name == "named" {
					want = http.StatusOK
				}
				if res.StatusCode != want || res.Header.Get("X-Sparekey-User") != "" {
					t.Errorf("%s, %s by way of %s: %d", name, what, dialect, res.StatusCode)
				}
			}
		}
	}
}

// TestRefusalsForScripts reads refusals as a script of another origin does, outside the
// API too.
func TestRefusalsForScripts(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	s := startServer(t, database, "--throttle=off", "--trusted-proxy=127.0.0.1", "--upstream-auth=required", "--upstream", gone.URL)
	reader := account{"ann", mustCLI(t, database, "user", "application-password", "create", "ann", "reader", "--scope=GET /about", "--porcelain")}
	for target, want := range map[string]int{"/about": http.StatusBadGateway, "/other": http.StatusForbidden, "/wp-json/wp/v2/posts": http.StatusForbidden} {
		for _, as := range []account{reader, {"ann", "wrong"}, {}} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+target, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Origin", pageOrigin)
			r.Header.Set("X-Forwarded-For", "192.0.2.1")
			r.Header.Set("X-Forwarded-Proto", "https")
			status := http.StatusUnauthorized
			if as.login != "" {
				r.SetBasicAuth(as.login, as.secret)
			}
			if as == reader {
				status = want
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != status || res.Header.Get("Access-Control-Allow-Origin") != pageOrigin || len(res.Header.Values("Access-Control-Allow-Origin")) != 1 ||
				!strings.Contains(strings.Join(res.Header.Values("Vary"), ","), "Origin") || res.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s: %d %v %s", target, res.StatusCode, res.Header, body)
			}
		}
	}
}

// TestUploadsOfOtherOrigins posts a form with a file, with an application password, as a
// script of another origin does.
func TestUploadsOfOtherOrigins(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	application := newApplication(t)
	for name, c := range map[string]struct {
		args   []string
		target string
		want   int
	}{
		"Sparekey's own API":          {nil, mine + "?name=uploaded", http.StatusCreated},
		"WordPress":                   {[]string{"--upstream-kind=wordpress", "--upstream", application}, "/wp-json/wp/v2/media", http.StatusOK},
		"WordPress, required":         {[]string{"--upstream-kind=wordpress", "--upstream-auth=required", "--upstream", application}, "/wp-json/wp/v2/media", http.StatusForbidden},
		"any application":             {[]string{"--upstream", application}, "/upload", http.StatusForbidden},
		"any application, named":      {[]string{"--allow-origin=" + pageOrigin, "--upstream", application}, "/upload", http.StatusOK},
		"WordPress, required, named":  {[]string{"--allow-origin=" + pageOrigin, "--upstream-kind=wordpress", "--upstream-auth=required", "--upstream", application}, "/wp-json/wp/v2/media", http.StatusOK},
		"the own API, in front":       {[]string{"--upstream", application}, mine + "?name=uploaded", http.StatusForbidden},
		"the own API, in front named": {[]string{"--allow-origin=" + pageOrigin, "--upstream", application}, mine + "?name=uploaded", http.StatusCreated},
	} {
		s := startServer(t, database, c.args...)
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		file, err := form.CreateFormFile("file", "picture.png")
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(file, "png")
		form.Close()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+c.target, &body)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(ann.login, ann.secret)
		for key, value := range map[string]string{
			"Content-Type": form.FormDataContentType(), "Origin": pageOrigin,
			"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "empty",
		} {
			r.Header.Set(key, value)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.want || c.want == http.StatusForbidden && !strings.Contains(string(answer), "--allow-origin") {
			t.Errorf("%s: %d %s", name, res.StatusCode, answer)
		}
	}
}

func TestAllowOriginIsChecked(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{"app.example", "https://app.example/", "https://app.example/x", "null", "*", "HTTPS://App.example", "https://"} {
		out, err := command(t.Context(), filepath.Join(t.TempDir(), "sparekey.db"), "serve", "--listen=127.0.0.1:0", "--allow-origin="+origin).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "--allow-origin") {
			t.Errorf("%q: %v %s", origin, err, out)
		}
	}
}
