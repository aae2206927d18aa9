package basicauth

import (
	"net/http"
	"strings"
)

// A sender is what sent a request, as far as it matters for the challenge of a 401
// (RFC 9110, section 11.6.1).
type sender int

const (
	// program is everything that is not a browser. Many programs send a credential only
	// after a challenge: wget, curl --anyauth, .NET, PowerShell, Java.
	program sender = iota
	// page is a browser that opens a page because a person asked for it.
	page
	// script is a browser that asks on behalf of a page that is open already: by script,
	// for a picture, in a frame. With a challenge it would ask the person for a login, over
	// a page that has nothing to do with that and cannot prevent it.
	script
)

// senderOf tells what sent a request. Browsers say so themselves in Sec-Fetch-* (Fetch
// Metadata Request Headers, section 2), since 2023 all of them, but under https and on
// this machine alone. Elsewhere what only browsers send has to do: X-Requested-With of
// scripts and web views, Origin, and for a page the media type of XHTML. Accept alone
// says too little: programs ask for HTML or for JSON as well.
func senderOf(h http.Header) sender {
	mode, dest := h.Get("Sec-Fetch-Mode"), h.Get("Sec-Fetch-Dest")
	switch {
	case h.Get("X-Requested-With") != "":
		return script
	case mode == "navigate" && (dest == "" || dest == "document"):
		return page
	case mode != "" || dest != "" || h.Get("Sec-Fetch-Site") != "":
		return script
	case strings.Contains(h.Get("Accept"), "application/xhtml+xml"):
		return page
	case h.Get("Origin") != "" || h.Get("X-Wp-Nonce") != "":
		return script
	case h.Get("Referer") != "" && h.Get("Cookie") != "":
		return script
	}
	return program
}

// Challenge sets WWW-Authenticate on a 401 to a request, or leaves it out where it would only
// make a browser ask a user for a login. Only this function decides that: Fail calls it, and
// so must every other program part that answers 401.
func (g *Guard) Challenge(h http.Header, r *http.Request) {
	switch sender := senderOf(r.Header); {
	case sender == script, sender == page && g.config.NoDialog:
	default:
		h.Set("WWW-Authenticate", g.challenge)
	}
}
