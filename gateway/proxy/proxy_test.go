package proxy_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
)

// accounts is an Authenticator with one secret for everybody.
type accounts struct{ secret sparekey.Secret }

func (a accounts) Authenticate(_ context.Context, try sparekey.Attempt) (sparekey.Identity, error) {
	if !a.secret.Matches(try.Secret.Hash()) || !try.Secure {
		return sparekey.Identity{}, &sparekey.AuthError{Reason: sparekey.ReasonWrongSecret}
	}
	return sparekey.Identity{
		UpcomingExpiry: time.Unix(0, 0),
		User:           sparekey.User{ID: "7", Login: try.Login, Roles: []string{"editor", "a,b"}},
		Credential:     sparekey.Credential{UUID: "c0ffee"},
	}, nil
}

// front is a proxy in front of an application.
type front struct {
	addr, authorization string
}

func start(t *testing.T, application http.Handler, config proxy.Config) front {
	t.Helper()
	upstream := httptest.NewServer(application)
	t.Cleanup(upstream.Close)
	u, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	return startBefore(t, u, config, gateway.Config{})
}

// deadline is what the server allows for a whole request, unless the proxy lifts it. A
// busy machine needs some of it for the head alone.
const deadline = time.Second

func startBefore(t *testing.T, upstream *url.URL, config proxy.Config, rules gateway.Config) front {
	t.Helper()
	secret := sparekey.NewSecret()
	server := httptest.NewUnstartedServer(proxy.New(gateway.New(accounts{secret}, rules), upstream, config))
	server.Config.ReadTimeout, server.Config.WriteTimeout = deadline, deadline
	server.Config.ErrorLog = quiet()
	server.Start()
	t.Cleanup(server.Close)
	return front{server.Listener.Addr().String(), "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+secret.Reveal()))}
}

// dial opens a connection and sends a request's head, with line ends as "\n".
func (f front) dial(t *testing.T, head string) (*bufio.Reader, net.Conn) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	head = strings.Replace(head, "\n", "\nHost: Example.ORG.:8443\nAuthorization: "+f.authorization+"\n", 1)
	if _, err := io.WriteString(conn, strings.ReplaceAll(head, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(conn), conn
}

// send sends a whole request and returns the answer.
func (f front) send(t *testing.T, request string) (*http.Response, string) {
	t.Helper()
	r, _ := f.dial(t, request)
	return responseBody(t, r)
}

func responseBody(t *testing.T, r *bufio.Reader) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// rawApplication is an application that answers with the head of each request as
// it came over the wire.
func rawApplication(t *testing.T) *url.URL {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				var head strings.Builder
				for r := bufio.NewReader(conn); ; {
					line, err := r.ReadString('\n')
					if err != nil || line == "\r\n" {
						break
					}
					head.WriteString(line)
				}
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", head.Len(), head.String())
			}()
		}
	}()
	return &url.URL{Scheme: "http", Host: listener.Addr().String()}
}

