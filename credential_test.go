package sparekey_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// TestCredentialHidesItsHashes prints a credential in every way that there is, also
// as a part of what has one.
func TestCredentialHidesItsHashes(t *testing.T) {
	t.Parallel()
	c := sparekey.Credential{UUID: "8b2c", Name: "Phone", Hash: "$generic$new", OldHash: "$generic$old"}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "value", c, "pointer", &c, "identity", sparekey.Identity{Credential: c})
	printed := []string{log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "% X", "%d", "%40s", "%t"} {
		for _, value := range []any{c, &c, []sparekey.Credential{c}, map[string]*sparekey.Credential{"a": &c},
			sparekey.Identity{Credential: c}, &sparekey.Identity{Credential: c}, sparekey.Event{Credential: c}} {
			printed = append(printed, fmt.Sprintf(verb, value))
		}
	}
	for _, text := range printed {
		for _, hash := range []string{c.Hash, c.OldHash} {
			if low := strings.ToLower(text); strings.Contains(low, hash) ||
				strings.Contains(strings.ReplaceAll(low, " ", ""), fmt.Sprintf("%x", hash)) {
				t.Errorf("%s is in %s", hash, text)
			}
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(verb, c); !strings.Contains(text, "8b2c") || !strings.Contains(text, "Phone") || strings.Count(text, "[redacted]") != 2 {
			t.Errorf("%s prints %s", verb, text)
		}
	}
	if text := fmt.Sprintf("%v, %+v", (*sparekey.Credential)(nil), sparekey.Credential{Name: "Phone"}); !strings.HasPrefix(text, "<nil>, {") || strings.Contains(text, "redacted") {
		t.Errorf("nothing is printed as %s", text)
	}
}

// TestNamesThatAreKept makes and renames application passwords: a name has something to
// see, and no control characters.
func TestNamesThatAreKept(t *testing.T) {
	t.Parallel()
	store := memory.New()
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	bob, err := store.CreateUser(t.Context(), sparekey.User{Login: "bob"}, "")
	if err != nil {
		t.Fatal(err)
	}
	manager := sparekey.New(store, store, sparekey.Config{}).AsOperator()
	_, old, err := manager.Create(t.Context(), bob.ID, sparekey.NewCredential{Name: "old"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Phone":                "Phone",
		"a\x00b\x07c":          "abc",
		"Pho\x1bne\x7f":        "Phone",
		"one\u0085two\vthree":  "one two three",
		"\u0090Phone":          "Phone",
		"\x00":                 "",
		"a\u200bb \u202ec":     "a\u200bb \u202ec",
		"☺\ufe0f":              "☺\ufe0f",
		"%4\x0011":             "1",
		"<\x00b>bold</b>":      "bold",
		"00":                   "00",
		"\u200b":               "",
		"\ufeff\u2060":         "",
		"\u00a0\u3000":         "",
		"\u3164":               "",
		"\u2800\u2800":         "",
		"\U000e0041\U000e0042": "",
		"\u034f\u00ad":         "",
		"0":                    "",
		" <b>0</b> ":           "",
		"0\x00":                "",
	} {
		_, c, err := manager.Create(t.Context(), ann.ID, sparekey.NewCredential{Name: name})
		renamed, renameErr := manager.Rename(t.Context(), bob.ID, old.UUID, name)
		if want == "" {
			if !errors.Is(err, sparekey.ErrInvalid) || !errors.Is(renameErr, sparekey.ErrInvalid) {
				t.Errorf("%q: %q, %v, %v, want a refusal", name, c.Name, err, renameErr)
			}
			continue
		}
		if err == nil {
			_, err = manager.Revoke(t.Context(), ann.ID, c.UUID) // two may have one name
		}
		if err != nil || c.Name != want || renameErr != nil || renamed.Name != want {
			t.Errorf("%q: %q, %v, %q, %v, want %q", name, c.Name, err, renamed.Name, renameErr, want)
		}
	}
	_, _, err = manager.Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "0"})
	if err == nil || !strings.Contains(err.Error(), `"0"`) {
		t.Errorf("0: %v", err)
	}
}
