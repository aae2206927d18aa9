package cli

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/sparekey-dev/sparekey/internal/config"
)

// commandsOf are a command and all below it.
func commandsOf(command *kong.Node) []*kong.Node {
	all := []*kong.Node{command}
	for _, child := range command.Children {
		all = append(all, commandsOf(child)...)
	}
	return all
}

// TestHelpFitsScreen holds the help of every command to a screen of 80 by 24, with a line
// left for the prompt. "help settings" and "help --full" are the exceptions.
func TestHelpFitsScreen(t *testing.T) {
	t.Parallel()
	nowhere := terminal{strings.NewReader(""), &strings.Builder{}, &strings.Builder{}} // no terminal: 80 by 24
	var c commands
	root := newParser(&c, nowhere).Model.Node
	for _, command := range commandsOf(root) {
		lines := helpOf(command, nowhere, false)
		if len(lines) > 23 {
			t.Errorf("%s: %d lines, want 23 at most:\n%s", command.FullPath(), len(lines), strings.Join(lines, "\n"))
		}
		for _, line := range append(lines, helpOf(command, nowhere, true)...) {
			if columns(line) > 80 {
				t.Errorf("%s: a line of %d columns: %s", command.FullPath(), columns(line), line)
			}
		}
		text := strings.Join(lines, "\n")
		for _, flag := range command.Flags {
			if command != root && !flag.Hidden && flag.Name != "help" && !strings.Contains(text, "--"+flag.Name) && !strings.Contains(text, "--[no-]"+flag.Name) {
				t.Errorf("%s: the help does not name --%s", command.FullPath(), flag.Name)
			}
		}
		for _, child := range command.Children {
			if child.Name != "help" && !strings.Contains(text, "  "+child.Name) {
				t.Errorf("%s: the help does not name %s", command.FullPath(), child.Name)
			}
		}
	}
}

// TestSettingsHelp finds every setting, with its variable, in "help settings" and nowhere
// else.
func TestSettingsHelp(t *testing.T) {
	t.Parallel()
	status, text, problems := sparekeyCommand(t, "help", "settings")
	if status != 0 || problems != "" {
		t.Fatalf("status %d, %s", status, problems)
	}
	var c commands
	app := newParser(&c, terminal{strings.NewReader(""), &strings.Builder{}, &strings.Builder{}}).Model
	known := config.Configurable(app)
	if len(known) < 20 {
		t.Fatalf("only %d settings", len(known))
	}
	for name, flag := range known {
		if !strings.Contains(text, "--"+name) && !strings.Contains(text, "--[no-]"+name) {
			t.Errorf("no --%s in:\n%s", name, text)
		}
		for _, variable := range flag.Envs {
			if !strings.Contains(text, variable) {
				t.Errorf("no %s in the settings", variable)
			}
		}
	}
	if n := strings.Count(text, "\n  --prefix="); n != 1 { // "doctor" has one, too
		t.Errorf("--prefix is there %d times", n)
	}
	for _, command := range commandsOf(app.Node) {
		_, help, _ := sparekeyCommand(t, append(strings.Fields(command.Path()), "--help")...)
		if strings.Contains(help, "--audit-keep") || strings.Contains(help, "SPAREKEY_") && command.Name != "serve" {
			t.Errorf("%s: settings of the site in:\n%s", command.FullPath(), help)
		}
	}
}

// TestSettingsPage holds docs/reference/settings.md to the settings that there are: each has
// a row with its variable and its default, and no other flag has one.
func TestSettingsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reference/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	var c commands
	known := config.Configurable(newParser(&c, terminal{strings.NewReader(""), &strings.Builder{}, &strings.Builder{}}).Model)
	for _, row := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)` \\| `(\\w+)` \\| ([^|]+) \\|").FindAllStringSubmatch(string(page), -1) {
		flag, ok := known[row[1]]
		switch {
		case row[1] == "config": // of every command, but not in the file
		case !ok:
			t.Errorf("--%s is not a setting, or has two rows", row[1])
		case !slices.Equal(flag.Envs, []string{row[2]}):
			t.Errorf("--%s: the variable is %q, not %s", row[1], flag.Envs, row[2])
		case flag.HasDefault && !strings.HasPrefix(row[3], "`"+strings.Replace(flag.Default, "m0s", "m", 1)+"`"):
			t.Errorf("--%s: the default is %s, not %s", row[1], flag.Default, row[3])
		}
		delete(known, row[1])
	}
	for name := range known {
		t.Errorf("docs/reference/settings.md has no row for --%s", name)
	}
}

// TestCommandsPage holds docs/reference/cli.md to the commands that there are.
func TestCommandsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/reference/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	var c commands
	for _, command := range commandsOf(newParser(&c, terminal{strings.NewReader(""), &strings.Builder{}, &strings.Builder{}}).Model.Node) {
		if len(command.Children) == 0 && !command.Hidden && !strings.Contains(string(page), "\n"+command.FullPath()) {
			t.Errorf("docs/reference/cli.md has no line that begins with %q", command.FullPath())
		}
	}
}

func TestFirstSentence(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"One. Two.":                        "One.",
		"One":                              "One",
		"Such as 1.5 or e.g. this. Twice.": "Such as 1.5 or e.g. this.",
		"Ends. Über alles.":                "Ends.",
		"":                                 "",
	} {
		if got := firstSentence(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"one two three", 7, []string{"one two", "three"}},
		{"one two three", 6, []string{"one", "two", "three"}},
		{"longerthanthat is", 5, []string{"longerthanthat", "is"}},
		{"名前 名前", 5, []string{"名前", "名前"}},
		{"  ", 5, nil},
	} {
		if got := wrap(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("%q in %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
