package upstream_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// parts are what composed requests are made of.
var parts = struct {
	methods, roots, apis, routes, ends, names, values, headers, types, rules []string
}{
	methods: []string{"GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "COPY", "get"},
	roots:   []string{"", "", "", "/blog", "/index.php", "/blog/index.php", "/a/b", "/x", "/a;b", "/."},
	apis:    []string{"/wp-json", "/wp-json", "/wp-json", "", "/WP-JSON", "/%77p-json", "blogwp-json", "//wp-json", "/wp-json;x", "/hello"},
	routes: []string{
		"/wp/v2/posts", "/wp/v2/posts/7", "/wp/v2/posts/7", "/wp/v2/POSTS/7", "/wp/v2/posts/7/revisions", "/wp/v2/users/me", "/wp/v2/users/7", "/wp/v2/users/me/application-passwords", "/wp/v2/settings",
		"/wp/v2/plugins/a/b", "/wp/v2/widgets/block-2", "/wp/v2/types/post", "/wp-abilities/v1/abilities/a/b/run", "/batch/v1", "/shop/v1/orders/7", "/shop/v1/carts/a", "/shop/v1/carts/a/", "/shop/v1/x/y/7", "", "/",
	},
	ends: []string{"", "", "", "", "", "/", "//", ";a=b", "%20", "/..", "%2F", "\xff", "+"},
	names: []string{
		"id", "id", "ID", "i%64", "id[]", "+id", "id%00x", ".id", "parent", "plugin", "name", "type", "order", "cart", "item", "page", "_fields", "rest_route", "rest_route", "rest%5Froute", "rest.route", "rest+route",
		"REST_ROUTE", "rest_route[]", "_method", "_method", "_METHOD", "%5Fmethod", "_method[]", "x", "context",
	},
	values: []string{
		"7", "8", "08", "8x", "8.0", "%38", "", "PUT", "delete", "POST", "/wp/v2/users/me", "/wp/v2/posts/8", "wp/v2/posts/8", "/batch/v1", "/wp/v2/users/me/application-passwords", "/wp/v2/users/me/application%2Dpasswords",
		"a/b", "c/d", "page", "block-3", "b", "/wp/v2/posts/7", "%2Fwp%2Fv2%2Fusers%2F8", "/../x",
	},
	headers: []string{
		"X-HTTP-Method-Override: PUT", "x-http-method-override: delete", "X_HTTP_Method_Override: POST", "X-HTTP-Method: PUT", "X-Original-URL: /x", "PATH_INFO: /wp-json/wp/v2/users/me", "SCRIPT_NAME: /blog",
		"Destination: /blog/x", "Destination: http://example.org/a;b", "X-Custom: 1", "X_Custom: 1", "Transfer-Encoding: chunked\nTrailer: X-Checksum", "Transfer-Encoding: chunked\nTrailer: X-HTTP-Method-Override",
		"X-Forwarded-Prefix: /a", "X-Copy-From: /x", "Accept: */*", "Content_Type: application/json",
	},
	types: []string{
		"", "", "application/json", "application/json", "application/json; charset=utf-8", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8",
		"application/x-www-form-urlencoded; a=json", "application/json; a=urlencoded", "json", "typeless", "multipart/form-data; boundary=x", "text/plain", "application/vnd.x+json", "APPLICATION/JSON",
	},
	rules: []string{
		"", "", "* /*", "write", "read", "wp:posts", "GET,POST,PUT,PATCH,DELETE /wp-json/wp/v2/posts/7", "* /wp-json/*\n* /blog/wp-json/wp/v2/posts/7", "* /blog/*\n* /wp-json/wp/v2/posts/7*",
		"GET,POST,PUT,DELETE /hello*", "* /wp-json/wp-abilities/v1/abilities/a/b/run\n* /blog/*", "* /wp-json/shop/v1/*", "* /wp-json/wp/v2/users/7", "* /wp-json/wp/v2/users/*", "application-passwords",
	},
}

// composer makes requests up by chance.
type composer struct{ *rand.Rand }

func (c composer) one(of []string) string { return of[c.IntN(len(of))] }

// fields is a query or a form.
func (c composer) fields() string {
	var all []string
	for range c.IntN(3) {
		all = append(all, c.one(parts.names)+"="+c.one(parts.values))
	}
	return strings.Join(all, "&")
}

// body is a form, JSON, both at once, or the parts of a form.
func (c composer) body() string {
	name, value := c.one(parts.names), c.one(parts.values)
	switch c.IntN(5) {
	case 0:
		return c.fields()
	case 1:
		return `{"` + name + `":"` + value + `","title":"x"}`
	case 2:
		return `{"x":"&` + c.fields() + `&y="}`
	case 3:
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n--x--\r\n"
	}
	return ""
}

// request is a request with rules.
func (c composer) request() (rules, text string) {
	method := c.one(parts.methods)
	path := c.one(parts.roots) + c.one(parts.apis) + c.one(parts.routes) + c.one(parts.ends)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	text = method + " " + path
	if query := c.fields(); query != "" {
		text += "?" + query
	}
	for range c.IntN(4) / 2 {
		text += "\n" + c.one(parts.headers)
	}
	if kind := c.one(parts.types); kind != "" {
		text += "\nContent-Type: " + kind
	}
	if body := c.body(); body != "" {
		text += "\n\n" + body
	}
	rules = c.one(parts.rules)
	if c.IntN(2) == 0 { // what the request says, and nothing else
		rules = "GET,POST,PUT,PATCH,DELETE,COPY " + path
		if at := strings.Index(path, "/wp-json"); at > 0 && c.IntN(2) == 0 {
			rules += "\nGET,POST,PUT,PATCH,DELETE,COPY " + path[at:]
		}
	}
	return rules, text
}

// TestComposed is FuzzReadings for requests that are made of known tricks. A larger number
// of them is in the environment variable SPAREKEY_COMPOSED.
func TestComposed(t *testing.T) {
	t.Parallel()
	number := 2000
	if more, err := strconv.Atoi(os.Getenv("SPAREKEY_COMPOSED")); err == nil {
		number = more
	}
	seed := uint64(1) // the same ones each time
	if number > 2000 {
		seed = rand.Uint64()
	}
	c := composer{rand.New(rand.NewPCG(seed, 2))}
	all := settings()
	found, allowed := 0, 0
	for range number {
		rules, text := c.request()
		for i, s := range all {
			for _, proxied := range []bool{false, true} {
				got, passes := s.judge(rules, text, proxied)
				if passes {
					allowed++
				}
				if got == "" {
					continue
				}
				if found++; found < 20 {
					t.Errorf("profile %d, proxied %v: %q with the rules %q: %s", i, proxied, text, rules, got)
				}
			}
		}
	}
	if allowed < number/20 {
		t.Errorf("of %d requests, %d are allowed: they are too odd to show anything", number, allowed)
	}
	t.Logf("%d of %d are allowed", allowed, number*2*len(all))
}
