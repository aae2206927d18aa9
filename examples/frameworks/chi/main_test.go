package main

import (
	"testing"

	"github.com/sparekey-dev/sparekey/examples/frameworks/internal/routertest"
)

func TestRouter(t *testing.T) {
	t.Parallel()
	routertest.Run(t, bundles(), router)
}
