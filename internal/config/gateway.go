package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/internal/siteurl"
)

// GatewaySettings are the flags of "serve" in front of an application.
type GatewaySettings struct {
	Upstream             string   `help:"Application to stand in front of: what Sparekey does not answer itself is passed on to it, unless a wrong application password came with it. An http or https URL, h2c://HOST:PORT for HTTP/2 without TLS (gRPC), or unix:/PATH for a Unix socket (unix+h2c:/PATH for HTTP/2)." env:"SPAREKEY_UPSTREAM" placeholder:"URL" group:"In front of an application"`
	UpstreamCA           string   `name:"upstream-ca" help:"PEM file with the authorities that sign the certificate of an https --upstream, in place of those of the system." env:"SPAREKEY_UPSTREAM_CA" placeholder:"FILE" group:"In front of an application"`
	UpstreamAuth         string   `help:"Whether requests to the application need an application password: ${enum}. With optional, requests without one are forwarded as anonymous." enum:"optional,required" default:"optional" env:"SPAREKEY_UPSTREAM_AUTH" group:"In front of an application"`
	UpstreamKind         string   `help:"What stands behind, with --upstream or behind a proxy that asks: generic, php, rails, wordpress, or wordpress-plugin (with the plugin of docs/guides/wordpress-gateway.md). Limits apply to all that such an application may take a request for. Default: wordpress with a WordPress database, else generic." env:"SPAREKEY_UPSTREAM_KIND" placeholder:"KIND" group:"In front of an application"`
	UpstreamIndex        string   `help:"Address of the index of WordPress's REST API, from which Sparekey learns the routes of plugins, such as http://127.0.0.1:8088/wp-json/. Default: with --upstream, that of the application." env:"SPAREKEY_UPSTREAM_INDEX" placeholder:"URL" group:"In front of an application"`
	ForwardAuth          string   `help:"Whether requests that proxies ask about (/-/auth/) need an application password: ${enum}. With optional, requests without one are forwarded as anonymous." enum:"required,optional" default:"required" env:"SPAREKEY_FORWARD_AUTH" group:"In front of an application"`
	ForwardAuthorization *bool    `help:"Pass the application password on to the application, in the header Authorization. Other schemes than Basic are always passed on. Default: only where the database is WordPress's own, so that WordPress checks it as well." negatable:"" env:"SPAREKEY_FORWARD_AUTHORIZATION" group:"In front of an application"`
	UpstreamXmlrpc       bool     `name:"upstream-xmlrpc" help:"Forward calls of XML-RPC to WordPress whose application passwords have no limits, since WordPress checks them by itself there. Default: XML-RPC of a WordPress is refused." env:"SPAREKEY_UPSTREAM_XMLRPC" group:"In front of an application"`
	AllowOrigin          []string `help:"Origin, such as https://app.example, whose pages may send forms (uploads) with an application password, and whose preflights proxies that ask may pass on to the application without one. May be given more than once." env:"SPAREKEY_ALLOW_ORIGIN" placeholder:"ORIGIN" group:"In front of an application"`
	IdentityHeader       []string `help:"Name of a header in which the application looks for the login, such as Remote-User or X-WEBAUTH-USER: it gets the login there as well. May be given more than once." env:"SPAREKEY_IDENTITY_HEADER" placeholder:"NAME" group:"In front of an application"`
	SigningKey           string   `help:"File with a secret of 32 bytes or more, which the application has as well: the identity headers are signed with it." env:"SPAREKEY_SIGNING_KEY" placeholder:"FILE" group:"In front of an application"`
}

func (s *GatewaySettings) validate(listen, home string) error {
	_, err := s.Signer()
	errs := []error{s.validateUpstream(listen, home), s.validateAuthorities(), s.validateKind(), s.validateOrigins(), err}
	for _, name := range s.IdentityHeader {
		if err := gateway.CheckLoginHeader(name); err != nil {
			errs = append(errs, fmt.Errorf("--identity-header: %w", err))
		}
	}
	return errors.Join(errs...)
}

// validateKind refuses what --upstream-kind and --upstream-index cannot be.
func (s *GatewaySettings) validateKind() error {
	switch s.UpstreamKind {
	case "", "generic", "php", "rails", "wordpress", "wordpress-plugin":
	default:
		return fmt.Errorf("--upstream-kind %q must be generic, php, rails, wordpress or wordpress-plugin", s.UpstreamKind)
	}
	if s.UpstreamIndex == "" {
		return nil
	}
	u, err := url.Parse(s.UpstreamIndex)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--upstream-index %q must be the URL of the index of WordPress's REST API, such as http://127.0.0.1:8088/wp-json/", RedactURL(s.UpstreamIndex))
	}
	return nil
}

func (s *GatewaySettings) validateOrigins() error {
	for _, origin := range s.AllowOrigin {
		if origin == "null" || origin != strings.ToLower(origin) || !basicauth.IsOrigin(origin) {
			return fmt.Errorf("--allow-origin %q must be a scheme and a host in lower case, without a path, such as https://app.example", origin)
		}
	}
	return nil
}

func (s *GatewaySettings) validateUpstream(listen, home string) error {
	if s.Upstream == "" {
		return nil
	}
	a, err := ParseUpstream(s.Upstream)
	if err != nil {
		return fmt.Errorf("--upstream %q %w", RedactURL(s.Upstream), err)
	}
	u := a.URL
	if a.Transport.Socket != "" {
		return nil // the server listens on none
	}
	if leadsBack(u, listen) {
		return fmt.Errorf("--upstream %s is the address of --listen: name the one that the application listens on", s.Upstream)
	}
	if own, err := siteurl.Parse(home); err == nil && leadsBack(u, withPort(own)) {
		return fmt.Errorf("--upstream %s is the URL of --url, which leads to Sparekey: name the address that the application listens on", s.Upstream)
	}
	return nil
}

// isSameServer reports whether two addresses with a port are certainly one.
func isSameServer(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && portA == portB && (hostA == hostB ||
		hostA == "localhost" && (hostB == "127.0.0.1" || hostB == "::1"))
}

// leadsBack reports whether a URL is certainly the server's own, which has this address. Other
// loops show when requests come back.
func leadsBack(u *url.URL, own string) bool {
	if host, port, err := net.SplitHostPort(own); err == nil && isWildcard(host) && isLoopback(u.Hostname()) {
		own = net.JoinHostPort(u.Hostname(), port)
	}
	return isSameServer(withPort(u), own) || isSameServer(own, withPort(u))
}

// withPort is the host of a URL with its port.
func withPort(u *url.URL) string {
	port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return strings.ToLower(net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)))
}

// Signer signs with the key from the file that was named, if one was. A line end
// after the key is not part of it.
func (s *GatewaySettings) Signer() (*gateway.Signer, error) {
	if s.SigningKey == "" {
		return nil, nil //nolint:nilnil // nothing is signed
	}
	key, err := os.ReadFile(s.SigningKey)
	if err != nil {
		return nil, fmt.Errorf("--signing-key must be a file with a key, which \"openssl rand -hex 32\" makes: %w", err)
	}
	signer, err := gateway.NewSigner(bytes.TrimRight(key, "\r\n"), time.Now)
	if err != nil {
		return nil, fmt.Errorf("--signing-key %s: %w", s.SigningKey, err)
	}
	return signer, nil
}
