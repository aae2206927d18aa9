package passhash

import (
	"crypto/md5"
	"slices"
	"strings"

	"github.com/go-crypt/x/base64"
)

const (
	phpassPrefix   = "$P$"
	phpassLength   = 34
	phpassAlphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

	// The format allows 2^7 to 2^30 rounds. WordPress wrote 2^13; the limit here is
	// 32 times that, about two seconds for the longest password.
	phpassMinLog2Rounds = 7
	phpassMaxLog2Rounds = 18
	phpassLog2Rounds    = 13 // of new ones
)

// Phpass returns a new portable phpass hash of password, as WordPress wrote them
// before 6.8: for what such a site has to verify, and nothing else. Hashing the
// same password again gives another string.
func Phpass(password string) string {
	salt := randomCrypt(8)
	return phpassPrefix + phpassAlphabet[phpassLog2Rounds:phpassLog2Rounds+1] + salt + phpassDigest(salt, password, 1<<phpassLog2Rounds)
}

// verifyPhpass checks a portable phpass hash: the prefix, one character for the
// rounds, eight of salt and 22 of digest.
func verifyPhpass(hash, password string) bool {
	if len(hash) != phpassLength {
		return false
	}
	setting, salt := hash[:12], hash[4:12]
	log2Rounds := strings.IndexByte(phpassAlphabet, hash[3])
	if log2Rounds < phpassMinLog2Rounds || log2Rounds > phpassMaxLog2Rounds {
		return false
	}
	return equal(hash, setting+phpassDigest(salt, password, 1<<log2Rounds))
}

// phpassDigest hashes salt and password once, then digest and password again in each round.
func phpassDigest(salt, password string, rounds int) string {
	digest := md5.Sum([]byte(salt + password))
	message := slices.Concat(digest[:], []byte(password))
	for range rounds {
		digest = md5.Sum(message)
		copy(message, digest[:])
	}
	return string(base64.EncodeCrypt(digest[:]))
}
