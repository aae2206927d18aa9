package passhash

import (
	"encoding/base64"
	"hash"
	"strings"
	"sync"

	"golang.org/x/crypto/blake2b"
)

const (
	genericPrefix = "$generic$"
	genericKey    = "wp_fast_hash_6.8+"
	genericBytes  = 30 // digest length; base64 makes it 40 characters, unpadded
	genericLength = len(genericPrefix) + genericBytes/3*4
)

// Generic returns the $generic$ hash of password, 49 bytes long: BLAKE2b keyed
// with WordPress's published key (RFC 7693), 30 bytes of digest, base64url.
//
// It is unsalted and deterministic, so the hash of a presented password can be
// looked up in an index. It takes well under a microsecond, so it protects only
// passwords too random to be guessed; for those that people choose use [Argon2id].
func Generic(password string) string {
	h := genericHashers.Get().(*genericHasher)
	defer genericHashers.Put(h)
	return h.hash(password)
}

// IsGeneric reports whether hash is in the $generic$ format, which means that a
// password is checked against it by looking up [Generic] of that password. A
// hash in any other format must be tried with [Verify].
func IsGeneric(hash string) bool {
	return strings.HasPrefix(hash, genericPrefix)
}

// genericHashers spares every request the half kilobyte of a keyed BLAKE2b state.
var genericHashers = sync.Pool{New: func() any { return newGenericHasher() }}

// genericHasher holds what would otherwise escape to the heap on each call.
type genericHasher struct {
	blake2b hash.Hash
	chunk   [blake2b.BlockSize]byte
	digest  [genericBytes]byte
}

func newGenericHasher() *genericHasher {
	keyed, err := blake2b.New(genericBytes, []byte(genericKey))
	if err != nil {
		panic("passhash: " + err.Error()) // only for a digest or key length out of range, and both are constants
	}
	return &genericHasher{blake2b: keyed}
}

func (h *genericHasher) hash(password string) string {
	defer h.wipe()
	for rest := password; len(rest) > 0; {
		n := copy(h.chunk[:], rest)
		h.blake2b.Write(h.chunk[:n])
		rest = rest[n:]
	}
	h.blake2b.Sum(h.digest[:0])

	var text [genericLength]byte
	n := copy(text[:], genericPrefix)
	base64.RawURLEncoding.Encode(text[n:], h.digest[:])
	return string(text[:])
}

// wipe makes h ready for the next password and leaves nothing of the last one in the pool.
func (h *genericHasher) wipe() {
	h.blake2b.Reset()
	clear(h.chunk[:])
}
