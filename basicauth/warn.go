package basicauth

import (
	"net/http"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// The headers of an answer that warn the sender of an application password. Their values are
// times (RFC 3339, UTC).
const (
	// HeaderExpires is when the application password expires. It is sent from
	// [sparekey.ExpiryNotice] before that time.
	HeaderExpires = "Sparekey-Expires"
	// HeaderOldSecret says that the secret is the one from before a rotation, and
	// until when it is accepted: [sparekey.Identity.OldSecretUntil].
	HeaderOldSecret = "Sparekey-Old-Secret-Until"
)

// Warn sets the headers that warn the sender of an identity's application password. Require
// and Optional do so already.
func Warn(h http.Header, id sparekey.Identity) {
	if !id.UpcomingExpiry.IsZero() {
		h.Set(HeaderExpires, id.UpcomingExpiry.UTC().Format(time.RFC3339))
	}
	if !id.OldSecretUntil.IsZero() {
		h.Set(HeaderOldSecret, id.OldSecretUntil.UTC().Format(time.RFC3339))
	}
}
