package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// The screen that the help of every command fits, with a line left for the prompt.
const (
	screenWidth = 80
	indent      = "  "
	textColumn  = 32 // where the texts of flags begin at the latest
)

// detail is how much a page says.
type detail int

// A page says as much as fits the screen.
const (
	everything     detail = iota // all sentences
	firstSentences               // of each flag the first sentence
	namesOfGroups                // and of flags in groups the names only
	namesOnly                    // of all flags the names only
)

// helpPage is a page of help that is being written.
type helpPage struct {
	lines []string
	width int
	say   detail
	t     terminal
}

func (p *helpPage) add(lines ...string) { p.lines = append(p.lines, lines...) }

// addTitle begins a part of the page.
func (p *helpPage) addTitle(text string) { p.add("", p.t.paint(bold, text)) }

// addText adds a paragraph.
func (p *helpPage) addText(text string) { p.add(wrap(text, p.width)...) }

// addPairs adds names with texts beside them.
func (p *helpPage) addPairs(pairs [][2]string) {
	column := 0
	for _, pair := range pairs {
		if n := columns(pair[0]) + len(indent) + len(columnGap); n <= textColumn {
			column = max(column, n)
		}
	}
	if column == 0 {
		column = textColumn
	}
	for _, pair := range pairs {
		name, text := indent+pair[0], pair[1]
		if p.say >= firstSentences {
			text = firstSentence(text)
		}
		lines := wrap(text, p.width-column)
		if columns(name)+len(columnGap) > column {
			p.add(name)
		} else if len(lines) > 0 {
			p.add(pad(name, column) + lines[0])
			lines = lines[1:]
		} else {
			p.add(name)
		}
		for _, line := range lines {
			p.add(strings.Repeat(" ", column) + line)
		}
	}
}

// addNames adds a title and, after it, names in lines that are as full as they can be.
func (p *helpPage) addNames(title string, names []string) {
	const hanging = indent + indent
	lines := wrap(title+": "+strings.Join(names, " "), p.width-len(hanging))
	for i, line := range lines {
		if i == 0 {
			p.add(p.t.paint(bold, title+":") + strings.TrimPrefix(line, title+":"))
			continue
		}
		p.add(hanging + line)
	}
}

// wrap breaks a text into lines of a width at most, between words.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// firstSentence is a text up to the first full stop that another sentence follows.
func firstSentence(text string) string {
	for i := range text {
		rest, ok := strings.CutPrefix(text[i:], ". ")
		if next, _ := utf8.DecodeRuneInString(rest); ok && unicode.IsUpper(next) {
			return text[:i+1]
		}
	}
	return text
}

// printHelp is a kong.HelpPrinter: it prints the help of the command that the line names,
// with as much detail as fits the screen.
func (c *commands) printHelp(t terminal) kong.HelpPrinter {
	return func(_ kong.HelpOptions, ctx *kong.Context) error {
		return printLines(ctx.Stdout, helpOf(commandOf(ctx), t, c.Help.Full))
	}
}

