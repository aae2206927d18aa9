package gatewaytest

import "strings"

// Attack is a way by which gateways were passed by, or could be.
type Attack struct {
	Name     string
	After    string   // where it is known from, or what it is about
	As       string   // whose credential it has, "" for none
	Requests []string // each must come to nothing; written as Site.send takes them
}

// Attacks returns the attacks that every front-end is tried with. docs/explanation/attacks.md
// has a table of them.
func Attacks() []Attack {
	var all []Attack
	for _, group := range [][]Attack{identityAttacks(), namedAttacks(), forwardedAttacks(), scopeAttacks(), readingAttacks(), pathAttacks(), objectAttacks(), escalationAttacks(), credentialAttacks(), twoCredentialAttacks(), protocolAttacks()} {
		all = append(all, group...)
	}
	return all
}

// ask writes a request. Lines are headers; a body follows an empty one.
func ask(method, target, as string, lines ...string) string {
	request := method + " " + target + " HTTP/1.1\nHost: example.org\n"
	if as != "" {
		request += "Authorization: {" + as + "}\n"
	}
	for i, line := range lines {
		if line == "" {
			return request + "\n" + strings.Join(lines[i+1:], "\n")
		}
		request += line + "\n"
	}
	return request + "\n"
}

// each asks for a path once with each of these headers.
func each(as, path string, headers ...string) (requests []string) {
	for _, h := range headers {
		requests = append(requests, ask("GET", path, as, h))
	}
	return requests
}

// to asks for each of these addresses.
func to(as string, targets ...string) (requests []string) {
	for _, target := range targets {
		requests = append(requests, ask("GET", target, as))
	}
	return requests
}

func identityAttacks() []Attack {
	return []Attack{
		{"identity-spoofed", "oauth2-proxy, Gitea (X-WEBAUTH-USER): the client says who it is", "good", each("good", "/",
			"X-Sparekey-User: admin", "X-Sparekey-User-Id: 0", "X-Sparekey-Roles: administrator", "X-Sparekey-Scopes: *",
			"X-Sparekey-Credential: x", "X-Sparekey-Signature: v1;t=1;s=x")},
		{"identity-in-another-case", "names of headers have no case", "good", each("good", "/", "x-sparekey-user: admin", "X-SPAREKEY-ROLES: administrator")},
		{"identity-with-underscores", "CVE-2025-64484 (oauth2-proxy)", "good", each("good", "/",
			"X_Sparekey_User: admin", "X-Sparekey_User: admin", "X_Sparekey-Roles: administrator", "x_sparekey_signature: v1")},
		{"identity-with-dots", "PHP takes dots in names for underscores", "good", each("good", "/", "X.Sparekey.User: admin", "X-Sparekey.Roles: administrator", "X!Sparekey-User: admin")},
		{"identity-twice", "which of two counts depends on who reads them", "good", each("good", "/", "X-Sparekey-User: admin\nX-Sparekey-User: root", "X-Sparekey-User: ann\nX-Sparekey-User: admin")},
		{"identity-named-in-connection", "CVE-2024-45410 (Traefik), CVE-2022-31813 (Apache): headers set by the proxy are dropped as hop-by-hop", "good", each("good", "/",
			"Connection: close, X-Sparekey-User, X-Sparekey-Roles", "Connection: x-sparekey-scopes", "Connection: keep-alive, X-Sparekey-Credential\nX-Sparekey-Credential: x")},
		{"identity-of-anonymous", "Caddy forward_auth (copy_headers): the client's header stays where the answer has none", "", each("", "/", "X-Sparekey-User: admin", "X_Sparekey_User: admin")},
		{"identity-in-a-trailer", "an application may take trailers for headers", "good", []string{
			ask("POST", "/", "good", "Transfer-Encoding: chunked", "Trailer: X-Sparekey-User", "", "2", "hi", "0", "X-Sparekey-User: admin", "", ""),
		}},
		{"identity-with-a-blank-before-the-colon", "parsers differ about \"Name :\"", "good", each("good", "/", "X-Sparekey-User : admin", " X-Sparekey-User: admin", "X-Other: a\n X-Sparekey-User: admin")},
	}
}

