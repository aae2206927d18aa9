package upstream_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

var wordPress = upstream.WordPress(upstream.WordPressConfig{})

const (
	put       = "PUT /wp-json/wp/v2/users/6"
	multipart = "\nContent-Type: multipart/form-data; boundary=x\n\n"
)

// wordPressCases are requests, and what a WordPress may take them for.
var wordPressCases = map[string]string{
	"GET /hello":                         "GET /hello",
	"GET /wp-json/wp/v2/posts/7":         "GET /wp-json/wp/v2/posts/7",
	"GET /?rest_route=/wp/v2/posts":      "GET /wp-json/wp/v2/posts",
	"GET /index.php?rest_route=/wp/v2/a": "GET /wp-json/wp/v2/a",
	"GET /hello?rest_route=/wp/v2/posts": "GET /hello, GET /wp-json/wp/v2/posts",
	"GET /a//b":                          "unclear",
	"POST /a//b":                         "unclear!",
	"POST /wp-json//wp/v2/users/me":      "unclear!",
	"GET /wp-json/wp/v2/a%2Fb\nX-HTTP-Method-Override: POST": "unclear!",

	// By another door.
	"POST /index.php/wp-json/batch/v1":                          "POST /index.php/wp-json/batch/v1 /batch/v1, POST /wp-json/batch/v1 /batch/v1",
	"GET /blog/wp-json/wp/v2/posts":                             "GET /blog/wp-json/wp/v2/posts, GET /wp-json/wp/v2/posts",
	"POST /a/b/index.php/WP-JSON/BATCH/v1":                      "POST /a/b/index.php/WP-JSON/BATCH/v1 /batch/v1, POST /wp-json/BATCH/v1 /batch/v1",
	"GET /wp-jsonx/wp-json":                                     "GET /wp-json, GET /wp-jsonx/wp-json",
	"POST /blogwp-json/batch/v1":                                "POST /blogwp-json/batch/v1 /batch/v1, POST /wp-json/batch/v1 /batch/v1",
	"GET /%77p-json/wp/v2/plugins/a+b":                          "unclear",
	"GET /wp-json/wp/v2/plugins/a+b":                            "GET /wp-json/wp/v2/plugins/a+b",
	"GET /wp-json":                                              "GET /wp-json",
	"GET /wp-json/":                                             "GET /wp-json/",
	"POST /wp-json/wp/v2/posts/":                                "POST /wp-json/wp/v2/posts, POST /wp-json/wp/v2/posts/",
	"DELETE /Wp-Json/wp/v2/Plugins/a\nContent-Type: text/plain": "DELETE /Wp-Json/wp/v2/Plugins/a /plugins, DELETE /wp-json/wp/v2/Plugins/a /plugins",

	// Requests that manage users, credentials or code.
	"POST /wp-json/wp/v2/users/me":                           "POST /wp-json/wp/v2/users/me /users",
	"POST /wp-json/wp/v2/users":                              "POST /wp-json/wp/v2/users /users",
	"GET /wp-json/wp/v2/users?_method=POST":                  "GET /wp-json/wp/v2/users, POST /wp-json/wp/v2/users /users",
	"GET /wp-json/wp/v2/users":                               "GET /wp-json/wp/v2/users",
	"POST /wp-json/wp/v2/settings":                           "POST /wp-json/wp/v2/settings /settings",
	"POST /wp-json/wp/v2/themes/x\nContent-Type: text/plain": "POST /wp-json/wp/v2/themes/x /themes",
	"POST /wp-json/wc/v3/settings":                           "POST /wp-json/wc/v3/settings /settings",
	"POST /wp-json/batch/v1":                                 "POST /wp-json/batch/v1 /batch/v1",
	"POST /wp-json/wp/v2/users/me/application-passwords":     "POST /wp-json/wp/v2/users/me/application-passwords application-passwords",
	"POST /hello?rest_route=/wp/v2/users/me":                 "POST /hello, POST /wp-json/wp/v2/users/me /users",
	"POST /wp-json/wp/v2/usersettings":                       "POST /wp-json/wp/v2/usersettings",
	"POST /wp-json/wp/v2/posts":                              "POST /wp-json/wp/v2/posts",
	"POST /users/plugins":                                    "POST /users/plugins",

	// Forms, anywhere.
	"POST /hello" + form + "x=1":         "unclear!",
	"POST /hello" + multipart + "--x--":  "unclear!",
	"POST /wp-json/wp/v2/posts" + form:   "unclear!",
	"PUT /hello" + form + "x=1":          "PUT /hello",
	"POST /hello\nContent-Type: image/x": "POST /hello",

	// Another object than the path says.
	"GET /wp-json/wp/v2/posts/7?id=7":      "GET /wp-json/wp/v2/posts/7",
	"GET /wp-json/wp/v2/posts/7?id=8":      "GET /wp-json/wp/v2/posts/7, GET /wp-json/wp/v2/posts/8",
	"GET /?rest_route=/wp/v2/posts/7&id=8": "GET /wp-json/wp/v2/posts/7, GET /wp-json/wp/v2/posts/8",
	"GET /wp-json/wp/v2/posts/7?id=08":     "unclear", "GET /wp-json/wp/v2/posts/7?id=8.0": "unclear", "GET /wp-json/wp/v2/posts/7?id=8x": "unclear", "GET /wp-json/wp/v2/posts/7?id=": "unclear",
	"GET /wp-json/wp/v2/posts/7?ID=8": "unclear", "GET /wp-json/wp/v2/posts/7?i%64=8": "unclear", "GET /wp-json/wp/v2/posts/7?id[]=8": "unclear", "GET /wp-json/wp/v2/posts/7?id%00x=8": "unclear",
	"GET /wp-json/wp/v2/posts/7?+id=8": "unclear", "GET /wp-json/wp/v2/posts/7?id[=8": "unclear", "GET /wp-json/wp/v2/posts/7?%2569d=8": "unclear",
	"GET /wp-json/wp/v2/posts/7?meta[id]=8":                                   "GET /wp-json/wp/v2/posts/7",
	"GET /wp-json/wp/v2/posts/7?identity=8&parent=3":                          "GET /wp-json/wp/v2/posts/7",
	"GET /wp-json/wp/v2/posts/7/revisions?parent=8":                           "GET /wp-json/wp/v2/posts/7/revisions, GET /wp-json/wp/v2/posts/8/revisions",
	"GET /wp-json/wp/v2/pages?parent=7":                                       "GET /wp-json/wp/v2/pages",
	"GET /wp-json/wp/v2/plugins/a/b?plugin=c/d":                               "GET /wp-json/wp/v2/plugins/a/b, GET /wp-json/wp/v2/plugins/c/d",
	"PUT /wp-json/wp/v2/widgets/block-2?id=block-3\nContent-Type: text/plain": "PUT /wp-json/wp/v2/widgets/block-2, PUT /wp-json/wp/v2/widgets/block-3",
	"GET /wp-json/wp/v2/types/post?type=page":                                 "GET /wp-json/wp/v2/types/page, GET /wp-json/wp/v2/types/post",
	"POST /wp-json/wp-abilities/v1/abilities/a/b/run?name=c/d":                "POST /wp-json/wp-abilities/v1/abilities/a/b/run, POST /wp-json/wp-abilities/v1/abilities/c/d, POST /wp-json/wp-abilities/v1/abilities/c/d/run",
	"GET /blog/wp-json/wp/v2/posts/7?id=8":                                    "GET /blog/wp-json/wp/v2/posts/7, GET /blog/wp-json/wp/v2/posts/8, GET /wp-json/wp/v2/posts/7, GET /wp-json/wp/v2/posts/8",
	"GET /wp-json/wp/v2/posts/7?id=a/../b":                                    "unclear",
	"GET /wp-json/WP/v2/POSTS/7?id=8":                                         "GET /wp-json/WP/v2/POSTS/7, GET /wp-json/WP/v2/POSTS/8",

	// Bodies that are not seen.
	"POST /wp-json/wp/v2/posts/7" + jsonBody + "{}":                                       "POST /wp-json/wp/v2/posts/*, POST /wp-json/wp/v2/posts/7",
	"GET /wp-json/wp/v2/posts/7" + jsonBody + "{}":                                        "GET /wp-json/wp/v2/posts/*, GET /wp-json/wp/v2/posts/7",
	"DELETE /wp-json/wp/v2/posts/7":                                                       "DELETE /wp-json/wp/v2/posts/*, DELETE /wp-json/wp/v2/posts/7",
	"POST /wp-json/wp/v2/posts" + jsonBody + "{}":                                         "POST /wp-json/wp/v2/posts",
	"POST /wp-json/wp/v2/media\nContent-Type: image/png\nContent-Disposition: attachment": "POST /wp-json/wp/v2/media",
	"PUT /wp-json/wp/v2/posts/7/revisions/3" + jsonBody + "{}":                            "PUT /wp-json/wp/v2/posts/*/revisions/3, PUT /wp-json/wp/v2/posts/7/revisions/*, PUT /wp-json/wp/v2/posts/7/revisions/3",
	"POST /wp-json/wp-abilities/v1/abilities/a/b/run" + jsonBody + "{}":                   "POST /wp-json/wp-abilities/v1/abilities/*, POST /wp-json/wp-abilities/v1/abilities/a/b/run",

	// Routes that the site does not list.
	"GET /wp-json/shop/v1/orders":                    "GET /wp-json/shop/v1/orders",
	"GET /wp-json/wp/v2/books/7":                     "GET /wp-json/wp/v2/books/7",
	"GET /wp-json/wp/v2/books/7?id=8":                "unclear",
	"GET /wp-json/wp/v2/books/7?book=8":              "unclear",
	"GET /wp-json/wp/v2/books?page=8":                "GET /wp-json/wp/v2/books",
	"GET /wp-json/shop/v1/orders/7?order=8":          "unclear",
	"GET /wp-json/shop/v1/orders/7?_fields=id":       "GET /wp-json/shop/v1/orders/7",
	"POST /wp-json/shop/v1/orders" + jsonBody + `{}`: "unclear",
}

