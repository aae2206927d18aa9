package wordpress_test

import (
	"testing"

	"github.com/sparekey-dev/sparekey/store/wordpress"
	"github.com/sparekey-dev/sparekey/storetest"
)

func TestThrottle(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	storetest.RunThrottle(t, func(t *testing.T) storetest.ThrottleStore {
		return server.newSite(t, singleSite).open(wordpress.Config{})
	})
}