func printLines(w io.Writer, lines []string) error {
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// helpOf is the help of a command, with all there is to say where full is set, and else with
// what fits the screen.
func helpOf(command *kong.Node, t terminal, full bool) []string {
	width, height := t.size()
	var page *helpPage
	for say := everything; say <= namesOnly; say++ {
		page = &helpPage{width: min(width, screenWidth+20), say: say, t: t}
		page.write(command)
		if full || len(page.lines) < height {
			break
		}
	}
	return page.lines
}

func (p *helpPage) write(command *kong.Node) {
	if command.Parent == nil {
		p.writeRoot(command)
		return
	}
	p.add(usageOf(command))
	p.add("")
	p.addText(command.Help)
	if len(command.Positional) > 0 {
		p.addTitle("Arguments:")
		var pairs [][2]string
		for _, argument := range command.Positional {
			pairs = append(pairs, [2]string{"<" + argument.Name + ">", argument.Help})
		}
		p.addPairs(pairs)
	}
	p.writeCommands("Commands:", command.Children)
	p.writeFlags(command)
	p.writeEnd(command)
}

// usageOf is how a command is given.
func usageOf(command *kong.Node) string {
	usage := "Usage: " + strings.TrimSuffix(command.FullPath(), command.Path()) + command.Summary()
	if len(groupsOf(command.Flags, nil)) == 0 { // but those that all commands have
		return strings.TrimSuffix(usage, " [flags]")
	}
	return usage
}

func (p *helpPage) writeCommands(title string, commands []*kong.Node) {
	if len(commands) == 0 {
		return
	}
	p.addTitle(title)
	var pairs [][2]string
	for _, child := range commands {
		pairs = append(pairs, commandPair(child, child.Name))
	}
	p.addPairs(pairs)
}

// writeRoot is the help of the program, which begins with what to do first.
func (p *helpPage) writeRoot(root *kong.Node) {
	p.add("Usage: "+root.Name+" <command> [flags]", "")
	p.addText(root.Help)
	p.addTitle("First steps:")
	p.add(
		indent+root.Name+" serve   (prints the administrator's password)",
		indent+root.Name+` user application-password create admin "My app"`,
	)
	p.addTitle("Commands:")
	p.addPairs(rootCommands(root))
	p.add("", `"`+root.Name+` help COMMAND" shows a command, "`+root.Name+` help settings" the settings.`)
}

// rootCommands are the commands of the program, and those on application passwords, which
// are used most.
func rootCommands(root *kong.Node) (pairs [][2]string) {
	for _, child := range root.Children {
		if child.Name == "help" {
			continue
		}
		pairs = append(pairs, commandPair(child, child.Name))
		for _, below := range child.Children {
			if len(below.Children) > 0 {
				pairs = append(pairs, commandPair(below, child.Name+" "+below.Name))
			}
		}
	}
	return pairs
}

// commandPair is a command in a list. One with commands of its own has "…" after its name.
func commandPair(command *kong.Node, name string) [2]string {
	if len(command.Children) > 0 {
		name += " …"
	}
	return [2]string{name, firstSentence(command.Help)}
}

// writeFlags lists the command's own flags. Those that all commands have are settings, and
// have a page of their own.
func (p *helpPage) writeFlags(command *kong.Node) {
	between := true // a blank line before the names of the first group
	for _, group := range groupsOf(command.Flags, serveGroup) {
		packed := p.say >= namesOnly || p.say >= namesOfGroups && group.title != ""
		title := cmp.Or(group.title, "Flags")
		if !packed {
			p.addTitle(title + ":")
			p.addPairs(group.pairs(false))
			continue
		}
		if between {
			p.add("")
			between = false
		}
		p.addNames(title, group.names())
	}
}

func (p *helpPage) writeEnd(command *kong.Node) {
	root := command
	for root.Parent != nil {
		root = root.Parent
	}
	own := strings.TrimPrefix(command.FullPath(), root.Name+" ")
	p.add("")
	switch {
	case len(command.Children) > 0:
		p.add(`"` + root.Name + ` help ` + own + ` COMMAND" shows one of them.`)
	case p.say == namesOfGroups || p.say == namesOnly:
		p.add(`"` + root.Name + ` help --full ` + own + `" explains all of them.`)
	case p.say == firstSentences:
		p.add(`"` + root.Name + ` help --full ` + own + `" says more.`)
	}
	if command.Name != "help" && command.Name != "completion" {
		p.add(`"` + root.Name + ` help settings" lists what all commands have, such as --database.`)
	}
}

// flagGroup are flags with a title.
type flagGroup struct {
	title string
	flags []*kong.Flag
}

// groupsOf sorts flags into groups, in the order in which the groups come first. Flags
// without a group are those of a group without a title, which is the first. defaults has the
// groups of flags that name none themselves.
func groupsOf(flags []*kong.Flag, defaults map[string]string) []flagGroup {
	groups := []flagGroup{{}}
	for _, flag := range flags {
		if flag.Hidden || flag.Name == "help" {
			continue
		}
		title := defaults[flag.Name]
		if flag.Group != nil {
			title = flag.Group.Title
		}
		at := slices.IndexFunc(groups, func(g flagGroup) bool { return g.title == title })
		if at < 0 {
			at = len(groups)
			groups = append(groups, flagGroup{title: title})
		}
		groups[at].flags = append(groups[at].flags, flag)
	}
	return slices.DeleteFunc(groups, func(g flagGroup) bool { return len(g.flags) == 0 })
}

// pairs are the flags with their texts, and if environment is set, with the variables that
// set them as well.
func (g flagGroup) pairs(environment bool) (pairs [][2]string) {
	for _, flag := range g.flags {
		text := flag.Help
		if flag.Enum != "" {
			text = strings.ReplaceAll(text, flag.Enum, strings.Join(flag.EnumSlice(), ", "))
		}
		if environment && len(flag.Envs) > 0 {
			text += " [" + strings.Join(flag.Envs, ", ") + "]"
		}
		pairs = append(pairs, [2]string{flagName(flag), text})
	}
	return pairs
}

func (g flagGroup) names() (names []string) {
	for _, flag := range g.flags {
		names = append(names, "--"+flag.Name)
	}
	return names
}

// flagName is a flag as it is given, with what its value is.
func flagName(flag *kong.Flag) string {
	switch {
	case flag.Tag.Negatable != "":
		return "--[no-]" + flag.Name
	case flag.IsBool():
		return "--" + flag.Name
	case flag.PlaceHolder != "":
		return "--" + flag.Name + "=" + flag.PlaceHolder
	case flag.HasDefault && flag.Default != "":
		return "--" + flag.Name + "=" + flag.Default
	}
	return "--" + flag.Name + "=" + strings.ToUpper(flag.Name)
}

// serveGroup has the groups of the settings of "serve" that name none themselves.
var serveGroup = map[string]string{
	"tls-cert": "HTTPS and proxies", "tls-key": "HTTPS and proxies", "hsts": "HTTPS and proxies", "trusted-proxy": "HTTPS and proxies",
	"site-name": "Answers", "wordpress-errors": "Answers", "no-query-redirect": "Answers",
	"log-format": "Log", "log-level": "Log",
}

// isIncomplete reports whether a command line is right and lacks words of a command.
func isIncomplete(usage *kong.ParseError) bool {
	return len(commandOf(usage.Context).Children) > 0 && strings.HasPrefix(usage.Error(), "expected ")
}

// reportIncomplete says which words can follow.
func reportIncomplete(usage *kong.ParseError, t terminal) {
	command := commandOf(usage.Context)
	fmt.Fprintf(t.err, "Error: the command is not complete: a word is missing after \"%s\"\n\n", command.FullPath())
	_ = printLines(t.err, helpOf(command, t, false)) // like other messages
}
