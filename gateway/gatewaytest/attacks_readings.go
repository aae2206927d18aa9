package gatewaytest

import (
	"fmt"
	"strings"
)

// post writes a request with a body of this type.
func post(target, as, contentType, body string) string {
	return ask("POST", target, as, "Content-Type: "+contentType, fmt.Sprintf("Content-Length: %d", len(body)), "", body)
}

const (
	urlencoded = "application/x-www-form-urlencoded"
	multi      = "multipart/form-data; boundary=x"
)

// part is a multipart form of one field, whose header is written as it is here.
func part(disposition, value string) string {
	return "--x\nContent-Disposition: " + disposition + "\n\n" + value + "\n--x--\n"
}

// readingAttacks have an application take a request for another one than its request
// line says.
func readingAttacks() []Attack {
	return []Attack{
		{"path-by-script-name", "CGI's SCRIPT_NAME as a header: gunicorn cuts it off the path, WSGI middleware puts it before", "scoped", each("scoped", "/api/posts/admin/users",
			"SCRIPT_NAME: /api/posts", "Script_Name: /api/posts", "SCRIPT-NAME: /api/posts", "script-name: /api", "Script.Name: /api/posts",
			"X-Script-Name: /api/posts", "X_Script_Name: /api/posts", "X-SCRIPT_NAME: /api/posts", "Script-Url: /api/posts", "SCRIPT_URL: /api/posts",
			"SCRIPT_NAME: /x\nSCRIPT_NAME: /api/posts", "Connection: SCRIPT_NAME\nSCRIPT_NAME: /api/posts")},
		{"path-by-path-info", "CGI's variables for the path as headers", "scoped", each("scoped", "/api/posts",
			"PATH_INFO: /admin/users", "Path-Info: /admin/users", "X-Path-Info: /admin/users", "X_Path_Info: /admin/users", "X.Path.Info: /admin/users", "PATH_TRANSLATED: /admin/users",
			"Request-Uri: /admin/users", "REQUEST_URI: /admin/users?x", "X-Request-Uri: /admin/users", "X-Original-Path: /admin/users", "X-Envoy-Original-Path: /admin/users", "X-Matched-Path: /admin/users", "X-Invoke-Path: /admin/users",
			"Path-Info: /api/posts/../users", "PATH_INFO: /api/posts\nPATH_INFO: /admin/users", "X-Path-Info: /api/posts\nX-Path-Info: /admin/users", "X-Original-Path: /api/posts, /admin/users",
			"X-Original-Path: /api/posts?_method=DELETE", "X-Envoy-Original-Path: /api/posts?rest_route=/wp/v2/users")},
		{"path-by-forwarded-prefix", "X-Forwarded-Prefix (Spring, Werkzeug's ProxyFix) and its like", "scoped", each("scoped", "/api/posts/admin/users",
			"X-Forwarded-Prefix: /api/posts", "X_Forwarded_Prefix: /api/posts", "x-forwarded_prefix: /admin", "X-Forwarded-Path: /api/posts", "X-Forwarded-Context: /api/posts", "X-Ingress-Path: /admin", "X-Accel-Mapping: /api/posts=/admin",
			"X-Forwarded-Prefix: /api\nX-Forwarded-Prefix: /api/posts")},
		{"scope-by-trailer", "an application may take trailers for headers: Trailer: X-HTTP-Method-Override", "writer", []string{
			trailing("Trailer: X-HTTP-Method-Override", "X-HTTP-Method-Override: DELETE"),
			trailing("trailer: x-checksum, x-http-method", "X-Checksum: 1", "X-HTTP-Method: DELETE"),
			trailing("Trailer: X-Original-URL", "X-Original-URL: /admin/users"),
			trailing("Trailer: X-Checksum\nTrailer: Script-Name", "Script-Name: /api"),
			trailing("Trailer: X_Method_Override", "X_Method_Override: DELETE"),
			trailing("Trailer: Destination", "Destination: /files/bob/x"),
			trailing("Trailer: X-Checksum\nConnection: Trailer", "X-HTTP-Method-Override: DELETE"),
		}},
		{"scope-by-form", "another transport: a POST that a rule covers, with a form that names a route (WordPress) or a method (Rails, Laravel)", "writer", []string{
			post("/api/posts", "writer", urlencoded, "_method=DELETE"), post("/api/posts/1", "writer", urlencoded, "title=x&_method=PUT"),
			post("/api/posts", "writer", urlencoded, "%5Fmethod=DELETE"), post("/api/posts", "writer", urlencoded, ".method=DELETE"), post("/api/posts", "writer", urlencoded, "a;_method=DELETE"),
			post("/api/posts", "writer", urlencoded+"; charset=utf-8", "_method=DELETE"), post("/api/posts", "writer", urlencoded+"; charset=utf-7", "_method=DELETE"),
			post("/api/posts", "writer", "APPLICATION/X-WWW-FORM-URLENCODED", "_METHOD=DELETE"), post("/api/posts", "writer", "text/plain\nContent-Type: "+urlencoded, "_method=DELETE"),
			post("/api/posts", "writer", "application/x-urlencoded", "_method=DELETE"), post("/api/posts", "writer", "text/x-www-URLEncoded-fo", "_method=DELETE"),
			post("/api/posts", "writer", "ap`lication/x-www-form-urlencoded", "rest_route=/wp/v2/users"),
			post("/api/posts", "writer", urlencoded, "rest_route=/wp/v2/users"), post("/api/posts", "writer", urlencoded, "rest.route=/wp/v2/users"), post("/api/posts", "writer", urlencoded, "rest[route=/wp/v2/users"),
			ask("POST", "/api/posts", "writer", "Content-Type: "+urlencoded, "Transfer-Encoding: chunked", "", "e", "_method=DELETE", "0", "", ""),
		}},
		{"scope-by-multipart-form", "the same in a form with files, whose names are written in many ways", "writer", []string{
			post("/api/posts", "writer", multi, part(`form-data; name="_method"`, "DELETE")), post("/api/posts", "writer", multi, part(`form-data; name=_method`, "DELETE")),
			post("/api/posts", "writer", multi, part(`form-data; NAME="rest_route"`, "/wp/v2/users")), post("/api/posts", "writer", multi, part(`form-data; filename=""; name="_method"`, "DELETE")),
			post("/api/posts", "writer", `multipart/form-data; boundary="x"`, part(`form-data; name="_method"`, "DELETE")),
			post("/api/posts", "writer", "multipart/form-data; boundary=x; boundary=y", part(`form-data; name="_method"`, "DELETE")),
		}},
	}
}

