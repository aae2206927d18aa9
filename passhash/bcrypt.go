package passhash

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"regexp"
	"strconv"

	"golang.org/x/crypto/bcrypt"
)

const (
	wpPrefix = "$wp"
	wpKey    = "wp-sha384"

	// bcryptMaxCost is four times the work of PHP's highest default, 12. Each step up
	// doubles it, and 14 is a second already; the format goes to 31, which is days.
	bcryptMaxCost = 14
	bcryptMinCost = 4 // of the format; below it nothing is hashed

	// bcryptPasswordBytes is how much of a password bcrypt uses: the eighteen 32-bit
	// words of the Blowfish key schedule. PHP ignores the rest without an error.
	bcryptPasswordBytes = 18 * 4
)

// bcryptFormat is variant, cost, salt and digest as PHP accepts them. The last
// character of the salt carries two bits only, so it is one of four. The
// x/crypto implementation is laxer: it takes any variant and ignores spare bits.
var bcryptFormat = regexp.MustCompile(`^\$2([abxy])\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}$`)

// wpPrehash returns what WordPress hands to bcrypt for a $wp hash: 64 characters,
// so that the whole password counts and not its first 72 bytes only.
func wpPrehash(password string) string {
	mac := hmac.New(sha512.New384, []byte(wpKey))
	mac.Write([]byte(password))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func verifyBcrypt(hash, password string) bool {
	fields := bcryptFormat.FindStringSubmatch(hash)
	if fields == nil {
		return false
	}
	cost, err := strconv.Atoi(fields[2])
	if err != nil || cost > bcryptMaxCost {
		return false
	}
	key := bcryptKey(fields[1], password)
	return bcrypt.CompareHashAndPassword([]byte(hash), key) == nil
}

// bcryptKey returns the part of password that PHP keys Blowfish with. The a, b
// and y variants are one algorithm: what PHP adds to a, for some passwords that
// contain the byte 0xFF, is left out.
func bcryptKey(variant, password string) []byte {
	password = cString(password)
	if variant == "x" {
		return signExtendedKey(password)
	}
	return []byte(password[:min(len(password), bcryptPasswordBytes)])
}

// signExtendedKey reproduces the error that the x variant marks: crypt_blowfish before 1.1
// read password bytes as signed when it packed them into words, so that a byte above 0x7F
// overwrote those before it. ASCII passwords are not affected.
func signExtendedKey(password string) []byte {
	cycle := append([]byte(password), 0)
	key := make([]byte, 0, bcryptPasswordBytes)
	for i := 0; i < bcryptPasswordBytes; i += 4 {
		var word uint32
		for j := range 4 {
			word = word<<8 | uint32(int8(cycle[(i+j)%len(cycle)])) //nolint:gosec // the error to reproduce
		}
		key = binary.BigEndian.AppendUint32(key, word)
	}
	return key
}
