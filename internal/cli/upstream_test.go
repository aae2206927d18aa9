package cli

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// unixServer starts an application on a Unix socket, and returns the path of that.
func unixServer(t *testing.T, application http.Handler) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.sock")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(application)
	server.Listener.Close()
	server.Listener = listener
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return path
}

// tellProto reports the protocol, the host and the user of a request to an application.
func tellProto(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s %s", r.Proto, r.Host, r.Header.Get("X-Sparekey-User"))
}

func TestUpstreamOnSocket(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	socket := unixServer(t, http.HandlerFunc(tellProto))
	for upstream, want := range map[string]string{
		"unix:" + socket: "HTTP/1.1 %s ann", "unix://" + socket: "HTTP/1.1 %s ann", "unix+h2c:" + socket: "HTTP/2.0 %s ann",
	} {
		s := startServer(t, database, "--upstream", upstream)
		want = fmt.Sprintf(want, strings.TrimPrefix(s.url, "http://"))
		if status, body := s.ask(t, ann, "/about"); status != http.StatusOK || body != want {
			t.Errorf("%s: %d %s, want %s", upstream, status, body, want)
		}
	}
	s := startServer(t, database, "--upstream", "unix:"+socket+".gone")
	if status, body := s.ask(t, ann, "/about"); status != http.StatusBadGateway || strings.Contains(body, socket) {
		t.Errorf("without an application: %d %s", status, body)
	}
	s.log.waitFor(t, socket+".gone")
}

// TestUpstreamConversation has a client and an application speak in turn, as streams of
// gRPC do: over HTTP/2 without TLS on both sides, and with TLS before the server. Then the
// server stops in the middle of a conversation.
func TestUpstreamConversation(t *testing.T) {
	t.Parallel()
	app := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		for lines := bufio.NewScanner(r.Body); lines.Scan(); {
			fmt.Fprintln(w, lines.Text())
			http.NewResponseController(w).Flush()
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	}))
	app.Config.Protocols = new(http.Protocols)
	app.Config.Protocols.SetUnencryptedHTTP2(true)
	app.Start()
	t.Cleanup(app.Close)
	dir := t.TempDir()
	cert, key, roots := certificate(t, dir)
	database := filepath.Join(dir, "sparekey.db")
	ann := newAccount(t, database)
	for name, args := range map[string][]string{"without TLS": nil, "with TLS": {"--tls-cert", cert, "--tls-key", key}} {
		s := startServer(t, database, append(args, "--upstream", "h2c://"+app.Listener.Addr().String())...)
		transport := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
		transport.Protocols.SetHTTP2(true)
		transport.Protocols.SetUnencryptedHTTP2(true)
		t.Cleanup(transport.CloseIdleConnections)
		talk := func() (*http.Response, *io.PipeWriter) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			t.Cleanup(cancel)
			body, write := io.Pipe()
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/talks.Talks/Echo", body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/grpc")
			r.Header.Set("TE", "trailers")
			r.SetBasicAuth(ann.login, ann.secret)
			res, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(write, "hello\n")
			if back, err := io.ReadAll(io.LimitReader(res.Body, 6)); string(back) != "hello\n" {
				t.Fatalf("%s: %q %v", name, back, err)
			}
			return res, write
		}
		res, write := talk()
		write.Close()
		if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil || res.Trailer.Get("Grpc-Status") != "0" {
			t.Errorf("%s: %q %v %v", name, rest, err, res.Trailer)
		}
		res, write = talk()
		if err := s.stop(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, s.log)
		}
		if _, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%s: the client got the end of an answer that did not end", name)
		}
		write.Close()
	}
}

// TestUpstreamAuthority has the application's certificate signed by an authority that no
// system knows.
func TestUpstreamAuthority(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	database := filepath.Join(dir, "sparekey.db")
	ann := newAccount(t, database)
	certFile, keyFile, _ := certificate(t, dir)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	app := httptest.NewUnstartedServer(http.HandlerFunc(tellProto))
	app.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	app.EnableHTTP2 = true
	app.StartTLS()
	t.Cleanup(app.Close)
	s := startServer(t, database, "--upstream", app.URL, "--upstream-ca", certFile)
	if status, body := s.ask(t, ann, "/about"); status != http.StatusOK || !strings.HasPrefix(body, "HTTP/2.0 ") {
		t.Errorf("%d %s", status, body)
	}
	unknown := startServer(t, database, "--upstream", app.URL)
	if status, _ := unknown.ask(t, ann, "/about"); status != http.StatusBadGateway {
		t.Errorf("without --upstream-ca: %d", status)
	}
	unknown.log.waitFor(t, "certificate of the application cannot be verified")
}
