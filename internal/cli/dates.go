package cli

import (
	"fmt"
	"time"
)

// How people read a time.
const (
	dayLayout    = time.DateOnly
	minuteLayout = "2006-01-02 15:04"
)

// Units for people. A month has no fixed length, so longer times are dates.
const (
	oneDay   = 24 * time.Hour
	datesAge = 30 * oneDay
)

// onDay is a day in the zone of the reader, or what stands for a time that is not set.
func onDay(at time.Time, none string) string {
	if at.IsZero() {
		return none
	}
	return at.Local().Format(dayLayout)
}

// fromNow is how far a time is from now, such as "3 days ago" or "in 2 hours". A time more than
// 30 days away is shown as its day, in the zone of the reader.
func fromNow(at, now time.Time, none string) string {
	if at.IsZero() {
		return none
	}
	away, ago := now.Sub(at), true
	if away < 0 {
		away, ago = -away+time.Minute-1, false // so that what was set to 3 days is in 3 days
	}
	switch {
	case away >= datesAge:
		return onDay(at, none)
	case away < time.Minute && ago:
		return "just now"
	case ago:
		return inWords(away) + " ago"
	}
	return "in " + inWords(away)
}

// inWords is a duration in its largest unit, rounded down.
func inWords(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{oneDay, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		switch n := d / unit.length; {
		case n == 1:
			return "1 " + unit.name
		case n > 1:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "1 minute"
}

// momentAndAge is a time to the minute, in the zone of the reader, and how far it is from
// now, if that is not a date again.
func momentAndAge(at, now time.Time, none string) string {
	if at.IsZero() {
		return none
	}
	text := at.Local().Format(minuteLayout)
	if away := now.Sub(at).Abs(); away < datesAge {
		text += " (" + fromNow(at, now, none) + ")"
	}
	return text
}
