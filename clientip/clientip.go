// Package clientip determines where a request came from: the caller's address, and whether
// the request crossed a network in the clear.
//
// Any sender can write headers such as X-Forwarded-For, so nothing here guesses. Each
// function names the trust decision that it makes:
//
//	clientip.FromPeer                    // no proxy: the connection itself
//	clientip.FromForwardedFor(proxies…)  // X-Forwarded-For of these proxies alone
//	clientip.FromHeader(name, proxies…)  // one header that these proxies set
//	clientip.FromConn(remote, isTLS)     // a connection without HTTP
//
// None of them changes the request.
package clientip

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Origin is where a request came from.
type Origin struct {
	// Addr is the caller's address, an IPv4 one never in its IPv6-mapped form, or the zero
	// Addr if it is unknown.
	Addr netip.Addr
	// Secure says that the request came over TLS, or did not leave the machine.
	Secure bool
	// Scheme is the one that the caller used, such as "https", or "" if it is unknown. It is
	// "https" or "http" for a WebSocket's handshake, too.
	Scheme string
}

// Resolver tells where a request came from. It is safe for concurrent use.
type Resolver func(r *http.Request) Origin

// FromPeer believes the connection alone. It is a Resolver. The one header that
// counts is an X-Forwarded-Proto from this machine that says the request came in
// the clear: then the peer is a proxy that was not named, and not the caller.
func FromPeer(r *http.Request) Origin {
	addr := peer(r)
	if r.TLS != nil {
		return Origin{Addr: addr, Secure: true, Scheme: "https"}
	}
	return Origin{Addr: addr, Secure: addr.IsLoopback() && ForwardedScheme(r.Header) != "http", Scheme: "http"}
}

// FromConn believes a connection that does not carry HTTP, such as one of gRPC. remote is the
// address at its other end, and isTLS says that it is encrypted. The Scheme is unknown. An address
// of another kind than IP, such as that of a Unix socket, is unknown, and the connection then
// secure only with TLS.
func FromConn(remote net.Addr, isTLS bool) Origin {
	addr := netip.Addr{}
	if ip, ok := remote.(interface{ AddrPort() netip.AddrPort }); ok { // of TCP or UDP
		addr = ip.AddrPort().Addr().Unmap().WithZone("")
	}
	return Origin{Addr: addr, Secure: isTLS || addr.IsLoopback()}
}

// IsPeerIn returns a function that reports whether a request's peer, at the other
// end of the connection, is in one of the networks. Headers do not matter.
func IsPeerIn(networks ...netip.Prefix) func(r *http.Request) bool {
	named := set(networks)
	return func(r *http.Request) bool { return named.contain(peer(r)) }
}

// ForwardedScheme is the scheme that the nearest proxy saw, by the last entry of the
// last X-Forwarded-Proto, in lower case; "" where no entry says so. Traefik writes
// "wss" for a WebSocket's handshake over TLS and "ws" for one in the clear: such a
// handshake is an HTTP request (RFC 6455, section 1.3), so these are "https" and
// "http". Whether the header may be believed is for a [Resolver] to say.
func ForwardedScheme(h http.Header) string {
	protos := list(h["X-Forwarded-Proto"])
	if len(protos) == 0 {
		return ""
	}
	switch scheme := strings.ToLower(protos[len(protos)-1]); scheme {
	case "wss":
		return "https"
	case "ws":
		return "http"
	default:
		return scheme
	}
}

// FromForwardedFor believes the X-Forwarded-For and X-Forwarded-Proto headers
// of requests whose peer is one of the proxies. It reads X-Forwarded-For from
// the right, where the nearest proxy wrote, and takes the first address that is
// not a proxy. Requests of all other peers are seen as FromPeer sees them.
func FromForwardedFor(proxies ...netip.Prefix) Resolver {
	trusted := set(proxies)
	return func(r *http.Request) Origin {
		if !trusted.contain(peer(r)) {
			return FromPeer(r)
		}
		return forwarded(r, trusted.clientOf(r.Header.Values("X-Forwarded-For")))
	}
}

// FromHeader trusts one header, such as X-Real-IP, and X-Forwarded-Proto, of requests whose
// peer is one of the proxies. The proxies must overwrite the header that a caller sends.
// Requests of all other peers are treated as FromPeer treats them.
func FromHeader(name string, proxies ...netip.Prefix) Resolver {
	trusted := set(proxies)
	return func(r *http.Request) Origin {
		if !trusted.contain(peer(r)) {
			return FromPeer(r)
		}
		values := r.Header.Values(name)
		if len(values) != 1 {
			return forwarded(r, netip.Addr{}) // none, or one that was smuggled past the proxy
		}
		return forwarded(r, parse(values[0]))
	}
}

// forwarded is the origin of a request that a trusted proxy forwarded for addr. The proxy's
// word on the scheme counts. Without it, the request is as secure as the connection from the
// proxy, and the caller's scheme is unknown.
func forwarded(r *http.Request, addr netip.Addr) Origin {
	if scheme := ForwardedScheme(r.Header); scheme != "" {
		return Origin{Addr: addr, Secure: scheme == "https", Scheme: scheme}
	}
	return Origin{Addr: addr, Secure: addr.IsLoopback()}
}

// peer is the address at the other end of the connection.
func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// set is a set of networks.
type set []netip.Prefix

func (s set) contain(addr netip.Addr) bool {
	for _, p := range s {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// clientOf returns the rightmost address of X-Forwarded-For that is not in s. It stops at an
// entry that is not an address: the caller may have invented everything to the left of it.
func (s set) clientOf(values []string) netip.Addr {
	entries := list(values)
	var addr netip.Addr
	for i := len(entries) - 1; i >= 0; i-- {
		addr = parse(entries[i])
		if !s.contain(addr) {
			return addr
		}
	}
	return addr // every hop is a proxy: the farthest is the caller
}

// list splits the values of a header that is a comma-separated list.
func list(values []string) []string {
	var out []string
	for _, v := range values {
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.TrimSpace(item); item != "" {
				out = append(out, item)
			}
		}
	}
	return out
}

// parse reads an address, also with a port or in brackets, as proxies write it.
func parse(s string) netip.Addr {
	if addr, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return addr.Unmap().WithZone("")
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}
