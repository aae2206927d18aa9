package cli

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// session are the headers of a script in a page of WordPress whose user is signed in.
var session = []string{"Cookie", "a=b; wordpress_logged_in_0123abcd=ann%7C1%7Cx", "X-WP-Nonce", "0123456789"}

// TestLoginBesideSession has scripts of a signed-in user send the login of a staging site's
// web server with each request, as browsers do. WordPress believes the cookie first.
func TestLoginBesideSession(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	staging, wrong := account{"staging", "letmein"}, account{"ann", "wrong"}
	const anonymous, dropped = "user= signed=false authorized=true", "user= signed=false authorized=false"
	inFront := startServer(t, database, "--upstream", newApplication(t), "--upstream-kind=wordpress", "--forward-authorization")
	cookie, nonce := session[:2], session[2:]
	for _, c := range []struct {
		as     account
		target string
		header []string
		status int
		body   string
	}{
		{staging, "/wp-json/wp/v2/posts", session, http.StatusOK, dropped},
		{staging, "/?rest_route=/wp/v2/posts", session, http.StatusOK, dropped},
		{staging, "/blog/index.php/wp-json/", session, http.StatusOK, dropped},
		{staging, "/wp-json/wp/v2/posts/7?_locale=user", append([]string{"X-HTTP-Method-Override", "PUT"}, session...), http.StatusOK, dropped},
		{staging, "/wp-json/wp/v2/posts?_wpnonce=0123456789", cookie, http.StatusOK, dropped},
		{staging, "/?_wpnonce=0123456789", cookie, http.StatusOK, anonymous}, // a page
		{wrong, "/wp-json/wp/v2/posts", session, http.StatusOK, dropped},
		{account{"staging", "-"}, "/wp-json/wp/v2/posts", session, http.StatusOK, dropped},
		{account{"staging@example.com", "letmein"}, "/wp-json/wp/v2/posts", session, http.StatusOK, dropped},
		{ann, "/wp-json/wp/v2/posts", session, http.StatusOK, "user=ann"},
		{account{}, "/wp-json/wp/v2/posts", session, http.StatusOK, dropped},
		{staging, "/wp-json/wp/v2/posts", cookie, http.StatusUnauthorized, ""},
		{staging, "/wp-json/wp/v2/posts", nonce, http.StatusUnauthorized, ""},
		{staging, "/wp-json/wp/v2/posts?_wpnonce=", cookie, http.StatusUnauthorized, ""},
		{staging, "/wp-json/wp/v2/posts?_wpnonce[]=1", cookie, http.StatusUnauthorized, ""},
		{wrong, "/wp-json/wp/v2/posts", append([]string{"X-WP-Nonce", ""}, cookie...), http.StatusUnauthorized, ""},
		{wrong, "/wp-json/wp/v2/posts", append([]string{"Cookie", "wordpress_test_cookie=1; wp-settings-1=x"}, nonce...), http.StatusUnauthorized, ""},
		{wrong, mine, nonce, http.StatusUnauthorized, ""},
		{staging, "/xmlrpc.php", session, http.StatusForbidden, "XML-RPC"},
		{ann, mine, session, http.StatusOK, `"name":"main"`}, // Sparekey's own route, wherever a login is sent
		{staging, mine, session, http.StatusUnauthorized, ""},
	} {
		if status, body := inFront.ask(t, c.as, c.target, c.header...); status != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s asks for %s with %q: %d %s, want %d %s", c.as.login, c.target, c.header, status, body, c.status, c.body)
		}
	}
	for name, args := range map[string][]string{
		"generic": {"--upstream-kind=generic"}, "required": {"--upstream-kind=wordpress", "--upstream-auth=required"},
	} {
		other := startServer(t, database, append(args, "--upstream", newApplication(t))...)
		if status, body := other.ask(t, staging, "/wp-json/wp/v2/posts", session...); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

// TestManyRequestsBesideSession has a page send many requests with such a login: the first
// page of the block editor sends thirty.
func TestManyRequestsBesideSession(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	s := startServer(t, database, "--upstream", newApplication(t), "--upstream-kind=wordpress", "--throttle=on")
	for i := range 120 {
		if status, body := s.ask(t, account{"staging", "letmein"}, fmt.Sprint("/wp-json/wp/v2/posts/", i), session...); status != http.StatusOK {
			t.Fatalf("request %d: %d %s", i, status, body)
		}
	}
}

// TestExamination has Site Health see that Authorization reaches WordPress, though what
// belongs to Sparekey does not. Nothing counts that as a guess.
func TestExamination(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	mustCLI(t, database, "user", "create", "user", "user@example.com", "--user_pass=pwd", "--porcelain")
	s := startServer(t, database, "--upstream", newApplication(t), "--upstream-kind=wordpress", "--trusted-proxy=127.0.0.1", "--forward-auth=optional",
		"--throttle=on", "--throttle-per-login=2/1h")
	const test = "/wp-site-health/v1/tests/authorization-header"
	from := []string{"X-Forwarded-For", "192.0.2.3", "X-Forwarded-Proto", "https"}
	with := func(header ...string) []string { return append(header, from...) }
	examiner := account{"user", "pwd"}
	for range 5 {
		for _, target := range []string{"/wp-json" + test, "/blog/wp-json" + test + "?_locale=user", "/index.php/wp-json" + test, "/?rest_route=" + test, "/index.php?rest_route=" + strings.ReplaceAll(test, "/", "%2F") + "&_locale=user"} {
			if status, body := s.ask(t, examiner, target, with(session...)...); status != http.StatusOK || !strings.Contains(body, "user= signed=false authorized=true") {
				t.Errorf("%s: %d %s", target, status, body)
			}
		}
		asked := with(append([]string{"X-Original-Method", "GET", "X-Original-URI", "/wp-json" + test, "X-Original-Host", "example.org"}, session...)...)
		if status, body := s.ask(t, examiner, "/-/auth/nginx", asked...); status != http.StatusOK {
			t.Errorf("a proxy that asks: %d %s", status, body)
		}
	}
	for _, c := range []struct {
		as     account
		target string
		header []string
	}{
		{account{"user", "pwd2"}, "/wp-json" + test, session},
		{account{"ann", "pwd"}, "/wp-json" + test, session},
		{examiner, "/wp-json" + test + "x", session},
		{examiner, "/wp-json/wp/v2/posts", session},
		{examiner, "/wp-json" + test + "?rest_route=/wp/v2/posts", session},
		{examiner, "/wp-json/x/.." + test, session},
		{examiner, "/wp-json" + test, session[:2]},
		{examiner, "/wp-json" + test, session[2:]},
	} {
		if status, body := s.ask(t, c.as, c.target, with(c.header...)...); strings.Contains(body, "authorized=true") {
			t.Errorf("%s asks for %s: %d %s", c.as.login, c.target, status, body)
		}
	}
}
