package network_test

import (
	"net/netip"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/network"
	"github.com/sparekey-dev/sparekey/throttle"
)

// TestOf wants one answer from every package that tells callers apart.
func TestOf(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"192.0.2.7":                "192.0.2.7",
		"::ffff:192.0.2.7":         "192.0.2.7",
		"2001:db8:1:2:3:4:5:6":     "2001:db8:1:2::",
		"2001:db8:1:2::":           "2001:db8:1:2::",
		"fe80::1%eth0":             "fe80::",
		"::1":                      "::",
		"255.255.255.255":          "255.255.255.255",
		"64:ff9b::192.0.2.7":       "192.0.2.7", // NAT64
		"ffff:ffff:ffff:ffff::ff1": "ffff:ffff:ffff:ffff::",
	} {
		if got := network.Of(netip.MustParseAddr(addr)); got != netip.MustParseAddr(want) {
			t.Errorf("%s: %v, want %s", addr, got, want)
		}
		if got := throttle.Network(netip.MustParseAddr(addr)); got != netip.MustParseAddr(want) {
			t.Errorf("throttle, %s: %v, want %s", addr, got, want)
		}
	}
	if got := network.Of(netip.Addr{}); got.IsValid() {
		t.Errorf("the invalid address: %v", got)
	}
}
