package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// newLastingApplication starts an application whose requests last: a websocket, an event
// stream, and uploads. Of each upload it reports nil when it has begun, and then the
// error with which its body ended.
func newLastingApplication(t *testing.T) (url string, uploads <-chan error) {
	t.Helper()
	bodies := make(chan error, 2)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		switch r.URL.Path {
		case "/socket":
			conn, rw, err := control.Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello\n")
			rw.Flush()
			io.Copy(io.Discard, rw)
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "hello\n")
			control.Flush()
			<-r.Context().Done()
		case "/upload":
			_, err := io.ReadFull(r.Body, make([]byte, 4))
			bodies <- err
			_, err = io.Copy(io.Discard, r.Body)
			bodies <- err
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return s.URL, bodies
}

// open opens a request that lasts, and returns once the application has said hello, or at
// once if it is an upload.
func (s *serverProcess) open(t *testing.T, as account, path string) (*bufio.Reader, net.Conn) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path+"?token=hidden", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(as.login, as.secret)
	extra := map[string]string{"/socket": "Connection: Upgrade\r\nUpgrade: websocket\r\n", "/events": "", "/upload": "Content-Length: 8\r\n"}[path]
	method := map[bool]string{true: "POST", false: "GET"}[path == "/upload"]
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n%s\r\n", method, r.URL.RequestURI(), r.URL.Host, r.Header.Get("Authorization"), extra)
	answer := bufio.NewReader(conn)
	if path == "/upload" {
		return answer, conn
	}
	for {
		line, err := answer.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %q %v", path, line, err)
		}
		if line == "hello\n" {
			return answer, conn
		}
	}
}

// TestRequestsUnderWayEnd has a command, which is a process of its own, take away the
// application password with which a websocket and an event stream are open and an upload
// has begun. All of them end within a second; the bound here is generous, and what was
// measured is logged.
func TestRequestsUnderWayEnd(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	application, uploads := newLastingApplication(t)
	s := startServer(t, database, "--upstream", application)
	kept, keptConn := s.open(t, ann, "/events")
	changes := map[string]struct {
		args   []string
		reason string
	}{
		"revoked":  {[]string{"delete", "ann", "UUID"}, "wrong_secret"},
		"narrowed": {[]string{"update", "ann", "UUID", "--scope=GET /elsewhere"}, "out_of_scope"},
		"rotated":  {[]string{"rotate", "ann", "UUID"}, "wrong_secret"},
	}
	var took []time.Duration
	for name, c := range changes {
		for i := range 3 {
			app := fmt.Sprintf("%s %d", name, i)
			as := account{"ann", mustCLI(t, database, "user", "application-password", "create", "ann", app, "--porcelain")}
			uuid := mustCLI(t, database, "user", "application-password", "list", "ann", "--name="+app, "--field=uuid")
			socket, _ := s.open(t, as, "/socket")
			events, _ := s.open(t, as, "/events")
			upload, body := s.open(t, as, "/upload")
			io.WriteString(body, "1234")
			if err := <-uploads; err != nil {
				t.Fatalf("%s: the application got no half upload: %v", name, err)
			}
			args := slices.Clone(c.args)
			args[slices.Index(args, "UUID")] = uuid
			mustCLI(t, database, append([]string{"user", "application-password"}, args...)...)
			acknowledged := time.Now()
			io.WriteString(body, "5678")
			for path, r := range map[string]*bufio.Reader{"/socket": socket, "/events": events} {
				if _, err := io.Copy(io.Discard, r); time.Since(acknowledged) > 10*time.Second {
					t.Errorf("%s, %s: it ended after %v (%v)", name, path, time.Since(acknowledged), err)
				}
				took = append(took, time.Since(acknowledged))
			}
			res, err := http.ReadResponse(upload, nil)
			if err != nil || res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusForbidden {
				t.Errorf("%s: the upload was answered with %v, %v", name, res, err)
			}
			if err := <-uploads; err == nil {
				t.Errorf("%s: the application got the whole upload", name)
			}
			s.log.waitFor(t, "credential.uuid="+uuid+" ")
			s.log.waitFor(t, " reason="+c.reason)
		}
	}
	slices.Sort(took)
	t.Logf("%d requests ended after a median of %v, at most %v", len(took), took[len(took)/2], took[len(took)-1])
	keptConn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := io.Copy(io.Discard, kept); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the stream of another application password ended: %v", err)
	}
	keptConn.SetReadDeadline(time.Now().Add(time.Minute))
	mustCLI(t, database, "user", "delete", "ann", "--yes")
	if _, err := io.Copy(io.Discard, kept); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the stream of a deleted user is open after a minute")
	}
	s.log.waitFor(t, "reason=unknown_login")
	if log := s.log.String(); strings.Contains(log, "hidden") || strings.Contains(log, ann.secret) {
		t.Errorf("the log holds a secret:\n%s", log)
	}
}
