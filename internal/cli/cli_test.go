package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this test binary run as the program: for the scripts, and for the
// tests that start a server of their own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sparekey": func() { os.Exit(Main()) }})
}

// TestScripts runs testdata/script/*.txtar, which read as documentation of the
// command line.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:      "testdata/script",
		Deadline: time.Now().Add(35 * time.Minute), // of all scripts, for a server that should not have started
		Setup: func(env *testscript.Env) error {
			env.Setenv("SPAREKEY_DATABASE", filepath.Join(env.WorkDir, "sparekey.db"))
			return nil
		},
	})
}

// command is a run of the program on a database. The throttle is off, unless a test says
// otherwise.
func command(ctx context.Context, database string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sparekey", args...)
	cmd.Env = append(os.Environ(), "SPAREKEY_DATABASE="+database, "SPAREKEY_THROTTLE=off")
	return cmd
}

// cli runs a command to its end and returns what it printed.
func cli(ctx context.Context, database string, args ...string) (string, error) {
	out, err := command(ctx, database, args...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}

func mustCLI(t *testing.T, database string, args ...string) string {
	t.Helper()
	out, err := cli(t.Context(), database, args...)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return out
}

// serverProcess is a running "sparekey serve".
type serverProcess struct {
	cmd  *exec.Cmd
	url  string
	log  *lines
	done chan error
}

// lines collects what a process writes.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(line + "\n")
}

// Write makes it a place for a process to write to.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// waitFor waits until the log has a text.
func (l *lines) waitFor(t *testing.T, text string) {
	t.Helper()
	for range 400 {
		if strings.Contains(l.String(), text) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the log does not say %q:\n%s", text, l)
}

var serving = regexp.MustCompile(`msg=serving .*listen=(\S+)|"msg":"serving",.*"listen":"([^"]+)"`)

// startServer starts a server on a free port and waits until it serves.
func startServer(t *testing.T, database string, args ...string) *serverProcess {
	t.Helper()
	return startServerTo(t, io.Discard, database, args...)
}

// startServerTo is startServer, with what the server says to people in a writer.
func startServerTo(t *testing.T, out io.Writer, database string, args ...string) *serverProcess {
	t.Helper()
	s := &serverProcess{log: &lines{}, done: make(chan error, 1)}
	s.cmd = command(context.WithoutCancel(t.Context()), database, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	s.cmd.Stdout = out
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := make(chan string, 1)
	go func() {
		for scan := bufio.NewScanner(stderr); scan.Scan(); {
			s.log.add(scan.Text())
			if m := serving.FindStringSubmatch(scan.Text()); m != nil {
				url <- scheme(args) + m[1] + m[2]
			}
		}
		s.done <- s.cmd.Wait()
	}()
	t.Cleanup(s.kill)
	select {
	case s.url = <-url:
	case err := <-s.done:
		t.Fatalf("the server ended: %v\n%s", err, s.log)
	case <-time.After(30 * time.Second):
		t.Fatalf("the server does not serve\n%s", s.log)
	}
	return s
}

func scheme(args []string) string {
	if slices.Contains(args, "--tls-cert") {
		return "https://"
	}
	return "http://"
}

// kill ends the server at once, as a power cut would.
func (s *serverProcess) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		s.done <- <-s.done
	}
}

// stop asks the server to end, and returns how it did.
func (s *serverProcess) stop() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return <-s.done
}

// account is a login with a secret, as sent in requests.
type account struct{ login, secret string }

type answer struct {
	Code     string
	UUID     string
	Password string
	status   int
}

// send sends a request with an account's credentials and reads the JSON of the answer. It
// returns an error if the answer is not complete.
func (s *serverProcess) send(ctx context.Context, as account, method, path, body string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.SetBasicAuth(as.login, as.secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode}
	if strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		err = json.Unmarshal(text, &a)
	}
	return a, err
}

const mine = "/wp-json/wp/v2/users/me/application-passwords"

// works reports whether a secret is accepted. Anything but yes or no fails.
func (s *serverProcess) works(ctx context.Context, as account) (bool, error) {
	a, err := s.send(ctx, as, http.MethodGet, mine+"/introspect", "")
	switch {
	case err != nil:
		return false, err
	case a.status == http.StatusOK:
		return true, nil
	case a.status == http.StatusUnauthorized:
		return false, nil
	}
	return false, fmt.Errorf("status %d", a.status)
}

// newAccount makes a user "ann" with one application password, called "main".
func newAccount(t *testing.T, database string) account {
	t.Helper()
	mustCLI(t, database, "user", "create", "ann", "ann@example.com", "--user_pass=x", "--porcelain")
	return account{"ann", mustCLI(t, database, "user", "application-password", "create", "ann", "main", "--porcelain")}
}
