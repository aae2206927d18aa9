package proxy_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
)

// ways are the ways to reach an application, beside the URL of an HTTP/1.1 server.
var ways = map[string]struct {
	proto       string // with which the application is asked
	socket      bool
	encrypted   bool
	unencrypted bool // HTTP/2 without TLS
}{
	"unix":      {proto: "HTTP/1.1", socket: true},
	"unix, h2c": {proto: "HTTP/2.0", socket: true, unencrypted: true},
	"h2c":       {proto: "HTTP/2.0", unencrypted: true},
	"https":     {proto: "HTTP/2.0", encrypted: true},
}

// startBehind starts an application that is reached in one of the ways, and a proxy
// before it.
func startBehind(t *testing.T, way string, application http.Handler, config proxy.Config) *live {
	t.Helper()
	reached := ways[way]
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Proto", r.Proto)
		application.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = quiet()
	transport := proxy.TransportConfig{UnencryptedHTTP2: reached.unencrypted}
	if reached.socket {
		transport.Socket = filepath.Join(t.TempDir(), "app.sock")
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", transport.Socket)
		if err != nil {
			t.Fatal(err)
		}
		server.Listener.Close()
		server.Listener = listener
	}
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(!reached.unencrypted)
	server.Config.Protocols.SetHTTP2(reached.encrypted)
	server.Config.Protocols.SetUnencryptedHTTP2(reached.unencrypted)
	u := &url.URL{Scheme: "http", Host: "localhost"}
	if reached.encrypted {
		server.EnableHTTP2 = true
		server.StartTLS()
		transport.RootCAs = x509.NewCertPool()
		transport.RootCAs.AddCert(server.Certificate())
		u.Scheme = "https"
	} else {
		server.Start()
	}
	if !reached.socket {
		u.Host = server.Listener.Addr().String()
	}
	t.Cleanup(server.Close)
	config.Transport = proxy.NewTransport(transport)
	l := startLiveBefore(t, u, config)
	t.Cleanup(server.CloseClientConnections)
	return l
}

// inEachWay runs a test with the application reached in each way.
func inEachWay(t *testing.T, test func(t *testing.T, way string)) {
	t.Helper()
	for way := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			test(t, way)
		})
	}
}

// TestWays wants a request to arrive as it was sent, whichever way it takes.
func TestWays(t *testing.T) {
	t.Parallel()
	inEachWay(t, func(t *testing.T, way string) {
		l := startBehind(t, way, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s %s %s %v", r.Method, r.RequestURI, r.Host, r.Header.Get("X-Sparekey-User"), body, err)
		}), proxy.Config{})
		l.create(t, sparekey.Limits{})
		res, body := l.send(t, "POST /a%2Fb//c;d=%41?e=%zz HTTP/1.1\nTransfer-Encoding: chunked\n\n3\nabc\n0\n\n")
		if body != "POST /a%2Fb//c;d=%41?e=%zz Example.ORG.:8443 ann abc <nil>" || res.Header.Get("X-Proto") != ways[way].proto {
			t.Errorf("%s over %s", body, res.Header.Get("X-Proto"))
		}
	})
}

// TestWaysHeldRequest is TestHeldRequest with the application reached in each way.
func TestWaysHeldRequest(t *testing.T) {
	t.Parallel()
	inEachWay(t, func(t *testing.T, way string) {
		app := newUploads()
		l := startBehind(t, way, app, proxy.Config{RecheckInterval: time.Hour})
		for name, parts := range heldBodies {
			for _, revokes := range []bool{false, true, true} {
				c := l.create(t, sparekey.Limits{})
				r, conn := l.dial(t, parts[0])
				<-app.begun
				want, whole := http.StatusOK, int64(1)
				if revokes {
					l.revoke(t, c)
					want, whole = http.StatusUnauthorized, 0
				}
				io.WriteString(conn, parts[1])
				res, body := responseBody(t, r)
				<-app.done
				if n := app.whole.Swap(0); res.StatusCode != want || n != whole {
					t.Errorf("%s, revoked=%v: %d %s, %d carried out", name, revokes, res.StatusCode, body, n)
				}
			}
		}
	})
}

