// Package passhash makes and checks one-way hashes of passwords, in the formats
// WordPress writes or accepts:
//
//   - $generic$, what WordPress 6.8 and later write for application passwords: see [Generic]
//   - $P$, the portable phpass hash WordPress wrote before 6.8
//   - $wp$, a pre-hashed bcrypt, what WordPress 6.8 and later write for account passwords
//   - whatever PHP's password_verify knows: bcrypt, argon2i, argon2id and crypt(3) MD5, SHA-256, SHA-512
//   - the bare MD5 of WordPress's first years
//
// [Generic] is unsalted and fast, so it is fit for passwords drawn at random by
// the program and for nothing else. [Argon2id] is for passwords that people choose.
//
// A password is hashed byte for byte as given: trimming, Unicode normalisation
// and the removal of spaces are the caller's. All functions are safe for
// concurrent use.
package passhash

import (
	"crypto/subtle"
	"strings"
)

// maxPasswordBytes is the longest password WordPress checks against any format
// but $generic$ and MD5, to bound what an unauthenticated caller can make it hash.
const maxPasswordBytes = 4096

// Verify reports whether hash was made from password. The format is recognised
// in the order WordPress 7.1 recognises it; an empty, malformed or unknown hash
// matches no password. Except for $generic$ and MD5 hashes, neither does any
// hash match a password longer than 4096 bytes.
//
// A hash names its own cost, and a hash may come from an import or a plugin.
// One that asks for more work than any real site uses is treated as malformed.
// Within those bounds every format but $generic$ and MD5 is slow by design, up
// to a few seconds and 256 MiB for the costliest hash accepted: callers that
// serve strangers should bound how many run at once.
func Verify(hash, password string) bool {
	switch {
	case IsGeneric(hash):
		return equal(hash, Generic(password))
	case len(hash) <= md5Length:
		return equal(hash, md5Hash(password))
	case len(password) > maxPasswordBytes:
		return false
	case strings.HasPrefix(hash, wpPrefix):
		return verifyPHP(strings.TrimPrefix(hash, wpPrefix), wpPrehash(password))
	case strings.HasPrefix(hash, phpassPrefix):
		return verifyPhpass(hash, password)
	default:
		return verifyPHP(hash, password)
	}
}

// verifyPHP answers as PHP's password_verify does.
func verifyPHP(hash, password string) bool {
	switch {
	case strings.HasPrefix(hash, "$2"):
		return verifyBcrypt(hash, password)
	case strings.HasPrefix(hash, "$argon2"):
		return verifyArgon2(hash, password)
	case strings.HasPrefix(hash, md5CryptPrefix):
		return verifyMD5Crypt(hash, password)
	default:
		return verifySHACrypt(hash, password)
	}
}

// equal compares, in constant time, a stored hash with the one made again from
// the settings it names. Comparing whole strings, and not decoded digests, refuses every
// spelling of a hash other than the one its format prescribes.
func equal(stored, recomputed string) bool {
	return subtle.ConstantTimeCompare([]byte(stored), []byte(recomputed)) == 1
}
