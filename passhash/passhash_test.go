package passhash_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/passhash"
)

// vector is one answer of a live WordPress 7.1: does hash match password?
type vector struct {
	Format   string
	Password string
	Hash     string
	Matches  bool
	Note     string
}

func loadVectors(tb testing.TB) []vector {
	tb.Helper()
	data, err := os.ReadFile("testdata/hash-vectors.json")
	if err != nil {
		tb.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		tb.Fatal(err)
	}
	if len(vectors) == 0 {
		tb.Fatal("no hash vectors")
	}
	return vectors
}

func TestVerifyAnswersAsWordPress(t *testing.T) {
	t.Parallel()
	for i, v := range loadVectors(t) {
		t.Run(fmt.Sprintf("%s/%d", v.Format, i), func(t *testing.T) {
			t.Parallel()
			if got := passhash.Verify(v.Hash, v.Password); got != v.Matches {
				t.Errorf("Verify(%q, %q) = %t, want %t (%s)", v.Hash, v.Password, got, v.Matches, v.Note)
			}
		})
	}
}

func TestVerifyRefusesAlteredHash(t *testing.T) {
	t.Parallel()
	for i, v := range loadVectors(t) {
		if !v.Matches {
			continue
		}
		t.Run(fmt.Sprintf("%s/%d", v.Format, i), func(t *testing.T) {
			t.Parallel()
			end := len(v.Hash) - 1
			for _, position := range []int{0, end / 2, end} {
				if altered := flip(v.Hash, position); passhash.Verify(altered, v.Password) {
					t.Errorf("Verify(%q, %q) = true; the hash was made as %q", altered, v.Password, v.Hash)
				}
			}
		})
	}
}

// flip returns s with the lowest bit of one byte changed.
func flip(s string, position int) string {
	altered := []byte(s)
	altered[position] ^= 1
	return string(altered)
}

