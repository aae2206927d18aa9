package throttle

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/loginname"
	"github.com/sparekey-dev/sparekey/internal/network"
)

// Kind says which secrets failures are of. Each kind has its own counts, so that failures of
// one kind never use up the allowance of another.
type Kind uint8

// The kinds.
const (
	ApplicationPassword Kind = iota // cannot be guessed; a right one always passes
	SignIn                          // a main password at the sign-in page
)

func (k Kind) String() string {
	if k == SignIn {
		return "sign-in"
	}
	return "application password"
}

// The origins of failures.
const (
	originSite uint8 = iota
	originUnknown
	originIPv4
	originIPv6
)

// Key names what failures are counted by: the site, a network, or a login at a network, and
// their Kind. It always has the same small size.
//
// A login is kept as 24 bits of a hash: enough to tell the logins apart that are tried from
// one network, and too few to reveal what was typed, which sometimes is a password.
type Key struct {
	network uint64
	login   uint32 // 24 bits and isLogin, or 0 for all logins
	origin  uint8
	bits    uint8 // length of the prefix, of IPv6 only
	kind    Kind
}

const isLogin = 1 << 24

// signInPrefix begins the texts of all keys of sign-ins.
const signInPrefix = "sign-in:"

// String is the Key for a store that processes share. It is the same in all of them, and consists
// of lower-case letters, digits, dots, colons, hyphens and slashes. ParseKey reads it.
func (k Key) String() string {
	prefix := ""
	if k.kind == SignIn {
		prefix = signInPrefix
	}
	switch {
	case k.origin == originSite:
		return prefix + "site"
	case k.login != 0:
		var login [4]byte
		binary.BigEndian.PutUint32(login[:], k.login)
		return prefix + "login:" + k.from() + ":" + hex.EncodeToString(login[1:])
	}
	return prefix + "address:" + k.from()
}

var errNoKey = errors.New("this is not a key of the throttle")

// ParseKey reads the text of a Key.
func ParseKey(text string) (Key, error) {
	var k Key
	rest, isSignIn := strings.CutPrefix(text, signInPrefix)
	if isSignIn {
		k.kind = SignIn
	}
	if rest == "site" {
		return k, nil
	}
	from, isAddress := strings.CutPrefix(rest, "address:")
	if !isAddress {
		end := strings.LastIndexByte(rest, ':')
		login, err := hex.DecodeString(rest[end+1:])
		if !strings.HasPrefix(rest, "login:") || end < len("login:") || err != nil || len(login) != 3 {
			return Key{}, errNoKey
		}
		from = rest[len("login:"):end]
		k.login = isLogin | uint32(login[0])<<16 | uint32(login[1])<<8 | uint32(login[2])
	}
	if from == "unknown" {
		k.origin = originUnknown
		return k, nil
	}
	addr, err := netip.ParseAddr(from)
	if prefix, prefixErr := netip.ParsePrefix(from); prefixErr == nil && prefix.Addr().Is6() {
		k.origin, k.bits = originIPv6, uint8(prefix.Bits()) //nolint:gosec // at most 128
		bytes := prefix.Addr().As16()
		k.network = binary.BigEndian.Uint64(bytes[:8])
		return k, nil
	}
	if err != nil || !addr.Is4() {
		return Key{}, errNoKey
	}
	bytes := addr.As4()
	k.origin, k.network = originIPv4, uint64(binary.BigEndian.Uint32(bytes[:]))
	return k, nil
}

// from is the network of a Key as people write it.
func (k Key) from() string {
	if p := k.prefix(); p.IsValid() {
		if k.origin == originIPv4 {
			return p.Addr().String()
		}
		return p.String()
	}
	return "unknown"
}

// prefix is the network of a Key, or the zero Prefix where it has none.
func (k Key) prefix() netip.Prefix {
	var bytes [16]byte
	binary.BigEndian.PutUint64(bytes[:], k.network)
	switch k.origin {
	case originIPv4:
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(bytes[4:8])), 32)
	case originIPv6:
		return netip.PrefixFrom(netip.AddrFrom16(bytes), int(k.bits))
	}
	return netip.Prefix{}
}

// levels are the lengths of the IPv6 prefixes that are counted, and how many times the allowance
// of one address each has. One customer has a /64 at least, and often a /56 or a /48 (RFC 6177).
var levels = [...]struct {
	bits  uint8
	times int
}{{64, 1}, {56, 4}, {48, 16}}

// networks are the Keys of an address: the address itself for IPv4, and a prefix of each level for
// IPv6. count says how many there are.
func networks(kind Kind, addr netip.Addr) (keys [len(levels)]Key, count int) {
	addr = network.Canonical(addr)
	bytes := addr.As16()
	switch {
	case !addr.IsValid():
		keys[0] = Key{kind: kind, origin: originUnknown}
		return keys, 1
	case addr.Is4():
		keys[0] = Key{kind: kind, origin: originIPv4, network: uint64(binary.BigEndian.Uint32(bytes[12:]))}
		return keys, 1
	}
	prefix := binary.BigEndian.Uint64(bytes[:8])
	for i, level := range levels {
		masked := prefix >> (64 - level.bits) << (64 - level.bits)
		keys[i] = Key{kind: kind, origin: originIPv6, network: masked, bits: level.bits}
	}
	return keys, len(levels)
}

// networkKey is the Key of an address: the narrowest of networks.
func networkKey(kind Kind, addr netip.Addr) Key {
	keys, _ := networks(kind, addr)
	return keys[0]
}

// Network returns the key by which callers are counted: an IPv4 address, or the first address
// of the /64 of an IPv6 address, all of which one customer has. The invalid address stays
// invalid.
func Network(addr netip.Addr) netip.Addr { return network.Of(addr) }

// withLogin is the Key of a login at the network k: of the user if userID names one, and
// otherwise of the login as it was presented, ignoring case.
func (k Key) withLogin(login, userID string) Key {
	text := "l" + normalise(login)
	if userID != "" {
		text = "u" + userID
	}
	sum := sha256.Sum256([]byte(text))
	k.login = isLogin | binary.BigEndian.Uint32(sum[:])>>8
	return k
}

func normalise(login string) string { return loginname.Key(login) }