func TestTargetIsPassedOnByteForByte(t *testing.T) {
	t.Parallel()
	f := startBefore(t, rawApplication(t), proxy.Config{}, gateway.Config{})
	for _, target := range []string{
		"/", "/a", "/a/", "//a//b", "/a/./b/../c", "/a%2Fb", "/a%2fb%2F..%2f", "/%61", "/a%5Cb", `/a\b`, "/a;x=1/b", "/a?", "/a?b=%zz&c;d",
		"/?rest_route=/wp/v2/posts&x=a+b%20c", "/%7Euser/~user", `/"<>^|{}`, "/é", "/%C3%A9", "/a:b", "/a?http://x/", "/*", "//", "//a/%2F?x", "/a??b=c?d",
	} {
		_, got := f.send(t, "GET "+target+" HTTP/1.1\n\n")
		if line, _, _ := strings.Cut(got, "\r\n"); line != "GET "+target+" HTTP/1.1" {
			t.Errorf("%q became %q", target, line)
		}
	}
	for target, want := range map[string]string{
		"http://other.example/a%2Fb?c": "/a%2Fb?c", "HTTPS://other.example": "/", "http://u:p@other.example?x": "/?x", "http://other.example//a": "//a",
	} {
		_, got := f.send(t, "GET "+target+" HTTP/1.1\n\n")
		if line, _, _ := strings.Cut(got, "\r\n"); line != "GET "+want+" HTTP/1.1" {
			t.Errorf("%q became %q", target, line)
		}
		if !strings.Contains(got, "\r\nHost: other.example\r\n") {
			t.Errorf("%q went to\n%s", target, got)
		}
	}
	for _, request := range []string{"GET /a#b", "GET ftp://x/a", "CONNECT example.org:443", "CONNECT /a", `GET //a"b`, "GET a", "GET x:y"} {
		if res, body := f.send(t, request+" HTTP/1.1\n\n"); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", request, res.StatusCode, body)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	seen := func(t *testing.T, config proxy.Config, rules gateway.Config, request string) textproto.MIMEHeader {
		t.Helper()
		res, body := startBefore(t, rawApplication(t), config, rules).send(t, request)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		_, head, _ := strings.Cut(body, "\r\n")
		h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(head + "\r\n"))).ReadMIMEHeader()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	const spoofed = "GET /a?b HTTP/1.1\nX-Sparekey-User: admin\nx-sparekey-user: admin\nX_Sparekey_User: admin\nX-Sparekey_Roles: admin\nX-Sparekey.Roles: admin\n" +
		"X-SPAREKEY-Signature: v1\nX-Sparekey-New: x\nConnection: close, X-Sparekey-User, X-Forwarded-For\nX-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https\nX-Other: kept\n\n"
	h := seen(t, proxy.Config{}, gateway.Config{}, spoofed)
	for name, want := range map[string]string{
		"X-Sparekey-User": "ann", "X-Sparekey-User-Id": "7", "X-Sparekey-Roles": "editor,a%2Cb", "X-Sparekey-Credential": "c0ffee", "X-Sparekey-Scopes": "",
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "Example.ORG.:8443", "Host": "Example.ORG.:8443", "X-Other": "kept",
	} {
		if got := h.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, ok := h["X-Sparekey-Signature"]; ok {
		t.Error("the application got a signature")
	}
	for name := range h {
		if folded := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name)); name != textproto.CanonicalMIMEHeaderKey(folded) && strings.HasPrefix(folded, "x-sparekey") ||
			name == "Authorization" || name == "X-Sparekey-New" || name == "User-Agent" || name == "Accept-Encoding" {
			t.Errorf("the application got %s", name)
		}
	}
	key := []byte(strings.Repeat("k", gateway.MinKey))
	signer, err := gateway.NewSigner(key, func() time.Time { return time.Unix(1000, 0) })
	if err != nil {
		t.Fatal(err)
	}
	h = seen(t, proxy.Config{ForwardAuthorization: true}, gateway.Config{Signer: signer}, spoofed)
	if got := h.Get("X-Sparekey-Signature"); !strings.HasPrefix(got, "v1;t=1000;s=") || len(got) != len("v1;t=1000;s=")+43 {
		t.Errorf("signature %q", got)
	}
	if got := h.Values("Authorization"); len(got) != 1 || !strings.HasPrefix(got[0], "Basic ") {
		t.Errorf("Authorization %q", got)
	}
}

// TestForwardedAuthorization has an application that checks the application password once
// more get it in Authorization, in whichever header it was sent.
func TestForwardedAuthorization(t *testing.T) {
	t.Parallel()
	f := startBefore(t, rawApplication(t), proxy.Config{ForwardAuthorization: true}, gateway.Config{})
	right := f.authorization
	for _, c := range []struct{ authorization, proxy, want string }{
		{right, "", right},
		{"", right, right},
		{"Bearer x", right, "Bearer x"},
		{"Digest username=\"ann\"", right, "Digest username=\"ann\""},
	} {
		f.authorization = c.authorization
		res, body := f.send(t, "GET / HTTP/1.1\nProxy-Authorization: "+c.proxy+"\n\n")
		if c.authorization == "" {
			body = strings.Replace(body, "Authorization: \r\n", "", 1)
		}
		if res.StatusCode != http.StatusOK || strings.Count(body, "Authorization: ") != 1 || !strings.Contains(body, "\r\nAuthorization: "+c.want+"\r\n") {
			t.Errorf("Authorization %q, Proxy-Authorization %q: %d %s", c.authorization, c.proxy, res.StatusCode, body)
		}
	}
}

