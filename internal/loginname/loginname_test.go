package loginname_test

import (
	"testing"
	"unicode/utf8"

	"github.com/sparekey-dev/sparekey/internal/loginname"
)

func TestCleanAndKey(t *testing.T) {
	t.Parallel()
	for login, want := range map[string][2]string{
		"ann":                       {"ann", "ann"},
		" Ann\t":                    {"Ann", "ann"},
		"Jos\u00e9":                 {"José", "josé"},
		"Jose\u0301":                {"José", "josé"},
		"JOSE\u0301":                {"JOSÉ", "josé"},
		"\ufeffann":                 {"ann", "ann"},
		"ann\u200b\u200d":           {"ann", "ann"},
		"\u202aann\u202c":           {"ann", "ann"},
		"\u00a0ann\u3000":           {"ann", "ann"},
		"\u3164ann\ufe0f":           {"ann", "ann"},
		"a\u200bnn":                 {"a\u200bnn", "a\u200bnn"},
		"a b":                       {"a b", "a b"},
		"\u1100\u1161":              {"가", "가"},
		"A\u030a":                   {"Å", "å"},
		"\u212bngstrom":             {"Ångstrom", "ångstrom"},
		"o\u0302\u0323":             {"ộ", "ộ"},
		"\u200b":                    {"", ""},
		" \u2060\u00ad ":            {"", ""},
		"ann\x00":                   {"ann\x00", "ann\x00"},
		"\xff":                      {"\xff", "\ufffd"},
		"\u06ddann":                 {"\u06ddann", "\u06ddann"},
		"ann\x7f\u0085":             {"ann", "ann"},
		"\u0130stanbul":             {"\u0130stanbul", "istanbul"},
		"I\u0307stanbul":            {"\u0130stanbul", "istanbul"},
		"ann@example.com\u200b\r\n": {"ann@example.com", "ann@example.com"},
	} {
		if got := [2]string{loginname.Clean(login), loginname.Key(login)}; got != want {
			t.Errorf("%q: %q, want %q", login, got, want)
		}
	}
}

// FuzzKey proves that a key is its own key, and that Clean changes no key.
func FuzzKey(f *testing.F) {
	for _, login := range []string{"ann", "Jose\u0301", "\ufeffann\u200b", "\u0130", "\xff\u0301", "\u212a"} {
		f.Add(login)
	}
	f.Fuzz(func(t *testing.T, login string) {
		if !utf8.ValidString(login) {
			return
		}
		key, clean := loginname.Key(login), loginname.Clean(login)
		if again := loginname.Key(key); again != key {
			t.Errorf("%q: the key of its key %q is %q", login, key, again)
		}
		if of := loginname.Key(clean); of != key {
			t.Errorf("%q: the key of %q is %q, want %q", login, clean, of, key)
		}
		if again := loginname.Clean(clean); again != clean {
			t.Errorf("%q: %q becomes %q", login, clean, again)
		}
	})
}