// TestWordPress lists what a WordPress may take requests for, where the front-end does
// not see bodies.
func TestWordPress(t *testing.T) {
	t.Parallel()
	for text, want := range wordPressCases {
		if got := lines(read(t, wordPress, text, false)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// Results that wordPressSeenCases expect.
const (
	same  = "PUT /wp-json/wp/v2/users/6 /users"
	other = "PUT /wp-json/wp/v2/users/2 /users, " + same
)

// long is longer than what is read ahead of a body.
var long = strings.Repeat("x", 1<<20)

// wordPressSeenCases are requests whose bodies are seen, and what a WordPress may take them for.
var wordPressSeenCases = map[string]string{
	put + jsonBody + `{"name":"Ann"}`:                                               same,
	put + jsonBody + `{"id":6,"name":"Ann"}`:                                        same,
	put + jsonBody + `{"id":"6"}`:                                                   same,
	put + jsonBody:                                                                  same,
	put + jsonBody + `[{"id":2}]`:                                                   same,
	put + jsonBody + `{"meta":{"id":2}}`:                                            same,
	put + jsonBody + `{"ID":2}`:                                                     same,
	put + jsonBody + `{"id":2}`:                                                     other,
	put + jsonBody + `{"id":6,"id":2}`:                                              other,
	put + jsonBody + `{"i\u0064":2}`:                                                other,
	put + "\nContent-Type: application/vnd.x+JSON\n\n" + `{"id":"2"}`:               other,
	put + jsonBody + `{"id":[2]}`:                                                   "unclear",
	put + jsonBody + `{"id":true}`:                                                  "unclear",
	put + jsonBody + `{"id":null}`:                                                  "unclear",
	put + jsonBody + `{"id":6.0}`:                                                   "unclear",
	put + jsonBody + `{"id":6`:                                                      "unclear",
	put + jsonBody + `{"name":"` + long + `"}`:                                      same,
	put + "\nContent-Encoding: gzip" + jsonBody + "x":                               "unclear",
	put + "\nContent-Type: text/plain\nContent-Type: application/json\n\n{}":        "unclear",
	"GET /wp-json/wp/v2/posts/7/revisions" + jsonBody + `{"parent":8}`:              "GET /wp-json/wp/v2/posts/7/revisions, GET /wp-json/wp/v2/posts/8/revisions",
	"POST /wp-json/wp-abilities/v1/abilities/a/b/run" + jsonBody + `{"name":"c/d"}`: "POST /wp-json/wp-abilities/v1/abilities/a/b/run, POST /wp-json/wp-abilities/v1/abilities/c/d, POST /wp-json/wp-abilities/v1/abilities/c/d/run",
	"PUT /wp-json/wp/v2/widgets/block-2" + jsonBody + `{"id":"block-3"}`:            "PUT /wp-json/wp/v2/widgets/block-2, PUT /wp-json/wp/v2/widgets/block-3",
	"POST /wp-json/shop/v1/orders" + jsonBody + `{"a":1}`:                           "unclear",
	"POST /wp-json/shop/v1/orders" + jsonBody:                                       "POST /wp-json/shop/v1/orders",
	put + form + "id=6&name=Ann":                                                    same, put + form + "id=2": other, put + form + "id=6&%69d=2": "unclear", put + form + "id[]=2": "unclear", put + form + "+id=2": "unclear", put + form + "id%00x=2": "unclear",
	put + "\n\nid=2": other, put + "\nContent-Type: typeless\n\nid=2": other, put + "\nContent-Type: typeless; a/b\n\nid=2": other, put + "\nContent-Type: image/png\n\nid=2": same,
	put + "\n\n": same,
	"POST /contact" + form + "title=x&body=y":                                                 "POST /contact",
	"POST /contact" + form + "rest_route=/wp/v2/users":                                        "POST /contact, POST /wp-json/wp/v2/users /users",
	"POST /contact" + form + "rest_route=/wp/v2/users/me/application-passwords":               "POST /contact, POST /wp-json/wp/v2/users/me/application-passwords application-passwords",
	"POST /" + form + "rest_route=/wp/v2/posts/7&id=8":                                        "POST /wp-json/wp/v2/posts/7, POST /wp-json/wp/v2/posts/8",
	"POST /contact" + form + "_method=DELETE":                                                 "DELETE /contact, POST /contact",
	"POST /contact" + form + "x=" + long:                                                      "unclear!",
	"POST /contact\nContent-Encoding: identity" + form:                                        "unclear!",
	"POST /contact" + jsonBody + `{"rest_route":"/wp/v2/users"}`:                              "POST /contact",
	"POST /wp-json/wp/v2/posts" + form + "title=x&status=draft&payment_method=y&route=z&id=7": "POST /wp-json/wp/v2/posts",
	"POST /wp-json/wp/v2/media\nContent-Type: text/plain\n\nrest_route=/wp/v2/users":          "POST /wp-json/wp/v2/media",
}

// TestWordPressSeen is about front-ends that see bodies, which must be there unchanged
// afterwards.
func TestWordPressSeen(t *testing.T) {
	t.Parallel()
	for text, want := range wordPressSeenCases {
		r := request(t, text)
		asked := upstream.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Body: upstream.NewBody(r), DropsOddNames: true}
		reader := &upstream.Reader{Profile: wordPress, Request: asked}
		reader.ManagesPasswords()
		if got := lines(reader.Readings(true)); got != want {
			t.Errorf("%.120q: got %q, want %q", text, got, want)
		}
		_, body, _ := strings.Cut(text, "\n\n")
		if left, err := io.ReadAll(r.Body); err != nil || string(left) != body {
			t.Errorf("%.80q: what is left is %.40q, %v", text, left, err)
		}
	}
}

// TestFormsThatHideARoute spells the name of a route or a method in a form in every way
// that a program may take for it, and the type of the form, too.
func TestFormsThatHideARoute(t *testing.T) {
	t.Parallel()
	const posts = "POST /wp-json/wp/v2/posts"
	harmless := func(text string) bool { return lines(read(t, wordPress, text, true)) == posts }
	for _, name := range []string{
		"rest_route", "rest%5froute", "%72est_route", "rest.route", "rest+route", "rest%20route", "rest%2eroute", "rest[route", "rest%5Broute",
		"+rest_route", "%20rest_route", "rest_route[]", "rest_route[0]", "rest_route[", "rest_route%5b%5d", "rest_route%00", "rest_route%00x", "REST_ROUTE", "Rest_Route",
		"rest%255froute", "rest_route%zz", "GLOBALS[rest_route]", "x;rest_route", "rest\x00_route", "rest__route", "rest\xa0route",
		"_method", "%5fmethod", ".method", "+_method", "[method", "_METHOD", "_method[]", "_method%00x", "..method",
	} {
		for _, body := range []string{name + "=/wp/v2/users", "title=x&" + name + "=/wp/v2/users&y=z"} {
			if harmless(posts + form + body) {
				t.Errorf("%q goes through", body)
			}
		}
	}
	const urlencoded = "application/x-www-form-urlencoded"
	for _, header := range []string{
		"Content-Type: " + urlencoded + "\nContent-Type: application/json", "Content-Type: application/json\nContent-Type: " + urlencoded,
		"Content-Type: application/json\nContent_Type: " + urlencoded, "Content-Type: image/png\nContent.Type: " + urlencoded,
		"Content-Type: " + urlencoded + "; charset=utf-7", "Content-Type: " + urlencoded + "; charset=utf-16", "Content-Type: " + urlencoded + "; charset=utf-8; charset=utf-7",
		"Content-Type: " + urlencoded + ";charset=ibm037", "Content-Type: " + urlencoded + ",application/json", "Content-Type: application/json," + urlencoded,
		"Content-Type: " + urlencoded + " application/json", "Content-Type: " + urlencoded + "+json", "Content-Type: " + urlencoded + "; boundary=x",
		"Content-Type: MULTIPART/FORM-DATA", "Content-Type: multipart/form-data, x", "Content-Type: multipart/form-data; boundary=x; charset=utf-7",
		"Content-Type: " + urlencoded + "\nContent-Encoding: gzip", "Content-Type: " + urlencoded + "\nContent-Encoding: identity",
	} {
		if harmless(posts + "\n" + header + "\n\ntitle=x") {
			t.Errorf("%q goes through", header)
		}
	}
	for body, want := range map[string]bool{
		"": true, "title=rest_route": true, "title=a%26rest_route=b": true, `{"rest_route":1}`: false, "payment_method=x&method=y": true, "route=x": true,
	} {
		for _, kind := range []string{urlencoded, "Application/X-WWW-Form-Urlencoded; Charset=UTF-8"} {
			if got := harmless(posts + "\nContent-Type: " + kind + "\n\n" + body); got != want {
				t.Errorf("%s, %.40q: goes through is %v", kind, body, got)
			}
		}
	}
}

// TestMultipart looks through multipart forms as they stream, in parts of every size.
func TestMultipart(t *testing.T) {
	t.Parallel()
	part := func(head, body string) string { return "--x\r\n" + head + "\r\n\r\n" + body + "\r\n" }
	const disposition = "Content-Disposition: form-data; "
	file := part(disposition+`name="file"; filename="a.png"`, strings.Repeat("\x89PNG id=3 name route", 5000))
	for text, want := range map[string]bool{ // what comes after the file
		part(disposition+`name="title"`, "hello"):                                true,
		part(disposition+`name="parent"`, "3"):                                   true,
		part(disposition+`name="identity"`, "3"):                                 true,
		part(disposition+`name="image"; filename="id.png"`, "3"):                 true,
		part(disposition+`name="image"; filename="_method"`, "3"):                true,
		part(disposition+`name="rest_route"`, "/wp/v2/users"):                    false,
		part(disposition+`name=rest_route`, "/wp/v2/users"):                      false,
		part(disposition+`name='rest.route'`, "/wp/v2/users"):                    false,
		part(disposition+`NAME="  rest route"`, "/wp/v2/users"):                  false,
		part(disposition+`name="`+strings.Repeat(" ", 9000)+`rest_route"`, "/x"): false,
		part(disposition+`name=`+strings.Repeat(" ", 9000)+`"rest_route"`, "/x"): false,
		part(disposition+"name\r\n =\r\n \"rest_route\"", "/x"):                  false,
		part(disposition+`name="rest_route[]"`, "/x"):                            false,
		part(disposition+`name="rest[route"`, "/x"):                              false,
		part(disposition+`filename="b"; name="REST_ROUTE"`, "/x"):                false,
		part(disposition+`name*="rest_route"`, "/x"):                             false,
		part(disposition+`name="id"`, "8"):                                       false,
		part(disposition+`name=id`, "8"):                                         false,
		part(disposition+`name="id[]"`, "8"):                                     false,
		part(disposition+`name=".id"`, "8"):                                      false,
		part(disposition+`name="_method"`, "PUT"):                                false,
		part("content-disposition:form-data;name=_method", "PUT"):                false,
	} {
		for _, size := range []int{1, 7, 4096, 1 << 20} {
			for _, order := range []string{file + text, text + file} {
				body := order + "--x--\r\n"
				r := httptest.NewRequest(http.MethodPost, "/wp-json/wp/v2/media/7", &trickle{body, size})
				r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
				reader := &upstream.Reader{Profile: wordPress, Request: upstream.Request{Method: r.Method, Target: r.RequestURI, Header: r.Header, Body: upstream.NewBody(r)}}
				if got := lines(reader.Readings(true)); got != "POST /wp-json/wp/v2/media/7" {
					t.Fatal(got)
				}
				passed, err := io.ReadAll(r.Body)
				if (err == nil) != want || want && string(passed) != body {
					t.Fatalf("%.100q in parts of %d: %d of %d bytes, %v", text, size, len(passed), len(body), err)
				}
				if !want && strings.Contains(string(passed), text[:len(text)-4]) {
					t.Fatalf("%.100q in parts of %d: the field was passed on", text, size)
				}
			}
		}
	}
}

// TestSealed judges requests again whose bodies are under way.
func TestSealed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{ // at first without scopes; then with some
		put + jsonBody + `{"id":2}`:                         {"PUT /wp-json/wp/v2/users/6 /users", "unclear"},
		"POST /contact" + form + "x=1":                      {"POST /contact", "POST /contact"},
		"POST /contact" + multipart + "--x--":               {"POST /contact", "POST /contact"},
		"POST /wp-json/wp/v2/media/7" + multipart + "--x--": {"POST /wp-json/wp/v2/media/7", "unclear"},
		"GET /wp-json/wp/v2/posts/7":                        {"GET /wp-json/wp/v2/posts/7", "GET /wp-json/wp/v2/posts/7"},
	} {
		r := request(t, text)
		body := upstream.NewBody(r)
		reader := &upstream.Reader{Profile: wordPress, Request: upstream.Request{Method: r.Method, Target: r.RequestURI, Header: r.Header, Body: body}}
		first := lines(reader.Readings(false))
		body.Seal()
		if got := [2]string{first, lines(reader.Readings(true))}; got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

// trickle is a text that arrives in parts.
type trickle struct {
	text string
	size int
}

func (s *trickle) Read(p []byte) (int, error) {
	if s.text == "" {
		return 0, io.EOF
	}
	n := copy(p, s.text[:min(len(s.text), s.size)])
	s.text = s.text[n:]
	return n, nil
}

func TestWordPressSettings(t *testing.T) {
	t.Parallel()
	plugin := upstream.WordPress(upstream.WordPressConfig{AddressFirst: true})
	if got := lines(read(t, plugin, "DELETE /wp-json/wp/v2/posts/7?id=8", false)); got != "DELETE /wp-json/wp/v2/posts/7" {
		t.Errorf("with the plugin: %s", got)
	}
	for target, want := range map[string]bool{
		"/xmlrpc.php": true, "/blog/XMLRPC.php?rsd": true, "/xmlrpc%2Ephp": true, "/%78mlrpc.php/x": true, "http://example.org/xmlrpc.php": true, "/a?xmlrpc.php": false, "/": false,
	} {
		asked := &upstream.Request{Method: "POST", Target: target}
		if got := wordPress.Blocked(asked) != ""; got != want {
			t.Errorf("%s: blocked is %v", target, got)
		}
		allowing := upstream.WordPress(upstream.WordPressConfig{XMLRPC: true})
		if got := allowing.Blocked(asked) != ""; got != want {
			t.Errorf("%s without its body: blocked is %v where XML-RPC is allowed", target, got)
		}
		asked.Body = upstream.NewBody(httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x")))
		if allowing.Blocked(asked) != "" || upstream.Generic().Blocked(asked) != "" {
			t.Errorf("%s is blocked where it need not be", target)
		}
		if described := (&upstream.Request{Method: "GET", Target: target}); allowing.Blocked(described) != "" {
			t.Errorf("%s: the description of XML-RPC is blocked", target)
		}
	}
}

// TestIndex reads the routes of plugins from a site.
func TestIndex(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	var down atomic.Bool
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if down.Load() || r.Host != "site.example" {
			http.Error(w, "no", http.StatusBadGateway)
			return
		}
		io.WriteString(w, `{"name":"x","routes":{"/shop/v1/orders":{},"/shop/v1/orders/(?P<order>[\\d]+)":{},"/odd/v1/(?P<a>(?!x)\\w+)/b":{},
			"/shop/v1/carts/(?P<cart>\\d+)/?":{},"/shop/v1/\\S+/(?P<item>\\d+)":{},"/wp/v2/things/(?P<thing>\\d+)\\/?":{},"/quoted/v1/(?'quoted'\\d+)":{}}}`)
	}))
	t.Cleanup(site.Close)
	now := time.Unix(1_000_000_000, 0)
	index := &upstream.Index{URL: site.URL, Host: "site.example", Now: func() time.Time { return now }}
	profile := upstream.WordPress(upstream.WordPressConfig{Routes: index.Routes})
	check := func(text, want string) {
		t.Helper()
		if got := lines(read(t, profile, text, false)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	down.Store(true)
	check("GET /wp-json/shop/v1/orders/7?order=8", "unclear")
	check("GET /wp-json/wp/v2/posts/7?id=8", "GET /wp-json/wp/v2/posts/7, GET /wp-json/wp/v2/posts/8")
	if asked.Load() != 1 {
		t.Errorf("a site that does not answer was asked %d times", asked.Load())
	}
	down.Store(false)
	now = now.Add(time.Minute)
	check("GET /wp-json/shop/v1/orders/7?order=8", "GET /wp-json/shop/v1/orders/7, GET /wp-json/shop/v1/orders/8")
	check("GET /wp-json/shop/v1/orders/7?id=8", "GET /wp-json/shop/v1/orders/7")
	check("GET /wp-json/shop/v1/orders?order=asc", "GET /wp-json/shop/v1/orders")
	check("GET /wp-json/odd/v1/y/b?a=x", "unclear")
	check("GET /wp-json/odd/v1/y/b?c=x", "GET /wp-json/odd/v1/y/b")
	check("GET /wp-json/shop/v1/carts/7?cart=8", "GET /wp-json/shop/v1/carts/7, GET /wp-json/shop/v1/carts/8")
	check("GET /wp-json/shop/v1/carts/7/?cart=8", "GET /wp-json/shop/v1/carts/7, GET /wp-json/shop/v1/carts/7/, GET /wp-json/shop/v1/carts/8, GET /wp-json/shop/v1/carts/8/")
	check("GET /wp-json/shop/v1/a/b/7?item=8", "GET /wp-json/shop/v1/a/b/7, GET /wp-json/shop/v1/a/b/8")
	check("GET /wp-json/wp/v2/things/7?thing=8", "GET /wp-json/wp/v2/things/7, GET /wp-json/wp/v2/things/8")
	check("GET /wp-json/quoted/v1/7?quoted=8", "unclear")
	check("GET /wp-json/wp/v2/posts/7?id=8", "GET /wp-json/wp/v2/posts/7, GET /wp-json/wp/v2/posts/8")
	check("GET /wp-json/wp/v2/books/7?id=8", "unclear")
	down.Store(true)
	now = now.Add(time.Hour)
	check("GET /wp-json/shop/v1/orders/7?order=8", "GET /wp-json/shop/v1/orders/7, GET /wp-json/shop/v1/orders/8")
	if asked.Load() != 3 {
		t.Errorf("the site was asked %d times", asked.Load())
	}
}

// TestPrefix is about sites that have their API at another path.
func TestPrefix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ home, root, path, want string }{
		{"https://site.example", "https://site.example/wp-json/", "/api/wp/v2/users/me", ""},
		{"https://site.example", "https://site.example/api/", "/api/wp/v2/users/me", "/wp-json/wp/v2/users/me"},
		{"https://site.example", "https://site.example/api/", "/index.php/API/wp/v2/users/me", "/wp-json/wp/v2/users/me"},
		{"https://site.example/blog", "https://site.example/blog/index.php/a/b/", "/blog/a/b/batch/v1", "/wp-json/batch/v1"},
		{"https://site.example/blog/", "https://site.example/blog/api/", "/blogapi/batch/v1", "/wp-json/batch/v1"},
		{"https://site.example", "https://site.example/index.php?rest_route=/", "/api/batch/v1", ""},
		{"https://site.example", "", "/api/batch/v1", ""},
	} {
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"home":%q,"routes":{"/":{"_links":{"self":[{"href":%q}]}},"/wp/v2/posts/(?P<id>[\\d]+)":{}}}`, c.home, c.root)
		}))
		t.Cleanup(site.Close)
		profile := upstream.WordPress(upstream.WordPressConfig{Routes: (&upstream.Index{URL: site.URL}).Routes})
		readings := read(t, profile, "POST "+c.path, true)
		want := c.want == "" && len(readings.All) == 1 && readings.All[0].Named == "" ||
			c.want != "" && len(readings.All) == 2 && readings.All[1].Path == c.want && readings.All[1].Named != ""
		if !want || readings.Unclear != "" {
			t.Errorf("%s, %s: %+v", c.root, c.path, readings)
		}
	}
}

func TestWhatSparekeyAnswers(t *testing.T) {
	t.Parallel()
	for target, want := range map[string][2]bool{ // for passwords, for the API
		"/wp-json/wp/v2/users/me/application-passwords":           {true, true},
		"/wp-json/WP/v2/users/me/Application-Passwords":           {true, true},
		"/blogwp-json/wp/v2/users/me/application-passwords":       {true, true},
		"/%77p-json/wp/v2/users/me/application%252Dpasswords":     {true, true},
		"/about?rest_route=/wp/v2/users/me/application-passwords": {true, true},
		"/?rest.route=/wp/v2/users/me/application%2dpasswords":    {true, true},
		"/blog/wp-json/wp/v2/posts":                               {false, true},
		"/?rest_route=/":                                          {false, true},
		"/about-application-passwords":                            {false, false},
		"/wp-jsonx":                                               {false, false},
		"/":                                                       {false, false},
		"*":                                                       {false, false},
	} {
		if got := [2]bool{upstream.IsForPasswords(target, func() string { return "" }), upstream.IsForAPI(target)}; got != want {
			t.Errorf("%s: got %v", target, got)
		}
	}
}

// TestSite is about what an index says of a site, and the paths for which rules hold there.
func TestSite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		home, self, link string
		base, folder     string
		want             upstream.Site
		path, reads      string
	}{
		{"http://x", "http://x/wp-json/", "", "", "", upstream.Site{Root: "/wp-json"}, "GET /wp-json/a", "GET /wp-json/a"},
		{"http://x", "http://x/index.php/wp-json/", "", "", "", upstream.Site{Root: "/index.php/wp-json"}, "GET /index.php/wp-json/a", "GET /wp-json/a"},
		{"http://x/", "http://x/index.php?rest_route=/", "", "", "", upstream.Site{}, "GET /index.php?rest_route=/a", "GET /wp-json/a"},
		{"http://x/b", "http://x/b/wp-json/", "", "", "", upstream.Site{Home: "/b", Files: "/b", Root: "/wp-json"}, "GET /b/wp-json/a", "GET /wp-json/a"},
		{"http://x/b", "http://x/b/wp-json/", "", "/b", "/b", upstream.Site{Home: "/b", Files: "/b", Root: "/wp-json"}, "GET /b/index.php/wp-json", "GET /wp-json"},
		{"http://x/b", "http://x/b/wp-json/", "", "", "/b", upstream.Site{Root: "/wp-json"}, "GET /b/wp-json/a", "GET /b/wp-json/a, GET /wp-json/a"},
		{"http://x", "http://x/wp-json/", "", "/c", "", upstream.Site{Home: "/c", Files: "/c", Root: "/wp-json"}, "GET /c/wp-json/a", "GET /wp-json/a"},
		{"http://x/b", "http://x/b/?rest_route=/", "", "/b", "/b", upstream.Site{Home: "/b", Files: "/b"}, "GET /b/?rest_route=/a", "GET /wp-json/a"},
		{"http://x/b", "http://x/b/?rest_route=/", "", "/b", "/b", upstream.Site{Home: "/b", Files: "/b"}, "GET /b/c?rest_route=/a", "GET /b/c, GET /wp-json/a"},
		{"http://x/b", "http://x/b/?rest_route=/", "", "/b", "/b", upstream.Site{Home: "/b", Files: "/b"}, "GET /b/", "GET /b/"},
		{"http://x", "", `<http://x/api/>; rel="https://api.w.org/"`, "", "", upstream.Site{Root: "/api"}, "GET /api/a", "GET /wp-json/a"},
		{"http://x/caf\u00e9", "http://x/caf%c3%a9/wp-json/", "", "", "", upstream.Site{Home: "/caf%C3%A9", Files: "/caf%C3%A9", Root: "/wp-json"}, "GET /caf%C3%A9/wp-json/a", "GET /wp-json/a"},
		{"http://x/b", "http://x/b/wp-json/", "", "", "", upstream.Site{Home: "/b", Files: "/b", Root: "/wp-json"}, "GET /B/wp-json/a", "GET /B/wp-json/a, GET /wp-json/a"},
		{"http://x/b", "http://x/b/wp-json/", "", "", "", upstream.Site{Home: "/b", Files: "/b", Root: "/wp-json"}, "GET /bwp-json/a", "GET /bwp-json/a, GET /wp-json/a"},
	} {
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if c.link != "" {
				w.Header().Set("Link", c.link)
			}
			self := ""
			if c.self != "" {
				self = fmt.Sprintf(`"_links":{"self":[{"href":"%s"}]}`, c.self)
			}
			fmt.Fprintf(w, `{"home":"%s","url":"%s","routes":{"/":{%s}}}`, c.home, c.home, self)
		}))
		t.Cleanup(site.Close)
		sites := &upstream.Sites{Main: &upstream.Index{URL: site.URL}, Base: c.base, Folder: c.folder}
		got, err := sites.MainSite()
		if err != nil || got != c.want {
			t.Errorf("%s, %s: %+v, %v, want %+v", c.home, c.self, got, err, c.want)
		}
		profile := upstream.WordPress(upstream.WordPressConfig{Routes: sites.Main.Routes, Site: sites.MainSite})
		if got := lines(read(t, profile, c.path, false)); got != c.reads {
			t.Errorf("%s, %s: %q is read as %q, want %q", c.home, c.self, c.path, got, c.reads)
		}
	}
}
