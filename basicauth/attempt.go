package basicauth

import (
	"net/http"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/clientip"
)

// AttemptFrom returns the attempt that [Guard.IdentifyFrom] makes, without making it. It is
// for callers that keep the attempt, to ask about it again with
// [sparekey.Service.Recheck]. presented is false where the request carries no Basic
// credential.
func (g *Guard) AttemptFrom(r *http.Request, origin clientip.Origin) (a sparekey.Attempt, presented bool, err error) {
	presented, err = g.read(&a, r, func(*http.Request) clientip.Origin { return origin }, forwarded)
	return a, presented, err
}
