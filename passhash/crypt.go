package passhash

import (
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-crypt/x/crypt"
)

const (
	md5CryptPrefix = "$1$"

	// The SHA crypt formats allow 1000 to 999,999,999 rounds and use 5000 when the
	// hash names none. The limit here is 40 times the usual, about two seconds for
	// the longest password.
	shaCryptDefaultRounds = 5000
	shaCryptMinRounds     = 1000
	shaCryptMaxRounds     = 200_000
)

// The crypt(3) formats as PHP accepts them: a salt may hold any character but
// the separator, and generators use what is printable.
var (
	md5CryptFormat = regexp.MustCompile(`^(\$1\$([ -#%-~]{0,8})\$)[./0-9A-Za-z]{22}$`)
	shaCryptFormat = regexp.MustCompile(`^(\$([56])\$(?:rounds=([1-9]\d*)\$)?([ -#%-~]{0,16})\$)[./0-9A-Za-z]{43,86}$`)
)

func verifyMD5Crypt(stored, password string) bool {
	fields := md5CryptFormat.FindStringSubmatch(stored)
	if fields == nil {
		return false
	}
	setting, salt := fields[1], fields[2]
	digest := crypt.KeyMD5Crypt([]byte(cString(password)), []byte(salt))
	return equal(stored, setting+string(digest))
}

func verifySHACrypt(stored, password string) bool {
	fields := shaCryptFormat.FindStringSubmatch(stored)
	if fields == nil {
		return false
	}
	setting, salt := fields[1], fields[4]
	rounds, ok := shaCryptRounds(fields[3])
	if !ok || strings.HasPrefix(salt, "rounds=") { // a rounds field that is itself malformed reads as salt
		return false
	}
	digest := crypt.KeySHACrypt(shaCryptHash(fields[2]), []byte(cString(password)), []byte(salt), rounds)
	return equal(stored, setting+string(digest))
}

// shaCryptRounds reads the optional rounds field of a hash, without its name.
func shaCryptRounds(field string) (rounds int, ok bool) {
	if field == "" {
		return shaCryptDefaultRounds, true
	}
	rounds, err := strconv.Atoi(field)
	return rounds, err == nil && within(rounds, shaCryptMinRounds, shaCryptMaxRounds)
}

func shaCryptHash(id string) func() hash.Hash {
	if id == "5" {
		return sha256.New
	}
	return sha512.New
}

// cString cuts s where C would: PHP hands passwords to its bcrypt and crypt(3)
// code as C strings, so nothing after a NUL byte counts.
func cString(s string) string {
	before, _, _ := strings.Cut(s, "\x00")
	return before
}
