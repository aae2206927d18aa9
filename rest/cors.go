package rest

import (
	"net/http"
	"net/url"
	"strings"
)

// setCORS lets scripts of other sites read answers, as WordPress does, but never
// with credentials of the browser's own: a script has to bring an application
// password itself.
func setCORS(header http.Header, origin string) {
	header.Set("Access-Control-Expose-Headers", "X-WP-Total, X-WP-TotalPages, Link")
	header.Set("Access-Control-Allow-Headers", "Authorization, X-WP-Nonce, Content-Disposition, Content-MD5, Content-Type")
	if origin == "" {
		return
	}
	header.Set("Vary", "Origin")
	if isOrigin(origin) {
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Allow-Methods", "OPTIONS, GET, POST, PUT, PATCH, DELETE")
	}
}

// isOrigin reports whether text is an origin as browsers send it (RFC 6454,
// section 6.2): "null", or a scheme and a host and nothing else.
func isOrigin(text string) bool {
	if text == "null" {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && u.Host != "" && u.User == nil &&
		strings.EqualFold(text, u.Scheme+"://"+u.Host)
}
