package config

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/sparekey-dev/sparekey/gateway/proxy"
	"github.com/sparekey-dev/sparekey/internal/siteurl"
)

// Application is where the application of --upstream is, and how it is reached.
type Application struct {
	// URL is an http or https URL. Of an application on a Unix socket its host is one that
	// requests have which name none.
	URL       *url.URL
	Transport proxy.TransportConfig
}

// maxSocketPath is how many bytes the path of a Unix socket may have (sun_path of Linux,
// which ends with a NUL).
const maxSocketPath = 107

// ParseUpstream reads what --upstream names:
//
//	http://127.0.0.1:8088      HTTP/1.1
//	https://app.internal       TLS, with HTTP/2 where the application has it
//	h2c://127.0.0.1:50051      HTTP/2 without TLS
//	unix:/run/app.sock         HTTP/1.1 over a Unix socket
//	unix+h2c:/run/app.sock     HTTP/2 over a Unix socket
func ParseUpstream(text string) (Application, error) {
	var a Application
	scheme, rest, _ := strings.Cut(text, ":")
	switch scheme {
	case "unix+h2c", "unix":
		a.Transport.UnencryptedHTTP2 = scheme == "unix+h2c"
		a.URL = &url.URL{Scheme: "http", Host: "localhost"}
		var err error
		a.Transport.Socket, err = socketPath(rest)
		return a, err
	case "h2c":
		a.Transport.UnencryptedHTTP2 = true
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
	a.URL = u
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

// Application returns where the application is. There must be one.
func (s *GatewaySettings) Application() (Application, error) {
	a, err := ParseUpstream(s.Upstream)
	if err != nil {
		return a, fmt.Errorf("--upstream %q %w", RedactURL(s.Upstream), err)
	}
	a.Transport.RootCAs, err = s.Authorities()
	return a, err
}

// Authorities are those of --upstream-ca, or nil for those of the system.
func (s *GatewaySettings) Authorities() (*x509.CertPool, error) {
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
func (s *GatewaySettings) validateAuthorities() error {
	if s.UpstreamCA == "" {
		return nil
	}
	if !strings.HasPrefix(s.Upstream, "https:") && !strings.HasPrefix(s.UpstreamIndex, "https:") {
		return errors.New("--upstream-ca needs an --upstream that begins with https://: the application has no certificate otherwise")
	}
	_, err := s.Authorities()
	return err
}
