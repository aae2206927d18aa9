package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/sparekey-dev/sparekey/internal/config"
)

// suggestCommands suggests commands for one in which words are missing, as in "sparekey
// explain". It returns the error unchanged where that has another cause, or nothing fits.
func suggestCommands(usage *kong.ParseError, args []string) error {
	text, isUnknown := strings.CutPrefix(usage.Error(), "unexpected argument ")
	if !isUnknown || commandOf(usage.Context).Leaf() {
		return usage
	}
	word, _, _ := strings.Cut(text, ", did you mean ")
	words := args[max(0, slices.Index(args, word)):]
	for i, w := range words {
		if strings.HasPrefix(w, "-") {
			words = words[:i]
			break
		}
	}
	for n := len(words); n > 0; n-- { // the last ones may be arguments
		if found := commandsWith(usage.Context.Model.Node, wordParts(words[:n])); len(found) > 0 {
			return fmt.Errorf("unexpected argument %s, %s", word, config.DidYouMean(found))
		}
	}
	return usage
}

// commandsWith are the commands below a node that have all the parts in their
// names, without those below one of them.
func commandsWith(n *kong.Node, parts []string) (found []string) {
	for _, child := range n.Children {
		if has := wordParts(strings.Fields(child.Path())); !slices.ContainsFunc(parts, func(p string) bool { return !slices.Contains(has, p) }) {
			found = append(found, child.FullPath())
			continue
		}
		found = append(found, commandsWith(child, parts)...)
	}
	return found
}

// wordParts splits words at hyphens, and takes the plural for the singular.
func wordParts(words []string) (parts []string) {
	for _, w := range words {
		for p := range strings.SplitSeq(strings.ToLower(w), "-") {
			parts = append(parts, strings.TrimSuffix(p, "s"))
		}
	}
	return parts
}
