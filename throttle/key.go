package throttle

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// The kinds of keys.
const (
	kindSite uint8 = iota
	kindUnknown
	kindIPv4
	kindIPv6
)

// Key names what failures are counted by: the site, a network, or a login at a
// network. It has the same small size whatever was presented.
//
// A login is there as 24 bits of its hash: enough to tell the logins apart that
// are tried from one network, and too few to tell what was typed, which is a
// password now and then.
type Key struct {
	network uint64
	login   uint32 // 24 bits and isLogin, or 0 for all logins
	kind    uint8
}

const isLogin = 1 << 24

// String is the Key for a store that processes share. It is the same in all of
// them, and consists of lower-case letters, digits, dots, colons and slashes.
func (k Key) String() string {
	switch {
	case k.kind == kindSite:
		return "site"
	case k.login != 0:
		return fmt.Sprintf("login:%s:%06x", k.origin(), k.login&^isLogin)
	}
	return "address:" + k.origin()
}

// origin is the network of a Key as people write it.
func (k Key) origin() string {
	var bytes [16]byte
	binary.BigEndian.PutUint64(bytes[:], k.network)
	switch k.kind {
	case kindIPv4:
		return netip.AddrFrom4([4]byte(bytes[4:8])).String()
	case kindIPv6:
		return netip.PrefixFrom(netip.AddrFrom16(bytes), 64).String()
	}
	return "unknown"
}

// nat64 is the network in which an IPv6-only site sees callers who have only
// IPv4 (RFC 6052). All of the Internet is in one /64 there.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// networkKey is the Key of an address: the address itself for IPv4, and the /64
// for IPv6, all of which one customer has.
func networkKey(addr netip.Addr) Key {
	addr = addr.Unmap()
	bytes := addr.As16()
	switch {
	case !addr.IsValid():
		return Key{kind: kindUnknown}
	case addr.Is4() || nat64.Contains(addr.WithZone("")):
		return Key{kind: kindIPv4, network: uint64(binary.BigEndian.Uint32(bytes[12:]))}
	}
	return Key{kind: kindIPv6, network: binary.BigEndian.Uint64(bytes[:8])}
}

// withLogin is the Key of a login at the network k, whatever its case.
func (k Key) withLogin(login string) Key {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(login))))
	k.login = isLogin | binary.BigEndian.Uint32(sum[:])>>8
	return k
}
