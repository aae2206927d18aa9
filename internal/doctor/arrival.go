package doctor

import (
	"encoding/json"
	"net/http"
	"net/netip"

	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/clientip"
)

// Path is the route at which a server reports how a request arrived.
const Path = "/-/doctor"

// Arrival is how a request arrived. It has only what the caller and the proxies sent: no secret,
// no data of users, and no address of a private network.
type Arrival struct {
	Product       string `json:"product"`       // "sparekey"
	Secure        bool   `json:"secure"`        // the request came over TLS or from the same machine, as the server sees it
	Proto         string `json:"proto"`         // the last X-Forwarded-Proto: "https" (also wss), "http" (also ws), "other" or "absent"
	Authorization string `json:"authorization"` // "basic", "malformed", "other", "several" or "absent"
	Address       string `json:"address"`       // of the caller, if it is public; else "private", "loopback" or "unknown"
}

const product = "sparekey"

// Answer reports to callers how their requests arrived, as origin reads them.
func Answer(origin clientip.Resolver) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o := origin(r)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_ = json.NewEncoder(w).Encode(Arrival{ // a client that is gone needs no answer
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
