// Package humantime reads and writes durations and times of expiry as people give them.
package humantime

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// maxDays keeps durations within what a time.Duration can hold.
const maxDays = 36500

// Parse reads a duration as people give it: whole days ("90d"), or what
// [time.ParseDuration] reads ("36h", "1h30m").
func Parse(text string) (time.Duration, error) {
	if number, ok := strings.CutSuffix(text, "d"); ok {
		days, err := strconv.ParseUint(number, 10, 32)
		if err == nil && days <= maxDays {
			return time.Duration(days) * day, nil
		}
	} else if d, err := time.ParseDuration(text); err == nil {
		return d, nil
	}
	return 0, fmt.Errorf("invalid duration %q: use for example 90d, 36h or 30m", text)
}

// Format writes a duration as Parse reads it, in days where they
// are whole.
func Format(d time.Duration) string {
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-len("0s")]
		}
	}
	return text
}

// ParseExpiry returns the time at which something expires. It reads a duration ("7d"), a date
// ("2026-12-31", which means the end of that day in UTC), a time (RFC 3339), or "never",
// which gives the zero time.
func ParseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	if date, err := time.Parse(time.DateOnly, text); err == nil {
		return date.Add(day - time.Second), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC().Truncate(time.Second), nil
	}
	d, err := Parse(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither a duration such as 7d or 36h, nor a date such as 2026-12-31, nor a time such as 2026-12-31T18:00:00Z, nor never", text)
	}
	if d <= 0 {
		return time.Time{}, fmt.Errorf("%q is not in the future", text)
	}
	return now.UTC().Add(d).Truncate(time.Second), nil
}