func forwardedAttacks() []Attack {
	return []Attack{
		{"forwarded-address-spoofed", "Gitea, Nextcloud: X-Forwarded-For of any client", "networked", each("networked", "/",
			"X-Forwarded-For: 10.9.0.1", "X-Forwarded-For: 10.9.0.1, 127.0.0.1", "X-Real-IP: 10.9.0.1", "Forwarded: for=10.9.0.1", "X_Forwarded_For: 10.9.0.1",
			"X-Forwarded-For: 10.9.0.1\nX-Forwarded-For: 127.0.0.1", "Connection: X-Forwarded-For\nX-Forwarded-For: 10.9.0.1",
			"X-Client-IP: 10.9.0.1", "True-Client-IP: 10.9.0.1", "CF-Connecting-IP: 10.9.0.1", "X-Envoy-External-Address: 10.9.0.1")},
		{"forwarded-target-spoofed", "oauth2-proxy behind forward-auth: X-Forwarded-Uri of the client", "scoped", each("scoped", "/api/users",
			"X-Forwarded-Uri: /api/posts", "X-Original-URI: /api/posts", "X-Original-URL: /api/posts", "X-Original-Uri: /api/posts\nX-Forwarded-Uri: /api/posts",
			"X_Forwarded_Uri: /api/posts", "X_Original_URI: /api/posts", "X-Envoy-Original-Path: /api/posts", "X-Auth-Request-Redirect: /api/posts")},
		{"forwarded-method-spoofed", "the same with the method", "scoped", []string{
			ask("POST", "/api/posts", "scoped", "Content-Length: 0", "X-Forwarded-Method: GET"), ask("DELETE", "/api/posts/1", "scoped", "X-Original-Method: GET"),
			ask("POST", "/api/posts", "scoped", "Content-Length: 0", "X-Original-Method: GET", "X-Forwarded-Method: GET"), ask("POST", "/api/posts", "scoped", "Content-Length: 0", "X_Original_Method: GET"),
		}},
		{"forwarded-headers-dropped", "CVE-2024-45410 (Traefik): naming X-Forwarded-* in Connection", "scoped", each("scoped", "/api/users",
			"Connection: X-Forwarded-Uri, X-Original-URI", "Connection: X-Forwarded-Method, X-Original-Method\nX-Forwarded-Uri: /api/posts", "Connection: X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto")},
		{"authorization-dropped", "naming Authorization in Connection", "", []string{
			ask("GET", "/", "", "Connection: Authorization"), ask("GET", "/", "wrong", "Connection: Authorization, close"),
		}},
	}
}

func scopeAttacks() []Attack {
	return []Attack{
		{"scope-by-method-override", "Rails, Laravel, WordPress obey such headers", "scoped", each("scoped", "/api/posts",
			"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "x-http-method-override: delete", "X_HTTP_Method_Override: DELETE",
			"X-HTTP.Method-Override: DELETE", "X-HTTP-Method-Override: GET\nX-HTTP-Method-Override: DELETE", "X-HTTP-Method-Override: ")},
		{"scope-by-method-parameter", "?_method= of WordPress, Rails", "scoped", to("scoped",
			"/api/posts?_method=DELETE", "/api/posts?%5Fmethod=DELETE", "/api/posts?_METHOD=DELETE", "/api/posts?.method=DELETE", "/api/posts?a=1&+_method=DELETE", "/api/posts?a=1;_method=DELETE", "/api/posts?_method=GET&_method=DELETE")},
		{"scope-by-route-parameter", "another transport: WordPress's ?rest_route= works on every page", "scoped", to("scoped",
			"/?rest_route=/wp/v2/users", "/api/posts?rest_route=/wp/v2/users", "/api/posts?rest%5Froute=/wp/v2/users", "/api/posts?rest.route=/wp/v2/users", "/api/posts?rest+route=/wp/v2/users",
			"/api/posts?rest%20route=/wp/v2/users", "/api/posts?rest[route=/wp/v2/users", "/api/posts?+rest_route=/wp/v2/users", "/api/posts?x=%zz&rest_route=/wp/v2/users", "/api/posts?rest_route[]=/wp/v2/users",
			"/api/posts?rest_route=&rest_route=/wp/v2/users", "/api/posts?rest_route%00x=/wp/v2/users", "/index.php?rest_route=/wp/v2/users")},
		{"scope-by-rewrite-header", "CVE-2018-14773 (Symfony), Zend, IIS: the application routes by a header", "scoped", each("scoped", "/api/posts",
			"X-Original-URL: /api/users", "X-Rewrite-URL: /api/users", "x-rewrite-url: /api/users", "X_Rewrite_URL: /api/users", "X_Original-URL: /api/users")},
		{"scope-widens-itself", "Gitea, Nextcloud: a narrow token makes a wide one", "scoped", []string{
			ask("POST", "/wp-json/wp/v2/users/me/application-passwords", "scoped", "Content-Type: application/json", "Content-Length: 12", "", `{"name":"x"}`),
			ask("DELETE", "/wp-json/wp/v2/users/me/application-passwords", "scoped"), ask("POST", "/api/posts/../../wp-json/wp/v2/users/me/application-passwords", "scoped", "Content-Length: 0"),
		}},
		{"scope-of-another-method", "methods that a rule does not name", "scoped", []string{
			ask("PUT", "/api/posts/1", "scoped", "Content-Length: 0"), ask("PATCH", "/api/posts/1", "scoped", "Content-Length: 0"), ask("get", "/api/posts", "scoped"),
			ask("PROPFIND", "/api/posts", "scoped"), ask("OPTIONS", "/api/posts", "scoped"), ask("TRACE", "/api/posts", "scoped"), ask("GETX", "/api/posts", "scoped"),
		}},
		{"scope-of-another-case", "paths have a case", "scoped", to("scoped", "/API/posts", "/api/Posts", "/api/POSTS/1")},
	}
}

