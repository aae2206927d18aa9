package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/store/memory"
)

const urlencoded = "application/x-www-form-urlencoded"

// TestForms is about forms in which WordPress may find another route than the address
// has, wherever they are sent.
func TestForms(t *testing.T) {
	t.Parallel()
	narrowed := sparekey.Credential{Limits: sparekey.Limits{Scopes: "POST /contact"}}
	short := sparekey.Credential{Limits: sparekey.Limits{MaxUses: 3}}
	for _, c := range []struct {
		credential         sparekey.Credential
		target, kind, body string
		want, anywhere     bool // refused in front of WordPress, and of what nobody knows
	}{
		{narrowed, "/contact", urlencoded, "title=x&body=y", false, false},
		{short, "/contact", urlencoded, "rest_route=/wp/v2/users", true, false},
		{narrowed, "/contact", "Multipart/Form-Data; boundary=x", "--x--", true, false},
		{narrowed, "/contact", "application/json", `{"rest_route":"/wp/v2/users"}`, false, false},
		{sparekey.Credential{}, "/contact", urlencoded, "rest_route=/wp/v2/users", false, false},
		{narrowed, "/wp-json/wp/v2/posts", urlencoded, "title=x&status=draft&payment_method=y&route=z&id=7", false, false},
		{narrowed, "/wp-json/wp/v2/media", "multipart/form-data; boundary=x", "--x--", true, true},
		{narrowed, "/wp-json/wp/v2/media", "image/png", "rest_route=/wp/v2/users", false, false},
		{narrowed, "/wp-json/wp/v2/media", "text/plain", "rest_route=/wp/v2/users", false, false},
		{short, "/", urlencoded, "rest_route=/wp/v2/users", true, true},
		{short, "/index.php", urlencoded, "rest_route=/wp/v2/users", true, true},
		{short, "/%77p-json/wp/v2/posts", urlencoded, "rest_route=/wp/v2/users", true, true},
		{sparekey.Credential{}, "/wp-json/wp/v2/posts", urlencoded, "rest_route=/wp/v2/users", false, false},
	} {
		for database, want := range map[string]bool{"wordpress://wp:x@127.0.0.1/wp": c.want, "sparekey.db": c.anywhere} {
			r := httptest.NewRequest(http.MethodPost, c.target, strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.kind)
			d := gateway.Decision{Identity: sparekey.Identity{Credential: c.credential}}
			if got := (&gatewaySettings{}).refuses(database, isNarrowed)(r, d) != ""; got != want {
				t.Errorf("%s to %s, %q, with %s: refused is %v", c.kind, c.target, c.body, database, got)
			}
		}
	}
}

// TestFormsThatHideARoute spells the name of a route or a method in a form in every
// way that a program may take for it, and the type of the form, too.
func TestFormsThatHideARoute(t *testing.T) {
	t.Parallel()
	post := func(body string, header ...string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/wp-json/wp/v2/posts", strings.NewReader(body))
		for i := 0; i < len(header); i += 2 {
			r.Header[header[i]] = append(r.Header[header[i]], header[i+1])
		}
		return r
	}
	for _, name := range []string{
		"rest_route", "rest%5froute", "%72est_route", "rest.route", "rest+route", "rest%20route", "rest%2eroute", "rest[route", "rest%5Broute",
		"+rest_route", "%20rest_route", "rest_route[]", "rest_route[0]", "rest_route[", "rest_route%5b%5d", "rest_route%00", "rest_route%00x", "REST_ROUTE", "Rest_Route",
		"rest%255froute", "rest_route%zz", "GLOBALS[rest_route]", "x;rest_route", "rest\x00_route", "rest__route", "rest\xa0route",
		"_method", "%5fmethod", ".method", "+_method", "[method", "_METHOD", "_method[]", "_method%00x", "..method",
	} {
		for _, body := range []string{name + "=/wp/v2/users", "title=x&" + name + "=/wp/v2/users&y=z", name} {
			if !mayNameRoute(post(body, "Content-Type", urlencoded)) {
				t.Errorf("%q goes through", body)
			}
		}
	}
	for _, header := range [][]string{
		{"Content-Type", urlencoded, "Content-Type", "application/json"}, {"Content-Type", "application/json", "Content-Type", urlencoded},
		{"Content-Type", "application/json", "Content_Type", urlencoded}, {"Content-Type", "image/png", "Content.Type", urlencoded},
		{"Content-Type", urlencoded + "; charset=utf-7"}, {"Content-Type", urlencoded + "; charset=utf-16"}, {"Content-Type", urlencoded + "; charset=utf-8; charset=utf-7"},
		{"Content-Type", urlencoded + ";charset=ibm037"}, {"Content-Type", urlencoded + ",application/json"}, {"Content-Type", "application/json," + urlencoded},
		{"Content-Type", urlencoded + " application/json"}, {"Content-Type", urlencoded + "+json"}, {"Content-Type", urlencoded + "; boundary=x"},
		{"Content-Type", "multipart/form-data; boundary=x"}, {"Content-Type", "MULTIPART/FORM-DATA"}, {"Content-Type", "multipart/form-data, x"},
		{"Content-Type", urlencoded, "Content-Encoding", "gzip"}, {"Content-Type", urlencoded, "Content-Encoding", "identity"},
	} {
		if !mayNameRoute(post("title=x", header...)) {
			t.Errorf("%q goes through", header)
		}
	}
	long := strings.Repeat("x", maxInspected)
	for body, want := range map[string]bool{
		"": false, "title=rest_route": false, "title=a%26rest_route=b": false, `{"rest_route":1}`: true, "payment_method=x&method=y": false, "route=x": false,
		long: false, long + "x": true,
	} {
		for kind, r := range map[string]*http.Request{
			"plain": post(body, "Content-Type", urlencoded), "with charset": post(body, "Content-Type", "Application/X-WWW-Form-Urlencoded; Charset=UTF-8"),
		} {
			if got := mayNameRoute(r); got != want {
				t.Errorf("%s, %.40q: refused is %v", kind, body, got)
			}
			if left, err := io.ReadAll(r.Body); err != nil || string(left) != body {
				t.Errorf("%.40q: what is left is %.40q, %v", body, left, err)
			}
		}
	}
}

