package wplive_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// fronts are the two ways in which Sparekey can stand in front of a site.
type fronts struct {
	site    *wptest.Site
	key     *server
	urls    map[string]string // of the fronts, by name
	secrets map[string]string // of an administrator's application passwords, by their limit
	direct  string            // the secret of an unlimited one, for the site itself
}

const (
	byUpstream    = "--upstream"
	byForwardAuth = "forward-auth"
)

// startFronts puts Sparekey in front of a site: as a proxy, and behind another proxy that
// asks it.
func startFronts(t *testing.T, site *wptest.Site) *fronts {
	t.Helper()
	f := &fronts{site: site, key: serve(t, site, "--upstream="+site.URL), secrets: map[string]string{}}
	asked := serve(t, site, "--trusted-proxy=127.0.0.1", "--forward-auth=optional", "--upstream-index="+site.URL+"/?rest_route=/")
	f.urls = map[string]string{byUpstream: f.key.url, byForwardAuth: replayForwardAuth(t, asked.url, site.URL)}
	f.direct, _ = site.CreatePassword(t, wptest.Admin, "direct")
	return f
}

// replayForwardAuth is a proxy that asks Sparekey as nginx does, and passes the rest on to
// the site, headers with odd names and the credential included.
func replayForwardAuth(t *testing.T, key, site string) string {
	t.Helper()
	application, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	next := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		path, query, hasQuery := strings.Cut(p.In.RequestURI, "?")
		p.Out.URL = &url.URL{Scheme: application.Scheme, Host: application.Host, Opaque: path, RawQuery: query, ForceQuery: hasQuery}
		if strings.HasPrefix(path, "//") { // which would be a host
			p.Out.URL.Path, p.Out.URL.Opaque = path, ""
		}
		p.Out.Host = p.In.Host
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, key+"/-/auth/nginx", http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		host, _, _ := net.SplitHostPort(r.RemoteAddr) // net/http has written it
		maps.Copy(ask.Header, r.Header)
		for name, value := range map[string]string{
			"X-Original-Method": r.Method, "X-Original-Uri": r.RequestURI, "X-Original-Host": r.Host, "X-Forwarded-For": host, "X-Forwarded-Proto": "https",
		} {
			ask.Header.Set(name, value)
		}
		answer, err := http.DefaultTransport.RoundTrip(ask)
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			w.WriteHeader(answer.StatusCode)
			io.Copy(w, answer.Body)
			return
		}
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// secret is an administrator's application password with a limit, such as
// "--max-uses=1"; "" is none. More scopes are in lines of their own.
func (f *fronts) secret(t *testing.T, limit string) string {
	t.Helper()
	if f.secrets[limit] == "" {
		args := []string{"user", "application-password", "create", wptest.Admin, fmt.Sprintf("limited %d", len(f.secrets)), "--porcelain"}
		for rule := range strings.SplitSeq(strings.TrimPrefix(limit, "--scope="), "\n") {
			switch {
			case strings.HasPrefix(limit, "--scope="):
				args = append(args, "--scope="+rule)
			case limit != "":
				args = append(args, limit)
			}
		}
		f.secrets[limit] = f.key.cli(t, args...)
	}
	return f.secrets[limit]
}

// trick is a request that does something else than its limits allow.
type trick struct {
	limit, method, path string
	kind, body          string // the type of the body, and the body
	header              http.Header
	does                string // what zz-dry.php says that WordPress does
}

const (
	asJSON = "application/json"
	asForm = "application/x-www-form-urlencoded"
)

func (c trick) call(secret, mark string) wptest.Call {
	header := http.Header{"X-Test-Dry": {mark}}
	if c.kind != "" {
		header["Content-Type"] = []string{c.kind}
	}
	maps.Copy(header, c.header)
	return wptest.Call{Login: wptest.Admin, Secret: secret, Method: c.method, Path: c.path, Header: header, Body: strings.NewReader(c.body)}
}

