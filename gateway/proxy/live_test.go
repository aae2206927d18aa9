package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
	"github.com/sparekey-dev/sparekey/internal/testclock"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// live is a proxy in front of an application, with a real service whose credentials
// change while requests are under way.
type live struct {
	front

	proxy *proxy.Proxy
	svc   *sparekey.Service
	store *memory.Store
	away  *away
	user  sparekey.User
	clock *testclock.Clock
	log   *safeBuffer
	ended atomic.Int64
	open  atomic.Int64 // requests that the proxy serves
}

// away is a store that does not answer while it is away. It is not [sparekey.Revisioned],
// so nothing is answered from memory.
type away struct {
	sparekey.Store
	is    atomic.Bool
	finds atomic.Int64
}

func (a *away) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	a.finds.Add(1)
	if a.is.Load() {
		return sparekey.Credential{}, errors.New("no disk")
	}
	return a.Store.Find(ctx, userID, hash)
}

// safeBuffer is a buffer to log to.
type safeBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// startLive starts them. The end of a test may come while requests are under way.
func startLive(t *testing.T, application http.Handler, config proxy.Config) *live {
	t.Helper()
	upstream := httptest.NewServer(application)
	t.Cleanup(upstream.Close)
	u, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	l := startLiveBefore(t, u, config)
	t.Cleanup(upstream.CloseClientConnections)
	return l
}

// startLiveBefore starts a proxy before an application that runs.
func startLiveBefore(t *testing.T, u *url.URL, config proxy.Config) *live {
	t.Helper()
	l := &live{store: memory.New(), clock: testclock.New(time.Now()), log: &safeBuffer{}}
	l.away = &away{Store: l.store}
	var err error
	if l.user, err = l.store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, ""); err != nil {
		t.Fatal(err)
	}
	l.svc = sparekey.New(l.away, l.store, sparekey.Config{Now: l.clock.Now})
	config.Log = slog.New(slog.NewTextHandler(l.log, nil))
	config.Ended = func(context.Context, gateway.Decision) { l.ended.Add(1) }
	l.proxy = proxy.New(gateway.New(l.svc, gateway.Config{Optional: true}), u, config)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.open.Add(1)
		defer l.open.Add(-1)
		l.proxy.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = quiet()
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	l.addr = server.Listener.Addr().String()
	return l
}

// create makes an application password, with which requests come from then on.
func (l *live) create(t *testing.T, limits sparekey.Limits) sparekey.Credential {
	t.Helper()
	secret, c, err := l.svc.AsOperator().Create(t.Context(), l.user.ID, sparekey.NewCredential{Name: "App", Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	l.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+secret.Reveal()))
	return c
}

func (l *live) revoke(t *testing.T, c sparekey.Credential) {
	t.Helper()
	if _, err := l.svc.AsOperator().Revoke(t.Context(), l.user.ID, c.UUID); err != nil {
		t.Fatal(err)
	}
}

// uploads is an application that reads bodies: it says when one has begun, and counts
// those that came whole.
type uploads struct {
	begun chan bool
	whole atomic.Int64
	done  chan error // each body, with the error where it broke off
}

func newUploads() *uploads { return &uploads{begun: make(chan bool, 1), done: make(chan error, 1)} }

func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, err := io.ReadFull(r.Body, make([]byte, 4))
	u.begun <- true
	if err == nil {
		_, err = io.Copy(io.Discard, r.Body)
	}
	if err == nil {
		u.whole.Add(1)
		fmt.Fprint(w, "done")
	}
	u.done <- err
}

