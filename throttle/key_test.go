package throttle_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/throttle"
)

func TestKeysOfAddresses(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"192.0.2.1":            "address:192.0.2.1",
		"::ffff:192.0.2.1":     "address:192.0.2.1",
		"64:ff9b::192.0.2.1":   "address:192.0.2.1",
		"64:ff9b:1::192.0.2.1": "address:64:ff9b:1::/64",
		"2001:db8:1:2:3:4:5:6": "address:2001:db8:1:2::/64",
		"fe80::1%eth0":         "address:fe80::/64",
		"::1":                  "address:::/64",
		"0.0.0.0":              "address:0.0.0.0",
		"2001:db8:1:2::":       "address:2001:db8:1:2::/64",
	} {
		key := throttle.NetworkKey(netip.MustParseAddr(addr))
		if got := key.String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if got := throttle.NetworkKey(netip.Addr{}).String(); got != "address:unknown" {
		t.Errorf("no address: %s", got)
	}
	if got := (throttle.Key{}).String(); got != "site" {
		t.Errorf("the site: %s", got)
	}
}

// TestSpellingsOfALogin wants guesses at one login to count together, however it is spelled.
func TestSpellingsOfALogin(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr("192.0.2.1")
	want := throttle.LoginKey(addr, "josé")
	for _, login := range []string{"JOSÉ", "Jose\u0301", " josé\u200b", "\ufeffjosé", "jos\u00e9\u00a0"} {
		if got := throttle.LoginKey(addr, login); got != want {
			t.Errorf("%q is counted as another login than %q", login, "josé")
		}
	}
	if throttle.LoginKey(addr, "jose") == want {
		t.Error("jose is counted as josé")
	}
}

func TestWideKeys(t *testing.T) {
	t.Parallel()
	want := "sign-in:address:2001:db8:1:234::/64 sign-in:address:2001:db8:1:200::/56 sign-in:address:2001:db8:1::/48"
	var texts []string
	for _, k := range throttle.NetworkKeys(netip.MustParseAddr("2001:db8:1:234:5::6")) {
		texts = append(texts, k.String())
	}
	if got := strings.Join(texts, " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestKeysAreRead has the texts of keys read, and other texts refused.
func TestKeysAreRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"site", "sign-in:site", "address:unknown", "sign-in:address:192.0.2.1", "address:2001:db8::/48", "login:192.0.2.1:0a0b0c",
		"sign-in:login:2001:db8::/64:000000", "login:unknown:ffffff",
	} {
		if k, err := throttle.ParseKey(text); err != nil || k.String() != text {
			t.Errorf("%s: %s, %v", text, k, err)
		}
	}
	for _, text := range []string{
		"", "seen", "seen-key", "address:", "address:::1", "login:", "login:::", "login:192.0.2.1:", "login:192.0.2.1:0a0b", "login:abcdef", "x:address:192.0.2.1",
	} {
		if k, err := throttle.ParseKey(text); err == nil {
			t.Errorf("%q is read as %s", text, k)
		}
	}
}

// keyText matches every possible key.
var keyText = regexp.MustCompile(`^(address:[0-9a-f.:/unkow]{2,50}|login:[0-9a-f.:/unkow]{2,50}:[0-9a-f]{6})$`)

// FuzzKeys proves that keys are of a bounded size and hold nothing of a login,
// that an IPv6 network is one, and that different networks are different.
func FuzzKeys(f *testing.F) {
	f.Add([]byte{192, 0, 2, 1}, []byte{192, 0, 2, 2}, "ann", "bob")
	f.Add([]byte("0123456789abcdef"), []byte("01234567........"), "", " ANN ")
	f.Add([]byte("\x00\x64\xff\x9b\x00\x00\x00\x00\x00\x00\x00\x00\xc0\x00\x02\x01"), []byte{192, 0, 2, 1}, "\x00\n*", strings.Repeat("x", 9999))
	f.Add([]byte{}, []byte{1}, "a:b", "a")
	f.Fuzz(func(t *testing.T, a, b []byte, login, other string) {
		x, _ := netip.AddrFromSlice(a) // or the zero Addr
		y, _ := netip.AddrFromSlice(b)
		for _, k := range []throttle.Key{throttle.NetworkKey(x), throttle.LoginKey(x, login), throttle.LoginKey(y, other)} {
			if !keyText.MatchString(k.String()) {
				t.Errorf("%s with %q: %q", x, login, k)
			}
		}
		for _, k := range append(throttle.NetworkKeys(x), throttle.LoginKey(x, login)) {
			if again, err := throttle.ParseKey(k.String()); err != nil || again != k {
				t.Errorf("%s is read as %s, %v", k, again, err)
			}
		}
		same := throttle.NetworkKey(x) == throttle.NetworkKey(y)
		if byText := throttle.NetworkKey(x).String() == throttle.NetworkKey(y).String(); byText != same {
			t.Errorf("%s and %s: the same key %v, as text %v", x, y, same, byText)
		}
		if lower := strings.ToLower(login); throttle.LoginKey(x, login) != throttle.LoginKey(x, "\t"+lower+" ") && strings.ToLower(lower) == lower {
			t.Errorf("%q has another key in lower case", login)
		}
		if !x.IsValid() || !y.IsValid() || x.Is4() != y.Is4() {
			return
		}
		bits := 64
		if x.Is4() {
			bits = 32
		}
		if p := netip.PrefixFrom(x.WithZone(""), bits).Masked(); p.Contains(y.WithZone("")) && !same && !strings.HasPrefix(x.String(), "::ffff:") && !strings.HasPrefix(x.String(), "64:ff9b::") && !strings.HasPrefix(y.String(), "::ffff:") && !strings.HasPrefix(y.String(), "64:ff9b::") {
			t.Errorf("%s and %s are in one network, but have the keys %s and %s", x, y, throttle.NetworkKey(x), throttle.NetworkKey(y))
		}
	})
}
