package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
	"github.com/sparekey-dev/sparekey/internal/siteurl"
)

// Server are the settings of "serve".
type Server struct {
	Listen          string    `help:"Address and port to serve on." default:"127.0.0.1:8080" env:"SPAREKEY_LISTEN"`
	URL             string    `help:"The URL under which clients reach the server, with the path of its folder if it has one, such as https://example.org/blog. Default: the address served on." env:"SPAREKEY_URL" placeholder:"URL"`
	Prefix          string    `help:"Path below which Sparekey's own pages and probes are, such as /.sparekey, so that an application behind it has /sign-in, /healthz and the like for itself. The paths that WordPress's clients know stay." env:"SPAREKEY_PREFIX" placeholder:"PATH"`
	TLSCert         string    `help:"Certificate chain to serve HTTPS with, a PEM file." env:"SPAREKEY_TLS_CERT" placeholder:"FILE" and:"tls"`
	TLSKey          string    `help:"Private key of the certificate, a PEM file." env:"SPAREKEY_TLS_KEY" placeholder:"FILE" and:"tls"`
	HSTS            string    `name:"hsts" help:"Under an https URL, the header Strict-Transport-Security of Sparekey's own answers, or off. An application behind Sparekey sets its own." default:"max-age=31536000" env:"SPAREKEY_HSTS" placeholder:"HEADER"`
	TrustedProxy    []Network `help:"Address or network of a proxy that is believed about the requests it passes on (X-Forwarded-For and X-Forwarded-Proto), or asks about (/-/auth/). May be given more than once." env:"SPAREKEY_TRUSTED_PROXY" placeholder:"CIDR"`
	SiteName        string    `help:"The name that clients show for this site." default:"Sparekey" env:"SPAREKEY_SITE_NAME"`
	WordpressErrors bool      `help:"Answer a wrong credential with WordPress's own codes, which tell an unknown user from a wrong password." env:"SPAREKEY_WORDPRESS_ERRORS"`
	NoQueryRedirect bool      `help:"Never put a new application password into a URL, as WordPress's authorise redirect does; applications that need it get none." env:"SPAREKEY_NO_QUERY_REDIRECT"`
	AllowCallback   []string  `help:"Address to which the authorise screen may send a new application password although it is a page of a browser's extension, or http in the local network: a scheme, a host and a path, such as chrome-extension://ID/connected or http://192.168.1.5:8080/*. May be given more than once." env:"SPAREKEY_ALLOW_CALLBACK" placeholder:"URL"`
	LogFormat       string    `help:"How to log: ${enum}." enum:"text,json" default:"text" env:"SPAREKEY_LOG_FORMAT"`
	LogLevel        string    `help:"From here on is logged: ${enum}. With debug, every request is." enum:"debug,info,warn,error" default:"info" env:"SPAREKEY_LOG_LEVEL"`
	GatewaySettings
	ThrottleSettings
	MetricsSettings
	NotifySettings
}

// Validate is called by kong.
func (c *Server) Validate() error {
	_, err := c.Callbacks()
	return errors.Join(err, c.validateListen(), c.validateURL(), c.validatePrefix(), c.validateTLS(), c.validateHSTS(), c.GatewaySettings.validate(c.Listen, c.URL),
		c.ThrottleSettings.validate(), c.MetricsSettings.validate(), c.NotifySettings.validate())
}

func (c *Server) validateListen() error {
	host, err := hostToListenOn("listen", c.Listen, "127.0.0.1:8080")
	if err != nil {
		return err
	}
	if c.TLSCert == "" && len(c.TrustedProxy) == 0 && !isLoopback(host) {
		return fmt.Errorf("--listen %s would send passwords over the network in the clear: "+
			"give --tls-cert and --tls-key, or name the proxy that does TLS with --trusted-proxy", c.Listen)
	}
	if c.URL == "" && isWildcard(host) {
		return errors.New("--url is needed where --listen names no single address: the URL under which clients reach the server")
	}
	return nil
}

func (c *Server) validateURL() error {
	if c.URL == "" {
		return nil
	}
	u, err := siteurl.ParseBase(c.URL)
	switch {
	case err != nil:
		return fmt.Errorf("--url %q must be a scheme and a host, such as https://example.org, with or without a path: %w", RedactURL(c.URL), err)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("--url %q must be a scheme and a host, such as https://example.org, with or without a path", RedactURL(c.URL))
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("--url %s would have clients send passwords in the clear: it must begin with https", c.URL)
	}
	return nil
}

// validateTLS reads the certificate once before anything is done, so that a
// mistake does not show only when people try to connect.
func (c *Server) validateTLS() error {
	switch {
	case c.TLSCert == "" && c.TLSKey == "":
		return nil
	case c.TLSKey == "":
		return errors.New("--tls-cert needs --tls-key beside it: the file with the private key of the certificate")
	case c.TLSCert == "":
		return errors.New("--tls-key needs --tls-cert beside it: the file with the certificate that the key is for")
	}
	if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
		return fmt.Errorf("--tls-cert and --tls-key must be files with a certificate and its private key: %w", err)
	}
	return nil
}

// Network is a network, or one address, on the command line.
type Network struct{ netip.Prefix }

// UnmarshalText is called by kong.
func (n *Network) UnmarshalText(text []byte) error {
	prefix, err := netip.ParsePrefix(string(text))
	if addr, addrErr := netip.ParseAddr(string(text)); err != nil && addrErr == nil {
		prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
	case prefix.Bits() == 0:
		return fmt.Errorf("%s is everybody: name the proxy's own address or network", text)
	}
	n.Prefix = prefix.Masked()
	return nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func isWildcard(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

// validatePrefix refuses what --prefix cannot be.
func (c *Server) validatePrefix() error {
	if c.Prefix == "" {
		return nil
	}
	prefix, err := siteurl.Path(c.Prefix)
	switch {
	case !strings.HasPrefix(c.Prefix, "/") || prefix == "" && err == nil:
		return fmt.Errorf("--prefix %q must be a path such as /.sparekey", c.Prefix)
	case err != nil:
		return fmt.Errorf("--prefix %q must be a path such as /.sparekey: %w", c.Prefix, err)
	}
	for _, taken := range []string{"/wp-json", "/wp-admin", "/index.php"} {
		if _, below := rawpath.CutFolder(strings.ToLower(prefix), taken); below {
			return fmt.Errorf("--prefix %q is a path of WordPress: choose another one, such as /.sparekey", c.Prefix)
		}
	}
	return nil
}

// hstsValue is what --hsts takes: the header of RFC 6797, section 6.1, or off.
var hstsValue = regexp.MustCompile(
	`^(?i:off|max-age=[0-9]{1,10}(; *(includeSubDomains|preload))*)$`)

func (c *Server) validateHSTS() error {
	if !hstsValue.MatchString(c.HSTS) {
		return fmt.Errorf("--hsts %q must be off, or a header such as \"max-age=31536000\" "+
			"or \"max-age=31536000; includeSubDomains\"", c.HSTS)
	}
	return nil
}

// hostToListenOn is the host of an address that a flag names, whose port is one.
func hostToListenOn(flag, listen, example string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("--%s %q must be an address and a port, such as %s", flag, listen, example)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "", fmt.Errorf("--%s %q must have a port from 0 to 65535, such as %s", flag, listen, example)
	}
	return host, nil
}
