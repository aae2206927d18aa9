package throttle

import "net/netip"

// NetworkKey is what an address is counted by.
func NetworkKey(addr netip.Addr) Key { return networkKey(addr) }

// LoginKey is what a login at an address is counted by.
func LoginKey(addr netip.Addr, login string) Key { return networkKey(addr).withLogin(login) }