// trailing posts a body in chunks with these trailers. announced is one header or more.
func trailing(announced string, trailers ...string) string {
	lines := append([]string{"Transfer-Encoding: chunked", announced, "", "2", "hi", "0"}, trailers...)
	return ask("POST", "/api/posts", "writer", append(lines, "", "")...)
}

// objectAttacks name another object beside the one in the path, or hide it there.
func objectAttacks() []Attack {
	return []Attack{
		{"destination-elsewhere", "COPY and MOVE of WebDAV write to Destination (RFC 4918, section 10.3)", "files", append(destinations("MOVE"), destinations("COPY")...)},
		{"copy-of-another-object", "stores of objects copy, link to or rename what a header names: X-Amz-Copy-Source", "files", copies(
			"X-Amz-Copy-Source: /files/bob/secret", "X-Amz-Copy-Source: files/bob/secret", "x-amz-copy-source: %2Ffiles%2Fbob%2Fsecret", "X-Amz-Copy-Source: /files/ann/../bob/secret",
			"X-Amz-Copy-Source: /files/bob/secret?versionId=1", "X-Goog-Copy-Source: files/bob/secret", "Other-Copy-Source: files/bob/secret", "X-Ms-Copy-Source: /files/bob/secret", "X_Amz_Copy_Source: /files/bob/secret",
			"X-Copy-From: /files/bob/secret", "X-Copy-From: files/bob/secret", "X-Amz-Copy-Source: /files/ann/a\nX-Amz-Copy-Source: /files/bob/secret",
			"X-Symlink-Target: files/bob/secret", "X-Object-Manifest: files/bob/secret", "X-Ms-Rename-Source: /files/bob/secret", "X-Amz-Rename-Source: files/bob/secret")},
		davAttack(),
		{"registry-mount", "a registry takes a blob from the repository that the query names (OCI distribution)", "pusher", uploads(
			"?from=other&mount=sha256:0", "?mount=sha256:0&from=other", "?mount=sha256:0&from=mine/../other", "?mount=sha256:0&from=mine%2F..%2Fother", "?mount=sha256:0&%66rom=other", "?mount=sha256:0&from=mine&from=other",
			"?mount=sha256:0;from=other", "?FROM=other&mount=sha256:0", "?from=other")},
		{"path-with-a-parameter-for-a-suffix", "Tomcat takes /reports/secret.html;.pdf for /reports/secret.html", "reports", to("reports",
			"/reports/secret.html;.pdf", "/reports/secret.html;x=.pdf", "/reports/secret.html;a;b.pdf", "/reports/secret.html%3b.pdf", "/projects/;/comments", "/projects/;x=1/comments", "/projects/a/;/comments", "/projects/;x/a/comments")},
		{"path-with-raw-bytes", "bytes that are not UTF-8, unencoded: dropped by some, read in another way by others", "scoped", to("scoped",
			"/api/posts/.\xff./users", "/api/posts/\xff../users", "/api/posts/..\xff/users", "/api/posts/.\xc3./users", "/api/posts/\xc0\xae\xc0\xae/users", "/api/posts/\xc0\xae.\xc0\xafusers",
			"/api/posts/.%ff./users", "/api/posts/%ff../users", "/api/posts/%c0%ae%c0%ae/users", "/api/posts/%c0%ae.%c0%afusers")},
	}
}