// TestLimitedSendsForms sends forms with credentials that have one limit each to an
// application behind the running server.
func TestLimitedSendsForms(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v", body, err)
	}))
	t.Cleanup(application.Close)
	s := startServer(t, database, "--upstream", application.URL)
	send := func(as account, kind string, body io.Reader) (status int, answer string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/wp-json/wp/v2/posts", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", kind)
		if as.login != "" {
			r.SetBasicAuth(as.login, as.secret)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	const smuggled = "rest_route=/wp/v2/users"
	for _, limit := range []string{"--expires=1d", "--network=127.0.0.0/8", "--scope=write", "--scope=wp:posts", "--max-uses=9"} {
		as := account{"ann", mustCLI(t, database, "user", "application-password", "create", "ann", "app of "+limit, limit, "--porcelain")}
		inChunks := func(text string) io.Reader {
			return io.MultiReader(strings.NewReader(text[:4]), strings.NewReader(text[4:]))
		}
		for _, body := range []io.Reader{strings.NewReader("title=x"), inChunks("title=x")} {
			if status, answer := send(as, urlencoded, body); status != http.StatusOK || answer != "title=x <nil>" {
				t.Errorf("%s: %d %s", limit, status, answer)
			}
		}
		for _, body := range []io.Reader{strings.NewReader(smuggled), inChunks(smuggled)} {
			if status, answer := send(as, urlencoded, body); status != http.StatusForbidden || !strings.Contains(answer, "this form may name another route") {
				t.Errorf("%s, another route: %d %s", limit, status, answer)
			}
		}
		if status, answer := send(as, "multipart/form-data; boundary=x", strings.NewReader("--x--")); status != http.StatusForbidden || !strings.Contains(answer, "a file by itself as the body") {
			t.Errorf("%s, with files: %d %s", limit, status, answer)
		}
	}
}

// TestSiteLimitsForms is about credentials that the site's policy narrows, and about
// those who sign in to the application without one.
func TestSiteLimitsForms(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]sparekey.Policy{"life": {MaxLifetime: time.Hour}, "scope": {ManageNeedsScope: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := memory.New()
			site := &site{service: sparekey.New(store, store, sparekey.Config{Policy: policy})}
			refuses := (&gatewaySettings{}).refuses("wordpress://wp:x@127.0.0.1/wp", site.isLimited)
			for _, c := range []struct {
				uuid string
				want bool
			}{{"5f0c0000-0000-4000-8000-000000000000", true}, {"", false}} {
				r := httptest.NewRequest(http.MethodPost, "/wp-login.php", strings.NewReader("rest_route=/wp/v2/users"))
				r.Header.Set("Content-Type", urlencoded)
				d := gateway.Decision{Identity: sparekey.Identity{Credential: sparekey.Credential{UUID: c.uuid}}}
				if got := refuses(r, d) != ""; got != c.want {
					t.Errorf("%q: refused is %v", c.uuid, got)
				}
			}
		})
	}
}

// TestExplainTellsOfForms wants explain to agree with what becomes of a form.
func TestExplainTellsOfForms(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	mustCLI(t, database, "user", "application-password", "create", "ann", "short", "--expires=1d", "--porcelain")
	for _, name := range []string{"main", "short"} {
		uuid := mustCLI(t, database, "user", "application-password", "list", "ann", "--name="+name, "--field=uuid")
		for request, isTold := range map[string]bool{"POST /wp-json/wp/v2/posts": name == "short", "GET /wp-json/wp/v2/posts": false, "POST /upload": false} {
			out := mustCLI(t, database, append([]string{"user", "application-password", "explain", uuid}, strings.Fields(request)...)...)
			if !strings.HasPrefix(out, "Yes") || strings.Contains(out, "of forms, only short urlencoded ones pass") != isTold {
				t.Errorf("%s, %s: %s", name, request, out)
			}
		}
	}
}
