package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/forwardauth"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/internal/siteurl"
)

// gatewaySettings are the flags of "serve" in front of an application.
type gatewaySettings struct {
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

func (s *gatewaySettings) validate(listen, home string) error {
	_, err := s.signer()
	errs := []error{s.validateUpstream(listen, home), s.validateAuthorities(), s.validateKind(), s.validateOrigins(), err}
	for _, name := range s.IdentityHeader {
		if err := gateway.CheckLoginHeader(name); err != nil {
			errs = append(errs, fmt.Errorf("--identity-header: %w", err))
		}
	}
	return errors.Join(errs...)
}

// validateKind refuses what --upstream-kind and --upstream-index cannot be.
func (s *gatewaySettings) validateKind() error {
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
		return fmt.Errorf("--upstream-index %q must be the URL of the index of WordPress's REST API, such as http://127.0.0.1:8088/wp-json/", redactURL(s.UpstreamIndex))
	}
	return nil
}

func (s *gatewaySettings) validateOrigins() error {
	for _, origin := range s.AllowOrigin {
		if origin == "null" || origin != strings.ToLower(origin) || !basicauth.IsOrigin(origin) {
			return fmt.Errorf("--allow-origin %q must be a scheme and a host in lower case, without a path, such as https://app.example", origin)
		}
	}
	return nil
}

// hasNoDialogs reports whether no browser asks a person for a login at the site, because
// of Sparekey or of the application behind it, and so none can remember one.
func (s *gatewaySettings) hasNoDialogs(database string) bool {
	return s.Upstream == "" || s.UpstreamAuth == "optional" && s.isWordPress(database)
}

// isWordPress reports whether a WordPress stands behind.
func (s *gatewaySettings) isWordPress(database string) bool {
	return s.UpstreamKind == "" && isWordPress(database) || s.UpstreamKind == "wordpress" || s.UpstreamKind == "wordpress-plugin"
}

