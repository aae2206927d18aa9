// Package network says which addresses belong to one caller.
package network

import "net/netip"

// bits is how much of an IPv6 address names the network of one customer, who has all of
// its addresses (RFC 6177).
const bits = 64

// nat64 is the prefix by which IPv6-only networks reach IPv4 (RFC 6052). Many callers share it,
// each with an IPv4 address.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Canonical returns an address in the one form by which callers are told apart: IPv4 where
// IPv6 stands for it, and without a zone.
func Canonical(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.IsValid() && nat64.Contains(addr) {
		bytes := addr.As16()
		return netip.AddrFrom4([4]byte(bytes[12:]))
	}
	return addr
}

// Of returns what callers are told apart by: an IPv4 address, or the first address of the
// /64 of an IPv6 address, in canonical form. The invalid address stays invalid.
func Of(addr netip.Addr) netip.Addr {
	if addr = Canonical(addr); addr.Is6() {
		return netip.PrefixFrom(addr, bits).Masked().Addr()
	}
	return addr
}