// heldBodies are requests whose body comes in two parts.
var heldBodies = map[string][2]string{
	"length":            {"POST /a HTTP/1.1\nContent-Length: 8\n\n1234", "5678"},
	"length, last byte": {"POST /a HTTP/1.1\nContent-Length: 5\n\n1234", "5"},
	"chunked":           {"POST /a HTTP/1.1\nTransfer-Encoding: chunked\n\n4\n1234\n", "4\r\n5678\r\n0\r\n\r\n"},
	"chunked, only end": {"POST /a HTTP/1.1\nTransfer-Encoding: chunked\n\n4\n1234\n", "0\r\n\r\n"},
	"trailer":           {"POST /a HTTP/1.1\nTransfer-Encoding: chunked\nTrailer: X-Sum\n\n4\n1234\n", "0\r\nX-Sum: 1\r\n\r\n"},
}

// TestHeldRequest sends half a body, waits until the application has it, revokes the
// application password, and sends the rest at once: 200 times, none is carried out. No
// round of the watch helps.
func TestHeldRequest(t *testing.T) {
	t.Parallel()
	for name, parts := range heldBodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := newUploads()
			l := startLive(t, app, proxy.Config{RecheckInterval: time.Hour})
			l.create(t, sparekey.Limits{})
			r, conn := l.dial(t, parts[0])
			<-app.begun
			io.WriteString(conn, parts[1])
			if res, body := responseBody(t, r); res.StatusCode != http.StatusOK || body != "done" || app.whole.Swap(0) != 1 {
				t.Fatalf("without a revocation: %d %s", res.StatusCode, body)
			}
			<-app.done
			for range 200 / len(heldBodies) {
				c := l.create(t, sparekey.Limits{})
				r, conn := l.dial(t, parts[0])
				<-app.begun
				l.revoke(t, c)
				io.WriteString(conn, parts[1])
				if res, body := responseBody(t, r); res.StatusCode != http.StatusUnauthorized || res.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("the client got %d %s", res.StatusCode, body)
				}
				<-app.done
			}
			if n := app.whole.Load(); n > 0 {
				t.Errorf("%d of %d were carried out", n, 200/len(heldBodies))
			}
			if n := l.ended.Load(); n != int64(200/len(heldBodies)) {
				t.Errorf("%d were reported", n)
			}
		})
	}
}

// TestHeldRequestHTTP2 is TestHeldRequest for a client that speaks HTTP/2.
func TestHeldRequestHTTP2(t *testing.T) {
	t.Parallel()
	app := newUploads()
	l := startLive(t, app, proxy.Config{RecheckInterval: time.Hour})
	server := httptest.NewUnstartedServer(l.proxy)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	for i, length := range []int64{8, -1, 8, -1} {
		c := l.create(t, sparekey.Limits{})
		read, write := io.Pipe()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/a", read)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", l.authorization)
		r.ContentLength = length
		go func() {
			io.WriteString(write, "1234")
			<-app.begun
			if i >= 2 {
				l.revoke(t, c)
			}
			io.WriteString(write, "5678")
			write.Close()
		}()
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if want := map[bool]int{false: http.StatusOK, true: http.StatusUnauthorized}[i >= 2]; res.StatusCode != want || res.ProtoMajor != 2 {
			t.Errorf("length %d: HTTP/%d, %d", length, res.ProtoMajor, res.StatusCode)
		}
		<-app.done
	}
	if n := app.whole.Load(); n != 2 {
		t.Errorf("%d were carried out, not the 2 whose application password was not revoked", n)
	}
}

// TestHeldRequestBroken has the store away when a body ends.
func TestHeldRequestBroken(t *testing.T) {
	t.Parallel()
	app := newUploads()
	l := startLive(t, app, proxy.Config{RecheckInterval: time.Hour})
	l.create(t, sparekey.Limits{})
	r, conn := l.dial(t, heldBodies["length"][0])
	<-app.begun
	l.away.is.Store(true)
	io.WriteString(conn, heldBodies["length"][1])
	if res, body := responseBody(t, r); res.StatusCode != http.StatusServiceUnavailable || app.whole.Load() > 0 {
		t.Errorf("%d %s, %d carried out", res.StatusCode, body, app.whole.Load())
	}
	<-app.done
}

