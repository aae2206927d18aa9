package e2e_test

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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/passhash"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

const (
	mainPassword = "correct horse battery" // the main password of every user

	// Paths of the server.
	accountPath   = "/account/application-passwords"
	authorizePath = "/wp-admin/authorize-application.php"
	mePath        = "/wp-json/wp/v2/users/me"
	minePath      = mePath + "/application-passwords"
)

// site is a running server with its own database.
type site struct {
	t        *testing.T
	url      string
	database string
	log      *lines
}

// lines collects what the server logs.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(line + "\n")
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startSite starts the program on a free port, with two users: ann, who is an
// administrator, and bob, who is not.
func startSite(t *testing.T, args ...string) *site {
	t.Helper()
	s := &site{t: t, database: filepath.Join(t.TempDir(), "sparekey.db"), log: &lines{}}
	if err := os.WriteFile(s.database, annAndBob(), 0o600); err != nil {
		t.Fatal(err)
	}
	s.serve(args)
	return s
}

// annAndBob is a database with these two, to be copied: main passwords take
// their time to hash.
var annAndBob = sync.OnceValue(func() []byte {
	dir, err := os.MkdirTemp("", "sparekey-e2e")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	database := filepath.Join(dir, "sparekey.db")
	for _, user := range [][]string{
		{"ann", "ann@example.com", "--role=administrator", "--display_name=Ann Adler"},
		{"bob", "bob@example.com", "--role=subscriber", "--display_name=Bob Bauer"},
	} {
		create := exec.Command(program, append([]string{"user", "create", "--user_pass=" + mainPassword}, user...)...)
		create.Env = append(os.Environ(), "SPAREKEY_DATABASE="+database)
		if out, err := create.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%s: %v\n%s", create, err, out))
		}
	}
	content, err := os.ReadFile(database)
	if err != nil {
		panic(err)
	}
	return content
})

// The IDs of ann and bob.
const (
	annID = "1"
	bobID = "2"
)

var serving = regexp.MustCompile(`msg=serving .*listen=(\S+)`)

func (s *site) serve(args []string) {
	s.t.Helper()
	cmd := s.command(append([]string{"serve", "--listen=127.0.0.1:0", "--log-level=debug"}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	address, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for scan := bufio.NewScanner(stderr); scan.Scan(); {
			s.log.add(scan.Text())
			if m := serving.FindStringSubmatch(scan.Text()); m != nil {
				address <- m[1]
			}
		}
		_ = cmd.Wait() // killed, at the end of the test
	}()
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill() // or it has ended already
		<-ended
	})
	select {
	case a := <-address:
		s.url = "http://" + a
	case <-ended:
		s.t.Fatalf("the server ended:\n%s", s.log)
	case <-time.After(patience):
		s.t.Fatalf("the server does not serve:\n%s", s.log)
	}
}

// command is a run of the program, which lasts no longer than the test.
func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), program, args...)
	cmd.Env = append(os.Environ(), "SPAREKEY_DATABASE="+s.database)
	return cmd
}

// cli runs a command to its end and returns what it printed.
func (s *site) cli(args ...string) string {
	s.t.Helper()
	out, err := s.command(args...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		s.t.Fatalf("sparekey %s: %v: %s", args[0], err, failed.Stderr)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// addUser makes a user and returns their ID.
func (s *site) addUser(login, name string) string {
	s.t.Helper()
	return s.cli("user", "create", login, login+"@example.com", "--user_pass="+mainPassword, "--display_name="+name, "--porcelain")
}

// addCredential makes an application password and returns its secret.
func (s *site) addCredential(login, name string) (secret string) {
	s.t.Helper()
	return s.cli("user", "application-password", "create", login, name, "--porcelain")
}

// credentials are the names of a user's application passwords, oldest first.
func (s *site) credentials(login string) []string {
	s.t.Helper()
	out := s.cli("user", "application-password", "list", login, "--field=name", "--orderby=created", "--order=asc")
	if out == "" {
		return nil
	}
	return strings.Split(out, "\n")
}

// withStore opens the database as the server does, to put there what would take
// long, or a past, to come about.
func (s *site) withStore(do func(ctx context.Context, store *sqlite.Store) error) {
	s.t.Helper()
	store, err := sqlite.Open(s.t.Context(), s.database)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := errors.Join(do(s.t.Context(), store), store.Close()); err != nil {
		s.t.Fatal(err)
	}
}

// seed stores credentials as they are, with a UUID and a hash where these are
// missing.
func (s *site) seed(credentials ...sparekey.Credential) {
	s.t.Helper()
	s.withStore(func(ctx context.Context, store *sqlite.Store) error {
		for i, c := range credentials {
			c.Hash = passhash.Generic(sparekey.NewSecret().Reveal())
			c.UUID = fmt.Sprintf("%08x-0000-4000-8000-%012s", i+1, c.UserID)
			if c.Created.IsZero() {
				c.Created = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
			}
			if err := store.Insert(ctx, c, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// get sends a request with an application password, as applications do.
func (s *site) get(login, secret, path string) (status int, body map[string]any) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.SetBasicAuth(login, secret)
	return s.send(r)
}

func (s *site) send(r *http.Request) (status int, body map[string]any) {
	s.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(text, &body); err != nil {
		s.t.Fatalf("%s %s: %d %s", r.Method, r.URL.Path, res.StatusCode, text)
	}
	return res.StatusCode, body
}

// works reports whether a secret is accepted.
func (s *site) works(login, secret string) bool {
	s.t.Helper()
	status, body := s.get(login, secret, minePath+"/introspect")
	if status != http.StatusOK && status != http.StatusUnauthorized {
		s.t.Fatalf("%d %v", status, body)
	}
	return status == http.StatusOK
}
