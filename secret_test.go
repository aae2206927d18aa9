package sparekey_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
)

func TestNewSecret(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[A-Za-z0-9]{24}$`)
	seen := map[string]bool{}
	letters := map[rune]int{}
	const draws = 4000
	for range draws {
		plain := sparekey.NewSecret().Reveal()
		if !form.MatchString(plain) || seen[plain] {
			t.Fatalf("secret %q has the wrong form, or came twice", plain)
		}
		seen[plain] = true
		for _, c := range plain {
			letters[c]++
		}
	}
	// Each of the 62 letters is expected 1,548 times with a standard deviation
	// of 39; a modulo bias would show as 25 % more of the first few.
	const expected, tolerance = draws * 24 / 62, 300
	for c, n := range letters {
		if n < expected-tolerance || n > expected+tolerance {
			t.Errorf("%c came %d times, expected some %d", c, n, expected)
		}
	}
	if len(letters) != 62 {
		t.Errorf("%d different letters, want 62", len(letters))
	}
}

func TestParseSecret(t *testing.T) {
	t.Parallel()
	const plain, chunked = "abcdEFGH1234ijklMNOP5678", "abcd EFGH 1234 ijkl MNOP 5678"
	for _, written := range []string{
		plain, chunked, " " + chunked + "\r\n", strings.ReplaceAll(chunked, " ", "-"),
		strings.ReplaceAll(chunked, " ", ":"), "\u00a0" + plain + "é\u2028", plain + "\xff\xfe",
	} {
		s := sparekey.ParseSecret(written)
		if s.Reveal() != plain || s.Chunked() != chunked {
			t.Errorf("ParseSecret(%q) = %q, %q", written, s.Reveal(), s.Chunked())
		}
	}
	for in, want := range map[string]string{"": "", "- !": "", "abc": "abc", "abcde": "abcd e"} {
		if got := sparekey.ParseSecret(in).Chunked(); got != want {
			t.Errorf("%q in groups is %q, want %q", in, got, want)
		}
	}
}

func TestSecretMatches(t *testing.T) {
	t.Parallel()
	s := sparekey.ParseSecret("abcd EFGH 1234 abcd EFGH 1234")
	if got, want := s.Hash(), "$generic$up-A_HhotQlaOcx3_p4zjSOpulaImcfNEMCjCiDD"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
	if !s.Matches(s.Hash()) || sparekey.ParseSecret("abcdefgh1234abcdEFGH1234").Matches(s.Hash()) {
		t.Error("a secret matches its own hash and no other")
	}
	var empty sparekey.Secret
	if !empty.IsZero() || empty.Matches(empty.Hash()) {
		t.Error("the empty secret must match nothing")
	}
}

func TestSecretIsRedacted(t *testing.T) {
	t.Parallel()
	const plain = "abcdEFGH1234ijklMNOP5678"
	s := sparekey.ParseSecret(plain)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "secret", s, "attempt", sparekey.Attempt{Login: "ann", Secret: s})
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "secret", s, "attempt", sparekey.Attempt{Login: "ann", Secret: s})
	encoded, err := json.Marshal(map[string]any{"value": s, "pointer": &s})
	if err != nil {
		t.Fatal(err)
	}
	printed := log.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%40s", "%t"} {
		printed += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, &s) + fmt.Sprintf(verb, sparekey.Attempt{Secret: s})
	}
	if strings.Contains(printed, plain) || strings.Contains(strings.ToLower(printed), fmt.Sprintf("%x", plain)) {
		t.Errorf("the plaintext is in %s", printed)
	}
	if !strings.Contains(printed, "[redacted]") {
		t.Errorf("nothing says that something was left out: %s", printed)
	}
}

// FuzzParseSecret proves that reading a secret drops what does not belong to it,
// and that what people are shown reads back as the same secret.
func FuzzParseSecret(f *testing.F) {
	for _, seed := range []string{"", "abcd EFGH", "é\x00-", "a:b", strings.Repeat("x -", 100), "\xff"} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^[A-Za-z0-9]*$`)
	f.Fuzz(func(t *testing.T, written string) {
		s := sparekey.ParseSecret(written)
		if !form.MatchString(s.Reveal()) || len(s.Reveal()) > len(written) {
			t.Errorf("%q reads as %q", written, s.Reveal())
		}
		if again := sparekey.ParseSecret(s.Chunked()); again != s {
			t.Errorf("%q reads back as %q", s.Chunked(), again.Reveal())
		}
	})
}