// TestAnswersBeforeTheBodyEnds has an application that does not want the body: its answer
// is passed on, also where the application password is revoked meanwhile.
func TestAnswersBeforeTheBodyEnds(t *testing.T) {
	t.Parallel()
	c := make(chan sparekey.Credential, 1)
	var l *live
	l = startLive(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		l.revoke(t, <-c)
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
	}), proxy.Config{RecheckInterval: time.Hour})
	c <- l.create(t, sparekey.Limits{})
	r, _ := l.dial(t, "POST / HTTP/1.1\nContent-Length: 1000000\nExpect: 100-continue\n\n")
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%v %v", res, err)
	}
}

// lasting is an application with requests that last until they are ended. It reports when
// one has begun and when it has ended.
type lasting struct{ begun, ended chan string }

// newLasting has place for the reports about n requests.
func newLasting(n int) lasting { return lasting{make(chan string, n), make(chan string, n)} }

func (a lasting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.begun <- r.URL.Path
	defer func() { a.ended <- r.URL.Path }()
	flush := http.NewResponseController(w).Flush
	switch r.URL.Path {
	case "/socket", "/socket/flood":
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello\n")
		rw.Flush()
		if r.URL.Path == "/socket/flood" { // to a client that takes nothing more
			io.Copy(conn, zeros{})
			return
		}
		io.Copy(io.Discard, rw)
	case "/stream":
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "hello\n")
		flush()
		<-r.Context().Done()
	case "/flood": // to a client that takes nothing
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	case "/wait":
		<-r.Context().Done()
	case "/upload":
		io.Copy(io.Discard, r.Body)
	}
}

// lastingRequests open what lasts. The client reads a line first where it says hello.
var lastingRequests = map[string]string{
	"/socket":       "GET /socket?token=hidden HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket\n\n",
	"/socket/flood": "GET /socket/flood?token=hidden HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket\n\n",
	"/stream":       "GET /stream?token=hidden HTTP/1.1\n\n",
	"/flood":        "GET /flood?token=hidden HTTP/1.1\n\n",
	"/wait":         "GET /wait?token=hidden HTTP/1.1\n\n",
	"/upload":       "POST /upload?token=hidden HTTP/1.1\nTransfer-Encoding: chunked\n\n4\n1234\n",
}

// openLasting sends one of them, and returns when the application has it.
func (l *live) openLasting(t *testing.T, app lasting, path string) (*bufio.Reader, net.Conn) {
	t.Helper()
	r, conn := l.dial(t, lastingRequests[path])
	if begun := <-app.begun; begun != path {
		t.Fatalf("%s has begun, and not %s", begun, path)
	}
	if path == "/wait" || path == "/flood" || path == "/upload" {
		return r, conn
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %q %v", path, line, err)
		}
		if strings.TrimSpace(line) == "hello" {
			return r, conn
		}
	}
}

