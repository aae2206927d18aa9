package gatewaytest

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Answer is what a client gets.
type Answer struct {
	Status int // 0: the connection was closed instead
	Header http.Header
	Body   string
	Seen   *Seen // what the application got, nil if nothing reached it
}

// Send sends a request to a front-end, or to an application itself. Lines end with "\n",
// and "{files}" stands for the Authorization of the credential of that name, whose limits
// are in site.go. It comes from 127.0.0.2.
func (s *Site) Send(t testing.TB, front Front, request string) Answer {
	t.Helper()
	return s.send(t, front, request)
}

// Dial opens a connection to a front-end, from 127.0.0.2.
func (s *Site) Dial(t testing.TB, front Front) net.Conn {
	t.Helper()
	return s.dial(t, front)
}

// Authorization returns the Authorization of the credential of that name.
func (s *Site) Authorization(name string) string { return s.authorization[name] }

// send sends a request as it is written, with line ends as "\n" and credentials as
// "{name}", from 127.0.0.2.
func (s *Site) send(t testing.TB, front Front, request string) Answer {
	t.Helper()
	for name, authorization := range s.authorization {
		request = strings.ReplaceAll(request, "{"+name+"}", authorization)
	}
	conn := s.dial(t, front)
	defer conn.Close()
	method, _, _ := strings.Cut(request, " ")
	// A server may answer, and close the connection, before it has read all.
	_, _ = io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n"))
	return read(t, front, bufio.NewReader(conn), method)
}

func (s *Site) dial(t testing.TB, front Front) net.Conn {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: 10 * time.Second}
	conn, err := dialer.DialContext(t.Context(), "tcp", front.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if front.TLS {
		conn = tls.Client(conn, &tls.Config{RootCAs: s.Certificate.roots, ServerName: "example.org", MinVersion: tls.VersionTLS12})
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// read reads the answer to a request of the given method.
func read(t testing.TB, front Front, r *bufio.Reader, method string) Answer {
	t.Helper()
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	for err == nil && res.StatusCode == http.StatusContinue {
		res, err = http.ReadResponse(r, &http.Request{Method: method})
	}
	if err != nil {
		return Answer{}
	}
	defer res.Body.Close()
	a := Answer{Status: res.StatusCode, Header: res.Header}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return a
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return Answer{}
	}
	a.Body = string(body)
	if res.Header.Get(markSeen) != "" && method != http.MethodHead {
		a.Seen = &Seen{}
		if err := json.Unmarshal(body, a.Seen); err != nil {
			t.Fatalf("the application says %q", body)
		}
		if front.PassesTrailers {
			a.Seen.dropUnannounced()
		}
	}
	return a
}
