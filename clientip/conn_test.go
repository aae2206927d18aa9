package clientip_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/sparekey-dev/sparekey/clientip"
)

func TestFromConn(t *testing.T) {
	t.Parallel()
	at := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 4711} }
	for _, c := range []struct {
		remote net.Addr
		isTLS  bool
		addr   string // "" is unknown
		secure bool
	}{
		{at("192.0.2.7"), false, "192.0.2.7", false},
		{at("192.0.2.7"), true, "192.0.2.7", true},
		{at("::ffff:192.0.2.7"), true, "192.0.2.7", true},
		{at("127.0.0.1"), false, "127.0.0.1", true},
		{at("::1"), false, "::1", true},
		{&net.UnixAddr{Name: "/run/app.sock", Net: "unix"}, false, "", false},
		{&net.UnixAddr{Name: "127.0.0.1", Net: "unix"}, false, "", false},
		{nil, true, "", true},
		{nil, false, "", false},
	} {
		var want netip.Addr
		if c.addr != "" {
			want = netip.MustParseAddr(c.addr)
		}
		if got := clientip.FromConn(c.remote, c.isTLS); got != (clientip.Origin{Addr: want, Secure: c.secure}) {
			t.Errorf("%v, TLS %v: got %+v", c.remote, c.isTLS, got)
		}
	}
}