func pathAttacks() []Attack {
	return []Attack{
		{"path-with-dots", "CVE-2025-32431 (Traefik): /../ matches the prefix, and the application resolves it", "scoped", to("scoped",
			"/api/posts/../users", "/api/posts/./../users", "/api/posts/..", "/api/posts/../../etc", "/api/posts/.../../users", "/x/../api/posts/../users", "/api/posts..;/../users")},
		{"path-with-encoded-dots", "CVE-2025-47952 (Traefik), CVE-2021-41773 (Apache)", "scoped", to("scoped",
			"/api/posts/%2e%2e/users", "/api/posts/.%2e/users", "/api/posts/%2E./users", "/api/posts/%2e%2e%2fusers", "/api/posts/..%2fusers", "/api/posts%2f..%2fusers", "/api/posts/..%5cusers")},
		{"path-with-double-encoding", "decoded once by the proxy and again by the application", "scoped", to("scoped",
			"/api/posts/%252e%252e/users", "/api/posts/..%252fusers", "/api/posts%252f..%252fusers", "/api/posts/%25%32%65%25%32%65/users")},
		{"path-with-empty-segments", "merged by some: //", "scoped", to("scoped", "//api/users", "/api//users", "//api/posts/../users", "/api/posts//../../users", "/api/posts//../users", "//example.org/api/posts")},
		{"path-with-backslashes", `taken for "/" by some`, "scoped", to("scoped", `/api/posts\..\users`, `/api/posts/..\users`, `/api\users`, "/api/posts%5c..%5cusers")},
		{"path-with-parameters", "cut off by servlet containers: ;", "scoped", to("scoped", "/api/posts/..;/users", "/api/posts/..;a=b/users", "/api/posts/.;/../users", "/api;/users", "/api/users;/api/posts")},
		{"path-with-control-characters", "cut off by some: NUL, line ends", "scoped", to("scoped", "/api/users%00/api/posts", "/api/posts/%00/../users", "/api/posts/%0d%0aX-Sparekey-User:%20admin/..%2f", "/api/posts/..%00/users", "/api/posts/..%0a/users")},
		{"path-in-the-query", "CVE-2025-54576 (oauth2-proxy): an exception that matches somewhere in the address", "scoped", to("scoped", "/api/users?/api/posts", "/api/users?x=/api/posts", "/api/users/api/posts", "/api/users&/api/posts", "/api/users%3F/api/posts")},
		{"path-with-a-fragment", "cut off by some: #", "scoped", to("scoped", "/api/users#/api/posts", "/api/posts#/../users", "/api/posts/..#/users", "/api/posts/../users%23/api/posts")},
		{"target-in-absolute-form", "the host and path of the request line count, or those of Host", "scoped", to("scoped",
			"http://example.org/api/users", "http://other.example/api/posts/../users", "http://example.org?/api/posts", "HTTP://example.org/api/users", "http://ann:x@example.org/api/users", "//api/posts@example.org/api/users",
			"https://example.org/api/users", "ftp://example.org/api/posts", "api/posts", "*")},
		{"host-spelled-otherwise", "CVE-2022-23632 (Traefik): a host with a dot at its end misses its rules", "", []string{
			"GET / HTTP/1.1\nHost: example.org.\n\n", "GET / HTTP/1.1\nHost: EXAMPLE.ORG\n\n", "GET / HTTP/1.1\nHost: other.example\n\n", "GET / HTTP/1.1\nHost: 127.0.0.1:1\n\n",
			"GET / HTTP/1.1\nHost: example.org\nHost: other.example\n\n", "GET / HTTP/1.0\n\n", "GET / HTTP/1.1\nHost: example.org\nX-Forwarded-Host: localhost\n\n", "GET / HTTP/1.1\nHost:\n\n",
		}},
	}
}

