package cli

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// client returns the path of a program of the same name in Debian.
func client(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: apt-get install %[1]s", name)
		}
		t.Skipf("NOT TESTED: %s is missing (apt-get install %[1]s)", name)
	}
	return path
}

// TestClientsThatWaitForTheChallenge has programs that send no credential before they are
// asked for one use the API, the application behind the gateway, and a refusal's way round.
func TestClientsThatWaitForTheChallenge(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--upstream-auth=required", "--upstream", newApplication(t))
	for name, args := range map[string][]string{
		"curl": {"--silent", "--show-error", "--fail", "--noproxy", "*", "--anyauth", "--user", ann.login + ":" + ann.secret},
		"wget": {"--quiet", "--output-document=-", "--no-proxy", "--tries=1", "--user=" + ann.login, "--password=" + ann.secret},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := client(t, name)
			for target, want := range map[string]string{
				mine: `"name":"main"`, mine + "/introspect": `"name":"main"`, "/wp-json/wp/v2/posts": "user=ann", "/about?x": "user=ann",
			} {
				cmd := exec.CommandContext(t.Context(), path, append(args, s.url+target)...)
				cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
				out, err := cmd.CombinedOutput()
				if err != nil || !strings.Contains(string(out), want) {
					t.Errorf("%s: %v\n%s", target, err, out)
				}
			}
		})
	}
}

// TestChallengeEverywhere asks the API, the application behind the gateway, and on behalf of
// proxies, as a program and as scripts in browsers do. Every 401 has the challenge for
// programs, and none has it for scripts.
func TestChallengeEverywhere(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	s := startServer(t, database, "--throttle=off", "--trusted-proxy=127.0.0.1", "--upstream-auth=required", "--upstream", newApplication(t))
	from := []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}
	asked := func(target string) []string {
		return append([]string{
			"X-Forwarded-Method", "GET", "X-Forwarded-Uri", target, "X-Forwarded-Host", "example.org",
			"X-Original-Method", "GET", "X-Original-Uri", target, "X-Original-Host", "example.org",
		}, from...)
	}
	for name, c := range map[string]struct {
		header []string
		want   bool
	}{
		"program":             {[]string{"Accept", "application/json"}, true},
		"fetch":               {[]string{"Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "empty"}, false},
		"XMLHttpRequest":      {[]string{"X-Requested-With", "XMLHttpRequest", "Accept", "application/json, */*;q=0.1"}, false},
		"fetch over http":     {[]string{"Origin", "http://app.local", "Accept", "*/*"}, false},
		"fetch for a picture": {[]string{"Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, false},
	} {
		for _, authorization := range []string{"", "Basic YW5uOndyb25n"} {
			for target, more := range map[string][]string{
				mine: from, "/wp-json/wp/v2/users/1": from, "/?rest_route=/wp/v2/users/me": from, "/wp-json/wp/v2/posts": from, "/about": from,
				"/-/auth/traefik": asked("/about"), "/-/auth/caddy": asked("/wp-json/wp/v2/posts"), "/-/auth/haproxy": asked("/"), "/-/auth/nginx": asked("/x"), "/-/auth/envoy/about": from,
			} {
				header := append(append([]string{}, c.header...), more...)
				if authorization != "" {
					header = append(header, "Authorization", authorization)
				}
				res, body := s.get(t, http.DefaultClient, target, header...)
				if got := res.Header.Get("WWW-Authenticate") != ""; res.StatusCode != http.StatusUnauthorized || got != c.want {
					t.Errorf("%s %q at %s: %d, challenged %v: %s", name, authorization, target, res.StatusCode, got, fmt.Sprintf("%.200s", body))
				}
			}
		}
	}
}

// TestRefusalsInTheClientsForm has clients of image registries and Git LFS refused, by the
// server in front of the application and for proxies that pass the answer's body on.
func TestRefusalsInTheClientsForm(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	s := startServer(t, database, "--throttle=off", "--trusted-proxy=127.0.0.1", "--upstream-auth=required", "--upstream", newApplication(t))
	for target, want := range map[string]string{
		"/v2/":                               `{"errors":[{"code":"UNAUTHORIZED","message":"`,
		"/v2/team/app/manifests/1.0":         `{"errors":[{"code":"UNAUTHORIZED","message":"`,
		"/team/r.git/info/lfs/objects/batch": `{"message":"`,
		"/wp-json/wp/v2/posts":               `{"code":"`,
		"/team/r.git/info/refs":              "The login or the application password is wrong.",
	} {
		for _, way := range []string{"", "/-/auth/caddy", "/-/auth/traefik"} {
			header := []string{"Authorization", "Basic YW5uOndyb25n", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}
			path := target
			if way != "" {
				path = way
				header = append(header, "X-Forwarded-Method", "GET", "X-Forwarded-Uri", target, "X-Forwarded-Host", "example.org")
			}
			res, body := s.get(t, http.DefaultClient, path, header...)
			if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(body, want) || res.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s%s: %d %v %s", way, target, res.StatusCode, res.Header, body)
			}
		}
	}
}
