package sparekey

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"

	"github.com/sparekey-dev/sparekey/passhash"
)

const (
	secretLength   = 24 // characters; of 62 each, so some 143 bits
	secretAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	chunkLength    = 4
	redacted       = "[redacted]"
)

// Secret is the plaintext of an application password. It prints as
// "[redacted]" through fmt, slog, JSON and every other text encoding; only
// [Secret.Reveal] and [Secret.Chunked] give it away. The zero Secret is empty
// and matches nothing.
type Secret struct{ plain string }

// NewSecret makes a secret of 24 letters and digits, each drawn uniformly from
// the operating system's cryptographic source.
func NewSecret() Secret {
	// A byte below unbiased maps to each letter equally often; others are drawn again.
	const unbiased = 256 - 256%len(secretAlphabet)
	plain := make([]byte, 0, secretLength)
	var random [2 * secretLength]byte
	for len(plain) < secretLength {
		rand.Read(random[:]) // never fails, as it documents
		for _, b := range random {
			if int(b) < unbiased && len(plain) < secretLength {
				plain = append(plain, secretAlphabet[int(b)%len(secretAlphabet)])
			}
		}
	}
	return Secret{string(plain)}
}

// ParseSecret reads a secret as people and programs write it: everything
// outside A-Z, a-z and 0-9 is dropped (spaces and dashes between the groups,
// line ends, stray bytes), and case counts.
func ParseSecret(s string) Secret {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) {
			return Secret{dropOthers(s)}
		}
	}
	return Secret{s}
}

func dropOthers(s string) string {
	kept := make([]byte, 0, len(s))
	for i := range len(s) {
		if isAlphanumeric(s[i]) {
			kept = append(kept, s[i])
		}
	}
	return string(kept)
}

// alphanumeric has a bit for each of A-Z, a-z and 0-9.
//
//nolint:gochecknoglobals // a constant, if there were such arrays
var alphanumeric = [4]uint64{0x03ff_0000_0000_0000, 0x07ff_fffe_07ff_fffe}

// isAlphanumeric does not branch on c, of which a processor foresees nothing if it is
// of a random secret.
func isAlphanumeric(c byte) bool { return alphanumeric[c/64]>>(c%64)&1 == 1 }

// Reveal returns the plaintext without spaces.
func (s Secret) Reveal() string { return s.plain }

// Chunked returns the plaintext in groups of four, as it is shown to people:
// "abcd EFGH 1234 ijkl MNOP 5678".
func (s Secret) Chunked() string {
	var b strings.Builder
	for i := 0; i < len(s.plain); i += chunkLength {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s.plain[i:min(i+chunkLength, len(s.plain))])
	}
	return b.String()
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.plain == "" }

// Hash returns the $generic$ hash under which the secret is stored. Equal
// secrets have equal hashes, so a Store can look a secret up by it.
func (s Secret) Hash() string { return passhash.Generic(s.plain) }

// Matches reports whether hash, in any format that passhash knows, is of this
// secret. The empty secret matches nothing.
func (s Secret) Matches(hash string) bool {
	return !s.IsZero() && passhash.Verify(hash, s.plain)
}

// Format prints "[redacted]" for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// LogValue logs "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText encodes "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