func credentialAttacks() []Attack {
	return []Attack{
		{"authorization-twice", "one is checked, the other is used", "", each("", "/",
			"Authorization: {wrong}\nAuthorization: {good}", "Authorization: {good}\nAuthorization: {wrong}", "Authorization: {good}\nAuthorization: {good}", "Authorization: Bearer x\nAuthorization: {good}")},
		{"authorization-joined", "a list is read from one end or the other", "", each("", "/", "Authorization: {wrong}, {good}", "Authorization: {good}, {wrong}", "Authorization: Bearer x, {good}")},
		{"authorization-of-another-scheme", "unknown schemes must not be allowed", "", each("", "/", "Authorization: Bearer x", "Authorization: Basic", "Authorization: Basic ", "Authorization: ", "Authorization: Basic\tx", "Authorization: Negotiate x")},
		{"authorization-elsewhere", "headers that other programs read it from", "", each("", "/",
			"X-Authorization: {good}", "X-Forwarded-Authorization: {good}", "X-Original-Authorization: {good}", "Redirect-Http-Authorization: {good}", "Cookie: Authorization={good}", "X-Sparekey-Authorization: {good}")},
		{"authorization-in-the-address", "in the URL, as a browser has it", "", to("", "http://ann:x@example.org/", "/?Authorization={good}")},
		{"authorization-misspelled", "Authorization_ is none", "", each("", "/", "Authorization_: {good}", "HTTP_AUTHORIZATION: {good}", "Authorization : {good}")},
		{"exceptions-for-methods", "forward-auth that lets HEAD, OPTIONS or CORS preflight pass", "", []string{
			ask("OPTIONS", "/", "", "Origin: https://example.com", "Access-Control-Request-Method: DELETE"), ask("HEAD", "/", ""), ask("TRACE", "/", ""),
		}},
		{"exceptions-for-paths", "health checks, static files and the gateway's own addresses", "", to("", "/favicon.ico", "/robots.txt", "/.well-known/acme-challenge/x", "/ping", "/healthz", "/oauth2/auth", "/style.css", "/-/auth/nginx", "/-/auth/traefik", "/-/auth/caddy", "/-/auth/haproxy", "/-/auth/envoy", "/-/auth/envoy/", "/-/sparekey", "/sparekey", "/@sparekey_refused")},
		{"exceptions-for-websockets", "an upgrade that is not asked about", "wrong", []string{
			ask("GET", "/", "wrong", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
		}},
	}
}

func protocolAttacks() []Attack {
	return []Attack{
		{"h2c-smuggling", "Upgrade: h2c opens a connection past the checks", "good", []string{
			ask("GET", "/", "good", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
			ask("GET", "/", "good", "Connection: Upgrade", "Upgrade: websocket, h2c"),
		}},
		{"request-smuggling", "Content-Length against Transfer-Encoding", "", []string{
			ask("POST", "/", "", "Content-Length: 30", "Transfer-Encoding: chunked", "", "0", "", "GET / HTTP/1.1", "X: y", ""),
			ask("POST", "/", "wrong", "Content-Length: 6", "Content-Length: 5", "", "hello!"),
			ask("POST", "/", "wrong", "Transfer-Encoding: xchunked", "", "0", "", ""),
		}},
		{"connect", "a tunnel to wherever", "scoped", []string{
			"CONNECT 127.0.0.1:80 HTTP/1.1\nHost: 127.0.0.1:80\nAuthorization: {scoped}\n\n", "CONNECT /api/posts HTTP/1.1\nHost: example.org\nAuthorization: {scoped}\n\n",
		}},
		{"oversized", "what is too long is cut off", "", []string{
			ask("GET", "/?"+strings.Repeat("a", 100_000), ""), ask("GET", "/", "", "X-Long: "+strings.Repeat("a", 100_000)), ask("GET", "/", "wrong", "X-Long: "+strings.Repeat("a", 20_000)),
		}},
	}
}
