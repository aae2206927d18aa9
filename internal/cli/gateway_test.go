package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newApplication starts an application that says which request it got, and for which user.
func newApplication(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _, authorized := r.BasicAuth()
		fmt.Fprintf(w, "application: %s %s user=%s signed=%v authorized=%v", r.Method, r.RequestURI,
			r.Header.Get("X-Sparekey-User"), r.Header.Get("X-Sparekey-Signature") != "", authorized)
		if cookie := r.Header.Get("Cookie"); cookie != "" {
			fmt.Fprintf(w, " cookie=%s", cookie)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// ask sends a request with these headers and returns the status and the body.
func (s *serverProcess) ask(t *testing.T, as account, target string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	r.URL.Opaque, r.URL.RawQuery = path, query // as it is written
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if as.login != "" {
		r.SetBasicAuth(as.login, as.secret)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestUpstream(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--upstream", newApplication(t))
	nobody, wrong := account{}, account{"ann", "wrong"}
	session := []string{"Cookie", "wordpress_logged_in_abc=x", "X-Wp-Nonce", "y"}
	for _, c := range []struct {
		as     account
		target string
		header []string
		status int
		body   string
	}{
		{nobody, "/", nil, http.StatusOK, "application: GET / user= signed=false authorized=false"},
		{ann, "/a//b?c", nil, http.StatusOK, "application: GET /a//b?c user=ann signed=false authorized=false"},
		{ann, "/wp-json/", nil, http.StatusOK, "application: GET /wp-json/ user=ann"},
		{ann, "/wp-json/wp/v2/users/me", nil, http.StatusOK, "application: "},
		{nobody, "/wp-login.php", nil, http.StatusOK, "application: "},
		{nobody, "/wp-admin/", nil, http.StatusOK, "application: "},
		{nobody, "/2026/about-application-passwords/", nil, http.StatusOK, "application: "},
		{wrong, "/", nil, http.StatusUnauthorized, "wrong"},
		{wrong, "/wp-json/", nil, http.StatusUnauthorized, "wrong"},
		{wrong, mine, nil, http.StatusUnauthorized, "incorrect_password"},
		{wrong, mine, session, http.StatusUnauthorized, "incorrect_password"},
		{nobody, mine, nil, http.StatusUnauthorized, "rest_not_logged_in"},
		{ann, mine, nil, http.StatusOK, `"name":"main"`},
		{ann, "/?rest_route=/wp/v2/users/me/application-passwords", nil, http.StatusOK, `"name":"main"`},
		{ann, mine + "/introspect", session, http.StatusOK, `"name":"main"`},
		{nobody, mine, session, http.StatusOK, "application: "},
		{nobody, "/a", []string{"Cookie", "a=1; sparekey=x; __Host-sparekey=y; b=2"}, http.StatusOK, "cookie=a=1; b=2"},
		{nobody, "/sign-in", nil, http.StatusOK, "Sparekey"},
		{nobody, "/healthz", nil, http.StatusOK, "ok"},
	} {
		status, body := s.ask(t, c.as, c.target, c.header...)
		if status != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s asks for %s: %d %s", c.as.login, c.target, status, body)
		}
	}
	// However they are spelled, the routes of application passwords are Sparekey's, not the
	// application's.
	for _, target := range []string{
		"/wp-json/WP/v2/users/me/Application-Passwords", "/%77p-json/wp/v2/users/me/application-passwords", "/index.php/wp-json/wp/v2/users/me/application%2Dpasswords",
		"/about?rest_route=/wp/v2/users/me/application-passwords", "/?rest.route=/wp/v2/users/me/application%2dpasswords", "/?x=%zz&rest%5Froute=/wp/v2/users/1/application%2Dpasswords",
		"/wp-json//wp/v2/users/me/application-passwords", "/x/../wp-json/wp/v2/users/me/application%252Dpasswords",
	} {
		if status, body := s.ask(t, ann, target); strings.Contains(body, "application: ") {
			t.Errorf("%s: %d %s", target, status, body)
		}
	}
}

func TestUpstreamSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	database := filepath.Join(dir, "sparekey.db")
	ann := newAccount(t, database)
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	application := newApplication(t)
	s := startServer(t, database, "--upstream", application, "--upstream-auth=required", "--forward-authorization", "--signing-key", key)
	if status, body := s.ask(t, account{}, "/"); status != http.StatusUnauthorized {
		t.Errorf("anonymous: %d %s", status, body)
	}
	if _, body := s.ask(t, ann, "/"); body != "application: GET / user=ann signed=true authorized=true" {
		t.Error(body)
	}
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte(strings.Repeat("k", 31)+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"must have at least": {"--signing-key", short},
		"no such file":       {"--signing-key", short + "er"},
		"dot segments":       {"--upstream", (&url.URL{Scheme: "http", Host: "x", Path: "/y/../z"}).String()},
		"is the address of":  {"--listen", "127.0.0.1:8080", "--upstream", "http://localhost:8080"},
		"must be a scheme":   {"--upstream", "127.0.0.1:8088"},
	} {
		if _, err := cli(t.Context(), database, append([]string{"serve"}, args...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// TestIdentityHeader has an application look for the login under its own names.
func TestIdentityHeader(t *testing.T) {
	t.Parallel()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%q %q %q %q", r.Header["Remote-User"], r.Header["X-Webauth-User"], r.Header["X-Remote-User"], r.Header["Authorization"])
	}))
	t.Cleanup(application.Close)
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--upstream", application.URL, "--identity-header", "remote-user", "--identity-header", "X-WEBAUTH-USER")
	for as, want := range map[account]string{ann: `["ann"] ["ann"] [] []`, {}: `[] [] [] []`} {
		if status, body := s.ask(t, as, "/", "Remote-User", "bob", "X-WEBAUTH-USER", "bob", "X-Remote-User", "bob", "X_Remote_User", "bob"); status != http.StatusOK || body != want {
			t.Errorf("%q: %d %s, want %s", as.login, status, body, want)
		}
	}
	for _, name := range []string{"Host", "X_Remote_User", "X-Sparekey-User", "Remote-User,Cookie"} {
		if _, err := cli(t.Context(), database, "serve", "--identity-header", name); err == nil || !strings.Contains(err.Error(), "--identity-header") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestForwardAuth has proxies ask the running server, about credentials that were
// made on the command line.
func TestForwardAuth(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	reader := account{"ann", mustCLI(t, database, "user", "application-password", "create", "ann", "reader", "--scope=GET /a*", "--porcelain")}
	elsewhere := account{"ann", mustCLI(t, database, "user", "application-password", "create", "ann", "elsewhere", "--network=10.0.0.0/8", "--porcelain")}
	s := startServer(t, database, "--throttle=on", "--trusted-proxy=127.0.0.1", "--url=https://keys.example", "--upstream", newApplication(t))
	tells := map[string][]string{
		"/-/auth/nginx":        {"X-Original-Method", "GET", "X-Original-URI", "/a//b", "X-Original-Host", "example.org"},
		"/-/auth/haproxy":      {"X-Original-Method", "GET", "X-Original-URI", "/a/b", "X-Original-Host", "example.org"},
		"/-/auth/traefik":      {"X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/a/b", "X-Forwarded-Host", "example.org"},
		"/-/auth/caddy":        {"X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/a/b", "X-Forwarded-Host", "example.org"},
		"/-/auth/envoy/a/b?c":  {},
		"/-/auth/envoy//a/./b": {},
	}
	for target, header := range tells {
		header = append(header, "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https")
		want := map[account]int{ann: http.StatusOK, reader: http.StatusOK, elsewhere: http.StatusForbidden, {"ann", "wrong"}: http.StatusUnauthorized, {}: http.StatusUnauthorized}
		if strings.Contains(target+header[3], "//") { // which no scope covers
			want[reader] = http.StatusForbidden
		}
		for as, status := range want {
			if got, body := s.ask(t, as, target, header...); got != status {
				t.Errorf("%s of %v: %d %s", target, as.login, got, body)
			}
		}
	}
	// All dialects count failures together, by the client's address.
	guesses := 0
	guess := func(from, target string) int {
		guesses++
		status, _ := s.ask(t, account{"ann", fmt.Sprint("wrong", guesses)}, target, append(tells[target], "X-Forwarded-For", from, "X-Forwarded-Proto", "https")...)
		return status
	}
	throttled := 0
	for range 6 {
		for target := range tells {
			if status := guess("198.51.100.7", target); status == http.StatusTooManyRequests || status == http.StatusForbidden && target == "/-/auth/nginx" {
				throttled++
			}
		}
	}
	if throttled < 20 || guess("198.51.100.8", "/-/auth/caddy") != http.StatusUnauthorized {
		t.Errorf("%d of 36 guesses were throttled", throttled)
	}
	if status, body := s.ask(t, ann, "/-/auth/nginx"); status != http.StatusForbidden || !strings.Contains(body, "X-Forwarded-For") {
		t.Errorf("a proxy that tells nothing: %d %s", status, body)
	}
	s = startServer(t, database)
	if status, body := s.ask(t, ann, "/-/auth/nginx", append(tells["/-/auth/nginx"], "X-Forwarded-For", "203.0.113.9")...); status != http.StatusForbidden || !strings.Contains(body, "--trusted-proxy") {
		t.Errorf("an unnamed proxy on this machine: %d %s", status, body)
	}
}

// TestForwardAuthOptional has a proxy ask about requests without a credential.
func TestForwardAuthOptional(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	tells := []string{"X-Original-Method", "GET", "X-Original-URI", "/about", "X-Original-Host", "example.org", "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https"}
	settings := []string{"--trusted-proxy=127.0.0.1", "--url=https://keys.example"}
	optional := startServer(t, database, append(settings, "--forward-auth=optional", "--upstream", newApplication(t), "--upstream-auth=required")...)
	required := startServer(t, database, append(settings, "--upstream", newApplication(t), "--upstream-auth=optional")...)
	for _, c := range []struct {
		server *serverProcess
		as     account
		status int
	}{
		{optional, account{}, http.StatusOK},
		{optional, ann, http.StatusOK},
		{optional, account{"ann", "wrong"}, http.StatusUnauthorized},
		{required, account{}, http.StatusUnauthorized},
		{required, ann, http.StatusOK},
	} {
		if status, body := c.server.ask(t, c.as, "/-/auth/nginx", tells...); status != c.status {
			t.Errorf("optional=%v, as %q: %d %s", c.server == optional, c.as.login, status, body)
		}
	}
	if status, body := optional.ask(t, account{}, "/about", "X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https"); status != http.StatusUnauthorized {
		t.Errorf("one setting changes the other: %d %s", status, body)
	}
}