// TestVerifyAnswersAsPHP holds what the WordPress vectors leave out. Each answer
// is that of password_verify in PHP 8.2.
func TestVerifyAnswersAsPHP(t *testing.T) {
	t.Parallel()
	const (
		ascii    = "abcdEFGH1234ijklMNOP5678"
		bcrypt   = "$2y$04$wUBt.186EJpCn5cmj7NwBuqXAMfHnIzmlbjUP6.9xefcSSOux5Ry." // of ascii
		argon2id = "$argon2id$v=19$m=8192,t=2,p=1$eEZyWi9LVWJQbEVqQVdpTw" +
			"$6F6q6nRe1nz063Do8GBaIYCsfXPHIftRuvzIO6BoG0w" // of ascii
		argon2Tag = "IEdwob4imJ25DXCrb3BepjsLNkQDZJ4szKL87tVDhSM"
		md5Crypt  = "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"                                  // of "password"
		sha5000   = "$5$rounds=5000$saltsalt$gOjOtoMpVhru2uyjeJSEc/JaLQWOXMNmlOnj6T4AtC." // of "password"
		highBytes = "p\xc3\xa9\xff\xa3"
	)
	tests := []struct {
		name, password, hash string
		want                 bool
	}{
		{"bcrypt ignores what follows NUL", ascii + "\x00junk", bcrypt, true},
		{"bcrypt keeps what precedes NUL", "junk\x00" + ascii, bcrypt, false},
		{"bcrypt without variant", ascii, strings.Replace(bcrypt, "$2y$", "$2$", 1), false},
		{"bcrypt of unknown variant", ascii, strings.Replace(bcrypt, "$2y$", "$2z$", 1), false},
		{"bcrypt with signed cost", ascii, strings.Replace(bcrypt, "$04$", "$+4$", 1), false},
		{"bcrypt with trailing byte", ascii, bcrypt + "x", false},
		{"bcrypt with trailing newline", ascii, bcrypt + "\n", false},
		{"bcrypt with spare salt bits set", ascii, strings.Replace(bcrypt, "NwBu", "NwBv", 1), false},
		{"bcrypt y, high bytes", highBytes, "$2y$04$abcdefghijklmnopqrstuuQPE/JKw0MZkzMaNISNp9JL0EjhzeJHm", true},
		{"bcrypt a, high bytes", highBytes, "$2a$04$abcdefghijklmnopqrstuuQPE/JKw0MZkzMaNISNp9JL0EjhzeJHm", true},
		{"bcrypt x, high bytes", highBytes, "$2x$04$abcdefghijklmnopqrstuu24nmKWniaN66BiUU4BrJhciBRNc9pci", true},
		{"bcrypt x, digest of y", highBytes, "$2x$04$abcdefghijklmnopqrstuuQPE/JKw0MZkzMaNISNp9JL0EjhzeJHm", false},
		{"bcrypt x, empty", "", "$2x$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq", true},

		{"argon2 counts NUL as any byte", ascii + "\x00junk", argon2id, false},
		{"argon2 of version 1.0", ascii, strings.Replace(argon2id, "v=19", "v=16", 1), false},
		{"argon2 without version", ascii, strings.Replace(argon2id, "$v=19", "", 1), false},
		{"argon2 with leading zero", ascii, strings.Replace(argon2id, "m=8", "m=08", 1), false},
		{"argon2 with other separator", ascii, strings.Replace(argon2id, ",t", ", t", 1), false},
		{"argon2 with padding", ascii, argon2id + "=", false},
		{"argon2 with trailing newline", ascii, argon2id + "\n", false},
		{"argon2 with spare tag bits set", ascii, strings.TrimSuffix(argon2id, "w") + "x", false},
		{"argon2d", ascii, strings.Replace(argon2id, "argon2id", "argon2d", 1), false},
		{"argon2 with further field", ascii, argon2id + "$", false},

		{"wp over argon2id", "password", "$wp$argon2id$v=19$m=8,t=1,p=1$b2w3OVI5dDBTVHZDdG1kQg$" + argon2Tag, true},
		{"wp over MD5 crypt", "password", "$wp$1$saltsalt$eXQCfJKeBFErz.W/fT0rk/", true},
		{"wp twice", "password", "$wp$wp$1$saltsalt$eXQCfJKeBFErz.W/fT0rk/", false},

		{"MD5 crypt", "password", md5Crypt, true},
		{"MD5 crypt, high bytes", highBytes, "$1$saltsalt$SxER16ebTz/d64GPJpQQh0", true},
		{"MD5 crypt, empty", "", "$1$saltsalt$5Jhcit4zN9UlGiA0txPkO0", true},
		{"MD5 crypt ignores what follows NUL", "password\x00junk", md5Crypt, true},
		{"MD5 crypt with trailing byte", "password", md5Crypt + "x", false},
		{"SHA-256 crypt, usual rounds", "password", strings.Replace(sha5000, "rounds=5000$", "", 1), true},
		{"SHA-256 crypt, usual rounds spelt out", "password", sha5000, true},
		{"SHA-256 crypt, leading zero", "password", strings.Replace(sha5000, "5000", "05000", 1), false},
		{"SHA-256 crypt, high bytes", highBytes, "$5$saltsalt$S5H6wFUNRuAcvmwHQcSTf0oFfl8RKQfs/1/9bmo7SdA", true},
		{"SHA-256 crypt, empty salt", "password", "$5$rounds=1000$$YwQnHQDOPsCJlryuA75uU221CK6G/vNP6xF0y89gq18", true},
		{"SHA-256 crypt, rounds for salt", ascii, "$5$rounds=1000$nNWK40EHbuq8A8dH1GtjvMS2plOzOU0rlMMtY6O.gJ9", false},
		{"SHA-512 crypt, full salt", "password", "$6$+/= saltsaltsalt$rfucfUviT3i78Eg6ShKgbY6jFmOCgd." +
			"ug/Dkuel3nG5wUiFTsoV0ad93vxUqEo1dvfVU3rAImPTYzATppHCn5/", true},
		{"SHA-512 crypt, empty password", "", "$6$$/chiBau24cE26QQVW3IfIe68Xu5.JQ4E8Ie7lcRLwqxO5cxGuBhqF2HmTL." +
			"zWJ9zjChg3yJYFXeGBQ2y3Ba1d1", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := passhash.Verify(tt.hash, tt.password); got != tt.want {
				t.Errorf("Verify(%q, %q) = %t, want %t", tt.hash, tt.password, got, tt.want)
			}
		})
	}
}

