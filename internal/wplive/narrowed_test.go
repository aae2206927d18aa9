package wplive_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// TestNarrowed tries to do with an administrator's application password that may
// only make posts whatever else WordPress could be talked into by the same
// request. WordPress gets the request with Authorization, and knows nothing of
// scopes.
func TestNarrowed(t *testing.T) {
	t.Parallel()
	const postsPath = "/wp-json/wp/v2/posts"
	site := wptest.Start(t, wptest.Config{PassUnderscores: true})
	key := serve(t, site, "--upstream="+site.URL)
	secret := key.cli(t, "user", "application-password", "create", wptest.Admin, "narrowed", "--scope=POST "+postsPath, "--porcelain")
	send := func(c wptest.Call) wptest.Answer {
		c.Login, c.Secret = wptest.Admin, secret
		return wptest.Send(t, key.url, c)
	}
	if made := send(wptest.Call{Method: http.MethodPost, Path: postsPath, JSON: `{"title":"allowed"}`}); made.Status != http.StatusCreated {
		t.Fatalf("what is allowed: %s", made)
	}
	if made := send(wptest.Call{
		Method: http.MethodPost, Path: postsPath, Body: strings.NewReader("title=form"), Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	}); made.Status != http.StatusCreated {
		t.Fatalf("what is allowed, in a form: %s", made)
	}

	type try struct {
		method, path, kind, body string
		header                   http.Header
	}
	const form = "application/x-www-form-urlencoded"
	me := "/wp/v2/users/me"
	tries := map[string]try{
		"another route":                    {"POST", mePath, "application/json", `{"description":"taken"}`, nil},
		"another method":                   {"DELETE", postsPath, "", "", nil},
		"route in the query":               {"POST", postsPath + "?rest_route=" + me, "application/json", `{"description":"taken"}`, nil},
		"route in the query, in brackets":  {"POST", postsPath + "?rest%5Froute=" + me, "application/json", `{"description":"taken"}`, nil},
		"route in the query, with a dot":   {"POST", postsPath + "?rest.route=" + me, "application/json", `{"description":"taken"}`, nil},
		"route in a form":                  {"POST", postsPath, form, "rest_route=" + me + "&description=taken", nil},
		"route in a form, spelled oddly":   {"POST", postsPath, form, "rest.route=" + me + "&description=taken", nil},
		"route in a form, type in capital": {"POST", postsPath, "APPLICATION/X-WWW-FORM-URLENCODED", "rest_route=" + me + "&description=taken", nil},
		"route in a form, type with blank": {"POST", postsPath, " " + form + " ; charset=x", "rest_route=" + me + "&description=taken", nil},
		"route in a form, type with comma": {"POST", postsPath, form + ",application/json", "rest_route=" + me + "&description=taken", nil},
		"method in the query":              {"POST", postsPath + "?_method=DELETE", "", "", nil},
		"method in the query, mixed case":  {"POST", postsPath + "?_method=dElEtE", "", "", nil},
		"method in a header":               {"POST", postsPath, "", "", http.Header{"X-Http-Method-Override": {"DELETE"}}},
		"method in a header, underscores":  {"POST", postsPath, "", "", http.Header{"X_HTTP_Method_Override": {"DELETE"}}},
		"address in a header":              {"POST", postsPath, "", "", http.Header{"X-Original-Url": {mePath}}},
		"batch":                            {"POST", "/wp-json/batch/v1", "application/json", `{"requests":[{"method":"POST","path":"/wp/v2/users/me","body":{"description":"taken"}}]}`, nil},
		"dots":                             {"POST", postsPath + "/../users/me", "application/json", `{"description":"taken"}`, nil},
		"encoded dots":                     {"POST", postsPath + "/%2e%2e/users/me", "application/json", `{"description":"taken"}`, nil},
		"path behind index.php":            {"POST", "/index.php/wp-json" + me, "application/json", `{"description":"taken"}`, nil},
		"application passwords":            {"POST", minePath, "application/json", `{"name":"minted"}`, nil},
		"application passwords in a form":  {"POST", postsPath, form, "rest_route=/wp/v2/users/me/application-passwords&name=minted", nil},
		"XML-RPC":                          {"POST", "/xmlrpc.php", "text/xml", "<methodCall><methodName>wp.getProfile</methodName></methodCall>", nil},
	}
	for name, try := range tries {
		header := http.Header{}
		if try.kind != "" {
			header["Content-Type"] = []string{try.kind}
		}
		for field, values := range try.header {
			header[field] = values
		}
		answer := send(wptest.Call{Method: try.method, Path: try.path, Header: header, Body: strings.NewReader(try.body)})
		isFault := name == "XML-RPC" && answer.Status == http.StatusOK && strings.Contains(answer.Body, "<int>405</int>")
		if answer.Status != http.StatusForbidden && !isFault {
			t.Errorf("%s: %s", name, answer)
		}
	}
	var parts bytes.Buffer
	w := multipart.NewWriter(&parts)
	w.WriteField("rest_route", me)
	w.WriteField("description", "taken")
	w.Close()
	if answer := send(wptest.Call{
		Method: http.MethodPost, Path: postsPath, Body: io.Reader(&parts), Header: http.Header{"Content-Type": {w.FormDataContentType()}},
	}); answer.Status != http.StatusForbidden {
		t.Errorf("route in a multipart form: %s", answer)
	}

	// Look at the data that WordPress changed, not only at its answers.
	state := site.PHP(t, `
		$id = (int) $args[0];
		echo get_userdata( $id )->description, '|', count( WP_Application_Passwords::get_user_application_passwords( $id ) ), '|',
			count( get_posts( array( 'post_status' => 'any', 'author' => $id, 'numberposts' => -1, 'title' => 'allowed' ) ) );`,
		strconv.Itoa(site.Users[wptest.Admin].ID))
	if state != "|1|1" {
		t.Errorf("description, application passwords, posts: %s", state)
	}
	key.checkLog(t, secret)
}

