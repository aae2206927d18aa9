package sparekey_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

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
