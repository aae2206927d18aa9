package gatewaytest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// twoCredentialAttacks send several credentials, or one that only some programs take for
// Basic.
func twoCredentialAttacks() []Attack {
	return []Attack{
		{"authorization-like-basic", "programs that search for Basic anywhere in the header, or take what begins alike for it", "", each("", "/",
			"Authorization: X{good}", "Authorization: Bearer {good}", "Authorization: Bearer x;{good}", "Authorization: Bearer\t{good}", "Authorization: x-{good}",
			"Authorization: [{good}]", "Authorization: Digest realm=\"{good}\"", "Authorization: \xc2\xa0{good}", "Authorization: Bearer x\nAuthorization: Bearer {good}")},
		{"authorization-wrong-beside-proxy-authorization", "a wrong credential that another one is to make good", "", each("", "/",
			"Authorization: {wrong}\nProxy-Authorization: {good}", "Proxy-Authorization: {good}\nAuthorization: {wrong}", "Authorization: {expired}\nProxy-Authorization: {good}",
			"Authorization: Basic\nProxy-Authorization: {good}", "Authorization: X{wrong}\nProxy-Authorization: {good}",
			"Proxy-Authorization: {wrong}", "Authorization: Bearer x\nProxy-Authorization: {wrong}", "Proxy-Authorization: {wrong}, {good}", "Proxy-Authorization: Basic")},
		{"proxy-authorization-beside-authorization", "one Basic credential is checked, and the application may obey the other", "good", each("", "/api/posts",
			"Authorization: {good}\nProxy-Authorization: {wrong}", "Authorization: {good}\nProxy-Authorization: {scoped}", "Proxy-Authorization: {scoped}\nAuthorization: {good}",
			"Authorization: {good}\nProxy-Authorization: X{scoped}", "Authorization: {good}\nConnection: Proxy-Authorization\nProxy-Authorization: {scoped}")},
		{"scope-by-proxy-authorization", "limits count in whichever header the credential is", "scoped", []string{
			ask("GET", "/api/users", "", "Proxy-Authorization: {scoped}"), ask("GET", "/api/users", "", "Proxy-Authorization: {scoped}", "Authorization: Bearer x"),
			ask("POST", "/api/posts", "", "Proxy-Authorization: {scoped}", "Content-Length: 0"), ask("GET", "/api/posts/../users", "", "Authorization: Bearer x", "Proxy-Authorization: {scoped}"),
			ask("GET", "/api/posts", "", "Proxy-Authorization: {scoped}", "X-Original-URL: /api/users"),
		}},
	}
}

// ownAuthorization sends what is the application's own in Authorization, with the
// application password in Proxy-Authorization.
func (s *Site) ownAuthorization(t *testing.T, front Front) {
	for name, own := range map[string]string{
		"nothing": "", "a Bearer token": "Bearer eyJhbGciOiJub25lIn0.e30.x_-", "a token that is written otherwise": "token gho_16C7e42F292c6912E7710",
		"Digest": `Digest username="ann", realm="r"`, "no scheme": "0123456789abcdef",
	} {
		t.Run(name, func(t *testing.T) {
			request := "GET /about HTTP/1.1\nHost: example.org\nProxy-Authorization: {good}\n"
			var want []string
			if own != "" {
				request += "Authorization: " + own + "\n"
				want = []string{own}
			}
			a := s.send(t, front, request+"\n")
			if a.Seen == nil {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			s.checkIdentity(t, "good", a.Seen)
			if got := dropEmpty(a.Seen.values("Authorization")); !slices.Equal(got, want) {
				t.Errorf("the application got Authorization %q, want %q", got, want)
			}
		})
	}
}

// ownAuthorizationAlone is ownAuthorization for anonymous requests.
func (s *Site) ownAuthorizationAlone(t *testing.T, front Front) {
	const own = "Bearer eyJhbGciOiJub25lIn0.e30.x_-"
	a := s.send(t, front, "GET /about HTTP/1.1\nHost: example.org\nAuthorization: "+own+"\n\n")
	if a.Seen == nil || a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	s.checkNobody(t, a.Seen)
	if got := a.Seen.values("Authorization"); !slices.Equal(got, []string{own}) {
		t.Errorf("the application got Authorization %q", got)
	}
}

// checkNoCredential looks for an application password where applications look for one.
func (s *Site) checkNoCredential(t testing.TB, seen *Seen) {
	t.Helper()
	for _, h := range slices.Concat(seen.Header, seen.Trailer) {
		name := fold(h[0])
		if name == "AUTHORIZATION" && strings.Contains(strings.ToLower(h[1]), "basic") || name == "PROXY_AUTHORIZATION" && h[1] != "" {
			t.Errorf("%s %s: the application got %q", seen.Method, seen.Target, h)
		}
	}
}

// dropEmpty drops empty values: those that take the place of a client's.
func dropEmpty(values []string) []string {
	return slices.DeleteFunc(values, func(value string) bool { return value == "" })
}
