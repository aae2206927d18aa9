package config

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// DidYouMean asks in the words in which kong asks about flags.
func DidYouMean(names []string) string {
	var quoted []string
	for _, name := range names {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	if len(quoted) == 1 {
		return "did you mean " + quoted[0] + "?"
	}
	return "did you mean one of " + strings.Join(quoted, ", ") + "?"
}

// Similar are the names that begin with a text, or differ from it in two letters
// at most: those that kong names for an unknown flag.
func Similar(text string, names []string) (found []string) {
	const most = 2
	for _, name := range names {
		if text != "" && strings.HasPrefix(name, text) || levenshtein.ComputeDistance(text, name) <= most {
			found = append(found, name)
		}
	}
	return found
}
