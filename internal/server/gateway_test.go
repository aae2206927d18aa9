package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/internal/config"
)

// TestProfile is about the profile that the settings choose.
func TestProfile(t *testing.T) {
	t.Parallel()
	const wordpress = "wordpress://wp:x@127.0.0.1/wp"
	for _, c := range []struct {
		settings config.GatewaySettings
		database string
		blocks   bool // XML-RPC, as in front of WordPress only
	}{
		{config.GatewaySettings{}, wordpress, true},
		{config.GatewaySettings{UpstreamXmlrpc: true}, wordpress, false},
		{config.GatewaySettings{UpstreamKind: "generic"}, wordpress, false},
		{config.GatewaySettings{}, "sparekey.db", false},
		{config.GatewaySettings{UpstreamKind: "wordpress"}, "sparekey.db", true},
		{config.GatewaySettings{UpstreamKind: "wordpress-plugin"}, "sparekey.db", true},
	} {
		profile := inFrontOf(c.settings).profile(c.database, nil)
		asked := &upstream.Request{Method: "POST", Target: "/xmlrpc.php", Body: upstream.NewBody(httptest.NewRequest(http.MethodPost, "/", http.NoBody))}
		if got := profile.Blocked(asked) != ""; got != c.blocks {
			t.Errorf("%+v with %s: blocks XML-RPC is %v", c.settings, c.database, got)
		}
	}
	for kind, want := range map[string][2]bool{"generic": {false, false}, "php": {true, false}, "rails": {false, true}} {
		s := config.GatewaySettings{UpstreamKind: kind}
		profile := inFrontOf(s).profile("sparekey.db", nil)
		for i, header := range []http.Header{{"Content-Type": {"application/json"}}, {}} {
			reader := upstream.Reader{Profile: profile, Request: upstream.Request{Method: "POST", Target: "/a", Header: header}}
			if got := len(reader.Readings(true).All) > 1; got != want[i] {
				t.Errorf("%s: a body with %v that is not seen may name a method: %v", kind, header, got)
			}
		}
	}
	for want, s := range map[string]config.GatewaySettings{
		"": {}, "http://127.0.0.1:1/?rest_route=/": {Upstream: "http://127.0.0.1:1/"}, "http://x/wp-json/": {Upstream: "http://127.0.0.1:1", UpstreamIndex: "http://x/wp-json/"},
		"http://localhost/?rest_route=/": {Upstream: "unix:/run/app.sock"}, "http://127.0.0.1:2/?rest_route=/": {Upstream: "h2c://127.0.0.1:2"},
	} {
		if got, _ := inFrontOf(s).index(); got != want {
			t.Errorf("%+v: the index is at %q, want %q", s, got, want)
		}
	}
}
