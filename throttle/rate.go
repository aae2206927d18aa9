package throttle

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxFailures bounds a Rate: more of them than any site has to do with.
const maxFailures = 1_000_000

// Rate allows so many failures at once, all of which come back, one after the
// other, within a time. Its text is "10/10m": ten, and one more each minute.
type Rate struct {
	Failures int
	Within   time.Duration
}

// ParseRate reads a Rate such as "100/20m".
func ParseRate(text string) (Rate, error) {
	count, within, ok := strings.Cut(text, "/")
	failures, err := strconv.Atoi(strings.TrimSpace(count))
	duration, durationErr := time.ParseDuration(strings.TrimSpace(within))
	r := Rate{failures, duration}
	if !ok || err != nil || durationErr != nil || !r.isUsable() {
		return Rate{}, fmt.Errorf("%q must be a number of failures and a time in which they come back, such as 10/10m", text)
	}
	return r, nil
}

// isUsable reports whether r can be counted with.
func (r Rate) isUsable() bool {
	return 0 < r.Failures && r.Failures <= maxFailures && r.Within <= 366*24*time.Hour && r.every() >= time.Millisecond
}

// UnmarshalText is ParseRate, for settings.
func (r *Rate) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRate(string(text))
	return err
}

func (r Rate) String() string { return fmt.Sprintf("%d/%s", r.Failures, r.Within) }

// every is the time after which one failure no longer counts.
func (r Rate) every() time.Duration {
	if r.Failures <= 0 {
		return 0
	}
	return r.Within / time.Duration(r.Failures)
}

// owes is what n more failures, or fewer where n is negative, make of an amount
// owed. A failure too many is not added: the amount never exceeds the allowance.
func (r Rate) owes(owed time.Duration, n int) time.Duration {
	if n > 0 && r.wait(owed) > 0 {
		return owed
	}
	return max(0, owed+time.Duration(n)*r.every())
}

// wait is how long it takes until one more failure is allowed, 0 if it is.
func (r Rate) wait(owed time.Duration) time.Duration {
	return max(0, owed+r.every()-time.Duration(r.Failures)*r.every())
}

// times is a Rate of so many times the failures within the same time, as far as it can be counted
// with.
func (r Rate) times(n int) Rate {
	if wide := (Rate{r.Failures * n, r.Within}); wide.isUsable() {
		return wide
	}
	return r
}
