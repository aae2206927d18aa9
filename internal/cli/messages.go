package cli

import (
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// plainWords has the messages of the parser that say something to its programmers, and what
// users read instead.
var plainWords = []struct {
	said    *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`^(\S+): expected .* value but got "EOL" \(<EOL>\)$`), `$1: a value is missing after it`},
	{regexp.MustCompile(`expected a valid \d+ bit u?int but got ("[^"]*")`), `$1 is not a whole number`},
	{regexp.MustCompile(`expected an? (?:int|uint) but got ("[^"]*").*`), `$1 is not a whole number`},
	{regexp.MustCompile(`expected duration but got ("[^"]*").*`), `invalid duration $1: use for example 1s or 5m`},
	{regexp.MustCompile(`bool value must be true, 1, yes, false, 0 or no but got ("[^"]*")`), `$1 is neither true nor false`},
	{regexp.MustCompile(`^\[(<[^>]*>)\] must be one of`), `$1 must be one of`},
	{regexp.MustCompile(`,"" but got`), ` but got`},
	{regexp.MustCompile(`^missing flags: `), `these flags are needed: `},
}

// usageText is what is wrong with a command line, in the words of its users.
func usageText(usage *kong.ParseError, args []string) string {
	command := commandOf(usage.Context)
	text := suggestCommands(usage, args).Error()
	text = strings.TrimPrefix(text, command.Path()+": ") // the next line names it
	for _, w := range plainWords {
		text = w.said.ReplaceAllString(text, w.instead)
	}
	if missing, ok := strings.CutPrefix(text, `expected "`); ok && command.Leaf() {
		missing, rest, _ := strings.Cut(missing, `"`)
		return "missing " + missing + rest
	}
	return text
}
