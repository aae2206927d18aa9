package proxy_test

import (
	"context"
	"errors"
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
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
)

// uses returns how many uses of the one application password are counted.
func (l *live) uses(t *testing.T) int {
	t.Helper()
	list, err := l.store.List(t.Context(), l.user.ID)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	return list[0].Uses
}

// closedAddress is one on which nothing listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// TestUnreachableIsNoUse has nothing listen where the application should be, or something
// with which no connection can be made.
func TestUnreachableIsNoUse(t *testing.T) {
	t.Parallel()
	encrypted := httptest.NewUnstartedServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = quiet()
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	closed := closedAddress(t)
	for name, c := range map[string]struct {
		upstream  url.URL
		transport proxy.TransportConfig
		cookies   []string
	}{
		"no server":          {url.URL{Scheme: "http", Host: closed}, proxy.TransportConfig{}, nil},
		"no server, pages":   {url.URL{Scheme: "http", Host: closed}, proxy.TransportConfig{}, []string{"sparekey"}},
		"no server, TLS":     {url.URL{Scheme: "https", Host: closed}, proxy.TransportConfig{}, nil},
		"no server, HTTP/2":  {url.URL{Scheme: "http", Host: closed}, proxy.TransportConfig{UnencryptedHTTP2: true}, nil},
		"no socket":          {url.URL{Scheme: "http", Host: "localhost"}, proxy.TransportConfig{Socket: filepath.Join(t.TempDir(), "gone")}, nil},
		"a certificate":      {url.URL{Scheme: "https", Host: encrypted.Listener.Addr().String()}, proxy.TransportConfig{}, nil},
		"a name without one": {url.URL{Scheme: "http", Host: "nothing.invalid:80"}, proxy.TransportConfig{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startLiveBefore(t, &c.upstream, proxy.Config{Transport: proxy.NewTransport(c.transport), Cookies: c.cookies})
			l.create(t, sparekey.Limits{MaxUses: 1})
			for range 3 {
				for _, request := range []string{"GET / HTTP/1.1\n\n", "POST / HTTP/1.1\nContent-Length: 2\n\nhi", "GET / HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket\n\n"} {
					if res, body := l.send(t, request); res.StatusCode != http.StatusBadGateway {
						t.Errorf("%d %s", res.StatusCode, body)
					}
				}
			}
			if n := l.uses(t); n != 0 {
				t.Errorf("%d uses are counted", n)
			}
		})
	}
}

// TestReachedIsAUse has the application get at least a part of the request, in each way,
// and then fail, refuse or go away.
func TestReachedIsAUse(t *testing.T) {
	t.Parallel()
	inEachWay(t, func(t *testing.T, way string) {
		l := startBehind(t, way, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/dies":
				panic(http.ErrAbortHandler)
			case "/502":
				w.WriteHeader(http.StatusBadGateway)
			case "/304":
				w.WriteHeader(http.StatusNotModified)
			}
		}), proxy.Config{})
		l.create(t, sparekey.Limits{MaxUses: 4})
		for request, want := range map[string]int{
			"GET /502 HTTP/1.1\n\n":                        http.StatusBadGateway,
			"GET /304 HTTP/1.1\n\n":                        http.StatusNotModified,
			"HEAD /a HTTP/1.1\n\n":                         http.StatusOK,
			"POST /dies HTTP/1.1\nContent-Length: 2\n\nhi": http.StatusBadGateway,
		} {
			r, _ := l.dial(t, request)
			method, _, _ := strings.Cut(request, " ")
			res, err := http.ReadResponse(r, &http.Request{Method: method})
			if err != nil || res.StatusCode != want {
				t.Errorf("%s%v %v", request, res, err)
			}
		}
		if n := l.uses(t); n != 4 {
			t.Errorf("%d uses are counted", n)
		}
		if res, _ := l.send(t, "GET /502 HTTP/1.1\n\n"); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("a use too many: %d", res.StatusCode)
		}
	})
}

