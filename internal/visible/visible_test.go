package visible_test

import (
	"testing"

	"github.com/sparekey-dev/sparekey/internal/visible"
)

func TestIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"a": true, "0": true, "\u200ba": true, "😀": true, "☺\ufe0f": true, "\u06dd": true, "\u0301": true, "\u202ea": true,
		"": false, " ": false, "\u200b": false, "\ufeff\u00a0": false, "\u3164\u115f": false, "\u2800": false, "\U000e0041": false,
		"\u034f": false, "\x00\x01": false, "\u2028": false, "\xff": false,
	} {
		if got := visible.In(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
