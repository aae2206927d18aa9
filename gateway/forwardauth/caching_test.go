package forwardauth_test

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/internal/testproc"
)

// TestCacheInFront has nginx cache what package proxy answers, by addresses alone and
// also where the application says nothing, and looks for answers that reach another
// client than the one that they are for.
func TestCacheInFront(t *testing.T) {
	t.Parallel()
	program := testproc.Program(t, remedy, "nginx")
	site := gatewaytest.NewSite(t)
	behind := ownProxy(t, site)
	front := starting(gatewaytest.Front{}, func(t *testing.T, site *gatewaytest.Site, dir, addr string) *exec.Cmd {
		return nginxCommand(t, program, dir, `proxy_cache_path DIR/cache keys_zone=cache:1m;
	server {
		listen `+addr+` ssl;
		ssl_certificate `+site.Certificate.Cert+`; ssl_certificate_key `+site.Certificate.Key+`;
		location / {
			proxy_cache cache; proxy_cache_valid any 1m; proxy_cache_key $request_uri;
			add_header X-Cache $upstream_cache_status always;
			proxy_pass http://`+behind.Addr+`; proxy_set_header Host $host;
		}
	}`)
	})(t, site)
	for name, says := range map[string]string{
		"nothing": "X-Nothing: x", "public": "Cache-Control: public, max-age=60", "age": "Cache-Control: max-age=60", "varies": "Vary: Accept-Encoding", "expires": "Expires: Thu, 01 Dec 2044 16:00:00 GMT",
	} {
		t.Run(name, func(t *testing.T) {
			ask := func(authorization string) gatewaytest.Answer {
				return site.Send(t, front, "GET /"+name+" HTTP/1.1\nHost: example.org\n"+authorization+"X-Answer: "+says+"\nConnection: close\n\n")
			}
			for _, authorization := range []string{"Authorization: {good}\n", "Proxy-Authorization: {good}\n", "Proxy-Authorization: {good}\nAuthorization: Bearer x\n"} {
				if a := ask(authorization); a.Status != http.StatusOK || a.Seen == nil {
					t.Fatalf("%s: %d %s", authorization, a.Status, a.Body)
				}
				ask(authorization)
				for _, other := range []string{"", "Authorization: {wrong}\n", "Authorization: Bearer x\n", "Proxy-Authorization: {wrong}\n"} {
					if a := ask(other); a.Status != http.StatusUnauthorized || a.Seen != nil {
						t.Errorf("after %q, %q gets %d %s", authorization, other, a.Status, a.Body)
					}
				}
				if a := ask("Authorization: {expiring}\n"); a.Seen == nil || !strings.Contains(a.Body, "00000000-0000-4000-8000-expiring0000") {
					t.Errorf("after %q, another user gets %d %s", authorization, a.Status, a.Body)
				}
			}
			if hit := ask("Authorization: {good}\n").Header.Get("X-Cache"); (hit == "HIT") != (name == "public" || name == "age") {
				t.Errorf("the cache says %s", hit)
			}
		})
	}
}
