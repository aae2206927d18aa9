package cli

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// TestURLHasOneForm starts servers under one URL that is written in several ways. The
// index, links, cookies and headers have it in its normal form.
func TestURLHasOneForm(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://bücher.example":             "https://xn--bcher-kva.example",
		"https://BÜCHER.example:443/":        "https://xn--bcher-kva.example",
		"HTTPS://Keys.Example":               "https://keys.example",
		"https://xn--bcher-kva.example:8443": "https://xn--bcher-kva.example:8443",
		"http://LOCALHOST:80":                "http://localhost",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			database := filepath.Join(t.TempDir(), "sparekey.db")
			ann := newAccount(t, database)
			mustCLI(t, database, "user", "reset-password", "ann", "--user_pass=x")
			s := startServer(t, database, "--url", given)
			res, body := s.get(t, http.DefaultClient, "/wp-json/")
			var index struct {
				URL, Home      string
				Authentication map[string]struct{ Endpoints map[string]string }
			}
			if err := json.Unmarshal([]byte(body), &index); err != nil {
				t.Fatal(err)
			}
			if at := index.Authentication["application-passwords"].Endpoints["authorization"]; index.URL != want || index.Home != want ||
				at != want+"/wp-admin/authorize-application.php" {
				t.Errorf("%s: the index has %q, %q, %q, want %q", given, index.URL, index.Home, at, want)
			}
			if link := res.Header.Get("Link"); !strings.Contains(link, "<"+want+"/wp-json/>") {
				t.Errorf("%s: Link: %s", given, link)
			}
			if _, body := s.ask(t, ann, mine); !strings.Contains(strings.ReplaceAll(body, `\/`, "/"), `"href":"`+want+`/wp-json/`) {
				t.Errorf("%s: links: %s", given, body)
			}
			isHTTPS := strings.HasPrefix(want, "https:")
			res, _ = s.get(t, http.DefaultClient, "/healthz")
			if got := res.Header.Get(headerHSTS); (got != "") != isHTTPS {
				t.Errorf("%s: %s: %q", given, headerHSTS, got)
			}
			name, _, _ := strings.Cut(s.signInFrom(t, want), "=")
			if want := map[bool]string{true: "__Host-sparekey", false: "sparekey"}[isHTTPS]; name != want {
				t.Errorf("%s: the cookie is %q, want %q", given, name, want)
			}
		})
	}
	database := filepath.Join(t.TempDir(), "sparekey.db")
	for _, given := range []string{
		"https://-ü-.example", "https://example.org:99999", "http://BÜCHER.example", "https://a\u202eb.example", "https://bücher.example/x?y=z",
	} {
		if _, err := cli(t.Context(), database, "serve", "--url", given); err == nil || !strings.Contains(err.Error(), "--url") {
			t.Errorf("%s: %v", given, err)
		}
	}
}

// signInFrom signs ann in as a browser does whose page is of an origin, which is not the
// Host of the request, and returns the cookie.
func (s *serverProcess) signInFrom(t *testing.T, origin string) string {
	t.Helper()
	form := url.Values{"login": {"ann"}, "password": {"x"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+signInPath, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", origin)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSeeOther {
		t.Errorf("sign in from %s: status %d", origin, res.StatusCode)
	}
	return res.Header.Get("Set-Cookie")
}
