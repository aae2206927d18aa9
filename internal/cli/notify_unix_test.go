//go:build unix

package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sparekey-dev/sparekey/internal/testproc"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestNotifyCommand starts a server twice; each time, the time for a warning of one
// more has come.
func TestNotifyCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	database, told := filepath.Join(dir, "sparekey.db"), filepath.Join(dir, "told")
	newAccount(t, database)
	if err := os.Mkdir(told, 0o700); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "sparekey.yaml")
	write(t, config, fmt.Sprintf("notify-command: %q\n", testproc.Script(t, `{ echo "$#"; cat; env; } >'`+told+`/'$$`)))
	for _, name := range []string{`Grüße "$(id)"`, "second"} {
		mustCLI(t, database, "user", "application-password", "create", "ann", name, "--porcelain")
		uuid := mustCLI(t, database, "user", "application-password", "list", "ann", "--name="+name, "--field=uuid")
		time.Sleep(time.Second) // a warning time before its creation, in whole seconds, is skipped
		mustCLI(t, database, "user", "application-password", "update", "ann", uuid, "--expires=24h")
		s := startServer(t, database, "--config", config)
		s.log.waitFor(t, "msg=maintenance expiring=1 ")
		if err := s.stop(); err != nil {
			t.Errorf("the server did not stop well: %v\n%s", err, s.log)
		}
		if log := s.log.String(); strings.Contains(log, "level=ERROR") {
			t.Errorf("the log has an error:\n%s", log)
		}
		checkTold(t, told, name, uuid)
	}
	if all, err := os.ReadDir(told); err != nil || len(all) != 2 {
		t.Errorf("it was run %d times, %v", len(all), err)
	}
}

// checkTold looks for what the program of TestNotifyCommand was given about one
// credential.
func checkTold(t *testing.T, dir, name, uuid string) {
	t.Helper()
	runs, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		told, err := os.ReadFile(run)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(told), uuid) {
			checkRun(t, string(told), name, uuid)
			return
		}
	}
	t.Fatalf("of %d runs, none is about %s", len(runs), name)
}

func TestNotifyCommandIsChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain, open := filepath.Join(dir, "plain"), filepath.Join(dir, "open")
	write(t, plain, "x")
	write(t, open, "x")
	for path, mode := range map[string]os.FileMode{plain: 0o600, open: 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		"sh":                       "no such file", // nothing is looked for in PATH
		dir:                        "is not a file",
		plain:                      "chmod +x",
		open:                       "chmod o-w",
		"/dev/null":                "is not a file",
		"/bin/sh -c id":            "no such file", // nor given arguments
	} {
		out, err := cli(t.Context(), filepath.Join(dir, "sparekey.db"), "serve", "--listen=127.0.0.1:0", "--notify-command", path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--notify-command") {
			t.Errorf("%s: %s, %v", path, out, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "sparekey.db")); err == nil {
		t.Error("the database was made all the same")
	}
}

func checkRun(t *testing.T, told, name, uuid string) {
	t.Helper()
	arguments, rest, _ := strings.Cut(told, "\n")
	document, environment, _ := strings.Cut(rest, "\n")
	var got map[string]any
	if err := json.Unmarshal([]byte(document), &got); err != nil {
		t.Fatalf("%v: %s", err, told)
	}
	expires, err := time.Parse(time.RFC3339, fmt.Sprint(got["expires"]))
	if left := time.Until(expires); err != nil || left > 24*time.Hour || left < 23*time.Hour || expires.Location() != time.UTC {
		t.Errorf("expires %v, %v", expires, err)
	}
	delete(got, "expires")
	want := map[string]any{
		"kind": "expiring", "user": "1", "login": "ann", "email": "ann@example.com", "display_name": "ann",
		"credential": uuid, "name": name, "days_left": 1.0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the document differs:\n%s", diff)
	}
	if arguments != "0" {
		t.Errorf("it got %s arguments", arguments)
	}
	for line := range strings.Lines(environment) {
		if setting, _, _ := strings.Cut(line, "="); !slices.Contains([]string{"PATH", "HOME", "LANG", "TZ", "PWD", "OLDPWD", "SHLVL", "_"}, setting) { // the shell sets the last ones
			t.Errorf("its environment has %s", line)
		}
	}
}
