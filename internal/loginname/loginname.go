// Package loginname says when two spellings of a login are the same login.
//
// Programs and keyboards write one login in several ways: macOS sends letters and
// their accents apart, and a copied text may begin or end with characters that cannot
// be seen. Every part that reads, stores or counts logins uses this package, so that
// all of them agree.
package loginname

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/sparekey-dev/sparekey/internal/visible"
)

// Clean returns a login as it is stored and shown: in Unicode's normalization form C,
// without blanks and invisible characters at either end. Those within it stay, since
// some scripts need them. NUL stays as well, so that a login with one is nowhere
// found. A login that is not valid UTF-8 keeps its other bytes.
func Clean(login string) string {
	if isPlain(login) {
		return login
	}
	// The form C of what is trimmed may begin with another character: so it is made first.
	return strings.TrimFunc(norm.NFC.String(login), func(c rune) bool { return c != 0 && visible.IsInvisible(c) })
}

// Key returns the text by which logins and e-mail addresses are compared: equal for
// spellings that differ in case, in the form of their letters, or in what [Clean] drops.
func Key(login string) string {
	login = strings.ToLower(Clean(login))
	if isPlain(login) {
		return login
	}
	return norm.NFC.String(login) // a lower-case letter may have been made of several
}

// Compose returns the login in normalization form C.
func Compose(login string) string { return norm.NFC.String(login) }

// Decomposed returns the login in normalization form D, as macOS writes it.
func Decomposed(login string) string { return norm.NFD.String(login) }

// FromLatin1 reads bytes as ISO 8859-1, each of which is the character of that number.
func FromLatin1(bytes string) string {
	text := make([]rune, len(bytes))
	for i := range len(bytes) {
		text[i] = rune(bytes[i])
	}
	return string(text)
}

// isPlain reports whether Clean has nothing to do: as a rule.
func isPlain(login string) bool {
	for i := range len(login) {
		if login[i] <= ' ' && (login[i] < ' ' || i == 0 || i == len(login)-1) || login[i] >= 0x7f {
			return false
		}
	}
	return true
}