func TestSwitchingProtocols(t *testing.T) {
	t.Parallel()
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			fmt.Fprintf(w, "not switched, %d", len(r.Header["Http2-Settings"]))
			return
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
		rw.Flush()
		io.Copy(conn, rw)
	}), proxy.Config{})
	r, conn := f.dial(t, "GET /socket HTTP/1.1\nConnection: Upgrade\nUpgrade: WebSocket\n\n")
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", res, err)
	}
	for _, word := range []string{"one\n", "two\n"} {
		time.Sleep(400 * time.Millisecond) // longer than the server's own deadlines
		io.WriteString(conn, word)
		if got, err := r.ReadString('\n'); got != word || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	for _, upgrade := range []string{"h2c", "websocket, h2c", "TLS/1.0"} {
		res, body := f.send(t, "GET /socket HTTP/1.1\nConnection: Upgrade, HTTP2-Settings\nUpgrade: "+upgrade+"\nHTTP2-Settings: AAMAAABkAAQAAP__\n\n")
		if res.StatusCode != http.StatusOK || body != "not switched, 0" {
			t.Errorf("%s: %d %s", upgrade, res.StatusCode, body)
		}
	}
}

// TestSlowTransfersAreNotCut sends and answers more slowly than the server's own
// deadlines allow for, but never stops for long.
func TestSlowTransfersAreNotCut(t *testing.T) {
	t.Parallel()
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%d %v\n", n, err)
		for range 4 {
			http.NewResponseController(w).Flush()
			time.Sleep(deadline / 2)
			fmt.Fprintln(w, "more")
		}
	}), proxy.Config{})
	r, conn := f.dial(t, "POST / HTTP/1.1\nContent-Length: 40\n\n")
	for range 4 {
		time.Sleep(deadline / 2)
		io.WriteString(conn, "0123456789")
	}
	if _, body := responseBody(t, r); body != "40 <nil>\n"+strings.Repeat("more\n", 4) {
		t.Errorf("%q", body)
	}
}

// TestWarning is about an application password that ends soon, and an application
// that says something before its answer.
func TestWarning(t *testing.T) {
	t.Parallel()
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Sparekey-Expires", "never")
	}), proxy.Config{})
	r, _ := f.dial(t, "GET / HTTP/1.1\n\n")
	if hint, _ := responseBody(t, r); hint.StatusCode != http.StatusEarlyHints || hint.Header.Get("Link") == "" {
		t.Errorf("%d %v", hint.StatusCode, hint.Header)
	}
	if res, _ := responseBody(t, r); res.StatusCode != http.StatusOK || len(res.Header["Sparekey-Expires"]) != 1 || res.Header.Get("Sparekey-Expires") != "1970-01-01T00:00:00Z" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

// TestSlowApplication has the application think for longer than the server's own
// deadlines, which HTTP/2 counts for each request.
func TestSlowApplication(t *testing.T) {
	t.Parallel()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		select {
		case <-time.After(700 * time.Millisecond):
			fmt.Fprintf(w, "%s %v", body, err)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(application.Close)
	u, err := url.Parse(application.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(proxy.New(gateway.New(accounts{}, gateway.Config{Optional: true}), u, proxy.Config{}))
		server.Config.ReadTimeout, server.Config.WriteTimeout = deadline, deadline
		server.Config.ErrorLog = quiet()
		server.EnableHTTP2 = http2
		server.StartTLS()
		t.Cleanup(server.Close)
		res, err := server.Client().Post(server.URL, "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Errorf("HTTP/2 %v: %v", http2, err)
			continue
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if string(body) != "hello <nil>" || err != nil || (res.ProtoMajor == 2) != http2 {
			t.Errorf("HTTP/%d: %d %s %v", res.ProtoMajor, res.StatusCode, body, err)
		}
	}
}

func TestStalledUploadIsCut(t *testing.T) {
	t.Parallel()
	f := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
	}), proxy.Config{Idle: 200 * time.Millisecond})
	r, _ := f.dial(t, "POST / HTTP/1.1\nContent-Length: 40\n\n0123")
	if res, body := responseBody(t, r); res.StatusCode != http.StatusBadRequest || !strings.Contains(body, "did not arrive whole") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// TestAnswersAreNotHeldBack reads each part of an answer before the next is made.
func TestAnswersAreNotHeldBack(t *testing.T) {
	t.Parallel()
	next := make(chan bool)
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "6")
		for range 2 {
			fmt.Fprintln(w, "ok")
			http.NewResponseController(w).Flush()
			<-next
		}
	}), proxy.Config{})
	r, _ := f.dial(t, "GET / HTTP/1.1\n\n")
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if line := make([]byte, 3); true {
			if _, err := io.ReadFull(res.Body, line); err != nil || string(line) != "ok\n" {
				t.Fatalf("%q %v", line, err)
			}
		}
		next <- true
	}
}

// TestAnswerThatBreaksOff has an application die in the middle of its answer, before
// the part that it sent had to be passed on. A client that heard nothing would repeat
// the request.
func TestAnswerThatBreaksOff(t *testing.T) {
	t.Parallel()
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, "half")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}), proxy.Config{})
	r, _ := f.dial(t, "POST / HTTP/1.1\nContent-Length: 0\n\n")
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusCreated || string(body) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d %q %v", res.StatusCode, body, err)
	}
}

