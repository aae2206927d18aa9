package cli

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/sparekey-dev/sparekey/gateway/proxy"
	"github.com/sparekey-dev/sparekey/internal/siteurl"
)

// application is where the application of --upstream is, and how it is reached.
type application struct {
	// url is an http or https URL. Of an application on a Unix socket its host is one that
	// requests have which name none.
	url       *url.URL
	transport proxy.TransportConfig
}

// maxSocketPath is how many bytes the path of a Unix socket may have (sun_path of Linux,
// which ends with a NUL).
const maxSocketPath = 107

// parseUpstream reads what --upstream names:
//
//	http://127.0.0.1:8088      HTTP/1.1
//	https://app.internal       TLS, with HTTP/2 where the application has it
//	h2c://127.0.0.1:50051      HTTP/2 without TLS
//	unix:/run/app.sock         HTTP/1.1 over a Unix socket
//	unix+h2c:/run/app.sock     HTTP/2 over a Unix socket
func parseUpstream(text string) (application, error) {
	var a application
	scheme, rest, _ := strings.Cut(text, ":")
	switch scheme {
	case "unix+h2c", "unix":
		a.transport.UnencryptedHTTP2 = scheme == "unix+h2c"
		a.url = &url.URL{Scheme: "http", Host: "localhost"}
		var err error
		a.transport.Socket, err = socketPath(rest)
		return a, err
	case "h2c":
		a.transport.UnencryptedHTTP2 = true
		text = "http:" + rest
	}
	if strings.HasPrefix(rest, "//unix:") { // as nginx writes it
		return a, errUpstream
	}
	u, err := siteurl.ParseBase(text)
	if err != nil {
		return a, fmt.Errorf("%w: %w", errUpstream, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return a, errUpstream
	}
	a.url = u
	return a, nil
}

var errUpstream = errors.New("must be a scheme and a host, with or without a folder, such as http://127.0.0.1:8088/blog, https://app.internal or h2c://127.0.0.1:50051, or a Unix socket, such as unix:/run/app.sock")

// socketPath is the path in what follows "unix:". The form of a URL with an empty host,
// unix:///run/app.sock, has it as well.
func socketPath(rest string) (string, error) {
	path := rest
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		path = after
	}
	switch {
	case !filepath.IsAbs(path) || strings.HasSuffix(path, "/"):
		return "", errors.New("must name the socket by its whole path, as in unix:/run/app.sock")
	case len(path) > maxSocketPath:
		return "", fmt.Errorf("names a socket by a path of %d bytes: systems allow %d", len(path), maxSocketPath)
	}
	return path, nil
}

// application returns where the application is. There must be one.
func (s *gatewaySettings) application() (application, error) {
	a, err := parseUpstream(s.Upstream)
	if err != nil {
		return a, fmt.Errorf("--upstream %q %w", redactURL(s.Upstream), err)
	}
	a.transport.RootCAs, err = s.authorities()
	return a, err
}

// authorities are those of --upstream-ca, or nil for those of the system.
func (s *gatewaySettings) authorities() (*x509.CertPool, error) {
	if s.UpstreamCA == "" {
		return nil, nil //nolint:nilnil // as in tls.Config
	}
	text, err := os.ReadFile(s.UpstreamCA)
	if err != nil {
		return nil, fmt.Errorf("--upstream-ca must be a PEM file with the certificates of the authority: %w", err)
	}
	pool, found := x509.NewCertPool(), 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("--upstream-ca %s: certificate %d cannot be read: %w", s.UpstreamCA, found+1, err)
		}
		pool.AddCert(certificate)
		found++
	}
	if found == 0 {
		return nil, fmt.Errorf("--upstream-ca %s has no certificate: it must be a PEM file with the certificates of the authority", s.UpstreamCA)
	}
	return pool, nil
}

// validateAuthorities refuses authorities that cannot be read, or that nothing would ask.
func (s *gatewaySettings) validateAuthorities() error {
	if s.UpstreamCA == "" {
		return nil
	}
	if !strings.HasPrefix(s.Upstream, "https:") && !strings.HasPrefix(s.UpstreamIndex, "https:") {
		return errors.New("--upstream-ca needs an --upstream that begins with https://: the application has no certificate otherwise")
	}
	_, err := s.authorities()
	return err
}

// index returns the address of the REST index of the WordPress behind this server, or "",
// and what asks it, or nil for http.DefaultTransport.
func (s *gatewaySettings) index() (address string, transport http.RoundTripper) {
	if s.UpstreamIndex != "" {
		if pool, err := s.authorities(); pool != nil && err == nil { // Validate has seen to it
			transport = proxy.NewTransport(proxy.TransportConfig{RootCAs: pool})
		}
		return s.UpstreamIndex, transport
	}
	if s.Upstream == "" {
		return "", nil
	}
	a, err := s.application()
	if err != nil { // Validate has seen to it
		return "", nil
	}
	return strings.TrimRight(a.url.String(), "/") + "/?rest_route=/", proxy.NewTransport(a.transport)
}

// protocols are those that a server speaks. Without TLS it also takes HTTP/2 whose client
// knows beforehand (RFC 9113, section 3.3), as gRPC and nginx's grpc_pass do; no request
// can switch to that.
func protocols(encrypted bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(encrypted)
	p.SetUnencryptedHTTP2(!encrypted)
	return p
}
