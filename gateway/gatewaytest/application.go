package gatewaytest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// Seen is a request as it arrived at the application.
type Seen struct {
	Method, Target string
	Header         [][2]string // names and values as they were written, in their order
	Trailer        [][2]string // likewise, announced or not
	Body           string
}

// markSeen is the header by which an answer of the application is known.
const markSeen = "X-Application"

// newApplication starts an application that answers every request with what it has
// Seen, as JSON. It reads the head by itself, since net/http tidies it.
func newApplication(t testing.TB) *url.URL {
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
			go tell(conn)
		}
	}()
	return &url.URL{Scheme: "http", Host: listener.Addr().String()}
}

// tell answers one request.
func tell(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second)) // it is a TCP connection
	r := bufio.NewReader(conn)
	seen, err := readSeen(r)
	if err != nil {
		return
	}
	body, err := json.Marshal(seen)
	if err != nil {
		return
	}
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\n%s: yes\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n", markSeen, len(body))
	for _, line := range seen.values("X-Answer") { // a header that the answer is to have
		fmt.Fprintf(conn, "%s\r\n", line)
	}
	fmt.Fprintf(conn, "\r\n%s", body)
}

// readSeen reads one request. It takes whatever there is of a body.
func readSeen(r *bufio.Reader) (Seen, error) {
	head, err := readHead(r)
	if err != nil {
		return Seen{}, err
	}
	seen := parseHead(head)
	request, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(head), r)))
	if err != nil {
		return seen, nil //nolint:nilerr // of a request that net/http does not read there is the head
	}
	body, _ := io.ReadAll(io.LimitReader(request.Body, 4<<20))
	seen.Body = string(body)
	for name, values := range request.Trailer {
		for _, value := range values {
			seen.Trailer = append(seen.Trailer, [2]string{name, value})
		}
	}
	return seen, nil
}

func readHead(r *bufio.Reader) (string, error) {
	var head bytes.Buffer
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		head.WriteString(line)
		if strings.TrimRight(line, "\r\n") == "" {
			return head.String(), nil
		}
	}
}

func parseHead(head string) Seen {
	lines := strings.Split(strings.TrimRight(head, "\r\n"), "\n")
	method, rest, _ := strings.Cut(lines[0], " ")
	target, _, _ := strings.Cut(rest, " ")
	seen := Seen{Method: method, Target: target}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r"), ":")
		seen.Header = append(seen.Header, [2]string{name, strings.Trim(value, " \t")})
	}
	return seen
}

// dropUnannounced drops the trailers that the header Trailer does not name.
func (s *Seen) dropUnannounced() {
	announced := ""
	for _, h := range s.Header {
		if fold(h[0]) == "TRAILER" {
			announced += "," + fold(h[1])
		}
	}
	s.Trailer = slices.DeleteFunc(s.Trailer, func(h [2]string) bool { return !strings.Contains(announced, fold(h[0])) })
}

// values returns the values of all headers and trailers that CGI and its heirs take for
// this one.
func (s Seen) values(name string) (values []string) {
	for _, h := range slices.Concat(s.Header, s.Trailer) {
		if fold(h[0]) == fold(name) {
			values = append(values, h[1])
		}
	}
	return values
}

// fold is a header's name as CGI and its successors have it: all characters but letters and
// digits become underscores.
func fold(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			return c
		case 'a' <= c && c <= 'z':
			return c - 'a' + 'A'
		}
		return '_'
	}, name)
}
