package passhash_test

import (
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/passhash"
)

// TestDummyIsTheSameWork makes a dummy for every hash that matched in WordPress.
func TestDummyIsTheSameWork(t *testing.T) {
	t.Parallel()
	slow := map[string]bool{}
	for _, v := range loadVectors(t) {
		cost := passhash.Cost(v.Hash)
		if isFast := v.Format == "generic" || v.Format == "md5"; v.Matches && isFast != (cost == "") {
			t.Errorf("%s: cost of %q is %q", v.Format, v.Hash, cost)
		}
		if cost == "" || slow[cost] {
			continue
		}
		slow[cost] = true
		dummy := passhash.Dummy(cost)
		if passhash.Cost(dummy) != cost || dummy == passhash.Dummy(cost) {
			t.Errorf("%s: the dummy %q has the cost %q, want %q", v.Format, dummy, passhash.Cost(dummy), cost)
		}
		if passhash.Verify(dummy, v.Password) {
			t.Errorf("%s: a password matches the dummy %q", v.Format, dummy)
		}
	}
	if len(slow) < 6 {
		t.Errorf("only these costs were tried: %v", slow)
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	const digest = "abcdefghijklmnopqrstuOabcdefghijklmnopqrstuvwxyzABCDE" // salt and digest of bcrypt
	for hash, want := range map[string]string{
		"":                           "",
		"*":                          "",
		"!":                          "",
		strings.Repeat("x", 60):      "",
		"$P$B12345678" + digest[:22]: "$P$B",
		"$P$!12345678" + digest[:22]: "",
		"$P$B":                       "",
		"$2y$10$" + digest:           "$2y$10$",
		"$2a$12$" + digest:           "$2y$12$",
		"$2x$04$" + digest:           "$2y$04$",
		"$wp$2y$10$" + digest:        "$2y$10$",
		"$2y$31$" + digest:           "", // which Verify does not compute
		"$2y$00$" + digest:           "",
		"$2y$10$" + digest[1:]:       "",
		"$argon2id$v=19$m=19456,t=2,p=1$MTIzNDU2Nzg$" + digest[:43]:     "$argon2id$m=19456,t=2,p=1",
		"$argon2i$v=19$m=65536,t=4,p=1$MTIzNDU2Nzg$" + digest[:43]:      "$argon2i$m=65536,t=4,p=1",
		"$argon2id$v=19$m=999999999,t=2,p=1$MTIzNDU2Nzg$" + digest[:43]: "",
		"$1$salt$" + digest[:22] + strings.Repeat(" ", 8):               "", // malformed
		"$1$saltsalt$" + digest[:22]:                                    "$1$",
		"$5$saltsaltsalt$" + digest[:43]:                                "$5$rounds=5000$",
		"$6$rounds=10000$saltsalt$" + digest[:43] + digest[:43]:         "$6$rounds=10000$",
		"$6$rounds=999999999$saltsalt$" + digest[:43] + digest[:43]:     "",
		passhash.Generic("a"):                                           "",
		passhash.Argon2id("a"):                                          passhash.NewCost,
	} {
		if got := passhash.Cost(hash); got != want {
			t.Errorf("Cost(%q) = %q, want %q", hash, got, want)
		}
	}
	for _, cost := range []string{"", "x", "$P$", "$P$!", "$2y$31$", "$2y$", "$argon2id$m=1,t=1,p=1", "$argon2", "$6$rounds=1$", "$generic$"} {
		if got := passhash.Dummy(cost); got != "" {
			t.Errorf("Dummy(%q) = %q, want none", cost, got)
		}
	}
}

func TestNeedsRehash(t *testing.T) {
	t.Parallel()
	const salt, tag = "MTIzNDU2NzgxMjM0NTY3OA", "MTIzNDU2NzgxMjM0NTY3ODEyMzQ1Njc4MTIzNDU2Nzg"
	for hash, want := range map[string]bool{
		passhash.Argon2id("a"):                                    false,
		"$argon2id$v=19$m=65536,t=4,p=1$" + salt + "$" + tag:      false, // PHP's default
		"$argon2id$v=19$m=65536,t=1,p=4$" + salt + "$" + tag:      false,
		"$argon2id$v=19$m=19456,t=1,p=1$" + salt + "$" + tag:      true,
		"$argon2id$v=19$m=12288,t=3,p=1$" + salt + "$" + tag:      true,
		"$argon2id$v=19$m=19456,t=2,p=1$MTIzNDU2Nzg$" + tag:       true,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + tag[:22]: true,
		"$argon2i$v=19$m=65536,t=4,p=1$" + salt + "$" + tag:       true,
		passhash.Phpass("a"):                                      true,
		passhash.Generic("a"):                                     true,
		"0cc175b9c0f1b6a831c399e269772661":                        true,
		"":                                                        true,
	} {
		if got := passhash.NeedsRehash(hash); got != want {
			t.Errorf("NeedsRehash(%q) = %t, want %t", hash, got, want)
		}
	}
	for _, v := range loadVectors(t) {
		if v.Matches && v.Format != "argon2id" && !passhash.NeedsRehash(v.Hash) {
			t.Errorf("%s needs no rehash: %q", v.Format, v.Hash)
		}
	}
}
