//go:build unix

package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// onTerminal runs the program on a pseudo-terminal of 80 by 24 and returns what it shows,
// with its colours. variables are added to its environment.
func onTerminal(t *testing.T, database string, variables []string, args ...string) string {
	t.Helper()
	cmd := command(t.Context(), database, args...)
	cmd.Env = append(cmd.Env, "TERM=xterm", "NO_COLOR=", "TZ=America/New_York")
	cmd.Env = append(cmd.Env, variables...)
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatalf("start on a terminal: %v", err)
	}
	defer f.Close()
	shown, _ := io.ReadAll(f) // on Linux the end is EIO
	_ = cmd.Wait()            // the tests look at what is shown
	return strings.ReplaceAll(string(shown), "\r\n", "\n")
}

// colour is an SGR sequence.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// terminalSite is a database with application passwords of ann and bob.
func terminalSite(t *testing.T) (database string) {
	t.Helper()
	database = filepath.Join(t.TempDir(), "sparekey.db")
	mustCLI(t, database, "user", "create", "ann", "ann@example.com", "--user_pass=secret-secret")
	mustCLI(t, database, "user", "create", "bob", "bob@example.com", "--user_pass=secret-secret")
	for _, args := range [][]string{
		{"ann", "Phone"},
		{"ann", "名前の電話", "--scope=read", "--expires=3d", "--max-uses=5"},
		{"bob", "A name that is far too long for a screen of 80 columns", "--network=10.0.0.0/8"},
	} {
		mustCLI(t, database, append([]string{"user", "application-password", "create"}, args...)...)
	}
	return database
}

// TestListOnTerminal shows people what they read: no hashes, no Unix times, in colour, and no
// wider than the screen. Values asked for by name are as wp-cli has them.
func TestListOnTerminal(t *testing.T) {
	t.Parallel()
	database := terminalSite(t)
	list := []string{"user", "application-password", "list"}
	raw := regexp.MustCompile(`\$generic\$|\b1[0-9]{9}\b`)
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"of a user":    {append(list, "ann"), []string{"UUID ", "LAST USED", "名前の電話", "in 3 days", "read", "active", "expires soon", "never"}},
		"of all users": {append(list, "--all-users"), []string{"USER ", "ann ", "bob ", "A name that", "expires soon"}},
		"of none":      {append(list, "ann", "--name=nope"), []string{"No application passwords."}},
		"users":        {[]string{"user", "list"}, []string{"LOGIN", "ann@example.com", "subscriber", "20"}},
		"a user":       {[]string{"user", "get", "ann"}, []string{"Login ", "just now"}},
		"orphans":      {[]string{"user", "application-password", "orphans"}, []string{"No application passwords of users who are gone."}},
		"the log":      {[]string{"audit", "list"}, []string{"EVENT", "user created", "Phone"}},
	} {
		shown := onTerminal(t, database, nil, c.args...)
		text := colour.ReplaceAllString(shown, "")
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in:\n%s", name, want, text)
			}
		}
		if found := raw.FindString(text); found != "" {
			t.Errorf("%s: %q in:\n%s", name, found, text)
		}
		for line := range strings.SplitSeq(text, "\n") {
			if columns(line) > 80 {
				t.Errorf("%s: %d columns: %s", name, columns(line), line)
			}
		}
		if name != "of none" && name != "orphans" && shown == text {
			t.Errorf("%s: no colours in:\n%s", name, shown)
		}
	}
	for name, args := range map[string][]string{
		"a table":  append(list, "ann", "--format=table"),
		"fields":   append(list, "ann", "--fields=uuid,password,created"),
		"JSON":     append(list, "ann", "--format=json"),
		"CSV":      append(list, "ann", "--format=csv"),
		"YAML":     append(list, "ann", "--format=yaml"),
		"one":      append(list, "ann", "--field=password"),
		"of users": append(list, "--all-users", "--format=json", "--fields=uuid,password"),
	} {
		shown := onTerminal(t, database, nil, args...)
		if !raw.MatchString(shown) || colour.MatchString(shown) {
			t.Errorf("%s: not as wp-cli has it:\n%s", name, shown)
		}
	}
	if shown := onTerminal(t, database, nil, append(list, "ann", "--format=table", "--fields=name")...); !strings.Contains(shown, "| 名前の電話 |\n| Phone      |\n") &&
		!strings.Contains(shown, "| Phone      |\n| 名前の電話 |\n") {
		t.Errorf("a box with wide letters:\n%s", shown)
	}
}

