package cli

import (
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// TestSlashesInFront has clients that join the address of a site with a slash at its end
// and a path with one at its beginning. None of them is redirected.
func TestSlashesInFront(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	narrow := newNarrow(t, database)
	anonymous := account{}
	const index, pages = `"namespaces"`, "Sparekey"
	for name, s := range map[string]*serverProcess{
		"alone":    startServer(t, database),
		"in front": startServer(t, database, "--upstream", newApplication(t)),
	} {
		inFront := name == "in front"
		for _, c := range []struct {
			as     account
			target string
			status int
			body   string
			own    bool // Sparekey answers it in front of an application as well
		}{
			{ann, "//wp-json/wp/v2/users/me/application-passwords", http.StatusOK, `"name":"main"`, true},
			{ann, "///wp-json/wp/v2/users/me/application-passwords?context=edit", http.StatusOK, `"name":"main"`, true},
			{ann, "//?rest_route=/wp/v2/users/me/application-passwords", http.StatusOK, `"name":"main"`, true},
			{ann, "//index.php?rest_route=/wp/v2/users/me/application-passwords/", http.StatusOK, `"name":"main"`, true},
			{ann, "//wp-json/wp/v2/users/me/application-passwords/introspect", http.StatusOK, `"name":"main"`, true},
			{anonymous, "//wp-json/wp/v2/users/me/application-passwords", http.StatusUnauthorized, "rest_not_logged_in", true},
			{account{"ann", "wrong"}, "//wp-json/wp/v2/users/me/application-passwords", http.StatusUnauthorized, "incorrect_password", true},
			{anonymous, "//sign-in", http.StatusOK, pages, true},
			{anonymous, "//healthz", http.StatusOK, "ok", true},
			{anonymous, "//wp-json/", http.StatusOK, index, false},
			{anonymous, "//wp-json", http.StatusOK, index, false},
			{anonymous, "//?rest_route=/", http.StatusOK, index, false},
			{ann, "//wp-json/wp/v2/users/me?context=edit", http.StatusOK, `"username":"ann"`, false},
			{ann, "//wp-json//wp/v2/users/me", http.StatusNotFound, "rest_no_route", false},
			{narrow, "//wp-json/wp/v2/users/me/application-passwords/introspect", http.StatusOK, `"name":"narrow"`, true},
			{narrow, "//wp-json/wp/v2/users/me/application-passwords", http.StatusForbidden, "", true},
			{narrow, "/wp-json//wp/v2/users/me/application-passwords/introspect", http.StatusForbidden, "", true},
			{narrow, "/%2Fwp-json/wp/v2/users/me/application-passwords/introspect", http.StatusNotFound, "", true},
		} {
			if inFront && !c.own {
				continue
			}
			status, body := s.askRaw(t, c.as, c.target)
			if status != c.status || !strings.Contains(body, c.body) || strings.Contains(body, "application: ") {
				t.Errorf("%s, %s: %d %s", name, c.target, status, body)
			}
		}
		if !inFront {
			continue
		}
		// Paths that the application answers stay unchanged, and limits apply to them as they are.
		if status, body := s.askRaw(t, ann, "//wp-json/wp/v2/posts"); status != http.StatusOK || !strings.Contains(body, "GET //wp-json/wp/v2/posts ") {
			t.Errorf("passed on: %d %s", status, body)
		}
		for _, target := range []string{"//wp-json/wp/v2/posts", "//posts", "/wp-json//wp/v2/posts"} {
			if status, body := s.askRaw(t, narrow, target); status != http.StatusForbidden {
				t.Errorf("a limited application password at %s: %d %s", target, status, body)
			}
		}
	}
}

// askRaw sends a request whose target is in origin form, as it is written, and follows
// no redirect.
func (s *serverProcess) askRaw(t *testing.T, as account, target string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	host := r.URL.Host
	if r.URL, err = url.ParseRequestURI(target); err != nil || r.URL.RequestURI() != target {
		t.Fatalf("%q: %v, %v", target, r.URL, err)
	}
	r.URL.Scheme, r.URL.Host = "http", host
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

// newNarrow gives ann an application password that can only introspect itself and read posts.
func newNarrow(t *testing.T, database string) account {
	t.Helper()
	out, err := cli(t.Context(), database, "user", "application-password", "create", "ann", "narrow", "--porcelain",
		"--scope=GET /wp-json/wp/v2/users/me/application-passwords/introspect", "--scope=GET /wp-json/wp/v2/posts")
	if err != nil {
		t.Fatal(err)
	}
	return account{"ann", strings.TrimSpace(out)}
}
