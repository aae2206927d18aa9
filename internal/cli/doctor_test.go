package cli

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/testproc"
)

// doctor examines a URL and returns what it says and exits with.
func runDoctor(t *testing.T, secret string, args ...string) (said string, status int) {
	t.Helper()
	cmd := command(t.Context(), "unused.db", append([]string{"doctor"}, args...)...)
	cmd.Stdin = strings.NewReader(secret + "\n")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if secret != "" && strings.Contains(out.String(), secret) {
		t.Errorf("it prints the secret: %s", out.String())
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// wantDoctor compares exit statuses: they are those of docs/guides/troubleshooting.md.
func wantDoctor(t *testing.T, want int, cause, secret string, args ...string) {
	t.Helper()
	if said, status := runDoctor(t, secret, args...); status != want || !strings.Contains(said, cause) {
		t.Errorf("%q exits with %d, want %d and %q:\n%s", args, status, want, cause, said)
	}
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--throttle=on", "--throttle-per-login=1/1h")
	as := func(login string) []string { return []string{s.url, "--login", login, "--secret-stdin"} }
	wantDoctor(t, 0, "Nothing is wrong between here and the server.", "", s.url)
	wantDoctor(t, 0, "Nothing is wrong.", ann.secret, as("ann")...)
	nope := []string{s.url + "/nope", "--login=ann", "--secret-stdin"}
	wantDoctor(t, 13, "There is nothing at "+s.url+"/nope (404): examine "+s.url+".", ann.secret, nope...)
	wantDoctor(t, 21, "wrong_login_or_secret", "hunter2", as("bob")...)
	wantDoctor(t, 27, "throttled", "hunter2", as("bob")...)
	secret := mustCLI(t, database, "user", "application-password", "create", "ann", "narrow", "--scope=GET /wp-json/wp/v2/posts", "--porcelain")
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantDoctor(t, 27, "throttled", "", s.url) // for the doctor's own guesses
	quiet := startServer(t, database)
	wantDoctor(t, 25, "out_of_scope", "", quiet.url, "--login=ann", "--secret-file", file)
	if err := quiet.stop(); err != nil {
		t.Error(err)
	}
	wantDoctor(t, 10, "unreachable", "", quiet.url)
}

// TestDoctorAdvice asks a server that ignores credentials. The advice about the flag for a
// login appears only without a login.
func TestDoctorAdvice(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "Basic")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	const advice = "With --login, doctor can find out more."
	if said, _ := runDoctor(t, "", server.URL); !strings.Contains(said, advice) {
		t.Errorf("without a login it says\n%s", said)
	}
	if said, _ := runDoctor(t, "hunter2", server.URL, "--login=ann", "--secret-stdin"); strings.Contains(said, advice) || !strings.Contains(said, "no_effect") {
		t.Errorf("with a login it says\n%s", said)
	}
}

// TestDoctorInFront asks about an application, other than WordPress, that Sparekey stands in
// front of.
func TestDoctorInFront(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	narrow := mustCLI(t, database, "user", "application-password", "create", "ann", "narrow", "--scope=GET /files/*", "--porcelain")
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, err := strconv.Atoi(r.URL.Query().Get("status")); err == nil {
			w.WriteHeader(status)
		}
		fmt.Fprint(w, "Hello, ", r.Header.Get("X-Sparekey-User"))
	}))
	t.Cleanup(application.Close)
	s := startServer(t, database, "--upstream", application.URL, "--throttle=on", "--throttle-per-login=1/1h")
	as := func(login, path string) []string { return []string{s.url + path, "--login", login, "--secret-stdin"} }
	wantDoctor(t, 0, "Nothing is wrong between here and the server.", "", s.url)
	wantDoctor(t, 0, "Sparekey answers at this address, in front of an application.", ann.secret, as("ann", "")...)
	wantDoctor(t, 0, "The credential works", ann.secret, as("ann", "")...)
	wantDoctor(t, 0, "The credential works", narrow, as("ann", "/files/a")...)
	wantDoctor(t, 25, "out_of_scope", narrow, as("ann", "")...)
	wantDoctor(t, 0, "behind it answers 404", ann.secret, as("ann", "/?status=404")...)
	wantDoctor(t, 30, "lets the credential pass, and the application behind it answers: 403", ann.secret, as("ann", "/?status=403")...)
	wantDoctor(t, 30, "lets the credential pass, and the application behind it answers: 401", ann.secret, as("ann", "/?status=401")...)
	wantDoctor(t, 21, "wrong_login_or_secret", "hunter2", as("bob", "")...)
	wantDoctor(t, 27, "throttled", "hunter2", as("bob", "")...)
	application.Close()
	wantDoctor(t, 29, "broken", ann.secret, as("ann", "")...)
}

// TestDoctorBehindNginx asks through a real nginx that is set up wrongly.
func TestDoctorBehindNginx(t *testing.T) {
	t.Parallel()
	nginx := testproc.Program(t, "scripts/proxies", "nginx")
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	application := newApplication(t)
	for _, c := range []struct {
		directive, cause string
		status           int
	}{
		{`proxy_set_header X-Real-IP $remote_addr;`, "Nothing is wrong.", 0},
		{`proxy_set_header Authorization "";`, "authorization_stripped", 15},
		{`proxy_set_header X-Forwarded-Proto $scheme;`, "tls_not_seen", 14}, // from a proxy that does no TLS
		{`return 301 https://127.0.0.1:1$request_uri;`, "unreachable", 12},
		{`return 404;`, "not_an_api", 13},
		{`return 502;`, "broken", 29},
	} {
		dir, port, frontPort := testproc.Dir(t), testproc.FreePort(t), testproc.FreePort(t)
		s := startServer(t, database, "--url=http://127.0.0.1:"+port)
		front := startServer(t, database, "--url=http://127.0.0.1:"+frontPort, "--upstream", application)
		config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr; events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	server { listen 127.0.0.1:%[2]s; location / { %[3]s proxy_pass %[4]s; } }
	server { listen 127.0.0.1:%[5]s; location / { %[3]s proxy_pass %[6]s; } }
}`, dir, port, c.directive, s.url, frontPort, front.url)
		file := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(nginx, "-p", dir, "-e", "stderr", "-c", file)
		testproc.Start(t, cmd, filepath.Join(dir, "log"), testproc.Accepts("tcp", "127.0.0.1:"+port))
		wantDoctor(t, c.status, c.cause, ann.secret, "http://127.0.0.1:"+port, "--login=ann", "--secret-stdin")
		wantDoctor(t, c.status, c.cause, ann.secret, "http://127.0.0.1:"+frontPort, "--login=ann", "--secret-stdin")
	}
}
