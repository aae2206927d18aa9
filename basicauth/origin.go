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

// isForgeable reports whether a page of another origin can have had a browser
// send this request with the login and password that were once typed into the
// browser's dialog: it came from such a page, can change something, and is of the
// kind that browsers send without asking first (Fetch standard, "no-CORS-safelisted
// request-header"). A script of another origin that sets Authorization by itself
// sends JSON, about which the browser does ask, and never gets leave to use what
// it remembers.
func isForgeable(r *http.Request, crossOrigin *http.CrossOriginProtection) bool {
	return r.Method == http.MethodPost && isSimple(r.Header.Get("Content-Type")) && crossOrigin.Check(r) != nil
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
