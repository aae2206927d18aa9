package forwardauth_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/internal/testproc"
)

// streaming is an application whose requests and answers last, or are long.
type streaming struct {
	site    *gatewaytest.Site
	front   gatewaytest.Front
	release chan struct{} // has the next part of an event stream sent
}

// newStreaming starts an application, with git repositories in a directory if there is
// one, and a front-end in front of it.
func newStreaming(t *testing.T, start starter, repositories string) *streaming {
	t.Helper()
	s := &streaming{site: gatewaytest.NewSite(t), release: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/upload", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		fmt.Fprintf(w, "%d %x %v", n, sum.Sum(nil), err)
	})
	mux.HandleFunc("/download", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("x"), large))
	})
	mux.HandleFunc("/events", s.events)
	mux.HandleFunc("/socket", s.socket)
	if repositories != "" {
		mux.Handle("/git/", gitBackend(t, "/git", repositories))
	}
	application := httptest.NewServer(mux)
	t.Cleanup(application.Close)
	u, err := url.Parse(application.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.site.Application = u
	s.front = start(t, s.site)
	return s
}

// gitBackend is git's own server below a path of the application, with the repositories in a
// directory and more of the environment.
func gitBackend(t *testing.T, below, repositories string, env ...string) http.Handler {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), testproc.Program(t, clientRemedy, "git"), "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(dir)), "git-http-backend"), Root: below,
		Env: append([]string{"GIT_PROJECT_ROOT=" + repositories, "GIT_HTTP_EXPORT_ALL=1"}, env...), Stderr: io.Discard,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // CGI needs to know its length (RFC 3875, section 4.1.2)
		if err != nil {
			return
		}
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		backend.ServeHTTP(w, r)
	})
}

// large is how many bytes a large body has.
const large = 5 << 20

// events sends an event, and one more for each release.
func (s *streaming) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i := 1; ; i++ {
		fmt.Fprintf(w, "data: %d\n\n", i)
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-s.release:
		case <-r.Context().Done():
			return
		}
	}
}

// socket switches to websocket, and sends back whatever it gets.
func (s *streaming) socket(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455, section 4.2.2
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	_, _ = io.Copy(conn, buffered)
}

// open sends a request, and returns what there is of its answer.
func (s *streaming) open(t *testing.T, request string) (*http.Response, *bufio.Reader, net.Conn) {
	t.Helper()
	conn := s.site.Dial(t, s.front)
	t.Cleanup(func() { conn.Close() })
	head, body, _ := strings.Cut(request, "\n\n")
	head = strings.ReplaceAll(strings.ReplaceAll(head, "\n", "\r\n"), "{good}", s.site.Authorization("good"))
	if _, err := io.WriteString(conn, head+"\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res, r, conn
}

const asGood = " HTTP/1.1\nHost: example.org\nAuthorization: {good}\n"

// quietFor is for how long connections have nothing to carry: longer than the time-outs that
// the tests shorten, and that the examples must not depend on.
const quietFor = 2500 * time.Millisecond

// test tries what lasts or is long, through a front-end.
func (s *streaming) test(t *testing.T) {
	t.Run("upload", func(t *testing.T) {
		body := bytes.Repeat([]byte("0123456789abcdef"), large/16)
		want := fmt.Sprintf("%d %x <nil>", large, sha256.Sum256(body))
		for name, request := range map[string]string{
			"whole":     fmt.Sprintf("POST /upload%sContent-Length: %d\nConnection: close\n\n%s", asGood, large, body),
			"in chunks": fmt.Sprintf("PUT /upload%sTransfer-Encoding: chunked\nConnection: close\n\n%x\r\n%s\r\n0\r\n\r\n", asGood, large, body),
			"as a form": fmt.Sprintf("POST /upload%sContent-Type: multipart/form-data; boundary=x\nContent-Length: %d\nConnection: close\n\n%s", asGood, large, body),
		} {
			res, _, _ := s.open(t, request)
			if got, err := io.ReadAll(res.Body); string(got) != want {
				t.Errorf("%s: %d %.200s, %v", name, res.StatusCode, got, err)
			}
		}
	})
	t.Run("download", func(t *testing.T) {
		res, _, _ := s.open(t, "GET /download"+asGood+"\n")
		if n, err := io.Copy(io.Discard, res.Body); n != large || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
	t.Run("event stream", func(t *testing.T) {
		res, _, _ := s.open(t, "GET /events"+asGood+"Accept: text/event-stream\n\n")
		events := bufio.NewReader(res.Body)
		for i := range 3 { // each must arrive before the next is sent
			line, err := events.ReadString('\n')
			if line != fmt.Sprintf("data: %d\n", i+1) || err != nil {
				t.Fatalf("%d %q, %v", res.StatusCode, line, err)
			}
			_, _ = events.ReadString('\n')
			if i == 1 {
				time.Sleep(quietFor)
			}
			select {
			case s.release <- struct{}{}:
			case <-time.After(10 * time.Second):
				t.Fatal("the application's connection is gone")
			}
		}
	})
	t.Run("websocket", func(t *testing.T) {
		res, r, conn := s.open(t, "GET /socket"+asGood+"Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n\n")
		if res.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%d", res.StatusCode)
		}
		for _, line := range []string{"before\n", "after\n"} {
			if _, err := io.WriteString(conn, line); err != nil {
				t.Fatal(err)
			}
			if got, err := r.ReadString('\n'); got != line || err != nil {
				t.Fatalf("%q, %v, want %q", got, err, line)
			}
			if line == "before\n" {
				time.Sleep(quietFor)
			}
		}
	})
}

// streams are front-ends of which the time-outs that must not matter are short.
func streams(t *testing.T) map[string]starter {
	t.Helper()
	return map[string]starter{
		"proxy": ownProxy,
		"nginx": nginx(t, "proxy_read_timeout 1s; proxy_send_timeout 1s; send_timeout 1s; keepalive_timeout 1s;"),
		"Caddy": caddy(t),
		"HAProxy": haproxyWith(t, map[string]string{
			"timeout client       1m": "timeout client 1s", "timeout http-request 10s": "timeout http-request 1s", "timeout connect      5s": "timeout connect 1s",
		}),
	}
}

// TestStreams has every example carry what is long or lasts.
func TestStreams(t *testing.T) {
	t.Parallel()
	for name, start := range streams(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newStreaming(t, start, "").test(t)
		})
	}
}

