package gateway

import (
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// namespace begins the name of every header that is Sparekey's alone to set.
const namespace = "X-Sparekey-"

// HeaderSignature holds the signature of the other identity headers; see [Signer].
const HeaderSignature = namespace + "Signature"

// fields is the one table of the headers that tell an application who is asking.
// Their order is that of the signed lines.
var fields = [...]struct {
	name  string // as http.CanonicalHeaderKey has it
	value func(sparekey.Identity) string
}{
	{namespace + "User", func(id sparekey.Identity) string { return escape(id.User.Login) }},
	{namespace + "User-Id", func(id sparekey.Identity) string { return escape(id.User.ID) }},
	{namespace + "Roles", func(id sparekey.Identity) string { return list(slices.Values(id.User.Roles)) }},
	{namespace + "Credential", func(id sparekey.Identity) string { return escape(id.Credential.UUID) }},
	{namespace + "Scopes", func(id sparekey.Identity) string { return list(id.Credential.Limits.Scopes.All()) }},
}

// identity is the values of fields, and of the signature last.
type identity [len(fields) + 1]string

// IdentityHeaders returns the names of all headers that [Gateway.SetIdentity] may
// set, for the proxies that have to be told which ones to pass on.
func IdentityHeaders() []string {
	names := make([]string, 0, len(identity{}))
	for _, f := range fields {
		names = append(names, f.name)
	}
	return append(names, HeaderSignature)
}

// StripIdentity removes from a client's headers whatever an application could take for
// one that says who is asking: Sparekey's own, and those of other gateways (see
// [UsualIdentityHeaders]), however they are written. Many an application cannot tell
// X_Sparekey_User or X-Sparekey.User from the real one, since CGI and its heirs (PHP,
// WSGI, Rack) write all of them HTTP_X_SPAREKEY_USER.
func StripIdentity(h http.Header) {
	for name := range h {
		if isUsualIdentity(name) {
			delete(h, name)
		}
	}
}

// isIdentity reports whether a header's name begins as those of Sparekey do, if
// every character that is not a letter or a digit is taken for a hyphen.
func isIdentity(name string) bool { return hasFolded(name, namespace) }

// hasFolded reports whether a header's name begins with prefix for those who take
// every character that is not a letter or a digit for a hyphen.
func hasFolded(name, prefix string) bool {
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if upstream.Fold(name[i]) != upstream.Fold(prefix[i]) {
			return false
		}
	}
	return true
}

// list is the value of a header with several items: each escaped, with commas
// between them. Splitting at commas and percent-decoding gives the items back.
func list(items iter.Seq[string]) string {
	var b strings.Builder
	for item := range items {
		b.WriteByte(',')
		writeEscaped(&b, item, ',')
	}
	return strings.TrimPrefix(b.String(), ",")
}

// escape makes a text fit for a header. Percent-decoding gives the text back.
func escape(text string) string {
	var b strings.Builder
	writeEscaped(&b, text, '%')
	return b.String()
}

// writeEscaped percent-encodes all of a text that is not printable ASCII, the percent
// sign itself, the character also, and spaces at the ends, which would be lost on the
// way.
func writeEscaped(b *strings.Builder, text string, also byte) {
	const hex = "0123456789ABCDEF"
	b.Grow(len(text))
	for i := range len(text) {
		c := text[i]
		lost := c == ' ' && (i == 0 || i == len(text)-1)
		if c < ' ' || c > '~' || c == '%' || c == also || lost {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
}

// HeaderText makes a text for people fit for a header, in which only printable
// ASCII is certain to arrive: anything else becomes a question mark.
func HeaderText(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text)
}