// TestVerifyBoundsCost checks both sides of each bound with true hashes of "password".
func TestVerifyBoundsCost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, hash string
		want       bool
	}{
		{"phpass 2^6", "$P$4saltsaltLZ03mtnC28Q4Nc8fT8b9j0", false},
		{"phpass 2^7", "$P$5saltsalt.dw5Zgkxy7Q/ZvpQhE5iw0", true},
		{"phpass 2^18", "$P$GsaltsaltuOilwMlgId1gYtLjLMHo91", true},
		{"phpass 2^19", "$P$HsaltsaltVJYP9l4s3L2UKK2bKtvP//", false},
		{"bcrypt cost 17", "$2y$17$abcdefghijklmnopqrstuuCbmrZCQva5aKW5S2W.OAecFzIlnsnAG", false},
		{"SHA-256 crypt 200,000 rounds",
			"$5$rounds=200000$salt$oR7COK6aiydjACQ/QhfR1OPQ6oGOG2SbZIbjz3csH96", true},
		{"SHA-256 crypt 200,001 rounds",
			"$5$rounds=200001$salt$D5u9qboqK1udL6uJltB5zxOPcMtFbvj1yt6Ww6EcQr2", false},
		{"argon2 16 passes", "$argon2id$v=19$m=8,t=16,p=1$SHA4ZmVEWndwWkk0bFI0SA" +
			"$TNrOcEkZa9gOwKcJiDesbLDolgCjY2VjDdM5PIS+97Q", true},
		{"argon2 17 passes", "$argon2id$v=19$m=8,t=17,p=1$TS4vT1FZb3RIWC8ybno5MQ" +
			"$Uv1ViVGOKWy2stmWzcAJkmUPTVbspqPRsX2LoOtBslI", false},
		{"argon2 16 lanes", "$argon2id$v=19$m=128,t=1,p=16$eFF4ZmRrSGprNUZSQ1UvdA" +
			"$psagxKcL/Y60utkPsbO09I+qcSLxyrcaB7zkKauSBZ8", true},
		{"argon2 17 lanes", "$argon2id$v=19$m=136,t=1,p=17$NklCeWVINHlyLy9nbmJNdw" +
			"$OUP3QycZmYcBIcffxcVTunZbc8kUt1uFgrrjfuHYFyo", false},
		{"argon2 256 MiB", "$argon2id$v=19$m=262144,t=1,p=1$dmhFeXcyY3BOUi9FS2M0OA" +
			"$koDMWKcNzxuf+DSZIGFU890ok0gunlADe1id3civ7q8", true},
		{"argon2 256 MiB and 4 KiB", "$argon2id$v=19$m=262148,t=1,p=1$YWVGM05jYnFCYThGZEx6Lw" +
			"$N6Tg4EVusMSuQ0pVLv9x649Hi5ygGKJajgQqwZDP1g0", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := passhash.Verify(tt.hash, "password"); got != tt.want {
				t.Errorf("Verify(%q) = %t, want %t", tt.hash, got, tt.want)
			}
		})
	}
}

// TestVerifyRefusesMalformedHash has hashes that would panic, or never end, in
// an implementation that trusted them.
func TestVerifyRefusesMalformedHash(t *testing.T) {
	t.Parallel()
	const salt, tag = "eEZyWi9LVWJQbEVqQVdpTw", "6F6q6nRe1nz063Do8GBaIYCsfXPHIftRuvzIO6BoG0w"
	hashes := []string{
		"$P$SsaltsaltHVJYP9l4s3L2UKK2bKtvP/",
		"$P$\x00saltsaltVJYP9l4s3L2UKK2bKtvP//",
		"$2y$31$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm",
		"$2y$00$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm",
		"$wp$2y$31$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm",
		"$wp$                             ",
		"$argon2id$v=19$m=4294967295,t=4294967295,p=255$" + salt + "$" + tag,
		"$argon2id$v=19$m=8192,t=0,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=8192,t=2,p=0$" + salt + "$" + tag,
		"$argon2id$v=19$m=8192,t=2,p=256$" + salt + "$" + tag,
		"$argon2id$v=19$m=8192,t=-1,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=7,t=2,p=1$" + salt + "$" + tag,
		"$argon2id$v=19$m=8192,t=2,p=1$!" + salt + "$" + tag,
		"$argon2id$v=19$m=8192,t=2,p=1$c2FsdA$" + tag,
		"$argon2id$v=19$m=8192,t=2,p=1$" + strings.Repeat(salt, 8) + "$" + tag,
		"$argon2id$v=19$m=8192,t=2,p=1$" + salt + "$",
		"$argon2id$v=19$m=8192,t=2,p=1$" + salt + "$" + strings.Repeat(tag, 1000),
		"$argon2id$v=19$m=8192,t=2,p=1$" + salt,
		"$argon2id$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$",
		"$6$rounds=999999999$salt$" + strings.Repeat("a", 86),
		"$6$rounds=99999999999999999999$salt$" + strings.Repeat("a", 86),
		"$6$rounds=999$salt$" + strings.Repeat("a", 86),
		"$6$seventeen-letters$" + strings.Repeat("a", 86),
		"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
		strings.Repeat("$", 1<<16),
	}
	for i, hash := range hashes {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			if passhash.Verify(hash, "password") {
				t.Errorf("Verify(%.200q) = true", hash)
			}
		})
	}
}

