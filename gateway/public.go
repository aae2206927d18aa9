package gateway

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/scope"
)

// Public says which requests need no credential. The zero Public is none of them.
type Public struct {
	// Requests are rules about methods and paths. A request is public if they cover every
	// reading of it (see package upstream), and is not public where that cannot be told.
	Requests scope.List

	// Bundles are those that Requests may name.
	Bundles scope.Bundles

	// Networks are those from which every request is public. A caller whose address is
	// not known is in none. The empty Networks are none, not everywhere.
	Networks sparekey.Networks

	// Observe is called with an event of the kind [sparekey.KindPublic], without a time,
	// for each request that is allowed by these rules. Default: it is not called.
	Observe func(ctx context.Context, e sparekey.Event)
}

// Covers reports whether a request from addr, which an application reads by profile,
// needs no credential, as far as its request line tells: of a form, the fields matter, too.
func (p *Public) Covers(r sparekey.Request, addr netip.Addr, profile upstream.Profile) bool {
	return p.covers(addr, &upstream.Reader{Profile: profile, Request: upstream.Request{Method: r.Method, Target: r.Target}})
}

func (p *Public) covers(addr netip.Addr, reader *upstream.Reader) bool {
	if p.Networks != "" && addr.IsValid() && p.Networks.Contains(addr) {
		return true
	}
	if !p.mayCover(&reader.Request) { // before a body is read for it
		return false
	}
	readings := reader.Readings(true)
	if readings.Unclear != "" || len(readings.All) == 0 {
		return false
	}
	for _, reading := range readings.All {
		if _, ok := p.Requests.Covers(reading, p.Bundles); !ok {
			return false
		}
	}
	return true
}

// mayCover reports whether the request line alone is covered.
func (p *Public) mayCover(r *upstream.Request) bool {
	if p.Requests == "" { // which covers nothing here
		return false
	}
	line, ok := r.Line()
	if ok {
		_, ok = p.Requests.Covers(line, p.Bundles)
	}
	return ok
}

// tell reports a request that is allowed by these rules.
func (p *Public) tell(r *http.Request, origin clientip.Origin) {
	if p.Observe == nil {
		return
	}
	p.Observe(r.Context(), sparekey.Event{
		Kind: sparekey.KindPublic, Addr: origin.Addr, Rule: RulePublic,
		Request: sparekey.Request{Method: r.Method, Target: r.RequestURI},
	})
}
