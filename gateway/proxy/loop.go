package proxy

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
)

// headerLoop is the header by which a proxy knows its own requests, however they
// come back to it (RFC 8586). Servers change nothing of an answer because of it, as
// some do because of Via.
const headerLoop = "Cdn-Loop"

// newLoopID returns the name of a Proxy in that header. Only applications learn it; clients
// that send it are refused, and gain nothing.
func newLoopID() string { return "sparekey-" + strings.ToLower(rand.Text()) }

// isLoop reports whether the Proxy with this name has forwarded the request before.
func isLoop(h http.Header, id string) bool {
	return slices.ContainsFunc(h[headerLoop], func(list string) bool {
		for name := range strings.SplitSeq(list, ",") {
			name, _, _ = strings.Cut(name, ";") // parameters follow
			if strings.TrimSpace(name) == id {
				return true
			}
		}
		return false
	})
}
