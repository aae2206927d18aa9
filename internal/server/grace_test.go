package server

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/internal/config"
)

// TestWordPressIdentity is about the ways in which WordPress learns who is asking:
// which of them know the secret from before a rotation, and which none at all.
func TestWordPressIdentity(t *testing.T) {
	t.Parallel()
	const wordpress = "wordpress://wp:x@127.0.0.1/wp"
	yes, no := true, false
	for name, c := range map[string]struct {
		settings config.GatewaySettings
		database string
		refused  bool // the secret from before a rotation
		warned   bool
	}{
		"checks again":          {config.GatewaySettings{Upstream: "http://a"}, wordpress, true, false},
		"checks again, as told": {config.GatewaySettings{Upstream: "http://a", ForwardAuthorization: &yes}, wordpress, true, false},
		"believes, and checks":  {config.GatewaySettings{Upstream: "http://a", SigningKey: "key"}, wordpress, false, false},
		"believes":              {config.GatewaySettings{Upstream: "http://a", SigningKey: "key", ForwardAuthorization: &no}, wordpress, false, false},
		"gets nothing":          {config.GatewaySettings{Upstream: "http://a", ForwardAuthorization: &no}, wordpress, false, true},
		"not behind it":         {config.GatewaySettings{}, wordpress, false, false},
		"not WordPress":         {config.GatewaySettings{Upstream: "http://a", ForwardAuthorization: &yes}, "sparekey.db", false, false},
	} {
		var log bytes.Buffer
		inFrontOf(c.settings).warn(c.database, slog.New(slog.NewTextHandler(&log, nil)))
		if warned := strings.Contains(log.String(), "--no-forward-authorization"); warned != c.warned || !c.warned && log.Len() > 0 {
			t.Errorf("%s: the log says %q", name, log.String())
		}
		if inFrontOf(c.settings).checkedTwice(c.database) != c.refused {
			t.Errorf("%s: checked twice is %v", name, !c.refused)
		}
		for _, old := range []bool{false, true} {
			why := ""
			if refuse := inFrontOf(c.settings).refuses(c.database); refuse != nil {
				why = refuse(httptest.NewRequest(http.MethodGet, "/", nil), gateway.Decision{Identity: sparekey.Identity{OldSecret: old}})
			}
			if (why != "") != (old && c.refused) {
				t.Errorf("%s, old secret %v: %q", name, old, why)
			}
		}
	}
}
