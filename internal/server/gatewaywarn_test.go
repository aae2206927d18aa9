package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/config"
)

// TestGatewayWarnings wants a warning of settings by which WordPress would not know who
// sends a request, or which have no effect, and none of others.
func TestGatewayWarnings(t *testing.T) {
	t.Parallel()
	const site, own, behind = "wordpress://u:p@127.0.0.1/wp", "sparekey.db", "http://127.0.0.1:8088"
	no := false
	for name, c := range map[string]struct {
		settings config.GatewaySettings
		database string
		want     string // "" for no warning
	}{
		"WordPress on its database":           {config.GatewaySettings{Upstream: behind}, site, ""},
		"neither Authorization nor signature": {config.GatewaySettings{Upstream: behind, ForwardAuthorization: &no}, site, "WordPress will refuse every application password"},
		"WordPress on another database":       {config.GatewaySettings{Upstream: behind, UpstreamKind: "wordpress"}, own, "WordPress cannot tell who sends a request"},
		"with the plugin, and no key":         {config.GatewaySettings{Upstream: behind, UpstreamKind: "wordpress-plugin"}, own, "WordPress cannot tell who sends a request"},
		"with the plugin and a key":           {config.GatewaySettings{Upstream: behind, UpstreamKind: "wordpress-plugin", SigningKey: "k"}, own, ""},
		"WordPress behind a proxy that asks":  {config.GatewaySettings{UpstreamKind: "wordpress", UpstreamIndex: behind}, own, ""},
		"another application":                 {config.GatewaySettings{Upstream: behind}, own, ""},
		"an index of another application":     {config.GatewaySettings{Upstream: behind, UpstreamIndex: behind}, own, "--upstream-index has no effect"},
		"an index, and WordPress's database":  {config.GatewaySettings{Upstream: behind, UpstreamIndex: behind}, site, ""},
		"an index, where the plugin is":       {config.GatewaySettings{UpstreamKind: "wordpress-plugin", UpstreamIndex: behind}, own, ""},
	} {
		var log bytes.Buffer
		inFrontOf(c.settings).warn(c.database, slog.New(slog.NewTextHandler(&log, nil)))
		if got := log.String(); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// inFrontOf is a server with these settings.
func inFrontOf(settings config.GatewaySettings) *server {
	return &server{Server: config.Server{GatewaySettings: settings}}
}