// TestWaysAnswerBeforeTheBodyEnds has an application that does not want the body. The
// client gets all of the answer, and is not waited for.
func TestWaysAnswerBeforeTheBodyEnds(t *testing.T) {
	t.Parallel()
	inEachWay(t, func(t *testing.T, way string) {
		l := startBehind(t, way, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			fmt.Fprint(w, "too large")
		}), proxy.Config{})
		l.create(t, sparekey.Limits{})
		r, _ := l.dial(t, "POST / HTTP/1.1\nContent-Length: 10000000\n\n")
		if res, body := responseBody(t, r); res.StatusCode != http.StatusOK || body != "too large" {
			t.Errorf("%d %q", res.StatusCode, body)
		}
		until(t, "the proxy is done with the request", func() bool { return l.open.Load() == 0 })
	})
}

// TestWaysUnderWayEnds revokes the application password of what lasts.
func TestWaysUnderWayEnds(t *testing.T) {
	t.Parallel()
	inEachWay(t, func(t *testing.T, way string) {
		paths := []string{"/stream", "/flood", "/wait", "/upload"}
		if ways[way].proto == "HTTP/1.1" {
			paths = append(paths, "/socket", "/socket/flood")
		}
		app := newLasting(len(paths))
		l := startBehind(t, way, app, proxy.Config{RecheckInterval: 20 * time.Millisecond})
		c := l.create(t, sparekey.Limits{})
		for _, path := range paths {
			l.openLasting(t, app, path)
		}
		l.revoke(t, c)
		for range paths {
			<-app.ended
		}
		until(t, "the proxy is done with what was opened", func() bool { return l.open.Load() == 0 })
		if n := l.ended.Load(); n != int64(len(paths)) {
			t.Errorf("%d of %d were reported", n, len(paths))
		}
	})
}

// TestWaysWebsocket has a client switch to websocket, and both sides say something. Where
// the application is asked over HTTP/2, it sees an ordinary request.
func TestWaysWebsocket(t *testing.T) {
	t.Parallel()
	inEachWay(t, func(t *testing.T, way string) {
		l := startBehind(t, way, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") != "websocket" {
				w.WriteHeader(http.StatusUpgradeRequired)
				return
			}
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			rw.Flush()
			io.Copy(conn, rw)
		}), proxy.Config{})
		l.create(t, sparekey.Limits{})
		r, conn := l.dial(t, "GET / HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket\n\n")
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if ways[way].unencrypted {
			if res.StatusCode != http.StatusUpgradeRequired {
				t.Errorf("%d", res.StatusCode)
			}
			return
		}
		for _, line := range []string{"one\n", "two\n"} {
			io.WriteString(conn, line)
			if back, err := r.ReadString('\n'); back != line {
				t.Fatalf("%d, %q came back as %q, %v", res.StatusCode, line, back, err)
			}
		}
	})
}

// conversation is an application that answers as servers of gRPC do: it echoes each line
// when it comes, and its trailers, which it does not announce, say how that went. One
// that fails at once says so in an answer that has only headers.
func conversation(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	if r.Header.Get("TE") != "trailers" || r.ProtoMajor != 2 {
		w.Header().Set("Grpc-Status", "12")
		return
	}
	control := http.NewResponseController(w)
	control.Flush()
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		fmt.Fprintln(w, lines.Text())
		control.Flush()
	}
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	w.Header().Set(http.TrailerPrefix+"Grpc-Message", fmt.Sprint(lines.Err()))
}

// talk opens a conversation over HTTP/2 without TLS.
func (l *live) talk(t *testing.T, te string) (*http.Response, *io.PipeWriter) {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Transport{Protocols: protocols}
	t.Cleanup(client.CloseIdleConnections)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	body, write := io.Pipe()
	t.Cleanup(func() { write.Close() })
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.addr+"/talks.Talks/Echo", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", l.authorization)
	r.Header.Set("Content-Type", "application/grpc")
	if te != "" {
		r.Header.Set("TE", te)
	}
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res, write
}

