package basicauth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/loginname"
)

const scheme = "Basic"

// usualLength is how many bytes a login and a secret usually have together at most. Longer
// ones only cost an allocation.
const usualLength = 128

// Parse reads a login and a secret from the value of an Authorization header (RFC 7617). It
// accepts careless headers whose meaning is certain: the scheme in any case, several spaces,
// missing or superfluous padding, and other characters between the letters and digits of the
// secret. The first colon ends the login. It refuses what programs read in two ways, such as
// a NUL byte or two values joined by a comma.
//
// A login that is not valid UTF-8 is read as ISO 8859-1, which RFC 7617 (appendix B.3) leaves
// to clients that do not know the charset of the challenge. Logins are returned in
// normalization form C, without blanks and invisible characters around them.
//
// presented is false where the header is empty or has another scheme, which says nothing
// about application passwords. The error is an [*sparekey.AuthError] with
// [sparekey.ReasonMalformed].
func Parse(header string) (login string, secret sparekey.Secret, presented bool, err error) {
	token, presented := cutScheme(header)
	if !presented {
		return "", sparekey.Secret{}, false, nil
	}
	token = strings.TrimRight(strings.Trim(token, " "), "=")
	decoded := make([]byte, usualLength)
	if n := base64.RawStdEncoding.DecodedLen(len(token)); n > usualLength {
		decoded = make([]byte, n)
	}
	n, err := base64.RawStdEncoding.Decode(decoded, []byte(token))
	if err != nil && strings.Contains(token, ",") {
		return "", sparekey.Secret{}, true, several()
	}
	if err != nil {
		return "", sparekey.Secret{}, true, malformed()
	}
	plain := string(decoded[:n])
	login, password, ok := strings.Cut(plain, ":")
	if !ok || strings.IndexByte(plain, 0) >= 0 {
		return "", sparekey.Secret{}, true, malformed()
	}
	if !utf8.ValidString(login) {
		login = loginname.FromLatin1(login)
	}
	return loginname.Clean(login), sparekey.ParseSecret(password), true, nil
}

// cutScheme returns what follows the scheme, if that is Basic. A scheme that
// goes on with anything but a space or the end, such as a tab, is taken as a
// malformed Basic rather than as another scheme when it begins with that word.
func cutScheme(header string) (token string, ok bool) {
	header = strings.TrimLeft(header, " ")
	if len(header) < len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	token = header[len(scheme):]
	return token, token == "" || !isTokenChar(token[0])
}

// isTokenChar reports whether c can go on the name of a scheme (RFC 9110, token).
func isTokenChar(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// fromRequest is Parse for a request. Two Authorization headers are refused if
// one of them is Basic: which of them counts would depend on who reads them.
func fromRequest(r *http.Request) (login string, secret sparekey.Secret, presented bool, err error) {
	values := r.Header["Authorization"]
	if len(values) == 1 {
		return Parse(values[0])
	}
	for _, v := range values {
		if _, ok := cutScheme(v); ok {
			return "", sparekey.Secret{}, true, several()
		}
	}
	return "", sparekey.Secret{}, false, nil
}

// ErrSeveral is the [sparekey.AuthError.Err] of a request with several credentials, as
// where a program and a proxy each add one, in headers of their own or joined on the way
// (RFC 9110, section 5.3). It is for people.
var ErrSeveral = errors.New("The request has several Authorization headers. Send one, with your login and an application password.") //nolint:staticcheck,revive // a sentence

func several() error { return &sparekey.AuthError{Reason: sparekey.ReasonMalformed, Err: ErrSeveral} }

// ErrNotPresented says that a request carries no Basic credential. It matches
// [sparekey.ErrUnauthenticated], and is an [*sparekey.AuthError] with
// [sparekey.ReasonMalformed].
var ErrNotPresented error = notPresentedError{}

type notPresentedError struct{}

func (notPresentedError) Error() string { return "the request carries no application password" }

// Unwrap returns a refusal of its own each time, which a caller may change.
func (notPresentedError) Unwrap() error { return malformed() }

func malformed() error { return &sparekey.AuthError{Reason: sparekey.ReasonMalformed} }
