package cli

import (
	"fmt"
	"strings"
	"time"
)

// peopleReadRecords is how the audit log looks to people: in their zone, and the columns
// that say the same thing in one.
func peopleReadRecords() people {
	return people{
		headings: []heading{{title: "TIME"}, {title: "EVENT"}, {title: "USER", cut: true}, {title: "APPLICATION PASSWORD", cut: true}, {title: "BY", cut: true}, {title: "FROM"}, {title: "DETAILS", cut: true, drop: true}},
		cells:    recordCells,
		empty:    "No records.",
	}
}

func recordCells(r row) []cell {
	at := r.text("time")
	if parsed, err := time.Parse(time.RFC3339, at); err == nil {
		at = parsed.Local().Format(time.DateTime)
	}
	details := strings.TrimSpace(r.text("reason") + " " + r.text("request")) // the request is the one to be cut
	if count, _ := r["count"].(int64); count > 1 {
		details = strings.TrimSpace(fmt.Sprintf("%d times %s", count, details))
	}
	row := cells(at, strings.ReplaceAll(r.text("kind"), "_", " "), r.text("login"), r.text("name"), r.text("who"), r.text("addr"), details)
	switch r.text("kind") {
	case "refused", "sign_in_refused":
		row[1].style = yellow
	case "BROKEN", "lost":
		row[1].style = red
	}
	return row
}

// peopleReadThrottled is how what is throttled looks to people.
func peopleReadThrottled() people {
	return people{
		headings: []heading{{title: "ADDRESS"}, {title: "USER", cut: true}, {title: "THROTTLED AS"}, {title: "UNTIL"}},
		cells: func(r row) []cell {
			until := r.text("until")
			if at, err := time.Parse(time.RFC3339, until); err == nil {
				until = at.Local().Format(time.DateTime) + " (" + fromNow(at, time.Now(), "") + ")"
			}
			return cells(r.text("address"), r.text("user"), r.text("kind"), until)
		},
		empty: "Nothing is throttled.",
	}
}
