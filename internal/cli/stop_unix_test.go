//go:build unix

package cli

import (
	"bufio"
	"database/sql"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // which the server's store registers, too
)

// newStreams starts an application that never ends an answer: an event stream at
// /events, a websocket at /socket, an answer that does not begin at /slow, and one that
// reads a body to its end at /upload.
func newStreams(t *testing.T) string {
	t.Helper()
	quit := make(chan struct{})
	wait := func(r *http.Request) {
		select {
		case <-quit:
		case <-r.Context().Done():
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: begun\n\n")
		_ = http.NewResponseController(w).Flush()
		wait(r)
	})
	mux.HandleFunc("/socket", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbegun\n")
		_, _ = io.Copy(io.Discard, conn)
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { wait(r) })
	mux.HandleFunc("/upload", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "done\n")
	})
	app := httptest.NewServer(mux)
	t.Cleanup(app.Close)
	t.Cleanup(func() { close(quit) })
	return app.URL
}

// begin sends the beginning of a request and reads until the application has begun to
// answer, if it does.
func (s *serverProcess) begin(t *testing.T, as account, method, path, more, begun string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if as != (account{}) {
		more = "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(as.login+":"+as.secret)) + "\r\n" + more
	}
	if _, err := io.WriteString(conn, method+" "+path+" HTTP/1.1\r\nHost: 127.0.0.1\r\n"+more); err != nil {
		t.Fatal(err)
	}
	read := bufio.NewReader(conn)
	for begun != "" {
		line, err := read.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if strings.Contains(line, begun) {
			break
		}
	}
	return conn, read
}

const toWebsocket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

func TestTermEndsStreamsAndKeepsTheAuditLog(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	mustCLI(t, database, "user", "create", "ann", "ann@example.com", "--role=editor")
	ann := account{"ann", mustCLI(t, database, "user", "application-password", "create", "ann", "Streams", "--porcelain")}
	s := startServer(t, database, "--upstream", newStreams(t))
	_, events := s.begin(t, ann, "GET", "/events", "\r\n", "begun")
	_, socket := s.begin(t, ann, "GET", "/socket", toWebsocket, "begun")
	_, anonymous := s.begin(t, account{}, "GET", "/events", "\r\n", "begun")
	_, slow := s.begin(t, ann, "GET", "/slow", "\r\n", "")
	s.begin(t, ann, "POST", "/upload", "Content-Length: 1000000\r\n\r\nbegin", "")
	s.begin(t, ann, "GET", "/never-finished", "", "")
	if _, err := s.send(t.Context(), account{"ann", "not right"}, http.MethodGet, "/events", ""); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-s.done; err != nil {
		t.Errorf("the server ended with %v\n%s", err, s.log)
	}
	for name, read := range map[string]*bufio.Reader{"events": events, "socket": socket, "anonymous": anonymous} {
		if _, err := io.ReadAll(read); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text, _ := io.ReadAll(slow); !strings.HasPrefix(string(text), "HTTP/1.1 503 ") {
		t.Errorf("the answer that had not begun: %q", text)
	}
	if strings.Contains(s.log.String(), "level=ERROR") {
		t.Errorf("stopping was logged as an error:\n%s", s.log)
	}
	list := mustCLI(t, database, "audit", "list")
	for _, kind := range []string{"used", "refused"} {
		if !strings.Contains(list, kind) {
			t.Errorf("the audit log has no %q:\n%s", kind, list)
		}
	}
	if out, err := cli(t.Context(), database, "audit", "verify"); err != nil {
		t.Errorf("%s %v", out, err)
	}
}

// TestStopWithADatabaseThatHangs has another program keep the database from being written
// while a server stops: the server does not wait for that, and says what is lost.
func TestStopWithADatabaseThatHangs(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	mustCLI(t, database, "user", "create", "ann", "ann@example.com", "--user_pass=correct horse")
	s := startServer(t, database)
	if _, err := s.send(t.Context(), account{"ann", "not right"}, http.MethodGet, mine, ""); err != nil {
		t.Fatal(err)
	}
	holder, err := sql.Open("sqlite", database)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	conn, err := holder.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	exit, isExit := errors.AsType[*exec.ExitError](<-s.done)
	if !isExit || exit.ExitCode() != 1 {
		t.Errorf("the server ended with %v\n%s", exit, s.log)
	}
	t.Logf("it stopped after %v", time.Since(begun))
	if log := s.log.String(); !strings.Contains(log, "may be missing") {
		t.Errorf("the log does not say what is lost:\n%s", log)
	}
}

func TestSignalsThatAServerSurvives(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	s := startServer(t, database)
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE, syscall.SIGALRM} {
		if err := s.cmd.Process.Signal(signal); err != nil {
			t.Fatalf("%s: %v\n%s", signal, err, s.log)
		}
		if signal != syscall.SIGPIPE {
			s.log.waitFor(t, signal.String())
		}
		res, err := http.Get(s.url + "/healthz")
		if err != nil {
			t.Fatalf("%s: %v\n%s", signal, err, s.log)
		}
		res.Body.Close()
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// TestServerOutlivesTheReaderOfItsLog closes the pipe that a server logs to, as a log
// rotation by pipe or a closed terminal does, and has it log.
func TestServerOutlivesTheReaderOfItsLog(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	cmd := command(t.Context(), database, "serve", "--listen=127.0.0.1:0", "--log-level=debug")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	url := ""
	for scan := bufio.NewScanner(r); url == "" && scan.Scan(); {
		if m := serving.FindStringSubmatch(scan.Text()); m != nil {
			url = "http://" + m[1]
		}
	}
	r.Close()
	for range 3 {
		res, err := http.Get(url + "/healthz") // which is logged
		if err != nil {
			t.Fatalf("%v: the server ended with its log", err)
		}
		res.Body.Close()
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestSecondSignalEndsTheServerAtOnce(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	s := startServer(t, database, "--upstream", newStreams(t))
	s.begin(t, account{}, "GET", "/events", "\r\n", "begun")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.log.waitFor(t, "msg=stopping")
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := <-s.done; !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("the server ended with %v, not by the second signal\n%s", err, s.log)
	}
}
