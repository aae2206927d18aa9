package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// settingsTopic is the word after "help" for the settings, which are not a command.
const settingsTopic = "settings"

// helpCommand is --help as a word. Where it is the first, run takes it for --help, so that
// there is help also where a setting is wrong.
type helpCommand struct {
	Command []string `arg:"" optional:"" help:"The words of the command, or settings. Default: all commands are listed." predictor:"command"`
	Full    bool     `help:"Say all there is to say, also where it does not fit the screen."`
}

func (c *helpCommand) Run(ctx *kong.Context, t terminal) error {
	if isAboutSettings(c.Command) {
		return printSettings(ctx.Model, t, c.Command[1:])
	}
	_, err := ctx.Parse(append(c.Command, "--help"))
	return err
}

func isAboutSettings(words []string) bool { return len(words) > 0 && words[0] == settingsTopic }

// helpWords takes the flag --full out of the words after "help".
func helpWords(args []string) (words []string, full bool) {
	words = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--full" })
	return words, len(words) < len(args)
}

// printSettings lists the settings of the site and of "serve", with the variables of the
// environment. With words it lists those that have one of them in their name or the title of
// their group.
func printSettings(app *kong.Application, t terminal, words []string) error {
	width, _ := t.size()
	page := &helpPage{width: min(width, screenWidth+20), t: t}
	page.addText(`Every command has the settings of the site; "serve" has the others as well. A flag comes before the environment variable [in brackets], ` +
		`which comes before the YAML file of --config. In the file a setting has the name of its flag.`)
	var own []*kong.Flag // of the commands
	for _, child := range app.Children {
		for _, flag := range child.Flags {
			if len(flag.Envs) > 0 && !slices.ContainsFunc(own, func(f *kong.Flag) bool { return f.Name == flag.Name }) { // that of "serve" comes first
				own = append(own, flag)
			}
		}
	}
	found := false
	for _, group := range append(groupsOf(app.Flags, nil), groupsOf(own, serveGroup)...) {
		title := cmp.Or(group.title, "The server")
		group.flags = slices.DeleteFunc(group.flags, func(f *kong.Flag) bool { return !isAbout(words, f.Name, title) })
		if len(group.flags) > 0 {
			found = true
			page.addTitle(title + ":")
			page.addPairs(group.pairs(true))
		}
	}
	if !found {
		return fmt.Errorf("no setting or group of settings has %q in its name: \"%s help %s\" lists all", strings.Join(words, " "), app.Name, settingsTopic)
	}
	return printLines(t.out, page.lines)
}

// isAbout reports whether a name or a title has one of the words in it, in any case. Without
// words it is true.
func isAbout(words []string, name, title string) bool {
	return len(words) == 0 || slices.ContainsFunc(words, func(w string) bool {
		w = strings.ToLower(strings.TrimLeft(w, "-"))
		return strings.Contains(name, w) || strings.Contains(strings.ToLower(title), w)
	})
}

// helpAsFlag makes --help of the word help, and of a command line without any words. It is
// done before settings are read. The help about settings is printed, which ends the program.
func (c *commands) helpAsFlag(parser *kong.Kong, args []string, t terminal) ([]string, error) {
	switch {
	case len(args) == 0:
		return []string{"--help"}, nil
	case args[0] != "help":
		return args, nil
	}
	words, full := helpWords(args[1:])
	if isAboutSettings(words) {
		if err := printSettings(parser.Model, t, words[1:]); err != nil {
			return args, err
		}
		return args, exitCode(0)
	}
	c.Help.Full = full
	return append(words, "--help"), nil
}