func TestGeneric(t *testing.T) {
	t.Parallel()
	tests := []struct{ password, want string }{
		{"abcdEFGH1234ijklMNOP6789", "$generic$DJQSTFb1k471At02OwiVbyfZ-O-0_c1pPo2BcKU5"},
		{"", "$generic$XJQGK2eUryTa4vHbU0bDv1Ml3wGPwaC1ATczq0o_"},
	}
	for _, tt := range tests {
		t.Run(tt.password, func(t *testing.T) {
			t.Parallel()
			got := passhash.Generic(tt.password)
			if got != tt.want {
				t.Errorf("Generic(%q) = %q, want %q", tt.password, got, tt.want)
			}
			if !passhash.IsGeneric(got) || !passhash.Verify(got, tt.password) {
				t.Errorf("%q is not recognised as the hash of %q", got, tt.password)
			}
		})
	}
}

// TestGenericKeepsNothing shows that one password does not leak into the hash of
// the next, whatever their lengths around the block size of 128 bytes.
func TestGenericKeepsNothing(t *testing.T) {
	t.Parallel()
	want := passhash.Generic("a")
	for _, length := range []int{0, 1, 127, 128, 129, 255, 256, 257, 5000} {
		long := passhash.Generic(strings.Repeat("x", length))
		if passhash.Generic(strings.Repeat("x", length)) != long {
			t.Errorf("two hashes of the same %d bytes differ", length)
		}
		if got := passhash.Generic("a"); got != want {
			t.Errorf("Generic(%q) = %q after %d other bytes, want %q", "a", got, length, want)
		}
	}
}

func TestIsGeneric(t *testing.T) {
	t.Parallel()
	for _, hash := range []string{"", "$", "$generic", "$GENERIC$x", " $generic$", "$wp$generic$", "$P$generic$"} {
		if passhash.IsGeneric(hash) {
			t.Errorf("IsGeneric(%q) = true", hash)
		}
	}
}

func TestArgon2id(t *testing.T) {
	t.Parallel()
	const password = "correct horse battery staple"
	format := regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)
	first, second := passhash.Argon2id(password), passhash.Argon2id(password)
	if first == second {
		t.Errorf("two hashes have the same salt: %q", first)
	}
	for _, hash := range []string{first, second} {
		if !format.MatchString(hash) {
			t.Errorf("Argon2id wrote %q, want the form %s", hash, format)
		}
		if !passhash.Verify(hash, password) {
			t.Errorf("Verify(%q, %q) = false", hash, password)
		}
		if passhash.Verify(hash, password+" ") {
			t.Errorf("Verify(%q, %q) = true", hash, password+" ")
		}
	}
}

func TestPhpassIsVerified(t *testing.T) {
	t.Parallel()
	first, second := passhash.Phpass("abcdEFGH1234"), passhash.Phpass("abcdEFGH1234")
	if first == second || len(first) != 34 || first[:4] != "$P$B" {
		t.Errorf("got %q and %q", first, second)
	}
	if !passhash.Verify(first, "abcdEFGH1234") || passhash.Verify(first, "abcdEFGH1235") {
		t.Errorf("%q is not of its password", first)
	}
}