func destinations(method string) (requests []string) {
	for _, lines := range []string{
		"Destination: /files/bob/x", "Destination: http://example.org/files/bob/x", "destination: https://EXAMPLE.org/files/bob/x", "DESTINATION: /files/bob/x",
		"Destination: ../bob/x", "Destination: /files/ann/../bob/x", "Destination: /files/ann/%2e%2e/bob/x", "Destination: /files/ann/..%2fbob/x", "Destination: /files/ann//../bob/x",
		"Destination: http://other.example/files/ann/x", "Destination: //other.example/files/ann/x", "Destination: http://example.org:81/files/ann/x",
		"Destination: /files/ann/x\nDestination: /files/bob/x", "Destination: /files/ann/x, /files/bob/x", "Destination: /files/bob/x?a", "Destination: /files/ann/;/../bob/x",
	} {
		requests = append(requests, ask(method, "/files/ann/a", "files", lines))
	}
	return requests
}

func copies(headers ...string) (requests []string) {
	for _, h := range headers {
		requests = append(requests, ask("PUT", "/files/ann/x", "files", "Content-Length: 0", h))
	}
	return requests
}

func uploads(queries ...string) (requests []string) {
	for _, query := range queries {
		requests = append(requests, ask("POST", "/v2/mine/blobs/uploads/"+query, "pusher", "Content-Length: 0"), ask("POST", "/v2/mine/blobs/uploads"+query, "pusher", "Content-Length: 0"))
	}
	return requests
}

// escalationAttacks have a limited credential change users, code, settings or
// application passwords in WordPress, so that it is limited no longer.
func escalationAttacks() (all []Attack) {
	for _, limited := range []struct{ as, by string }{
		{"expiring", "an expiry"}, {"nearby", "a network"}, {"counted", "a number of uses"}, {"writing", "the bundle write"}, {"everything", "the rule * /*"},
	} {
		all = append(all, Attack{
			"escalation-in-spite-of-" + limited.as, "a credential that only " + limited.by + " limits changes users, plugins, themes, settings or application passwords", limited.as,
			append(escalations(limited.as), hiddenEscalations(limited.as)...),
		})
	}
	return append(all, Attack{
		"passwords-in-the-application", "application passwords are Sparekey's alone to manage, also by a credential without limits", "good", passwordsElsewhere(),
	})
}

func escalations(as string) (requests []string) {
	const password = `{"password":"another"}`
	for _, target := range []string{
		"/wp-json/wp/v2/users/me", "/wp-json/wp/v2/users", "/wp-json/wp/v2/users/2", "/wp-json/wp/v2/plugins", "/wp-json/wp/v2/themes/x", "/wp-json/wp/v2/settings", "/wp-json/batch/v1",
		"/wp-json/wp/v2/users/me/application-passwords", "/WP-JSON/wp/v2/Users/me", "/index.php/wp-json/wp/v2/users/me", "/index.php/wp-json/batch/v1", "/blog/wp-json/wp/v2/users/me",
		"/a/b/wp-json/wp/v2/settings", "/blog/wp-json/batch/v1/", "/wp-json/wp/v2/plugins;x=1",
		"//wp-json/wp/v2/users/me", "/wp-json//wp/v2/users/me", "/wp-json/x/../wp/v2/plugins", "/wp-json%2Fwp/v2/settings",
		"/wp-j%FFson/wp/v2/plugins",
	} {
		requests = append(requests, post(target, as, "application/json", password))
	}
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		for _, target := range []string{"/wp-json/wp/v2/users/2", "/wp-json/wp/v2/plugins/a/b", "/wp-json/wp/v2/users/me/application-passwords/x"} {
			requests = append(requests, ask(method, target, as, "Content-Type: application/json", fmt.Sprint("Content-Length: ", len(password)), "", password))
		}
	}
	return requests
}

