package passhash

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// The settings of [Argon2id], which OWASP recommends.
const (
	argon2Memory = 19 * 1024 // KiB
	argon2Passes = 2
	argon2Salt   = 16 // bytes
	argon2Tag    = 32
)

// NewCost is the [Cost] of what [Argon2id] returns.
const NewCost = "$argon2id$m=19456,t=2,p=1"

// Cost names the work of checking a password against hash: two hashes have the same Cost if
// [Verify] does the same slow work for both, for any password. It is empty if Verify answers
// without slow work: for $generic$ and MD5, and for a hash that is malformed, unknown or
// costlier than Verify accepts.
func Cost(hash string) string {
	if IsGeneric(hash) || len(hash) <= md5Length {
		return ""
	}
	if strings.HasPrefix(hash, phpassPrefix) {
		return phpassCost(hash)
	}
	hash = strings.TrimPrefix(hash, wpPrefix) // hashing once before costs next to nothing
	switch {
	case strings.HasPrefix(hash, "$2"):
		return bcryptCost(hash)
	case strings.HasPrefix(hash, "$argon2"):
		s, ok := parseArgon2(hash)
		if !ok {
			return ""
		}
		return s.cost()
	case strings.HasPrefix(hash, md5CryptPrefix):
		if md5CryptFormat.MatchString(hash) {
			return md5CryptPrefix
		}
		return ""
	}
	return shaCryptCost(hash)
}

func phpassCost(hash string) string {
	if len(hash) != phpassLength {
		return ""
	}
	if log2Rounds := strings.IndexByte(phpassAlphabet, hash[3]); !within(log2Rounds, phpassMinLog2Rounds, phpassMaxLog2Rounds) {
		return ""
	}
	return hash[:4]
}

// bcryptCost is the same for all variants, which are the same work.
func bcryptCost(hash string) string {
	fields := bcryptFormat.FindStringSubmatch(hash)
	if fields == nil {
		return ""
	}
	if cost, err := strconv.Atoi(fields[2]); err != nil || !within(cost, bcryptMinCost, bcryptMaxCost) {
		return ""
	}
	return "$2y$" + fields[2] + "$"
}

func (s argon2Settings) cost() string {
	return fmt.Sprintf("$%s$m=%d,t=%d,p=%d", s.variant, s.memory, s.passes, s.lanes)
}

func shaCryptCost(hash string) string {
	fields := shaCryptFormat.FindStringSubmatch(hash)
	if fields == nil || strings.HasPrefix(fields[4], "rounds=") {
		return ""
	}
	rounds, ok := shaCryptRounds(fields[3])
	if !ok {
		return ""
	}
	return fmt.Sprintf("$%s$rounds=%d$", fields[2], rounds)
}

// Dummy returns a hash with a random salt and a random digest. No password is known to match
// it, and checking one takes the work that cost names. It lets a failure take the same time
// for any reason. cost comes from [Cost]; for any other text Dummy returns the empty string.
func Dummy(cost string) string {
	var dummy string
	switch {
	case strings.HasPrefix(cost, phpassPrefix):
		dummy = cost + randomCrypt(8+22)
	case strings.HasPrefix(cost, "$2y$"):
		dummy = cost + randomCrypt(21) + "." + randomCrypt(31)
	case strings.HasPrefix(cost, "$argon2"):
		dummy = argon2Dummy(cost)
	case strings.HasPrefix(cost, md5CryptPrefix):
		dummy = cost + randomCrypt(8) + "$" + randomCrypt(22)
	case strings.HasPrefix(cost, "$5$"):
		dummy = cost + randomCrypt(16) + "$" + randomCrypt(43)
	case strings.HasPrefix(cost, "$6$"):
		dummy = cost + randomCrypt(16) + "$" + randomCrypt(86)
	}
	if Cost(dummy) != cost {
		return ""
	}
	return dummy
}

func argon2Dummy(cost string) string {
	fields := strings.Split(cost, "$")
	if len(fields) != 3 {
		return ""
	}
	var random [argon2Salt + argon2Tag]byte
	rand.Read(random[:]) // documented never to fail
	return fmt.Sprintf("$%s$v=19$%s$%s$%s", fields[1], fields[2],
		base64.RawStdEncoding.EncodeToString(random[:argon2Salt]), base64.RawStdEncoding.EncodeToString(random[argon2Salt:]))
}

// randomCrypt returns n random characters of the alphabet that crypt(3) encodes with.
func randomCrypt(n int) string {
	random := make([]byte, n)
	rand.Read(random) // documented never to fail
	for i, b := range random {
		random[i] = phpassAlphabet[int(b)%len(phpassAlphabet)]
	}
	return string(random)
}

// NeedsRehash reports whether hash protects its password less than a new one of
// [Argon2id] would: it is in another format, or its memory, its work (memory times
// passes), its salt or its tag is smaller. One that protects better is not reported.
func NeedsRehash(hash string) bool {
	s, ok := parseArgon2(hash)
	return !ok || s.variant != "argon2id" ||
		s.memory < argon2Memory || uint64(s.memory)*uint64(s.passes) < argon2Memory*argon2Passes ||
		len(s.salt) < argon2Salt || s.tagBytes < argon2Tag
}