// TestPipesStay prints in a pipe what it always did.
func TestPipesStay(t *testing.T) {
	t.Parallel()
	database := terminalSite(t)
	out := mustCLI(t, database, "user", "application-password", "list", "ann", "--orderby=name", "--order=asc")
	want := regexp.MustCompile(`^uuid\tapp_id\tname\tpassword\tcreated\tlast_used\tlast_ip
[0-9a-f-]{36}\t\tPhone\t\$generic\$[^\t]+\t[0-9]{10}\t\t
[0-9a-f-]{36}\t\t名前の電話\t\$generic\$[^\t]+\t[0-9]{10}\t*$`)
	if !want.MatchString(out) {
		t.Errorf("in a pipe:\n%s", out)
	}
	if out := mustCLI(t, database, "user", "get", "ann"); !strings.HasPrefix(out, "Field\tValue\nID\t1\nuser_login\tann\n") {
		t.Errorf("a user in a pipe:\n%s", out)
	}
}

// TestNoColours has none where the user or the terminal does not want them, and says in
// words what colours say.
func TestNoColours(t *testing.T) {
	t.Parallel()
	database := terminalSite(t)
	for _, variable := range []string{"NO_COLOR=1", "TERM=dumb", "TERM="} {
		for _, args := range [][]string{{"user", "application-password", "list", "ann"}, {"user", "get", "nope"}, {"help"}, {"serve", "--help"}} {
			shown := onTerminal(t, database, []string{variable}, args...)
			if strings.Contains(shown, "\x1b") {
				t.Errorf("%s: %q: colours in %q", variable, args, shown)
			}
			if args[0] == "user" && !strings.Contains(shown, "expires soon") && !strings.Contains(shown, "Error: no user") {
				t.Errorf("%s: %q: %q", variable, args, shown)
			}
		}
	}
}

// TestOnTerminal shows messages in colour, and help that leaves a line for the prompt.
func TestOnTerminal(t *testing.T) {
	t.Parallel()
	database := terminalSite(t)
	if shown := onTerminal(t, database, nil, "user", "get", "nope"); !strings.HasPrefix(shown, "\x1b[1;31mError:\x1b[0m no user") {
		t.Errorf("an error: %q", shown)
	}
	for _, args := range [][]string{nil, {"help"}, {"serve", "--help"}, {"user", "application-password", "list", "--help"}} {
		shown := onTerminal(t, database, nil, args...)
		if lines := strings.Count(shown, "\n"); lines > 23 || lines < 10 || !strings.Contains(shown, "\x1b[1m") {
			t.Errorf("%q: %d lines:\n%s", args, lines, shown)
		}
	}
}

// TestTimesOfReader shows times in the zone of the reader.
func TestTimesOfReader(t *testing.T) {
	t.Parallel()
	database := terminalSite(t)
	hours := regexp.MustCompile(`Registered +(\S+ \d\d:\d\d)`)
	var shown []string
	for _, zone := range []string{"TZ=Pacific/Kiritimati", "TZ=Pacific/Pago_Pago"} { // 25 hours apart
		text := colour.ReplaceAllString(onTerminal(t, database, []string{zone}, "user", "get", "ann"), "")
		found := hours.FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("no time in:\n%s", text)
		}
		shown = append(shown, found[1])
	}
	if shown[0][:10] == shown[1][:10] {
		t.Errorf("the same day in zones that are 25 hours apart: %q", shown)
	}
}

// TestMethodIsConfirmed asks on a terminal whether a method that HTTP does not have is meant.
func TestMethodIsConfirmed(t *testing.T) {
	t.Parallel()
	database := terminalSite(t)
	for answer, want := range map[string]string{"n\n": "nothing was done", "y\n": "Password: "} {
		cmd := command(t.Context(), database, "user", "application-password", "create", "ann", "Typo", "--scope=GTE /x")
		cmd.Env = append(cmd.Env, "TERM=dumb")
		f, err := pty.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, answer); err != nil {
			t.Fatal(err)
		}
		shown, _ := io.ReadAll(f)
		_, _ = cmd.Wait(), f.Close()
		if !strings.Contains(string(shown), `did you mean "GET"?`) || !strings.Contains(string(shown), want) {
			t.Errorf("%q: no %q in:\n%s", answer, want, shown)
		}
	}
}

// TestProgressOnTerminal is shown where standard error is a terminal that can move its cursor.
func TestProgressOnTerminal(t *testing.T) { //nolint:paralleltest // it changes the environment
	ours, theirs, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	for kind, want := range map[string]bool{"xterm": true, "dumb": false} {
		t.Setenv("TERM", kind)
		if got := newProgress(terminal{os.Stdin, os.Stdout, theirs}, "Reading"); (got != nil) != want {
			t.Errorf("on %s: %v, want %v", kind, got != nil, want)
		}
		if got := newProgress(terminal{os.Stdin, os.Stdout, &highlighter{theirs}}, "Reading"); (got != nil) != want {
			t.Errorf("on %s with highlights: %v, want %v", kind, got != nil, want)
		}
	}
}
