package passhash_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/sparekey-dev/sparekey/passhash"
)

// FuzzVerify is best run with -fuzzminimizetime=1x: some of what it finds takes
// a second, and the fuzzer would spend its minute of minimizing on that.
func FuzzVerify(f *testing.F) {
	seeded := map[string]bool{} // one seed of each format and answer: more would only be slower
	for _, v := range loadVectors(f) {
		kind := fmt.Sprint(v.Format, v.Matches)
		if !seeded[kind] {
			seeded[kind] = true
			f.Add(v.Hash, v.Password)
		}
	}
	known := regexp.MustCompile(`^([0-9a-f]{32}$|\$generic\$|\$P\$|(\$wp)?\$(2[abxy]|argon2id?|1|5|6)\$)`)
	unlimited := regexp.MustCompile(`^([0-9a-f]{32}$|\$generic\$)`)

	f.Fuzz(func(t *testing.T, hash, password string) {
		matches := passhash.Verify(hash, password)
		if matches && !known.MatchString(hash) {
			t.Errorf("Verify(%q, %q) = true for an unknown format", hash, password)
		}
		if matches && len(password) > 4096 && !unlimited.MatchString(hash) {
			t.Errorf("Verify(%q) = true for a password of %d bytes", hash, len(password))
		}
		if generic := hash == passhash.Generic(password); passhash.IsGeneric(hash) && matches != generic {
			t.Errorf("Verify(%q, %q) = %t, want %t", hash, password, matches, generic)
		}
	})
}
