package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// refusedCode is the code in a refusal, or empty where it is not JSON.
func refusedCode(body string) string {
	var told struct{ Code string }
	if json.Unmarshal([]byte(body), &told) != nil {
		return ""
	}
	return told.Code
}

// TestRefusalsOfTheAPI asks for routes of the application's own API, whose clients
// read JSON, through the reverse proxy and through proxies that ask.
func TestRefusalsOfTheAPI(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	made := func(name string, limits ...string) account {
		args := append([]string{"user", "application-password", "create", "ann", name, "--porcelain"}, limits...)
		return account{"ann", mustCLI(t, database, args...)}
	}
	reader, elsewhere, once := made("reader", "--scope=GET /about"), made("elsewhere", "--network=10.0.0.0/8"), made("once", "--max-uses=1")
	s := startServer(t, database, "--throttle=on", "--trusted-proxy=127.0.0.1", "--url=https://keys.example", "--upstream-auth=required", "--upstream", newApplication(t))
	const api = "/wp-json/wp/v2/posts"
	way := func(from string) []string { return []string{"X-Forwarded-For", from, "X-Forwarded-Proto", "https"} }
	asked := func(target, from string) []string {
		return append(way(from), "X-Forwarded-Method", "GET", "X-Forwarded-Uri", target, "X-Forwarded-Host", "example.org")
	}
	if status, body := s.ask(t, once, "/about", way("192.0.2.1")...); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	for name, c := range map[string]struct {
		as     account
		status int
		code   string
	}{
		"anonymous":      {account{}, http.StatusUnauthorized, "rest_not_logged_in"},
		"wrong":          {account{"ann", "wrong"}, http.StatusUnauthorized, "incorrect_password"},
		"used up":        {once, http.StatusUnauthorized, "application_password_used_up"},
		"out of scope":   {reader, http.StatusForbidden, "application_password_out_of_scope"},
		"out of network": {elsewhere, http.StatusForbidden, "application_password_out_of_network"},
	} {
		for _, target := range []string{api, "/?rest_route=/wp/v2/posts"} {
			if status, body := s.ask(t, c.as, target, way("192.0.2.2")...); status != c.status || refusedCode(body) != c.code {
				t.Errorf("%s, %s: %d %s", name, target, status, body)
			}
			for _, dialect := range []string{"traefik", "caddy"} {
				if status, body := s.ask(t, c.as, "/-/auth/"+dialect, asked(target, "192.0.2.3")...); status != c.status || refusedCode(body) != c.code {
					t.Errorf("%s by way of %s, %s: %d %s", name, dialect, target, status, body)
				}
			}
		}
		if status, body := s.ask(t, c.as, "/about?x=/wp-json/", way("192.0.2.4")...); c.as != reader && (status != c.status || refusedCode(body) != "") {
			t.Errorf("%s on a page: %d %s", name, status, body)
		}
	}
	throttled := 0
	for i := range 30 {
		if status, body := s.ask(t, account{"ann", fmt.Sprint("wrong", i)}, api, way("192.0.2.5")...); status == http.StatusTooManyRequests && refusedCode(body) == "too_many_attempts" {
			throttled++
		}
	}
	if throttled == 0 {
		t.Error("no guess was throttled")
	}
}

// TestApplicationAwayIsToldAsJSON asks for the API of an application that is down.
func TestApplicationAwayIsToldAsJSON(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	s := startServer(t, database, "--upstream", gone.URL)
	if status, body := s.ask(t, ann, "/wp-json/wp/v2/posts"); status != http.StatusBadGateway || refusedCode(body) != "bad_gateway" {
		t.Errorf("%d %s", status, body)
	}
	if status, body := s.ask(t, ann, "/"); status != http.StatusBadGateway || !strings.HasPrefix(body, "The application does not answer") {
		t.Errorf("%d %s", status, body)
	}
}