// fail tries tricks: on the site itself, which must fall for them, and through each front,
// where none may arrive.
func (f *fronts) fail(t *testing.T, tricks []trick) {
	t.Helper()
	for i, c := range tricks {
		answer := wptest.Send(t, f.site.URL, c.call(f.direct, "direct"))
		body := strings.NewReplacer(`\/`, "/", `\"`, `"`, `\\`, `\`).Replace(answer.Body)
		if !strings.Contains(body, "dry: "+c.does) {
			t.Errorf("WordPress itself does not fall for %s %s %q: %.300s", c.method, c.path, c.body, answer)
			continue
		}
		for name, front := range f.urls {
			answer := wptest.Send(t, front, c.call(f.secret(t, c.limit), fmt.Sprintf("arrived%d.", i)))
			if answer.Status != http.StatusForbidden || strings.Contains(answer.Body, "dry: ") {
				t.Errorf("%s with %q: %s %s %q %v: %.300s", name, c.limit, c.method, c.path, c.body, c.header, answer)
			}
		}
	}
	if log := f.site.PHP(t, `echo file_get_contents( WP_CONTENT_DIR . '/dry.log' );`); strings.Contains(log, "arrived") || !strings.Contains(log, "direct") {
		t.Errorf("what arrived:\n%s", log)
	}
}

// objects are two posts of a site.
func objects(t *testing.T, site *wptest.Site) (a, b string) {
	t.Helper()
	a, b, _ = strings.Cut(site.PHP(t, `
		$made = array();
		foreach ( array( 'a', 'b' ) as $title ) {
			$made[] = wp_insert_post( array( 'post_title' => $title, 'post_status' => 'publish', 'post_author' => 1, 'post_content' => $title ) );
		}
		echo implode( ' ', $made );`), " ")
	return a, b
}

// TestTricks tries to get around limits on a WordPress that knows nothing of them.
func TestTricks(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{MustUse: []string{"testdata/zz-routes.php", "testdata/zz-dry.php"}, PassUnderscores: true})
	f := startFronts(t, site)
	a, b := objects(t, site)
	admin, editor := strconv.Itoa(site.Users[wptest.Admin].ID), strconv.Itoa(site.Users[wptest.Editor].ID)
	t.Run("other objects", func(t *testing.T) { f.fail(t, otherObjects(a, b, admin, editor)) })
	t.Run("other routes", func(t *testing.T) { f.fail(t, otherRoutes("", a)) })
	t.Run("what manages something", func(t *testing.T) { f.fail(t, managing("", editor)) })
	t.Run("passwords", func(t *testing.T) { testPasswordsAreSparekeys(t, f) })
	t.Run("main password", func(t *testing.T) { testMainPassword(t, f) })
}

// TestTricksOnNetwork does so on a network, whose site is in a folder.
func TestTricksOnNetwork(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{Multisite: true, MustUse: []string{"testdata/zz-routes.php", "testdata/zz-dry.php", "testdata/zz-folder.php"}, PassUnderscores: true,
		ConfigPHP: `if ( defined( 'DOMAIN_CURRENT_SITE' ) ) { $_SERVER['HTTP_HOST'] = DOMAIN_CURRENT_SITE; }`}) // whatever the front's is
	site.PHP(t, `grant_super_admin( (int) $args[0] );`, strconv.Itoa(site.Users[wptest.Admin].ID))
	f := startFronts(t, site)
	a, b := objects(t, site)
	editor := strconv.Itoa(site.Users[wptest.Editor].ID)
	t.Run("other objects", func(t *testing.T) {
		f.fail(t, []trick{
			{"--scope=GET /blog/wp-json/wp/v2/posts/" + a + "\nGET /wp-json/wp/v2/posts/" + a, "GET", "/blog/wp-json/wp/v2/posts/" + a + "?id=" + b, "", "", nil, "GET /wp/v2/posts/" + a + " id=" + b},
		})
	})
	for _, root := range []string{"/blog", "/blog/index.php", "/BLOG"} {
		t.Run("other routes by "+root, func(t *testing.T) { f.fail(t, otherRoutes(root, a)) })
	}
	for _, root := range []string{"/blog", "/index.php"} {
		t.Run("what manages something by "+root, func(t *testing.T) { f.fail(t, managing(root, editor)) })
	}
	t.Run("no slash", func(t *testing.T) {
		for _, limit := range []string{"--max-uses=1", "--scope=* /*"} {
			f.fail(t, []trick{
				{limit, "POST", "/blogwp-json/wp/v2/users/me", asJSON, "{}", nil, "POST /wp/v2/users/me"},
				{limit, "POST", "/blogwp-json/batch/v1", asJSON, batch("DELETE", "/wp/v2/posts/"+a), nil, "POST /batch/v1"},
			})
		}
	})
	t.Run("passwords", func(t *testing.T) { testPasswordsAreSparekeys(t, f) })
}

// TestTricksByAnotherPrefix does so on a site that has its API at another path.
func TestTricksByAnotherPrefix(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{MustUse: []string{"testdata/zz-routes.php", "testdata/zz-dry.php", "testdata/zz-prefix.php"}, PassUnderscores: true})
	f := startFronts(t, site)
	a, b := objects(t, site)
	tricks := append(managing("", strconv.Itoa(site.Users[wptest.Editor].ID)), otherRoutes("", a)...)
	post := "/api/wp/v2/posts/" + a
	for _, query := range []string{"?id=" + b, ""} {
		c := trick{limit: "--scope=GET /wp-json/wp/v2/posts/" + a + "\nGET " + post, method: http.MethodGet, path: post + query, does: "GET /wp/v2/posts/" + a + " id=" + b}
		if query == "" {
			c.kind, c.body = asJSON, `{"id":`+b+`}`
		}
		tricks = append(tricks, c)
	}
	for i := range tricks {
		tricks[i].path = strings.Replace(tricks[i].path, "/wp-json", "/api", 1)
	}
	f.fail(t, tricks)
	f.ok(t, byUpstream, "--scope=GET /api/wp/v2/posts\nGET /wp-json/wp/v2/posts", http.StatusOK, wptest.Call{Path: "/api/wp/v2/posts?page=1"})
	f.ok(t, byForwardAuth, "", http.StatusOK, wptest.Call{Path: "/api/wp/v2/users/me?context=edit"})
}

func batch(method, path string) string {
	return fmt.Sprintf(`{"requests":[{"method":%q,"path":%q}]}`, method, path)
}

// otherObjects are requests about another object than their path names.
func otherObjects(a, b, admin, editor string) (all []trick) {
	const posts, root = "/wp/v2/posts/", "/wp-json"
	add := func(method, path, query, kind, body, does string) {
		all = append(all, trick{"--scope=" + method + " " + root + path, method, root + path + query, kind, body, nil, method + " " + path + " " + does})
	}
	for _, other := range []string{b, "0" + b, b + ".0", "%2B" + b, b + "e0", "%20" + b} {
		add("GET", posts+a, "?id="+other, "", "", "id="+b)
		add("PUT", posts+a, "", asForm, "title=x&id="+other, "id="+b)
	}
	for _, json := range []string{`{"id":` + b + `}`, `{"id":"` + b + `"}`, `{"id":` + b + `.0}`, `{"id":` + a + `,"id":` + b + `}`, `{"i\u0064":` + b + `}`} {
		add("POST", posts+a, "", asJSON, json, "id="+b)
		add("GET", posts+a, "", asJSON, json, "id="+b)
		add("DELETE", posts+a, "", "application/vnd.x+json", json, "id="+b)
	}
	both := `{"a":"&id=` + b + `&b="}`
	add("PUT", posts+a, "", asForm+"; a=json", both, "id="+b)
	add("PUT", posts+a, "", "json", both, "id="+b)
	add("PUT", posts+a, "", "", "id="+b, "id="+b)
	add("GET", posts+a+"/revisions", "?parent="+b, "", "", "parent="+b)
	add("GET", posts+a+"/revisions", "", asJSON, `{"parent":`+b+`}`, "parent="+b)
	add("GET", posts+a+"/autosaves", "?id="+b, "", "", `id="`+b+`"`)
	add("GET", posts+a+"/autosaves", "", asJSON, `{"id":`+b+`}`, "id="+b)
	add("GET", "/wp/v2/users/"+admin, "?id="+editor, "", "", "id="+editor)
	add("POST", "/wp/v2/users/"+admin, "", asJSON, `{"id":`+editor+`}`, "id="+editor)
	add("GET", "/wp/v2/plugins/hello", "?plugin=akismet/akismet", "", "", `plugin="akismet/akismet`)
	add("GET", "/wp/v2/plugins/hello", "", asJSON, `{"plugin":"akismet/akismet"}`, `plugin="akismet/akismet`)
	add("PUT", "/wp/v2/widgets/block-2", "", asJSON, `{"id":"block-3"}`, `id="block-3"`)
	add("PUT", "/wp/v2/widgets/block-2", "?id=block-3", "", "", `id="block-3"`)
	add("GET", "/wp/v2/types/post", "?type=page", "", "", `type="page"`)
	add("GET", "/wp/v2/types/post", "", asJSON, `{"type":"page"}`, `type="page"`)
	add("GET", "/wp/v2/taxonomies/category", "?taxonomy=post_tag", "", "", `taxonomy="post_tag"`)
	for path, rest := range map[string][2]string{
		"/shop/v1/orders/7": {"order", "8"}, "/shop/v1/carts/a": {"cart", "b"}, "/shop/v1/rooms/7": {"room", "8"}, "/wp-abilities/v1/abilities/my/tool/run": {"name", "my/danger"},
	} {
		name, value := rest[0], rest[1]
		does := name + `="` + value + `"`
		add("GET", path, "?"+name+"="+value, "", "", does)
		add("POST", path, "", asJSON, fmt.Sprintf(`{%q:%q}`, name, value), does)
		add("POST", path, "", asForm, name+"="+value, does)
		add("PUT", path, "", asForm, name+"="+value, does)
	}
	one := "PUT,POST,GET /wp-json" + posts + a
	for _, c := range []trick{
		{"", "POST", "?_method=PUT", "", "id=" + b, nil, ""},
		{"", "GET", "?_method=PUT", "", "id=" + b, nil, ""},
		{"", "POST", "", "", "id=" + b, http.Header{"X-Http-Method-Override": {"PUT"}}, ""},
		{"", "POST", "", "typeless", "id=" + b, http.Header{"X-Http-Method-Override": {"put"}}, ""},
	} {
		c.limit, c.path, c.does = "--scope="+one, "/wp-json"+posts+a+c.path, "PUT "+posts+a+" id="+b
		all = append(all, c)
	}
	return all
}

// otherRoutes are requests that lead to another route, or by another method, than they
// say. root is before the path of the API.
func otherRoutes(root, post string) []trick {
	const me = "/wp/v2/users/me"
	return []trick{
		{"--scope=GET,POST /*", "POST", "/index.php/wp-json/batch/v1", asJSON, batch("DELETE", "/wp/v2/posts/"+post), nil, "POST /batch/v1"},
		{"--scope=* /*", "POST", root + "/wp-json/batch/v1", asJSON, batch("DELETE", "/wp/v2/posts/"+post), nil, "POST /batch/v1"},
		{"--scope=write", "POST", root + "/wp-json/BATCH/v1", asJSON, batch("DELETE", "/wp/v2/posts/"+post), nil, "POST /BATCH/v1"},
		{"--scope=* /blog/*", "GET", "/index.php/wp-json" + me, "", "", nil, "GET " + me},
		{"--scope=GET /about", "GET", "/about?rest_route=" + me, "", "", nil, "GET " + me},
		{"--scope=GET /about", "GET", "/about?rest%5Froute=" + me, "", "", nil, "GET " + me},
		{"--scope=GET /about", "GET", "/about?rest.route=" + me, "", "", nil, "GET " + me},
		{"--scope=GET /about", "GET", "/about?%20rest+route=" + me, "", "", nil, "GET " + me},
		{"--scope=POST /about", "POST", "/about", asForm, "rest_route=" + me, nil, "POST " + me},
		{"--scope=POST /about", "POST", "/about", asForm, "rest%5Broute=" + me, nil, "POST " + me},
		{"--scope=POST /about", "POST", "/about", asForm + "; charset=x", "rest_route=" + me, nil, "POST " + me},
		{"--scope=GET /*", "GET", root + "/wp-json/wp/v2/posts/" + post + "?_method=DELETE", "", "", nil, "DELETE /wp/v2/posts/" + post},
		{"--scope=GET /*", "GET", root + "/wp-json/wp/v2/posts/" + post, "", "", http.Header{"X-Http-Method-Override": {"delete"}}, "DELETE /wp/v2/posts/" + post},
	}
}

// managing are requests that manage users, plugins, settings or batches, by credentials
// with every kind of limit.
func managing(root, editor string) (all []trick) {
	const me = "/wp/v2/users/me"
	for _, limit := range []string{"--max-uses=1", "--expires=1h", "--network=127.0.0.0/8", "--scope=write", "--scope=* /*"} {
		for _, c := range []trick{
			{"", "POST", "/wp-json" + me, asJSON, `{"password":"taken"}`, nil, "POST " + me},
			{"", "PUT", "/wp-json" + me, asForm, "password=taken", nil, "PUT " + me},
			{"", "GET", "/wp-json" + me + "?_method=PATCH", "", "", nil, "PATCH " + me},
			{"", "GET", "/wp-json" + me, "", "", http.Header{"X-Http-Method-Override": {"POST"}}, "POST " + me},
			{"", "POST", "/wp-json/wp/v2/users", asJSON, `{"username":"mallory","email":"m@example.com","password":"x","roles":["administrator"]}`, nil, "POST /wp/v2/users"},
			{"", "POST", "/wp-json/wp/v2/Users/" + editor, asJSON, `{"password":"taken"}`, nil, "POST /wp/v2/Users/" + editor},
			{"", "POST", "/wp-json/wp/v2/settings", asJSON, `{"email":"m@example.com"}`, nil, "POST /wp/v2/settings"},
			{"", "PUT", "/wp-json/wp/v2/plugins/akismet/akismet", asJSON, `{"status":"active"}`, nil, "PUT /wp/v2/plugins/akismet/akismet"},
			{"", "POST", "/wp-json/batch/v1", asJSON, batch("POST", "/wp/v2/posts"), nil, "POST /batch/v1"},
			{"", "POST", "/?rest_route=" + me, asJSON, `{"password":"taken"}`, nil, "POST " + me},
			{"", "POST", "/contact", asForm, "rest_route=" + me + "&password=taken", nil, "POST " + me},
			{"", "POST", "/wp-json/wp/v2/posts", asForm, "rest_route=/wp/v2/users&username=x", nil, "POST /wp/v2/users"},
		} {
			c.limit = limit
			if strings.HasPrefix(c.path, "/wp-json") {
				c.path = root + c.path
			}
			if strings.HasSuffix(c.body, "username=x") {
				c.body += "&email=x@example.com&password=x"
			}
			all = append(all, c)
		}
	}
	return all
}

// testPasswordsAreSparekeys has an unlimited credential make application passwords in
// WordPress, where a proxy asks Sparekey.
func testPasswordsAreSparekeys(t *testing.T, f *fronts) {
	const route, body = "/wp/v2/users/me/application-passwords", `{"name":"minted"}`
	upstream := f.urls[byUpstream]
	delete(f.urls, byUpstream) // there, Sparekey answers by itself
	defer func() { f.urls[byUpstream] = upstream }()
	f.fail(t, []trick{
		{"", "POST", "/wp-json" + route, asJSON, body, nil, "POST " + route},
		{"", "POST", "/index.php/wp-json" + route, asJSON, body, nil, "POST " + route},
		{"", "POST", "//wp-json" + route, asJSON, body, nil, "POST " + route},
		{"", "POST", "/%77p-json/wp/v2/users/me/application%2Dpasswords", asJSON, body, nil, "POST " + route},
		{"", "POST", "/?rest_route=" + route, asJSON, body, nil, "POST " + route},
		{"", "POST", "/about?rest%5Froute=" + route, asJSON, body, nil, "POST " + route},
		{"", "POST", "/about?rest.route=" + strings.ReplaceAll(route, "-", "%2d"), asJSON, body, nil, "POST " + route},
		{"", "GET", "/wp-json" + route + "?_method=POST&name=minted", "", "", nil, "POST " + route},
		{"", "GET", "/wp-json" + route + "?name=minted", "", "", http.Header{"X-Http-Method-Override": {"POST"}}, "POST " + route},
		{"", "GET", "/wp-json" + route + "?name=minted", "", "", http.Header{"X_HTTP_Method_Override": {"POST"}}, "POST " + route},
		{"", "DELETE", "/wp-json" + route, "", "", nil, "DELETE " + route},
	})
}

// testMainPassword has a credential with one use try to change the main password.
func testMainPassword(t *testing.T, f *fronts) {
	const get = `echo get_userdata( (int) $args[0] )->user_pass;`
	id := strconv.Itoa(f.site.Users[wptest.Admin].ID)
	before := f.site.PHP(t, get, id)
	for name, front := range f.urls {
		answer := wptest.Send(t, front, wptest.Call{
			Login: wptest.Admin, Secret: f.secret(t, "--max-uses=1"), Method: http.MethodPost, Path: mePath, JSON: `{"password":"taken"}`,
		})
		if answer.Status != http.StatusForbidden {
			t.Errorf("%s: %s", name, answer)
		}
	}
	if after := f.site.PHP(t, get, id); after != before {
		t.Error("the main password has changed")
	}
}
