package basicauth

import (
	"net/http"

	"github.com/sparekey-dev/sparekey"
)

// requested is what a request asks for, as it was sent, whatever part of its path a
// router has cut off.
func requested(r *http.Request) sparekey.Request {
	target := r.RequestURI
	if target == "" { // of a request that was not received but made
		target = r.URL.RequestURI()
	}
	return sparekey.Request{Method: r.Method, Target: target}
}
