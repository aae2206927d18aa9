package sparekey_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
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
