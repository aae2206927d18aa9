package proxy_test

import (
	"net/http/httptest"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T, site *gatewaytest.Site) gatewaytest.Front {
		server := httptest.NewUnstartedServer(proxy.New(site.Gateway, site.Application, proxy.Config{}))
		server.Config.ErrorLog = quiet()
		server.Start()
		t.Cleanup(server.Close)
		return gatewaytest.Front{Addr: server.Listener.Addr().String()}
	}
	gatewaytest.Run(t, start)
	t.Run("Optional", func(t *testing.T) { gatewaytest.RunOptional(t, start) })
}
