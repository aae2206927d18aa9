package doctor

import (
	"encoding/json"
	"net/http"
	"net/netip"

	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/clientip"
)

// Path is where a server tells a caller how the caller's own request arrived.
const Path = "/-/doctor"

// Seen is how a request arrived. It holds nothing but what its sender, and the
// proxies between, put into it: no secret, nothing about users, and no address of
// a private network.
type Seen struct {
	Product       string `json:"product"`       // "sparekey"
	Secure        bool   `json:"secure"`        // the server takes it to have come over TLS, or from its own machine
	Proto         string `json:"proto"`         // the last X-Forwarded-Proto: "https" (also wss), "http" (also ws), "other" or "absent"
	Authorization string `json:"authorization"` // "basic", "malformed", "other", "several" or "absent"
	Address       string `json:"address"`       // of the caller: itself if it is public, else "private", "loopback" or "unknown"
}

const product = "sparekey"

// Answer tells callers how their requests arrived. origin is what the server
// believes of them.
func Answer(origin clientip.Resolver) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o := origin(r)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_ = json.NewEncoder(w).Encode(Seen{ // a client that is gone needs no answer
			Product: product, Secure: o.Secure, Proto: proto(r.Header),
			Authorization: authorization(r.Header.Values("Authorization")), Address: address(o.Addr),
		})
	})
}

func proto(h http.Header) string {
	if len(h["X-Forwarded-Proto"]) == 0 {
		return "absent"
	}
	switch scheme := clientip.ForwardedScheme(h); scheme {
	case "https", "http":
		return scheme
	}
	return "other"
}

func authorization(values []string) string {
	switch len(values) {
	case 0:
		return "absent"
	case 1:
	default:
		return "several"
	}
	_, _, presented, err := basicauth.Parse(values[0])
	switch {
	case err != nil:
		return "malformed"
	case presented:
		return "basic"
	}
	return "other"
}

func address(addr netip.Addr) string {
	switch {
	case !addr.IsValid():
		return "unknown"
	case addr.IsLoopback():
		return "loopback"
	case addr.IsPrivate() || !addr.IsGlobalUnicast():
		return "private"
	}
	return addr.String()
}