func TestLargeBody(t *testing.T) {
	t.Parallel()
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	}), proxy.Config{})
	const size = 64 << 20
	r, conn := f.dial(t, fmt.Sprintf("PUT / HTTP/1.1\nContent-Length: %d\n\n", size))
	go io.CopyN(conn, zeros{}, size)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, res.Body); n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestTrailers(t *testing.T) {
	t.Parallel()
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, r.Trailer)
		w.Header().Set("X-Sum", "9")
	}), proxy.Config{})
	r, _ := f.dial(t, "POST / HTTP/1.1\nTransfer-Encoding: chunked\nTrailer: X-Check, X-Sparekey-User, Authorization, Cookie, X_Forwarded_For\n\n"+
		"2\nhi\n0\nX-Check: 1\nX-Sparekey-User: admin\nAuthorization: Basic eDp5\nCookie: sparekey=t\nX_Forwarded_For: 1.2.3.4\nX-Sparekey-Roles: admin\nX-More: 2\n\n")
	res, body := responseBody(t, r)
	if body != "map[X-Check:[1]]" || res.Trailer.Get("X-Sum") != "9" {
		t.Errorf("the application got %s, the client %v", body, res.Trailer)
	}
}

func TestExpectContinue(t *testing.T) {
	t.Parallel()
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	}), proxy.Config{})
	r, conn := f.dial(t, "POST / HTTP/1.1\nContent-Length: 2\nExpect: 100-continue\n\n")
	if line, err := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	r.ReadString('\n')
	io.WriteString(conn, "hi")
	if res, body := responseBody(t, r); res.StatusCode != http.StatusOK || body != "hi" {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	f.authorization = "Basic eDp5" // x:y
	r, _ = f.dial(t, "POST / HTTP/1.1\nContent-Length: 2\nExpect: 100-continue\n\n")
	if res, body := responseBody(t, r); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong credential was asked for its body: %d %s", res.StatusCode, body)
	}
}

func TestApplicationThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	u, err := url.Parse(gone.URL)
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	f := startBefore(t, u, proxy.Config{}, gateway.Config{})
	if res, body := f.send(t, "GET / HTTP/1.1\n\n"); res.StatusCode != http.StatusBadGateway || strings.Contains(body, u.Host) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	transport := proxy.Transport()
	transport.ResponseHeaderTimeout = 100 * time.Millisecond
	wait := make(chan bool)
	f = start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-wait }), proxy.Config{Transport: transport})
	if res, body := f.send(t, "GET / HTTP/1.1\n\n"); res.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	close(wait)
}

// TestNobody sends requests without a right credential.
func TestNobody(t *testing.T) {
	t.Parallel()
	for _, optional := range []bool{false, true} {
		f := startBefore(t, rawApplication(t), proxy.Config{ForwardAuthorization: true}, gateway.Config{Optional: optional})
		for authorization, want := range map[string]int{
			"":                                    map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[optional],
			"Bearer x":                            map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[optional],
			"Basic eDp5":                          http.StatusUnauthorized,
			"Basic":                               http.StatusUnauthorized,
			"basic\teDp5":                         http.StatusUnauthorized,
			"Basic eDp5, Basi":                    http.StatusUnauthorized,
			"Bearer x\nAuthorization: Basic eDp5": http.StatusUnauthorized,
		} {
			f.authorization = authorization
			res, body := f.send(t, "GET / HTTP/1.1\nX-Sparekey-User: admin\n\n")
			if res.StatusCode != want || strings.Contains(strings.ToLower(body), "x-sparekey") || res.StatusCode == http.StatusUnauthorized && res.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("optional=%v, Authorization %q: %d %s", optional, authorization, res.StatusCode, body)
			}
		}
	}
}

func quiet() *log.Logger { return slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) }

func TestNewNeedsAGatewayAndAnApplication(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]func(){
		"no gateway":     func() { proxy.New(nil, &url.URL{Scheme: "http", Host: "127.0.0.1"}, proxy.Config{}) },
		"no application": func() { proxy.New(gateway.New(accounts{}, gateway.Config{}), nil, proxy.Config{}) },
	} {
		func() {
			defer func() {
				if p := fmt.Sprint(recover()); !strings.HasPrefix(p, "proxy.New: ") {
					t.Errorf("%s: panic(%s)", name, p)
				}
			}()
			try()
		}()
	}
}