// TestLimitedInEveryWay has credentials with one limit each try to make an unlimited
// one, or to reach another object than the one that they are for, on a WordPress
// that knows nothing of limits.
func TestLimitedInEveryWay(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{})
	key := serve(t, site, "--upstream="+site.URL)
	const form, json = "application/x-www-form-urlencoded", "application/json"
	const mint = "rest_route=/wp/v2/users/me/application-passwords&name=minted"
	admin := fmt.Sprintf("/wp-json/wp/v2/users/%d", site.Users[wptest.Admin].ID)
	editor := site.Users[wptest.Editor].ID
	taken := fmt.Sprintf("id=%d&description=taken", editor)
	for name, c := range map[string]struct{ limit, path, kind, body string }{
		"writes, form":        {"--scope=write", "/wp-json/wp/v2/posts", form, mint},
		"writes, form at /":   {"--scope=write", "/", form, mint},
		"outside of the API":  {"--scope=POST /hooks/deploy", "/hooks/deploy", form, mint},
		"expires":             {"--expires=1h", "/", form, mint},
		"expires, API":        {"--expires=1h", "/wp-json/wp/v2/posts", form, mint},
		"expires, elsewhere":  {"--expires=1h", "/hello", form, mint},
		"uses":                {"--max-uses=3", "/", form, mint},
		"network":             {"--network=127.0.0.0/8", "/", form, mint},
		"object in the body":  {"--scope=POST " + admin, admin, json, fmt.Sprintf(`{"id":%d,"description":"taken"}`, editor)},
		"object in the query": {"--scope=POST " + admin, fmt.Sprintf("%s?id=%d", admin, editor), json, `{"description":"taken"}`},
		"object in a form":    {"--scope=write", admin, form, taken},
		"object, type odd":    {"--scope=write", admin, "typeless", taken},
		"object at the root":  {"--scope=write", "/?rest_route=" + strings.TrimPrefix(admin, "/wp-json"), json, fmt.Sprintf(`{"id":%d,"description":"taken"}`, editor)},
	} {
		secret := key.cli(t, "user", "application-password", "create", wptest.Admin, name, "--porcelain", c.limit)
		for _, method := range []string{http.MethodPost, http.MethodPut} {
			if method == http.MethodPut && !strings.HasPrefix(name, "object") {
				continue // PHP looks for a form in a POST alone, WordPress's API in every body
			}
			answer := wptest.Send(t, key.url, wptest.Call{
				Login: wptest.Admin, Secret: secret, Method: method, Path: c.path,
				Header: http.Header{"Content-Type": {c.kind}}, Body: strings.NewReader(c.body),
			})
			if answer.Status != http.StatusForbidden {
				t.Errorf("%s, by %s: %s", name, method, answer)
			}
		}
	}
	if list := key.cli(t, "user", "application-password", "list", wptest.Admin, "--field=name"); strings.Contains(list, "minted") {
		t.Errorf("application passwords are now\n%s", list)
	}
	if got := site.PHP(t, `echo get_user_meta((int) $argv[1], 'description', true);`, fmt.Sprint(editor)); got != "" {
		t.Errorf("the editor is now described as %q", got)
	}

	// Users are WordPress's to delete, and what is refused revokes nothing.
	before := key.cli(t, "user", "application-password", "list", wptest.Admin, "--format=count")
	out, err := key.command(t, "user", "delete", wptest.Admin, "--yes", "--last-administrator").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "wp user delete") {
		t.Errorf("delete a user of WordPress: %v: %s", err, out)
	}
	if after := key.cli(t, "user", "application-password", "list", wptest.Admin, "--format=count"); before == "0" || after != before {
		t.Errorf("%s application passwords became %s", before, after)
	}
}

// TestAddressComesFirst is about the plugin: with it, WordPress takes the object from
// the address, whatever else a request says.
func TestAddressComesFirst(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{MustUse: []string{identityPlugin}})
	admin, editor := site.Users[wptest.Admin].ID, site.Users[wptest.Editor].ID
	secret, _ := site.CreatePassword(t, wptest.Admin, "app")
	for _, c := range []struct{ query, body string }{
		{fmt.Sprintf("?id=%d", editor), `{"description":"in the query"}`},
		{"", fmt.Sprintf(`{"id":%d,"description":"in the body"}`, editor)},
	} {
		answer := wptest.Send(t, site.URL, wptest.Call{
			Login: wptest.Admin, Secret: secret, Method: http.MethodPost, Path: fmt.Sprintf("/wp-json/wp/v2/users/%d%s", admin, c.query), JSON: c.body,
		})
		var changed struct{ ID int }
		answer.Decode(t, &changed)
		if answer.Status != http.StatusOK || changed.ID != admin {
			t.Errorf("%s %s: %s", c.query, c.body, answer)
		}
	}
}