// TestConversation has client and application speak in turn, as streams of gRPC do, and
// be quiet in between for longer than one that does not send or take anything may be.
func TestConversation(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"h2c", "unix, h2c", "https"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			const idle = 100 * time.Millisecond
			l := startBehind(t, way, http.HandlerFunc(conversation), proxy.Config{Idle: idle})
			l.create(t, sparekey.Limits{Scopes: "POST /talks.Talks/*"})
			res, write := l.talk(t, "trailers")
			lines := bufio.NewReader(res.Body)
			for _, line := range []string{"one\n", "two\n", "three\n"} {
				time.Sleep(3 * idle)
				if _, err := io.WriteString(write, line); err != nil {
					t.Fatal(err)
				}
				if back, err := lines.ReadString('\n'); back != line {
					t.Fatalf("%q came back as %q, %v", line, back, err)
				}
			}
			write.Close()
			if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil || res.Trailer.Get("Grpc-Status") != "0" || res.Trailer.Get("Grpc-Message") != "<nil>" {
				t.Errorf("%q %v, trailers %v", rest, err, res.Trailer)
			}
			res, _ = l.talk(t, "")
			if body, err := io.ReadAll(res.Body); res.Header.Get("Grpc-Status") != "12" || len(body) > 0 || err != nil || len(res.Trailer) > 0 {
				t.Errorf("an answer of headers alone: %v %q %v", res.Header, body, err)
			}
		})
	}
}

// TestConversationEnds revokes the application password in the middle of a conversation.
func TestConversationEnds(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	l := startBehind(t, "h2c", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
	}), proxy.Config{RecheckInterval: 20 * time.Millisecond})
	c := l.create(t, sparekey.Limits{})
	res, write := l.talk(t, "trailers")
	io.WriteString(write, "one\n")
	l.revoke(t, c)
	if err := <-ended; err == nil {
		t.Error("the application got the end of the client's body")
	}
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("the client got the end of the answer")
	}
}

// TestQuietStreamOverHTTP2 has the application say nothing for longer than a client may
// take for one part.
func TestQuietStreamOverHTTP2(t *testing.T) {
	t.Parallel()
	const idle = 100 * time.Millisecond
	l := startBehind(t, "h2c", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			fmt.Fprintln(w, "event")
			http.NewResponseController(w).Flush()
			time.Sleep(3 * idle)
		}
	}), proxy.Config{Idle: idle})
	l.create(t, sparekey.Limits{})
	res, write := l.talk(t, "")
	defer write.Close()
	if body, err := io.ReadAll(res.Body); string(body) != strings.Repeat("event\n", 3) || err != nil {
		t.Errorf("%q %v", body, err)
	}
}

// TestClientThatTakesNothingOverHTTP2 has a client take nothing of an answer: the proxy
// ends it.
func TestClientThatTakesNothingOverHTTP2(t *testing.T) {
	t.Parallel()
	gone := make(chan error, 1)
	l := startBehind(t, "h2c", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				gone <- err
				return
			}
		}
	}), proxy.Config{Idle: 200 * time.Millisecond})
	l.create(t, sparekey.Limits{})
	_, write := l.talk(t, "")
	write.Close()
	<-gone
}

// TestCertificateOfAnotherAuthority has an application whose certificate is not one of
// those that are trusted.
func TestCertificateOfAnotherAuthority(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	l := startLiveBefore(t, u, proxy.Config{Transport: proxy.NewTransport(proxy.TransportConfig{RootCAs: x509.NewCertPool()})})
	if res, body := l.send(t, "GET / HTTP/1.1\n\n"); res.StatusCode != http.StatusBadGateway || strings.Contains(body, "certificate") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if !strings.Contains(l.log.String(), "certificate of the application cannot be verified") {
		t.Error(l.log)
	}
}
