package rest

import (
	"net/http"

	"github.com/sparekey-dev/sparekey/basicauth"
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
	if basicauth.IsOrigin(origin) {
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Allow-Methods", "OPTIONS, GET, POST, PUT, PATCH, DELETE")
	}
}