// TestGit clones from git's own server over smart HTTP, and pushes 3 MiB to it, with an
// application password in the URL as people have it.
func TestGit(t *testing.T) {
	t.Parallel()
	program := testproc.Program(t, remedy, "git")
	for name, start := range streams(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := testproc.Dir(t)
			s := newStreaming(t, start, root)
			git := func(args ...string) string {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), program, args...)
				cmd.Env = append(os.Environ(), "HOME="+root, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_SSL_CAINFO="+s.site.Certificate.Cert, "no_proxy=*",
					"GIT_AUTHOR_NAME=ann", "GIT_AUTHOR_EMAIL=ann@example.org", "GIT_COMMITTER_NAME=ann", "GIT_COMMITTER_EMAIL=ann@example.org")
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("git %v: %v\n%s", args, err, out)
				}
				return strings.TrimSpace(string(out))
			}
			repository, work, again := filepath.Join(root, "notes.git"), filepath.Join(root, "work"), filepath.Join(root, "again")
			git("init", "--bare", "--initial-branch=main", repository)
			git("-C", repository, "config", "http.receivepack", "true")
			login, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s.site.Authorization("good"), "Basic "))
			if err != nil {
				t.Fatal(err)
			}
			_, port, err := net.SplitHostPort(s.front.Addr)
			if err != nil {
				t.Fatal(err)
			}
			scheme := map[bool]string{true: "https", false: "http"}[s.front.TLS]
			address := fmt.Sprintf("%s://%s@example.org:%s/git/notes.git", scheme, login, port)
			resolve := "http.curloptResolve=example.org:" + port + ":127.0.0.1"

			git("-c", resolve, "clone", address, work)
			random := make([]byte, 3<<20)
			for i, state := 0, uint32(1); i < len(random); i++ { // which does not compress
				state = state*1664525 + 1013904223
				random[i] = byte(state >> 24)
			}
			if err := os.WriteFile(filepath.Join(work, "large"), random, 0o600); err != nil {
				t.Fatal(err)
			}
			git("-C", work, "add", "large")
			git("-C", work, "commit", "-m", "Add a large file")
			git("-C", work, "-c", resolve, "push", "origin", "HEAD:main")
			git("-c", resolve, "clone", address, again)
			if got, err := os.ReadFile(filepath.Join(again, "large")); err != nil || !bytes.Equal(got, random) {
				t.Errorf("the clone has %d bytes, %v", len(got), err)
			}
			if head := git("-C", again, "rev-parse", "HEAD"); head != git("-C", repository, "rev-parse", "main") {
				t.Errorf("the clone is at %s", head)
			}
		})
	}
}

// TestDeny has an operator's own rules of nginx stay what they are.
func TestDeny(t *testing.T) {
	t.Parallel()
	program := testproc.Program(t, remedy, "nginx")
	for name, c := range map[string]struct {
		rule   string
		as     string
		status int
		says   string
	}{
		"deny":                      {"deny 127.0.0.2;", "good", http.StatusForbidden, "Forbidden"},
		"deny all":                  {"deny all;", "good", http.StatusForbidden, "Forbidden"},
		"deny, anonymous":           {"deny 127.0.0.0/8;", "", http.StatusForbidden, "Forbidden"},
		"return":                    {"return 403;", "good", http.StatusForbidden, "Forbidden"},
		"methods":                   {"limit_except POST { deny all; }", "good", http.StatusForbidden, "Forbidden"},
		"of another":                {"deny 10.0.0.0/8;", "good", http.StatusOK, ""},
		"of another, out of scope":  {"deny 10.0.0.0/8;", "scoped", http.StatusForbidden, "GET /api/posts"},
		"of another, throttled":     {"deny 10.0.0.0/8;", "throttled", http.StatusTooManyRequests, ""},
		"of another, without an as": {"deny 10.0.0.0/8;", "", http.StatusUnauthorized, "Basic authentication"},
		"of another, broken":        {"deny 10.0.0.0/8;", "broken", http.StatusServiceUnavailable, "could not be checked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := gatewaytest.NewSite(t)
			front := starting(gatewaytest.Front{}, func(t *testing.T, site *gatewaytest.Site, dir, addr string) *exec.Cmd {
				t.Helper()
				server := nginxExample(t, site, dir, addr, map[string]string{"        auth_request /-/sparekey;": c.rule + "\nauth_request /-/sparekey;"})
				return nginxCommand(t, program, dir, "include "+server+";")
			})(t, site)
			request := "GET / HTTP/1.1\nHost: example.org\nConnection: close\n"
			if c.as != "" {
				request += "Authorization: {" + c.as + "}\n"
			}
			a := site.Send(t, front, request+"\n")
			if a.Status != c.status || !strings.Contains(a.Body, c.says) || (a.Seen != nil) != (c.status == http.StatusOK) {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
}
