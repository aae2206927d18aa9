package cli

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestStagingLogin has a WordPress behind Sparekey, and clients with the login of a web
// server in front of a staging site. WordPress ignores it outside its API, and so does
// Sparekey; on the API only an application password counts.
func TestStagingLogin(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	staging, wrong, mail := account{"staging", "letmein"}, account{"ann", "wrong"}, account{"x@example.com", "letmein"}
	signs := account{"staging", "!§$%"} // no letter and no digit
	inFront := startServer(t, database, "--upstream", newApplication(t), "--upstream-kind=wordpress", "--forward-authorization")
	anonymous := func(authorized bool) string {
		return map[bool]string{true: "user= signed=false authorized=true", false: "user= signed=false authorized=false"}[authorized]
	}
	for _, target := range []string{
		"/", "/hello-world/", "/?p=1", "/wp-login.php?action=lostpassword", "/wp-admin/admin-ajax.php?action=x", "/feed/?paged=2",
		"/wp-content/a//b.css", "/2026/wp-json-explained/", "/wp-cron.php",
	} {
		for _, c := range []struct {
			as   account
			body string
		}{
			{staging, anonymous(true)}, {mail, anonymous(true)}, {signs, anonymous(true)},
			{wrong, anonymous(false)}, // of a user of ours: WordPress does not get it
			{ann, "user=ann"},
		} {
			if status, body := inFront.ask(t, c.as, target); status != http.StatusOK || !strings.Contains(body, c.body) {
				t.Errorf("%s asks for %s: %d %s, want %s", c.as.login, target, status, body, c.body)
			}
		}
	}
	for _, target := range []string{
		"/wp-json/", "/wp-json/wp/v2/posts", "/WP-JSON/wp/v2/posts", "/blog/wp-json/wp/v2/posts", "/index.php/wp-json/", "/%77p-json/wp/v2",
		"/?rest_route=/wp/v2/posts", "/about?rest.route=/wp/v2/posts", "/?rest%5Froute=/", "/?x=1&rest_route[]=/", "/x/..//wp-json/wp/v2", "/wp-json%2Fwp/v2",
		"/wp-json//wp/v2", mine,
	} {
		for _, as := range []account{staging, wrong, mail, signs} {
			if status, body := inFront.ask(t, as, target); status != http.StatusUnauthorized {
				t.Errorf("%s asks for %s: %d %s", as.login, target, status, body)
			}
		}
	}
	if status, body := inFront.askRaw(t, staging, "//wp-json/"); status != http.StatusUnauthorized {
		t.Errorf("two slashes: %d %s", status, body)
	}
	for _, header := range []string{"X-Original-URL", "X-Rewrite-URL", "Request-Uri"} {
		if status, body := inFront.ask(t, staging, "/", header, "/wp-json/wp/v2/posts"); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", header, status, body)
		}
	}
	for name, args := range map[string][]string{
		"generic": {"--upstream-kind=generic"}, "required": {"--upstream-kind=wordpress", "--upstream-auth=required"}, "kind not named": nil,
	} {
		other := startServer(t, database, append(args, "--upstream", newApplication(t))...)
		for _, as := range []account{staging, wrong} {
			if status, body := other.ask(t, as, "/"); status != http.StatusUnauthorized {
				t.Errorf("%s, %s: %d %s", name, as.login, status, body)
			}
		}
	}
	inFront.stagingForms(t, staging)
}

// TestDoctorExplainsStagingLogins has the doctor examine the API with such a login, and a page.
func TestDoctorExplainsStagingLogins(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	alone := startServer(t, database)
	wantDoctor(t, 21, "counts on pages only", "letmein", alone.url, "--login=staging", "--secret-stdin")
	wantDoctor(t, 21, "wrong_login_or_secret", strings.Repeat("x", 24), alone.url, "--login=staging", "--secret-stdin")
	inFront := startServer(t, database, "--upstream", newApplication(t), "--upstream-kind=wordpress")
	wantDoctor(t, 16, "examine that", "", inFront.url)
}

// stagingForms sends forms to pages: WordPress looks for a route in each of them.
func (s *serverProcess) stagingForms(t *testing.T, as account) {
	t.Helper()
	const form = "application/x-www-form-urlencoded"
	multi := func(field string) (string, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		_ = w.WriteField(field, "/wp/v2/posts")
		_ = w.WriteField("file", strings.Repeat("x", 100_000))
		_ = w.Close()
		return b.String(), w.FormDataContentType()
	}
	harmless, harmlessType := multi("comment")
	routed, routedType := multi("rest_route")
	for name, c := range map[string]struct {
		body, contentType string
		status            int
	}{
		"comment":            {"comment=hello&author=x", form, http.StatusOK},
		"multipart":          {harmless, harmlessType, http.StatusOK},
		"JSON":               {`{"rest_route":"/wp/v2/posts"}`, "application/json", http.StatusOK},
		"no body":            {"", "", http.StatusOK},
		"route":              {"a=b&rest_route=/wp/v2/posts", form, http.StatusUnauthorized},
		"route, spelled":     {"a=b&rest.route=/wp/v2/posts", form, http.StatusUnauthorized},
		"route, encoded":     {"a=b&%72est%5Froute=/wp/v2/posts", form, http.StatusUnauthorized},
		"route, other type":  {"rest_route=/wp/v2/posts", form + "; charset=utf-16", http.StatusUnauthorized},
		"route in multipart": {routed, routedType, http.StatusForbidden},
		"too long":           {"comment=" + strings.Repeat("x", 1<<20+1), form, http.StatusUnauthorized},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/wp-comments-post.php", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(as.login, as.secret)
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%s: %d %.200s", name, res.StatusCode, body)
		}
	}
}

// TestStagingLoginTellsNothing wants the same answer for a login that is known here and
// for one that is not, also once there were too many guesses.
func TestStagingLoginTellsNothing(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	s := startServer(t, database, "--upstream", newApplication(t), "--upstream-kind=wordpress", "--throttle=on", "--throttle-per-login=3/10m")
	for i := range 5 {
		secret := strings.Repeat("x", i+1)
		known, knownBody := s.ask(t, account{"ann", secret}, "/")
		unknown, unknownBody := s.ask(t, account{"bob", secret}, "/")
		if known != unknown || knownBody != unknownBody {
			t.Errorf("attempt %d: %d %s for a login that is known, %d %s else", i, known, knownBody, unknown, unknownBody)
		}
	}
	for range 20 { // the same login of a staging site all day long is one guess
		if status, body := s.ask(t, account{"staging", "letmein"}, "/"); status != http.StatusOK {
			t.Fatalf("the staging login: %d %s", status, body)
		}
	}
}