func (s *gatewaySettings) validateUpstream(listen, home string) error {
	if s.Upstream == "" {
		return nil
	}
	a, err := parseUpstream(s.Upstream)
	if err != nil {
		return fmt.Errorf("--upstream %q %w", redactURL(s.Upstream), err)
	}
	u := a.url
	if a.transport.Socket != "" {
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

// signer signs with the key from the file that was named, if one was. A line end
// after the key is not part of it.
func (s *gatewaySettings) signer() (*gateway.Signer, error) {
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

// forwards reports whether the application gets the header Authorization.
func (s *gatewaySettings) forwards(database string) bool {
	if s.ForwardAuthorization != nil {
		return *s.ForwardAuthorization
	}
	return isWordPress(database)
}

// refuses returns what keeps an allowed request from the application: WordPress would
// check it again, and knows only the new secret after a rotation. It returns nil where
// WordPress does not check.
func (s *gatewaySettings) refuses(database string) func(*http.Request, gateway.Decision) string {
	if !s.checkedTwice(database) {
		return nil
	}
	return func(_ *http.Request, d gateway.Decision) string {
		if !d.Identity.OldSecret {
			return ""
		}
		return "WordPress accepts only the new secret after a rotation. Use the new one, or have the operator start Sparekey with --signing-key."
	}
}

// profile says how the application behind this server, or behind the proxies that ask
// it, may read requests. sites are those of a WordPress, or nil.
func (s *gatewaySettings) profile(database string, sites *upstream.Sites) upstream.Profile {
	kind := s.kind(database)
	switch kind {
	case "generic":
		return upstream.Generic()
	case "php":
		return upstream.PHP()
	case "rails":
		return upstream.Rails()
	}
	config := upstream.WordPressConfig{XMLRPC: s.UpstreamXmlrpc, AddressFirst: kind == "wordpress-plugin"}
	if sites != nil {
		config.Routes, config.Site = sites.Main.Routes, sites.MainSite
	}
	return upstream.WordPress(config)
}

// siteIndex is the index of the WordPress behind this server, or behind the proxies that
// ask it, or nil. home is the URL of the site.
func (s *gatewaySettings) siteIndex(database, home string, log *slog.Logger) *upstream.Index {
	if !s.isWordPress(database) {
		return nil
	}
	address, transport := s.index()
	if address == "" {
		return nil
	}
	index := &upstream.Index{URL: address, Transport: transport, Log: log}
	if site, err := url.Parse(home); err == nil {
		index.Host = site.Host
	}
	return index
}

// sites are those of the WordPress behind this server, or behind the proxies that ask it, or
// nil.
func (s *gatewaySettings) sites(index *upstream.Index, p paths) *upstream.Sites {
	if index == nil {
		return nil
	}
	a, err := parseUpstream(s.Upstream)
	if err != nil { // there is none, and a proxy asks about the site's own addresses
		return &upstream.Sites{Main: index}
	}
	return &upstream.Sites{
		Main: index, Base: p.base, Folder: a.url.EscapedPath(), Origin: a.url.Scheme + "://" + a.url.Host,
	}
}

// kind is what stands behind: that of --upstream-kind, or what the database suggests.
func (s *gatewaySettings) kind(database string) string {
	switch {
	case s.UpstreamKind != "":
		return s.UpstreamKind
	case isWordPress(database):
		return "wordpress"
	}
	return "generic"
}

// checkedTwice reports whether WordPress checks the application passwords that
// Sparekey lets through by what it knows itself, rather than by signed headers.
func (s *gatewaySettings) checkedTwice(database string) bool {
	return s.Upstream != "" && isWordPress(database) && s.forwards(database) && s.SigningKey == ""
}

// noGrace says why rotations can have no grace period, or nothing.
func (s *gatewaySettings) noGrace(database string) string {
	if !s.checkedTwice(database) {
		return ""
	}
	return "must be 0: WordPress behind this server would refuse the secret from before at once. The operator can change that with --signing-key and the plugin of docs/guides/wordpress-gateway.md"
}

// warn tells the log of settings that do not go together.
func (s *gatewaySettings) warn(database string, log *slog.Logger) {
	isUnsigned := s.Upstream != "" && s.SigningKey == ""
	switch {
	case isUnsigned && isWordPress(database) && !s.forwards(database):
		log.Warn("WordPress will refuse every application password: it gets neither Authorization nor signed headers. " +
			"Leave out --no-forward-authorization, or give --signing-key and install the plugin of docs/guides/wordpress-gateway.md")
	case isUnsigned && !isWordPress(database) && strings.HasPrefix(s.UpstreamKind, "wordpress"):
		log.Warn("WordPress cannot tell who sends a request: it does not know the application passwords of this database, and gets no signed headers. " +
			"Name WordPress's database with --database, or give --signing-key and install the plugin of docs/guides/wordpress-gateway.md")
	}
	if kind := s.kind(database); s.UpstreamIndex != "" && kind == "generic" {
		log.Warn("--upstream-index has no effect: it is read only where a WordPress is behind", "kind", kind)
	}
}

// inFront puts own, which is everything that Sparekey answers itself, beside the answers to
// proxies, and in front of the application, if there is one. rules are those of the gateway.
// Refusals of requests for the API have its form.
func (c *serveCommand) inFront(site *site, database string, rules gateway.Config, log *slog.Logger, places *places, own http.Handler) (http.Handler, error) {
	signer, err := c.signer()
	if err != nil {
		return nil, err
	}
	c.warn(database, log)
	rules.Realm, rules.Signer, rules.LoginHeaders, rules.AllowOrigins = c.SiteName, signer, c.IdentityHeader, c.AllowOrigin
	rules.Fail, rules.Observe, rules.NoDialogs = failAs(places), site.numbers.decided(), c.hasNoDialogs(database)
	asked := rules
	asked.NoDialogs = c.isWordPress(database)
	asked.Optional = c.ForwardAuth == "optional"
	own = places.cleaned(own)
	auth := forwardauth.New(gateway.New(site.service, asked), forwardauth.Config{Proxies: c.proxies(), Log: log})
	next := own
	if c.Upstream != "" {
		application, err := c.proxy(site, database, places, rules, log)
		if err != nil {
			return nil, err
		}
		next = places.inFront(c.withHSTS(places.home, c.origin(), http.HandlerFunc(places.serveAPI)), own, application)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked, ok := places.forProxies(r); ok {
			auth.ServeHTTP(w, asked)
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}

// failAs answers refusals as api does where the request is for it, and by
// gateway.WriteRefusal elsewhere. Proxies that ask get every refusal so: they go by its
// status.
func failAs(places *places) func(http.ResponseWriter, *http.Request, int, string, error) {
	return func(w http.ResponseWriter, r *http.Request, status int, message string, err error) {
		if places.isForAPI(r) {
			places.api.Refuse(w, r, status, message, err)
			return
		}
		gateway.WriteRefusal(w, r, status, message)
	}
}

// failToClient is failAs for answers that clients get. A refusal of XML-RPC is a fault of
// it, with the status 200; where the answer is broken, the status says so.
func failToClient(places *places) func(http.ResponseWriter, *http.Request, int, string, error) {
	fail := failAs(places)
	return func(w http.ResponseWriter, r *http.Request, status int, message string, err error) {
		if isXMLRPC(r) && status < http.StatusInternalServerError {
			failXMLRPC(w, status, message, err)
			return
		}
		fail(w, r, status, message, err)
	}
}

// proxy is the way to the application.
func (c *serveCommand) proxy(site *site, database string, places *places, rules gateway.Config, log *slog.Logger) (http.Handler, error) {
	application, err := c.application()
	if err != nil {
		return nil, err
	}
	rules.Optional = c.UpstreamAuth == "optional"
	rules.Fail = failToClient(places)
	return proxy.New(gateway.New(site.service, rules), application.url, proxy.Config{
		Transport:            proxy.NewTransport(application.transport),
		Base:                 places.base,
		Origin:               c.origin(),
		ForwardAuthorization: c.forwards(database),
		Cookies:              login.CookieNames(),
		Block:                c.refuses(database),
		Ended:                site.numbers.ended(),
		Log:                  log,
	}), nil
}
