package upstream_test

import (
	"bufio"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/scope"
)

// request reads a request: a method and a target, headers in lines of their own, and
// after an empty line perhaps a body.
func request(t testing.TB, text string) *http.Request {
	t.Helper()
	line, rest, _ := strings.Cut(text, "\n")
	method, target, _ := strings.Cut(line, " ")
	head, body, hasBody := strings.Cut("\n"+rest, "\n\n")
	head = strings.TrimSpace(method + " / HTTP/1.1\nHost: example.org" + head) // net/http does not read every target
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n")))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	r.RequestURI = target
	if hasBody {
		r.Body, r.ContentLength = http.NoBody, int64(len(body))
		r.Body = readCloser{strings.NewReader(body)}
	}
	return r
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// read reads a request by a profile. A front-end that sees the body also drops what it
// drops.
func read(t testing.TB, profile upstream.Profile, text string, seesBody bool) *sparekey.Readings {
	t.Helper()
	r := request(t, text)
	asked := upstream.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Trailer: r.Trailer}
	if seesBody {
		asked.Body, asked.DropsForwarded, asked.DropsOddNames = upstream.NewBody(r), true, true
	}
	return (&upstream.Reader{Profile: profile, Request: asked}).Readings(true)
}

// lines are readings as "METHOD /path" with the name that a rule must have, sorted.
// Unclear ones are "unclear", or "unclear!" where they may manage something.
func lines(readings *sparekey.Readings) string {
	if readings.Unclear != "" {
		if readings.UnclearManages {
			return "unclear!"
		}
		return "unclear"
	}
	var all []string
	for _, r := range readings.All {
		all = append(all, strings.TrimSpace(r.Method+" "+r.Path+" "+r.Named))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

// covered reports whether a credential with these rules may send a request.
func covered(t testing.TB, rules []string, readings *sparekey.Readings) bool {
	t.Helper()
	list, err := scope.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	bundles := scope.BuiltIn()
	return readings.Unclear == "" && len(readings.All) > 0 && !slices.ContainsFunc(readings.All, func(r sparekey.Reading) bool {
		_, ok := list.Covers(r, bundles)
		return !ok
	})
}

const (
	form     = "\nContent-Type: application/x-www-form-urlencoded\n\n"
	jsonBody = "\nContent-Type: application/json\n\n"
)

// genericCases are requests, and what an application of which nothing is known may take them for.
var genericCases = map[string]string{
	"GET /a\nX-Path-Info: /a,/b": "unclear", "GET /a\nX-Original-URL: /a, /b": "unclear", "PUT /a\nX-Amz-Copy-Source: a,b": "unclear", "PUT /a\nX-Copy-From: /a%2Cb": "GET /a,b, PUT /a",
	"PUT /b/k\nX-Ms-Rename-Source: /other/k?sv=1": "DELETE /other/k, GET /other/k, PUT /b/k", "PUT /b/k\nx_amz_rename_source: other/k": "DELETE /other/k, GET /other/k, PUT /b/k",
	"PUT /b/k\nX-Symlink-Target: other/k": "GET /other/k, PUT /b/k", "PUT /b/k\nX-Object-Manifest: other/k": "GET /other/k, PUT /b/k",
	"GET /a\nX-Matched-Path: /b": "GET /a, GET /b", "GET /a\nX-Accel-Mapping: /b=/c": "unclear",
	"GET /a":                        "GET /a",
	"GET /a?x=1":                    "GET /a",
	"GET http://other.example/a?x":  "GET /a",
	"GET /%61":                      "GET /a",
	"GET /gr%c3%bc%c3%9fe":          "GET /grüße",
	"GET /grüße":                    "GET /grüße",
	"GET /.well-known/x":            "GET /.well-known/x",
	"GET /a/..%20b":                 "GET /a/.. b",
	"POST /a/application-passwords": "POST /a/application-passwords application-passwords",
	"GET /a/application-passwords":  "GET /a/application-passwords",

	// Paths that programs read in different ways.
	"GET /files/\xff": "unclear", "GET /files/%ff": "unclear", "GET /%c0%ae%c0%ae%c0%afa": "unclear", "GET /a\xc3": "unclear", "GET /\x80": "unclear",
	"GET //a": "unclear", "GET /a//b": "unclear", "GET /a/../b": "unclear", "GET /a/..": "unclear", "GET /./b": "unclear", "GET /a/%2e%2e/b": "unclear",
	"GET /a%2Fb": "unclear", "GET /a%5cb": "unclear", `GET /a\b`: "unclear", "GET /a%00b": "unclear", "GET /a%0ab": "unclear", "GET /a%252Fb": "unclear",
	"GET /a/..%20/b": "unclear", "GET /a/%20./b": "unclear", "GET /a%3Fb": "unclear", "GET /a#b": "unclear", "GET /a%zz": "unclear", "GET *": "unclear",
	"GET http://example.org?/a": "unclear", "GET https://example.org": "unclear", "GET example.org:443": "unclear", "GET /a%2": "unclear", "GET /a%": "unclear",
	"POST //application%2Dpasswords": "unclear!", "POST /a/%61pplication%252Dpasswords": "unclear!",

	// Of those, what may change something by WordPress's API may manage users or code.
	"POST //wp-json/wp/v2/users/me": "unclear!", "PUT /wp-json//wp/v2/users/1": "unclear!", "DELETE /x/../WP-JSON/wp/v2/plugins/a": "unclear!", "POST /blog//wp-json/batch/v1": "unclear!",
	"POST /wp-json%2Fwp/v2/settings": "unclear!", "POST /%77p-json/wp%252Fv2/users": "unclear!", `POST /\wp-json\wp\v2\users`: "unclear!", "POST /wp-json/wp/v2/users/me%00": "unclear!", "POST /wp-json/wp/v2/users/\xff": "unclear!",
	"POST /a\nX-Original-URL: //wp-json/wp/v2/users/me": "unclear!", "POST /a\nPath-Info: wp-json/wp/v2/users/me": "unclear!", "GET //wp-json/wp/v2/users/me?_method=PUT": "unclear!",
	"GET //wp-json/wp/v2/users/me": "unclear", "HEAD /wp-json//x": "unclear", "POST //wp-jsons/x": "unclear", "POST /a//b": "unclear",

	// Path parameters, which servlet containers remove.
	"GET /reports/secret.html;.pdf": "GET /reports/secret.html, GET /reports/secret.html;.pdf",
	"GET /a;x=1/b;y":                "GET /a, GET /a/b, GET /a;x=1/b;y",
	"GET /projects/;/comments":      "unclear",
	"GET /projects/;x=/../admin":    "unclear",
	"GET /a/..;x/b":                 "unclear",
	"GET /a/.;/b":                   "unclear",
	"GET /;jsessionid=1":            "GET /, GET /;jsessionid=1",
	"GET /a%3b.pdf":                 "unclear",
	"GET /api;/users":               "GET /api, GET /api/users, GET /api;/users",
	"GET /;/a":                      "unclear",

	// Headers that name another method.
	"POST /a\nX-HTTP-Method-Override: delete":                             "DELETE /a, POST /a",
	"POST /a\nX-HTTP-Method: PUT":                                         "POST /a, PUT /a",
	"POST /a\nX_Method_Override: PUT":                                     "POST /a, PUT /a",
	"POST /a\nX.HTTP-Method.Override: PUT":                                "POST /a, PUT /a",
	"GET /a\nX-HTTP-Method-Override: GET\nX-HTTP-Method-Override: DELETE": "DELETE /a, GET /a",

	// Headers that name or move the path.
	"GET /a\nX-Original-URL: /b": "GET /a, GET /b", "GET /a\nX-Original-URL: /b?c": "unclear!", "GET /a\nPath-Info: /a?_method=DELETE": "unclear!", "GET /a\nX-Rewrite-URL: /b": "GET /a, GET /b", "GET /a\nx-rewrite-url: /b/../c": "unclear",
	"GET /a\nX_Rewrite_URL: /b": "GET /a, GET /b", "GET /a\nX-Rewrite-URL: b": "unclear", "GET /a\nX-Envoy-Original-Path: /b": "GET /a, GET /b",
	"GET /a\nSCRIPT_NAME: /files": "unclear", "GET /a\nScript-Name: /files": "unclear", "GET /a\nX-Script-Name: /x": "unclear",
	"GET /a\nPATH_INFO: /b": "GET /a, GET /b", "GET /a\nX-Path-Info: /b": "GET /a, GET /b", "GET /a\nX-Forwarded-Prefix: /b": "unclear", "GET /a\nX_Forwarded.Prefix: /b": "unclear",
	"GET /a\nX_Custom: 1": "unclear", "GET /a\nX.Custom: 1": "unclear", "GET /a\nX-Custom: 1": "GET /a",

	// Trailers.
	"POST /a\nTransfer-Encoding: chunked\nTrailer: X-HTTP-Method-Override":  "unclear!",
	"POST /a\nTransfer-Encoding: chunked\nTrailer: X-Checksum":              "POST /a",
	"POST /a\nTransfer-Encoding: chunked\nTrailer: X-Checksum, Script-Name": "unclear!",
	"POST /a\nTrailer: x-http-method":                                       "unclear!",
	"POST /a\nTransfer-Encoding: chunked\nTrailer: X_Checksum":              "unclear",

	// Another object (RFC 4918, section 10.3).
	"MOVE /dav/ann/a\nDestination: /dav/bob/b":                    "MOVE /dav/ann/a, PUT /dav/bob/b",
	"COPY /dav/ann/a\nDestination: http://example.org/dav/bob/b":  "COPY /dav/ann/a, PUT /dav/bob/b",
	"COPY /dav/ann/a\nDESTINATION: HTTPS://EXAMPLE.org/dav/b%20c": "COPY /dav/ann/a, PUT /dav/b c",
	"COPY /dav/ann/a\nDestination: /dav/ann/b;x":                  "COPY /dav/ann/a, PUT /dav/ann/b, PUT /dav/ann/b;x",
	"COPY /a\nDestination: http://other.example/b":                "unclear", "COPY /a\nDestination: //example.org/b": "unclear", "COPY /a\nDestination: b": "unclear",
	"COPY /a\nDestination: /b\nDestination: /c": "unclear", "COPY /a\nDestination: /b/../c": "unclear", "COPY /a\nDestination: /b%2f..%2fc": "unclear", "COPY /a\nDestination: ": "unclear",
	"COPY /a\nDestination: /b?x": "unclear", "COPY /a\nDestination: /b#x": "unclear", "COPY /a\nDestination: <http://example.org/b>": "unclear", "COPY /a\nDestination: http://a@example.org/b": "unclear",
	"COPY /a\nDestination: ftp://example.org/b": "unclear", "COPY /a\nDestination: http:/b": "unclear", "COPY /a\nDestination: /b, /c": "unclear", "COPY /a\nDestination: http://example.org:80/b": "unclear",
	"PUT /b/k\nX-Amz-Copy-Source: /other/k?versionId=3": "GET /other/k, PUT /b/k", "PUT /b/k\nX-Amz-Copy-Source: other/k": "GET /other/k, PUT /b/k", "PUT /b/k\nX-Goog-Copy-Source: other%2Fk": "unclear",
	"PUT /b/k\nX-Copy-From: /other/k": "GET /other/k, PUT /b/k",

	// Parameters of the query.
	"GET /a?_method=DELETE": "DELETE /a, GET /a", "GET /a?_METHOD=delete": "DELETE /a, GET /a", "GET /a?a=1;_method=PUT": "GET /a, PUT /a",
	"GET /a?%5fmethod=DELETE": "unclear!", "GET /a?_method[]=DELETE": "unclear!", "GET /a?.method=DELETE": "unclear!", "GET /a?+_method=x": "unclear!", "GET /a?_method=%zz": "unclear!",
	"GET /a?x=_method": "GET /a", "GET /a?payment_method=x": "GET /a", "GET /a?method=x": "GET /a", "GET /a?_method=": "GET /a", "GET /a?x-http-method-override=PUT": "GET /a, PUT /a",
	"GET /a?rest_route=/wp/v2/users": "GET /a, GET /wp-json/wp/v2/users", "GET /?rest_route=wp/v2/posts": "GET /, GET /wp-json/wp/v2/posts",
	"GET /a?rest%5Froute=/x": "unclear!", "GET /a?rest.route=/x": "unclear!", "GET /a?REST_ROUTE[x]=/x": "unclear!", "GET /a?a;rest_route=/x": "GET /a, GET /wp-json/x",
	"GET /?rest_route=/a/../b": "unclear!", "GET /?rest_route=/a%2525": "unclear!", "GET /?rest_route=": "GET /",
	"POST /v2/a/b/blobs/uploads/?mount=sha256:1&from=other": "GET /v2/other/blobs/sha256:1, POST /v2/a/b/blobs/uploads/",
	"POST /r/v2/a/blobs/uploads/?from=x/y&mount=z":          "GET /r/v2/x/y/blobs/z, POST /r/v2/a/blobs/uploads/",
	"POST /v2/a/blobs/uploads/?mount=sha256:1":              "unclear", "POST /v2/a/blobs/uploads/?from=../x": "unclear", "POST /v2/a/blobs/uploads/?f%72om=x": "unclear",
	"POST /v2/a/blobs/uploads/?from=x&from=y": "unclear", "POST /v2/a/blobs/uploads/": "POST /v2/a/blobs/uploads/", "GET /mail?from=me": "GET /mail",

	// Forms and other bodies that are not seen.
	"POST /a" + form + "x=1":         "DELETE /a, GET /a, PATCH /a, POST /a, PUT /a",
	"POST /" + form + "x=1":          "unclear!",
	"POST //" + form + "x=1":         "unclear!",
	"POST /./index.php" + form:       "unclear!",
	"POST /wp-json/x" + form + "x=1": "unclear!",
	"POST /a" + jsonBody + "{}":      "POST /a",
	"PUT /a" + form + "x=1":          "PUT /a",
	"POST /a\nContent-Type: multipart/form-data; boundary=x\n\n--x--":   "DELETE /a, GET /a, PATCH /a, POST /a, PUT /a",
	"POST /a\nContent_Type: application/x-www-form-urlencoded\n\n--x--": "unclear",
}

// TestGeneric lists what an application of which nothing is known may take requests for,
// where the front-end does not see bodies.
func TestGeneric(t *testing.T) {
	t.Parallel()
	for text, want := range genericCases {
		if got := lines(read(t, upstream.Generic(), text, false)); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// seenCases are requests whose bodies are seen, and what such an application may take them for.
var seenCases = map[string]string{
	"POST /" + form + "x=" + long:                                                            "unclear!",
	"POST /wp-json/x" + form + "x=" + long:                                                   "unclear!",
	"POST /index.php\nContent-Encoding: gzip" + form + "x=1":                                 "unclear!",
	"POST /a" + form + "x=1&y=2":                                                             "POST /a",
	"POST /a" + form + "x=1&_method=DELETE":                                                  "DELETE /a, POST /a",
	"POST /a" + form + "x=1&rest_route=/wp/v2/posts":                                         "POST /a, POST /wp-json/wp/v2/posts",
	"POST /a" + form + "rest_route=/batch/v1":                                                "POST /a, POST /wp-json/batch/v1 /batch/v1",
	"POST /a" + form + "rest%5froute=/x":                                                     "unclear!",
	"POST /a" + form + "x=" + long:                                                           "unclear",
	"POST /a\nContent-Type: text/plain\n\n_method=PUT":                                       "POST /a",
	"POST /a\nX-Forwarded-Prefix: /x":                                                        "POST /a",
	"POST /a\nX_Custom: /x":                                                                  "POST /a",
	"POST /a\nSCRIPT_NAME: /x":                                                               "unclear",
	"POST /a\nContent-Encoding: gzip" + form + "x=1":                                         "unclear",
	"POST /wp-json/x\nContent-Type: application/x-www-form-urlencoded; charset=utf-7\n\nx=1": "unclear!",
}

// TestSeen is about front-ends that see bodies.
func TestSeen(t *testing.T) {
	t.Parallel()
	for text, want := range seenCases {
		if got := lines(read(t, upstream.Generic(), text, true)); got != want {
			t.Errorf("%.80q: got %q, want %q", text, got, want)
		}
	}
}

// TestMany gives up on requests that name a great many things, and says why in a few
// words.
func TestMany(t *testing.T) {
	t.Parallel()
	for _, profile := range []upstream.Profile{upstream.Generic(), upstream.WordPress(upstream.WordPressConfig{})} {
		for text, clear := range map[string]bool{
			"GET /a?" + strings.Repeat("_method=GET&", 7):                          true,
			"GET /a?" + strings.Repeat("_method=GET&", 8):                          false,
			"GET /a?" + strings.Repeat("_method=&", 100):                           true,
			"GET /a?" + strings.Repeat("rest_route=a&", 7):                         true,
			"GET /a?" + strings.Repeat("rest_route=a&", 8):                         false,
			"GET /a?" + strings.Repeat("rest_route=/a&_method=PUT&", 5000):         false,
			"GET /a" + strings.Repeat("\nX-HTTP-Method-Override: PUT", 50):         false,
			"COPY /a" + strings.Repeat("\nDestination: /b", 50):                    false,
			"GET /" + strings.Repeat("b", 50_000) + "//":                           false,
			"GET /?rest_route=//" + strings.Repeat("é", 50_000):                    false,
			"GET /a;" + strings.Repeat(";", 10_000) + "/" + strings.Repeat(";", 9): true,
		} {
			readings := read(t, profile, text, false)
			if (readings.Unclear == "") != clear || len(readings.Unclear) > 1000 || len(readings.All) > 200 {
				t.Errorf("%.60q: %d readings, %.200q", text, len(readings.All), readings.Unclear)
			}
		}
	}
}

// ruleCases are requests, and whether a rule allows them.
var ruleCases = []struct {
	rule, request string
	want          bool
}{
	{"GET /*", "GET /a?_method=GET", true},
	{"GET /*", "GET /a\nX-HTTP-Method-Override: get", true},
	{"GET /*", "GET /a\nX-HTTP-Method-Override:  head , GET", false},
	{"* /*", "POST /?rest_route=/wp/v2/users/me/application-passwords", false},
	{"write", "POST /wp-json/batch/v1", false},
	{"* /*", "POST /wp-json/batch/v1", false},
	{"POST /wp-json/batch/v1", "POST /wp-json/batch/v1", true},
	{"POST /jobs/*", "POST /jobs/batch/v1", true},
	{"* /dav/ann/*", "MOVE /dav/ann/a\nDestination: /dav/ann/b", true},
	{"* /dav/ann/*", "MOVE /dav/ann/a\nDestination: /dav/bob/b", false},
	{"GET /reports/*.pdf", "GET /reports/secret.html;.pdf", false},
	{"GET /reports/*", "GET /reports/secret.html;.pdf", true},
	{"POST /hooks/*", "POST /hooks/x" + jsonBody + "{}", true},
	{"POST /hooks/*", "POST /hooks/x" + form + "a=b", false},
	{"write", "POST /hooks/x" + form + "a=b", true},
}

// TestRules has rules judge readings.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, c := range ruleCases {
		if got := covered(t, []string{c.rule}, read(t, upstream.Generic(), c.request, false)); got != c.want {
			t.Errorf("%s: %q: got %v", c.rule, c.request, got)
		}
	}
}

// TestRoutingHeaders holds the bounds by which most headers are not looked up.
func TestRoutingHeaders(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"X-Http-Method-Override", "X-HTTP-METHOD", "x-method-override", "X-Original-Url", "X-Rewrite-Url", "X-Original-Path", "X-Envoy-Original-Path", "Request-Uri", "X-Request-Uri",
		"Path-Info", "PATH_INFO", "X-Path-Info", "Path-Translated", "Script-Name", "SCRIPT.NAME", "X-Script-Name", "Script-Url", "X-Forwarded-Prefix", "X-Forwarded-Path", "X-Forwarded-Context",
		"X-Ingress-Path", "X-Symlink-Target", "X-Object-Manifest", "X-Ms-Rename-Source", "X-Matched-Path", "X-Invoke-Path", "X-Sendfile-Type", "X-Accel-Mapping", "Destination", "X-Copy-From", "X-Amz-Copy-Source", "X-Cos-Copy-Source",
	} {
		if !upstream.IsRouting(name) {
			t.Errorf("%s moves nothing", name)
		}
	}
	for _, name := range []string{"", "A", "Accept", "X-Forwarded-For", "X-Forwarded-Proto", "User-Agent", "Script-Names", "X-Custom", strings.Repeat("X", 99)} {
		if upstream.IsRouting(name) {
			t.Errorf("%s moves something", name)
		}
	}
}
