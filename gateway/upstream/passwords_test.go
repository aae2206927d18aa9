package upstream_test

import (
	"io"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// TestUnreadablePasswords writes requests to the routes of application passwords in ways
// that programs read differently. They count as managing application passwords, so that
// a credential without limits is refused, too.
func TestUnreadablePasswords(t *testing.T) {
	t.Parallel()
	const users = "/wp/v2/users/me/application-passwords"
	for text, want := range map[string]bool{
		"POST /wp-json" + users:                                            true,
		"POST /wp-json//wp/v2/users/me/application-passwords":              true,
		"POST /wp-json/wp/v2/users/me/%2561pplication-passwords":           true,
		"POST /wp-json/x/../wp/v2/users/me/application-passwords":          true,
		"POST /?rest%5Froute=" + users:                                     true,
		"POST /?rest.route=" + users:                                       true,
		"POST /?rest_route=/wp/v2/users/me//application%2Dpasswords":       true,
		"DELETE /a?rest+route=" + users:                                    true,
		"GET /?rest_route=" + users + "&%5Fmethod=POST":                    true,
		"POST /a\nX-Original-URL: //wp-json" + users:                       true,
		"POST /a\nX_Rewrite-URL: /x/..%2f/wp-json/%61pplication-passwords": true,

		"POST /a\nX-Rewrite-URL: /?rest_route=" + users:             true,
		"GET /a\nX-Rewrite-URL: /wp-json" + users + "?_method=POST": true,

		"GET /wp-json//wp/v2/users/me/application-passwords": false,
		"GET /?rest%5Froute=" + users:                        false,
		"POST /wp-json//wp/v2/posts":                         false,
		"POST /?rest.route=/wp/v2/posts":                     false,
		"POST /a//b\nX-Note: application-passwords":          false,
	} {
		for kind, profile := range map[string]upstream.Profile{"generic": upstream.Generic(), "wordpress": upstream.WordPress(upstream.WordPressConfig{})} {
			r := request(t, text)
			asked := upstream.Request{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header}
			if got := (&upstream.Reader{Profile: profile, Request: asked}).ManagesPasswords(); got != want {
				t.Errorf("%s: %q manages application passwords: %v", kind, text, got)
			}
		}
	}
}

// TestMethodsInMultipartForms has an application with forms of its own keep them, where
// the credential has no scopes.
func TestMethodsInMultipartForms(t *testing.T) {
	t.Parallel()
	const text = "POST /posts/1\nContent-Type: multipart/form-data; boundary=x\n\n--x\r\nContent-Disposition: form-data; name=\""
	for field, want := range map[string][2]bool{"_method": {true, false}, "rest_route": {false, false}, "title": {true, true}} { // without scopes, with some
		for i, scoped := range []bool{false, true} {
			r := request(t, text+field+"\"\r\n\r\nPUT\r\n--x--\r\n")
			reader := upstream.Reader{Profile: upstream.Generic(), Request: upstream.Request{Method: r.Method, Target: r.RequestURI, Header: r.Header, Body: upstream.NewBody(r)}}
			reader.Readings(scoped)
			if _, err := io.ReadAll(r.Body); (err == nil) != want[i] {
				t.Errorf("%s, with scopes %v: %v", field, scoped, err)
			}
		}
	}
}
