package passhash_test

import (
	"testing"

	"github.com/sparekey-dev/sparekey/passhash"
)

func BenchmarkGeneric(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		passhash.Generic("abcdEFGH1234ijklMNOP6789")
	}
}

func BenchmarkArgon2id(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		passhash.Argon2id("correct horse battery staple")
	}
}

// BenchmarkVerify takes the first matching vector of each format.
func BenchmarkVerify(b *testing.B) {
	done := map[string]bool{}
	for _, v := range loadVectors(b) {
		if !v.Matches || done[v.Format] {
			continue
		}
		done[v.Format] = true
		b.Run(v.Format, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				passhash.Verify(v.Hash, v.Password)
			}
		})
	}
}
