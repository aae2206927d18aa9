package wplive_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/testproc"
	"github.com/sparekey-dev/sparekey/internal/wptest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if dir := filepath.Dir(built.path); built.path != "" {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(code)
}

// built is the program, which the first test that needs it builds.
var built struct {
	once sync.Once
	path string
	err  error
}

// program is the path of the program sparekey.
func program(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "sparekey-program")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "sparekey")
		build := exec.Command("go", "build", "-o", built.path, "../../cmd/sparekey")
		if out, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// server is a running Sparekey on the database of a WordPress.
type server struct {
	url, database, log string
	process            *testproc.Process
}

var serving = regexp.MustCompile(`msg=serving .*listen=(\S+)`)

// serve starts Sparekey on a site's database, for the length of the test. Its log must not
// contain any of the site's secrets; see checkLog.
func serve(t testing.TB, site *wptest.Site, args ...string) *server {
	t.Helper()
	s := &server{database: site.DatabaseURL(), log: filepath.Join(t.TempDir(), "sparekey.log")}
	cmd := s.command(t, append([]string{"serve", "--listen=127.0.0.1:0", "--log-level=debug", "--throttle=off"}, args...)...)
	s.process = testproc.Start(t, cmd, s.log, func() error {
		text, err := os.ReadFile(s.log)
		if err != nil {
			return err
		}
		found := serving.FindSubmatch(text)
		if found == nil {
			return errors.New("it says no address")
		}
		s.url = "http://" + string(found[1])
		return nil
	})
	return s
}

// command is a run of the program on the same database.
func (s *server) command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program(t), args...)
	cmd.Env = append(os.Environ(), "SPAREKEY_DATABASE="+s.database)
	return cmd
}

// cli runs a command to its end and returns what it printed.
func (s *server) cli(t testing.TB, args ...string) string {
	t.Helper()
	out, err := s.command(t, args...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("sparekey %s: %v: %s", strings.Join(args, " "), err, failed.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// logged is how often the server has logged a message.
func (s *server) logged(t testing.TB, message string) int {
	t.Helper()
	text, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "msg="+message+" ")
}

// checkLog fails if a secret is in what the server logged.
func (s *server) checkLog(t testing.TB, secrets ...string) {
	t.Helper()
	text, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(string(text), secret) {
			t.Errorf("a secret is in the log:\n%s", s.process.Log())
		}
	}
}
