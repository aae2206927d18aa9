package throttle_test

import (
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/throttle"
)

func TestParseRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]throttle.Rate{
		"10/10m":      {Failures: 10, Within: 10 * time.Minute},
		" 1 / 1h30m ": {Failures: 1, Within: 90 * time.Minute},
		"1000/1m":     {Failures: 1000, Within: time.Minute},
	} {
		var got throttle.Rate
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if again, err := throttle.ParseRate(got.String()); err != nil || again != want {
			t.Errorf("%q reads back as %v, %v", got, again, err)
		}
	}
	for _, text := range []string{"", "10", "10/", "/10m", "0/1m", "-1/1m", "10/-1m", "10/0s", "1e3/1m", "10/10", "10000000/1h", "1/100000h", "1000000/1s", "1/1m/1m", "∞/1m"} {
		if got, err := throttle.ParseRate(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}
