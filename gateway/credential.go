package gateway

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
)

const (
	headerAuthorization      = "Authorization"
	headerProxyAuthorization = "Proxy-Authorization"
)

// The credential of a request is the one value of the scheme Basic (RFC 7617): in
// Authorization, or, where that is absent or of another scheme, in Proxy-Authorization.
// So a client of an application that has an Authorization of its own, such as a Bearer
// token, can send both. Basic values in both headers are refused, since the application
// may obey the one that was not checked.

// credentialed returns the request of which Authorization has the credential: r itself or
// a copy. Its error refuses what is ambiguous.
func credentialed(r *http.Request) (*http.Request, error) {
	proxied := r.Header[headerProxyAuthorization]
	if len(proxied) == 0 || !slices.ContainsFunc(proxied, isBasic) {
		return r, nil
	}
	if slices.ContainsFunc(r.Header[headerAuthorization], mayBeBasic) {
		return nil, errTwoCredentials
	}
	c := r.WithContext(r.Context())
	c.Header = make(http.Header, len(r.Header))
	for name, values := range r.Header {
		c.Header[name] = values
	}
	c.Header[headerAuthorization] = proxied
	return c, nil
}

var (
	errTwoCredentials = sparekey.Refuse(sparekey.ReasonMalformed,
		"Send one Basic credential, in Authorization or in Proxy-Authorization, not in both.")
	errLooksBasic = sparekey.Refuse(sparekey.ReasonMalformed,
		"Applications may take this Authorization for Basic, and it is not well formed. "+
			"Send your login and an application password with Basic authentication.")
)

// isBasic reports whether a value is one that package basicauth judges, right or wrong.
func isBasic(value string) bool {
	_, _, presented, err := basicauth.Parse(value)
	return presented || err != nil
}

// looksBasic reports whether the application may take the Authorization of a request, in
// which Sparekey has found no Basic credential, for one.
func looksBasic(r *http.Request) bool {
	return slices.ContainsFunc(r.Header[headerAuthorization], mayBeBasic)
}

// mayBeBasic reports whether a program may take a value for one of the scheme Basic. Many
// search for "Basic" and a blank anywhere, or for values that begin with the word,
// whatever follows, and some take a "ſ" for an "s". So what counts is each part of the
// value between characters that neither a token68 (RFC 9110, section 11.2) nor the name
// of a scheme has, and whether it begins or ends with that word in any case. A token has
// such a part only by a chance of one in millions.
func mayBeBasic(value string) bool {
	const word = "basic"
	folded := strings.ToLower(strings.ToUpper(value))
	for part := range strings.FieldsFuncSeq(folded, func(c rune) bool { return !isTokenChar(c) }) {
		part = strings.TrimFunc(part, func(c rune) bool { return !isLetter(c) })
		if strings.HasPrefix(part, word) || strings.HasSuffix(part, word) {
			return true
		}
	}
	return false
}

func isLetter(c rune) bool { return 'a' <= c && c <= 'z' }

func isTokenChar(c rune) bool {
	return isLetter(c) || '0' <= c && c <= '9' || c < 0x80 && strings.ContainsRune("-._~+/=", c)
}

// StripCredential removes from the headers of an allowed request what is for Sparekey:
// an Authorization that is Basic, and Proxy-Authorization. An Authorization of another
// scheme, such as Bearer, is the application's.
func StripCredential(h http.Header) {
	delete(h, headerProxyAuthorization)
	if slices.ContainsFunc(h[headerAuthorization], mayBeBasic) {
		delete(h, headerAuthorization)
	}
}

// ForwardCredential leaves the Basic credential of an allowed request, whose headers were those
// of client, in the headers h for an application that checks it again. One in
// Proxy-Authorization, which is between client and proxy, is moved to Authorization, unless the
// application has an Authorization of its own.
func ForwardCredential(h, client http.Header) {
	delete(h, headerProxyAuthorization)
	proxied := client[headerProxyAuthorization]
	isEmpty := !slices.ContainsFunc(h[headerAuthorization], func(value string) bool { return value != "" })
	if isEmpty && len(proxied) == 1 && isBasic(proxied[0]) {
		h[headerAuthorization] = proxied
	}
}