// hiddenEscalations name the route or the method elsewhere than in the request line.
func hiddenEscalations(as string) []string {
	return []string{
		post("/?rest_route=/wp/v2/users/me", as, "application/json", "{}"), post("/index.php?rest_route=/wp/v2/plugins", as, "application/json", "{}"), post("/wp-json/wp/v2/posts?rest_route=/wp/v2/users", as, "application/json", "{}"),
		ask("GET", "/?rest_route=/wp/v2/users/2&_method=DELETE", as), ask("GET", "/wp-json/wp/v2/users/2?_method=DELETE", as), ask("GET", "/wp-json/wp/v2/users/2", as, "X-HTTP-Method-Override: DELETE"),
		ask("POST", "/wp-json/wp/v2/posts", as, "Content-Length: 0", "X-Original-URL: /wp-json/wp/v2/users/me"), ask("COPY", "/a", as, "Destination: /wp-json/wp/v2/users/me"),
		post("/", as, urlencoded, "rest_route=/wp/v2/users/me&password=another"), post("/index.php", as, urlencoded, "rest%5Froute=/wp/v2/settings"),
		post("/wp-json/wp/v2/posts", as, urlencoded, "rest_route=/wp/v2/users/me"), post("/", as, multi, part(`form-data; name="rest_route"`, "/wp/v2/users/me")),
		post("/", as, "multipart/form\xfd-data; boundary=x", part(`form-data; name="rest_route"`, "/wp/v2/users/me")),
		post("/", as, urlencoded, "a="+strings.Repeat("x", 1<<20)+"&rest_route=/wp/v2/users/me"), // longer than is looked into
	}
}

func passwordsElsewhere() (requests []string) {
	for _, target := range []string{
		"/wp-json/wp/v2/users/me/application-passwords", "/wp-json/wp/v2/users/1/Application-Passwords", "/index.php/wp-json/wp/v2/users/me/application-passwords", "/blog/wp-json/wp/v2/users/me/application-passwords",
		"/?rest_route=/wp/v2/users/me/application-passwords", "/index.php?rest_route=/wp/v2/users/me/application-passwords", "/wp-json/wp/v2/users/me/%61pplication-passwords", "/wp-json/wp/v2/users/me/%2561pplication-passwords",
		"/api/posts?rest_route=/wp/v2/users/me/application-passwords", "/wp-json/wp/v2/users/me/application-passwords/", "/wp-json//wp/v2/users/me/application-passwords", "/wp-json/x/../wp/v2/users/me/application-passwords",
		"/wp-json/wp/v2/users/me/application-passwords;x", "/?rest%5Froute=/wp/v2/users/me/application-passwords", "/?rest.route=/wp/v2/users/me/application-passwords", "/?rest_route=%2Fwp%2Fv2%2Fusers%2Fme%2Fapplication%2Dpasswords",
	} {
		requests = append(requests, post(target, "good", "application/json", `{"name":"x"}`))
	}
	return append(requests,
		ask("DELETE", "/wp-json/wp/v2/users/me/application-passwords", "good"), ask("PUT", "/wp-json/wp/v2/users/me/application-passwords/x", "good", "Content-Length: 0"),
		ask("GET", "/wp-json/wp/v2/users/me/application-passwords", "good", "X-HTTP-Method-Override: POST"), ask("GET", "/wp-json/wp/v2/users/me/application-passwords?_method=DELETE", "good"),
		ask("GET", "/wp-json/wp/v2/users/me/application-passwords", "good", "X_HTTP_Method_Override: POST"),
		ask("POST", "/", "good", "Content-Length: 0", "X-Original-URL: /wp-json/wp/v2/users/me/application-passwords"),
		ask("POST", "/", "good", "Content-Length: 0", "X-Rewrite-URL: /?rest_route=/wp/v2/users/me/application-passwords"))
}