// TestUnderWayEnds opens requests of every kind, changes something, and wants each to end
// at both sides, and to be reported.
func TestUnderWayEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits sparekey.Limits
		change func(t *testing.T, l *live, c sparekey.Credential)
		reason string
		status int // of the answer that had not begun
	}{
		"revoked": {change: func(t *testing.T, l *live, c sparekey.Credential) { t.Helper(); l.revoke(t, c) }, reason: "wrong_secret", status: 401},
		"narrowed": {change: func(t *testing.T, l *live, c sparekey.Credential) {
			t.Helper()
			if _, err := l.svc.AsOperator().Limit(t.Context(), l.user.ID, c.UUID, sparekey.Limits{Scopes: "GET /other"}); err != nil {
				t.Fatal(err)
			}
		}, reason: "out_of_scope", status: 403},
		"rotated": {change: func(t *testing.T, l *live, c sparekey.Credential) {
			t.Helper()
			if _, _, err := l.svc.AsOperator().Rotate(t.Context(), l.user.ID, c.UUID, 0); err != nil {
				t.Fatal(err)
			}
		}, reason: "wrong_secret", status: 401},
		"rotated, grace ends": {change: func(t *testing.T, l *live, c sparekey.Credential) {
			t.Helper()
			if _, _, err := l.svc.AsOperator().Rotate(t.Context(), l.user.ID, c.UUID, time.Hour); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // rounds in which it is accepted
			if n := l.ended.Load(); n > 0 {
				t.Errorf("%d ended within the grace period", n)
			}
			l.clock.Pass(time.Hour)
		}, reason: "wrong_secret", status: 401},
		"expired": {
			limits: sparekey.Limits{Expires: time.Now().Add(time.Hour)},
			change: func(_ *testing.T, l *live, _ sparekey.Credential) { l.clock.Pass(time.Hour) },
			reason: "expired", status: 401,
		},
		"user deleted": {change: func(t *testing.T, l *live, _ sparekey.Credential) {
			t.Helper()
			if _, err := l.store.DeleteUser(t.Context(), l.user.ID); err != nil {
				t.Fatal(err)
			}
		}, reason: "unknown_login", status: 401},
		"database away": {change: func(_ *testing.T, l *live, _ sparekey.Credential) { l.away.is.Store(true) }, reason: "broken", status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := newLasting(2 * len(lastingRequests))
			l := startLive(t, app, proxy.Config{RecheckInterval: 20 * time.Millisecond, UnconfirmedLimit: 300 * time.Millisecond})
			l.create(t, sparekey.Limits{})
			other, _ := l.openLasting(t, app, "/stream")
			credential := l.create(t, c.limits)
			open := make(map[string]*bufio.Reader)
			for path := range lastingRequests {
				open[path], _ = l.openLasting(t, app, path)
			}
			time.Sleep(100 * time.Millisecond) // rounds in which all are accepted
			if n := l.ended.Load(); n > 0 {
				t.Fatalf("%d ended before the change: %s", n, l.log)
			}
			c.change(t, l, credential)
			until(t, "the proxy is done with what was opened, though the clients have read nothing", func() bool {
				return l.ended.Load() >= int64(len(lastingRequests)) && l.open.Load() <= 1
			})
			for path, r := range open {
				if path == "/wait" || path == "/upload" {
					if res, body := responseBody(t, r); res.StatusCode != c.status {
						t.Errorf("%s: the client got %d %s", path, res.StatusCode, body)
					}
					continue
				}
				if _, err := io.Copy(io.Discard, r); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s did not end: %v", path, err)
				}
			}
			for range lastingRequests {
				<-app.ended
			}
			l.wantLog(t, credential, c.reason)
			if name != "database away" && name != "user deleted" {
				if len(app.ended) > 0 {
					t.Errorf("%s of another application password ended", <-app.ended)
				}
				return
			}
			io.Copy(io.Discard, other) // ends as well
		})
	}
}

