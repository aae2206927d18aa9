package passhash

import (
	"crypto/md5"
	"encoding/hex"
)

// md5Length is the length of a hexadecimal MD5. WordPress treats every stored hash of at most
// this length as MD5.
const md5Length = 2 * md5.Size

// md5Hash returns the bare MD5 WordPress wrote before 2.5, in lower case.
func md5Hash(password string) string {
	digest := md5.Sum([]byte(password))
	return hex.EncodeToString(digest[:])
}