// TestUseOfSilentTransport has a transport that does not say how far it got.
func TestUseOfSilentTransport(t *testing.T) {
	t.Parallel()
	l := startLiveBefore(t, &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, proxy.Config{Transport: silent{}})
	l.create(t, sparekey.Limits{MaxUses: 1})
	if res, body := l.send(t, "GET / HTTP/1.1\n\n"); res.StatusCode != http.StatusBadGateway || l.uses(t) != 1 {
		t.Errorf("%d %s, %d uses", res.StatusCode, body, l.uses(t))
	}
}

type silent struct{}

func (silent) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

// TestRefusedAfterwardsIsNoUse has the proxy keep an allowed request from the application.
func TestRefusedAfterwardsIsNoUse(t *testing.T) {
	t.Parallel()
	l := startLive(t, http.NotFoundHandler(), proxy.Config{Block: func(*http.Request, gateway.Decision) string { return "not today" }})
	l.create(t, sparekey.Limits{MaxUses: 1})
	if res, body := l.send(t, "GET / HTTP/1.1\n\n"); res.StatusCode != http.StatusForbidden || l.uses(t) != 0 {
		t.Errorf("%d %s, %d uses", res.StatusCode, body, l.uses(t))
	}
}

// TestRefusalsOfTheProxyAreReported has the proxy refuse what the gateway allowed, by its
// hook, and by what it sees in the body.
func TestRefusalsOfTheProxyAreReported(t *testing.T) {
	t.Parallel()
	for want, refuse := range map[string]func(*http.Request, gateway.Decision) string{
		"[allowed GET,POST /* refused refuse]": func(*http.Request, gateway.Decision) string { return "not today" },
		"[allowed GET,POST /* refused field]":  nil,
	} {
		l := startLive(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }), proxy.Config{})
		l.create(t, sparekey.Limits{Scopes: "GET,POST /*"})
		var said []string
		g := gateway.New(l.svc, gateway.Config{Observe: func(_ context.Context, d gateway.Decision) { said = append(said, d.Outcome.String(), d.Rule) }})
		app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
		t.Cleanup(app.Close)
		u, err := url.Parse(app.URL)
		if err != nil {
			t.Fatal(err)
		}
		body := "--b\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--b--\r\n"
		r := httptest.NewRequest(http.MethodPost, "/a", strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:4711"
		r.Header.Set("Authorization", l.authorization)
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		w := httptest.NewRecorder()
		proxy.New(g, u, proxy.Config{Block: refuse}).ServeHTTP(w, r)
		if got := fmt.Sprint(said); got != want || w.Code != http.StatusForbidden {
			t.Errorf("%d, and %s was reported, want %s", w.Code, got, want)
		}
	}
}

// TestLastUseOfOneThatExpires has a credential expire while its last use does not reach the
// application: it stays expired, and nothing becomes of its uses.
func TestLastUseOfOneThatExpires(t *testing.T) {
	t.Parallel()
	waits := &dials{begun: make(chan bool), goOn: make(chan bool)}
	l := startLiveBefore(t, &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, proxy.Config{Transport: &http.Transport{DialContext: waits.dial}, RecheckInterval: time.Hour})
	l.create(t, sparekey.Limits{MaxUses: 1, Expires: time.Now().Add(time.Hour)})
	r, _ := l.dial(t, "GET / HTTP/1.1\n\n")
	<-waits.begun
	if res, _ := l.send(t, "GET / HTTP/1.1\n\n"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a second use at the same time: %d", res.StatusCode)
	}
	l.clock.Pass(2 * time.Hour)
	close(waits.goOn)
	if res, body := responseBody(t, r); res.StatusCode != http.StatusBadGateway {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res, body := l.send(t, "GET / HTTP/1.1\n\n"); res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "expired") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// dials are attempts to connect that fail when they may.
type dials struct{ begun, goOn chan bool }

func (d *dials) dial(context.Context, string, string) (net.Conn, error) {
	d.begun <- true
	<-d.goOn
	return nil, errors.New("no way")
}
