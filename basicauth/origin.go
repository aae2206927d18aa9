package basicauth

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/sparekey-dev/sparekey"
)

// ErrCrossOrigin refuses a request that a page of another origin may have had the
// browser send. It matches [sparekey.ErrForbidden].
var ErrCrossOrigin = fmt.Errorf("a page of another origin had the browser send this: %w", sparekey.ErrForbidden)

// crossOriginOf is the protection that trusts the origins of a configuration.
func crossOriginOf(origins []string) *http.CrossOriginProtection {
	p := http.NewCrossOriginProtection()
	for _, origin := range origins {
		if err := p.AddTrustedOrigin(origin); err != nil {
			panic(fmt.Sprintf("basicauth.New: Config.AllowOrigins: %v", err))
		}
	}
	return p
}

// isForgeable reports whether a page of another origin may have had a browser send this
// request with a login that the user once typed into the browser's dialog. Such a request
// comes from another origin's page, can change something, and is of the kind that browsers
// send without asking first (Fetch standard, "no-CORS-safelisted request-header"). A browser
// does ask first if a script adds Authorization itself, but the request does not show that.
//
// If no browser has a dialog at this origin, it remembers nothing. Then a script must have
// brought the credential itself, which only requests with the mode cors can carry.
func (g *Guard) isForgeable(r *http.Request) bool {
	if r.Method != http.MethodPost || !isSimple(r.Header.Get("Content-Type")) || g.crossOrigin.Check(r) == nil {
		return false
	}
	mode := r.Header.Get("Sec-Fetch-Mode")
	return !g.config.NoDialog || g.config.SharedOrigin || mode != "" && mode != "cors"
}

// isSimple reports whether a form can send a body of this type.
func isSimple(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case "", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
		return true
	}
	return false
}
