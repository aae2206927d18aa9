package humantime_test

import (
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/internal/humantime"
)

func TestParseExpiry(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for text, want := range map[string]string{
		"24h":                       "2026-03-05T05:06:07Z",
		"7d":                        "2026-03-11T05:06:07Z",
		"90m":                       "2026-03-04T06:36:07Z",
		"2026-12-31":                "2026-12-31T23:59:59Z",
		"2026-12-31T18:00:00Z":      "2026-12-31T18:00:00Z",
		"2026-12-31T18:00:00+02:00": "2026-12-31T16:00:00Z",
		"never":                     "0001-01-01T00:00:00Z",
		"":                          "", "0d": "", "-1h": "", "-7d": "", "d": "", "7": "", "7 d": "", "1.5d": "", "99999999d": "", "soon": "",
		"2026-13-01": "", "2026-12-31T18:00:00": "",
	} {
		got, err := humantime.ParseExpiry(text, now)
		if want == "" {
			if err == nil {
				t.Errorf("%q: got %v", text, got)
			}
			continue
		}
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q: got %v, %v, want %s", text, got, err, want)
		}
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"90d": "90d", "24h": "1d", "36h": "36h", "30m": "30m", "90s": "1m30s", "1h30m": "1h30m", "10h": "10h", "0s": "0s"} {
		d, err := humantime.Parse(text)
		if err != nil || humantime.Format(d) != want {
			t.Errorf("%q: got %q, %v", text, humantime.Format(d), err)
		}
	}
}

func FuzzParseExpiry(f *testing.F) {
	for _, seed := range []string{"24h", "7d", "36500d", "never", "2026-12-31", "2026-12-31T18:00:00+02:00", "", "-1h", "d", "9223372036s", "0001-01-01", "9999-12-31"} {
		f.Add(seed)
	}
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		at, err := humantime.ParseExpiry(text, now)
		switch {
		case err != nil && !at.IsZero():
			t.Errorf("%q: a time beside an error: %v", text, at)
		case err == nil && (at.Location() != time.UTC || at.Nanosecond() != 0):
			t.Errorf("%q: not in whole seconds of UTC: %v", text, at)
		}
		if d, err := humantime.Parse(text); err == nil {
			if again, err := humantime.Parse(humantime.Format(d)); err != nil || again != d {
				t.Errorf("%q: %v is written as %q, which is %v, %v", text, d, humantime.Format(d), again, err)
			}
		}
	})
}