// TestUnderWayEndsHTTP2 is about requests of a client that speaks HTTP/2.
func TestUnderWayEndsHTTP2(t *testing.T) {
	t.Parallel()
	app := newLasting(2)
	l := startLive(t, app, proxy.Config{RecheckInterval: 20 * time.Millisecond})
	server := httptest.NewUnstartedServer(l.proxy)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	for path, want := range map[string]int{"/stream": http.StatusOK, "/wait": http.StatusUnauthorized} {
		c, answered := l.create(t, sparekey.Limits{}), make(chan bool)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", l.authorization)
		go func() {
			<-app.begun
			if path == "/stream" { // so that its answer has begun, too
				<-answered
			}
			l.revoke(t, c)
		}()
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if path == "/stream" {
			close(answered)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if res.ProtoMajor != 2 || res.StatusCode != want || (err != nil) != (want == http.StatusOK) {
			t.Errorf("%s: HTTP/%d, %d %q %v", path, res.ProtoMajor, res.StatusCode, body, err)
		}
		<-app.ended
	}
}

// wantLog wants a line for each request that was ended, without what is secret.
func (l *live) wantLog(t *testing.T, c sparekey.Credential, reason string) {
	t.Helper()
	log := l.log.String()
	for path := range lastingRequests {
		found := false
		for line := range strings.Lines(log) {
			found = found || strings.Contains(line, "ended a request under way") && strings.Contains(line, " user=ann ") && strings.Contains(line, " path="+path+" ") &&
				strings.Contains(line, " credential.uuid="+c.UUID+" ") && strings.Contains(line, " reason="+reason+" ") && strings.Contains(line, " open=")
		}
		if !found {
			t.Errorf("no line for %s in the log:\n%s", path, log)
		}
	}
	login, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(l.authorization, "Basic "))
	if _, secret, _ := strings.Cut(string(login), ":"); strings.Contains(log, "hidden") || strings.Contains(log, secret) {
		t.Errorf("the log holds a secret:\n%s", log)
	}
}

// TestUnderWayStays is about requests that nothing ends: anonymous ones while the store is
// away, and such as came back in time before the limit of the unconfirmed.
func TestUnderWayStays(t *testing.T) {
	t.Parallel()
	app := newLasting(4)
	l := startLive(t, app, proxy.Config{RecheckInterval: 10 * time.Millisecond, UnconfirmedLimit: time.Hour})
	l.create(t, sparekey.Limits{})
	l.openLasting(t, app, "/stream")
	l.authorization = "Bearer other"
	l.openLasting(t, app, "/stream")
	l.away.is.Store(true)
	time.Sleep(100 * time.Millisecond)
	l.away.is.Store(false)
	time.Sleep(50 * time.Millisecond)
	if n := l.ended.Load(); n > 0 || len(app.ended) > 0 {
		t.Errorf("%d ended: %s", n, l.log)
	}
}

// TestRoundsShareLookups has many streams of one application password open, on a store of
// which nothing is remembered: each round looks it up once.
func TestRoundsShareLookups(t *testing.T) {
	t.Parallel()
	const streams = 200
	app := newLasting(streams)
	l := startLive(t, app, proxy.Config{RecheckInterval: 50 * time.Millisecond})
	c := l.create(t, sparekey.Limits{})
	for range streams {
		l.openLasting(t, app, "/stream")
	}
	time.Sleep(100 * time.Millisecond) // the last of them is in the rounds by now
	before := l.away.finds.Load()
	until(t, "five rounds", func() bool { return l.away.finds.Load() >= before+5 })
	if n := l.away.finds.Load() - before; n >= streams {
		t.Errorf("%d look-ups for %d streams", n, streams)
	}
	l.revoke(t, c)
	for range streams {
		<-app.ended
	}
}

// TestWatchStops wants no goroutine before there is something to check, or after.
func TestWatchStops(t *testing.T) {
	t.Parallel()
	app := newLasting(20)
	l := startLive(t, app, proxy.Config{RecheckInterval: 20 * time.Millisecond})
	l.create(t, sparekey.Limits{})
	if l.proxy.IsWatching() {
		t.Error("New starts a goroutine")
	}
	for range 3 {
		l.send(t, "GET / HTTP/1.1\n\n")
		<-app.begun
	}
	c := l.create(t, sparekey.Limits{})
	l.openLasting(t, app, "/stream")
	until(t, "it watches a stream", l.proxy.IsWatching)
	l.revoke(t, c)
	until(t, "it stops when nothing is open", func() bool { return !l.proxy.IsWatching() })
	l.create(t, sparekey.Limits{})
	l.openLasting(t, app, "/stream")
	until(t, "it starts again", l.proxy.IsWatching)
}

// until waits for what must come true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 1000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not in 10 seconds: %s", what)
}
