package forwardauth_test

import (
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/internal/testproc"
)

// TestScriptsCanReadRefusals has scripts of another origin refused, by each real proxy:
// browsers let them read the answer (Fetch standard, section 4.10), so that they see its
// status and for how long to wait.
func TestScriptsCanReadRefusals(t *testing.T) {
	t.Parallel()
	for name, start := range realFronts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := gatewaytest.NewSite(t)
			front := start(t, site)
			reasons := map[string]string{
				"wrong": "wrong_secret", "expired": "expired", "scoped": "out_of_scope", "networked": "out_of_network", "throttled": "throttled",
			}
			for as, status := range map[string]int{
				"": http.StatusUnauthorized, "wrong": http.StatusUnauthorized, "expired": http.StatusUnauthorized,
				"scoped": http.StatusForbidden, "networked": http.StatusForbidden, "throttled": http.StatusTooManyRequests, "broken": http.StatusServiceUnavailable,
			} {
				request := "GET /api/users HTTP/1.1\nHost: example.org\nSec-Fetch-Mode: cors\n"
				if as != "" {
					request += "Authorization: {" + as + "}\n"
				}
				for _, origin := range []string{"https://app.example", "http://localhost:5173"} {
					a := site.Send(t, front, request+"Origin: "+origin+"\n\n")
					if reason := a.Header.Get("Sparekey-Reason"); reason != reasons[as] {
						t.Errorf("%q from %s: the reason is %q", as, origin, reason)
					}
					if a.Status != status || !canRead(a.Header, origin) {
						t.Errorf("%q from %s: %d %v", as, origin, a.Status, a.Header)
					}
					isExposed := strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), "Retry-After")
					if isBroken := status == http.StatusServiceUnavailable; !isExposed && !isBroken {
						t.Errorf("%q from %s: exposed are %q", as, origin, a.Header.Values("Access-Control-Expose-Headers"))
					}
				}
				if a := site.Send(t, front, request+"\n"); a.Status != status || len(a.Header.Values("Access-Control-Allow-Origin")) > 0 {
					t.Errorf("%q of no script: %d %v", as, a.Status, a.Header)
				}
			}
			if a := site.Send(t, front, "GET /api/users HTTP/1.1\nHost: example.org\nAuthorization: {good}\nOrigin: https://app.example\n\n"); a.Seen == nil || len(a.Header.Values("Access-Control-Allow-Origin")) > 0 {
				t.Errorf("the application's own answer: %d %v", a.Status, a.Header)
			}
		})
	}
}

// TestScriptsCanReadThatNothingAnswers has nginx ask where nothing listens.
func TestScriptsCanReadThatNothingAnswers(t *testing.T) {
	t.Parallel()
	program := testproc.Program(t, remedy, "nginx")
	site := gatewaytest.NewSite(t)
	front := starting(gatewaytest.Front{}, func(t *testing.T, site *gatewaytest.Site, dir, addr string) *exec.Cmd {
		return nginxCommand(t, program, dir, "include "+nginxExample(t, site, dir, addr, map[string]string{"127.0.0.1:8080": "127.0.0.1:1"})+";")
	})(t, site)
	const request = "GET / HTTP/1.1\nHost: example.org\nAuthorization: {good}\n"
	if a := site.Send(t, front, request+"Origin: https://app.example\n\n"); a.Status != http.StatusServiceUnavailable || !canRead(a.Header, "https://app.example") {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	if a := site.Send(t, front, request+"Origin: *\n\n"); a.Status != http.StatusServiceUnavailable || len(a.Header.Values("Access-Control-Allow-Origin")) > 0 {
		t.Errorf("an Origin that is none: %d %v", a.Status, a.Header)
	}
}

// canRead reports whether a browser lets a script of an origin read an answer to a request
// without the browser's own credentials, and no cache gives it to another origin's.
func canRead(h http.Header, origin string) bool {
	allowed := h.Values("Access-Control-Allow-Origin")
	varies := slices.ContainsFunc(h.Values("Vary"), func(line string) bool { return strings.Contains(strings.ToLower(line), "origin") })
	return len(allowed) == 1 && allowed[0] == origin && varies && len(h.Values("Access-Control-Allow-Credentials")) == 0
}
