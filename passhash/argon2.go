package passhash

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The most that a stored argon2 hash may ask for. PHP's default is 64 MiB, 4 passes and 1
// lane, with 16 bytes of salt and a tag of 32; the largest settings in common use,
// libsodium's "moderate", are 256 MiB and 3 passes. The format itself allows 4 TiB and 2^32
// passes.
const (
	argon2MaxMemory = 256 * 1024 // KiB
	argon2MaxPasses = 16
	argon2MaxLanes  = 16
	argon2MinSalt   = 8 // bytes, the least the reference implementation takes
	argon2MaxSalt   = 64
	argon2MinTag    = 16 // bytes; shorter ones could be matched by chance
	argon2MaxTag    = 64
	argon2MinLane   = 8 // KiB of memory that each lane needs (RFC 9106, section 3.1)
)

// Argon2id returns a new hash of password in PHC string format, for passwords
// that people choose: argon2id (RFC 9106) with 19 MiB of memory, 2 passes and 1
// lane, the settings OWASP recommends, a random salt of 16 bytes and a tag of 32.
// Hashing the same password again gives another string.
//
// Passwords longer than 4096 bytes are not worth hashing: [Verify] refuses them.
func Argon2id(password string) string {
	salt := make([]byte, argon2Salt)
	rand.Read(salt) // documented never to fail
	settings := argon2Settings{variant: "argon2id", memory: argon2Memory, passes: argon2Passes, lanes: 1, salt: salt, tagBytes: argon2Tag}
	return settings.hash(password)
}

func verifyArgon2(hash, password string) bool {
	settings, ok := parseArgon2(hash)
	return ok && equal(hash, settings.hash(password))
}

// argon2Settings are everything in an argon2 hash but its tag.
type argon2Settings struct {
	variant  string // argon2i or argon2id
	memory   uint32 // KiB
	passes   uint32
	lanes    uint8
	salt     []byte
	tagBytes int
}

// parseArgon2 reads the settings of a PHC string. It may let misspellings pass,
// such as leading zeros: the hash made from the settings will not have them.
func parseArgon2(hash string) (argon2Settings, bool) {
	fields := strings.SplitN(hash, "$", 6) // nothing, variant, version, costs, salt, tag
	if len(fields) != 6 {
		return argon2Settings{}, false
	}
	s := argon2Settings{variant: fields[1], tagBytes: base64.RawStdEncoding.DecodedLen(len(fields[5]))}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &s.memory, &s.passes, &s.lanes); err != nil {
		return argon2Settings{}, false
	}
	salt, err := base64.RawStdEncoding.DecodeString(fields[4])
	s.salt = salt
	return s, err == nil && s.valid()
}

func (s argon2Settings) valid() bool {
	return (s.variant == "argon2i" || s.variant == "argon2id") &&
		within(s.lanes, 1, argon2MaxLanes) &&
		within(s.memory, argon2MinLane*uint32(s.lanes), argon2MaxMemory) &&
		within(s.passes, 1, argon2MaxPasses) &&
		within(len(s.salt), argon2MinSalt, argon2MaxSalt) &&
		within(s.tagBytes, argon2MinTag, argon2MaxTag)
}

func within[T uint8 | uint32 | int](n, low, high T) bool {
	return low <= n && n <= high
}

// hash writes the PHC string of password. The version is always 1.3 (0x13): PHP
// never wrote another.
func (s argon2Settings) hash(password string) string {
	return fmt.Sprintf("$%s$v=%d$m=%d,t=%d,p=%d$%s$%s", s.variant, argon2.Version, s.memory, s.passes, s.lanes,
		base64.RawStdEncoding.EncodeToString(s.salt), base64.RawStdEncoding.EncodeToString(s.tag(password)))
}

func (s argon2Settings) tag(password string) []byte {
	key := argon2.IDKey
	if s.variant == "argon2i" {
		key = argon2.Key
	}
	return key([]byte(password), s.salt, s.passes, s.memory, s.lanes, uint32(s.tagBytes)) //nolint:gosec // the tag is bounded
}
