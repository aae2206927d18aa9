package main

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
	"slices"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/forwardauth"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/internal/doctor"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/rest"
)

// gatewaySettings are the flags of "serve" in front of an application.
type gatewaySettings struct {
	Upstream             string `help:"URL of an application to stand in front of: what Sparekey does not answer itself is passed on to it, unless a wrong application password came with it." env:"SPAREKEY_UPSTREAM" placeholder:"URL" group:"In front of an application"`
	UpstreamAuth         string `help:"Whether requests to the application need an application password: ${enum}. With optional, those without one are passed on as nobody's." enum:"optional,required" default:"optional" env:"SPAREKEY_UPSTREAM_AUTH" group:"In front of an application"`
	UpstreamKind         string `help:"What stands behind, with --upstream or behind a proxy that asks: ${enum}. It decides how requests may be read to which limits apply. wordpress-plugin is a WordPress with the plugin of docs/wordpress.md. Default: wordpress with a WordPress database, else generic." enum:",generic,wordpress,wordpress-plugin" default:"" env:"SPAREKEY_UPSTREAM_KIND" placeholder:"KIND" group:"In front of an application"`
	UpstreamIndex        string `help:"Address of the index of WordPress's REST API, from which Sparekey learns the routes of plugins, such as http://127.0.0.1:8088/wp-json/. Default: with --upstream, that of the application." env:"SPAREKEY_UPSTREAM_INDEX" placeholder:"URL" group:"In front of an application"`
	ForwardAuth          string `help:"Whether requests that proxies ask about (/-/auth/) need an application password: ${enum}. With optional, those without one are let through as nobody's." enum:"required,optional" default:"required" env:"SPAREKEY_FORWARD_AUTH" group:"In front of an application"`
	ForwardAuthorization *bool  `help:"Pass the header Authorization on to the application. Default: only where the database is WordPress's own, so that WordPress checks it as well." negatable:"" env:"SPAREKEY_FORWARD_AUTHORIZATION" group:"In front of an application"`
	UpstreamXmlrpc       bool   `name:"upstream-xmlrpc" help:"Let XML-RPC through to WordPress, which then checks the login and the application password in it without their limits. Default: where the database is WordPress's own, it is refused." env:"SPAREKEY_UPSTREAM_XMLRPC" group:"In front of an application"`
	SigningKey           string `help:"File with a secret of 32 bytes or more, which the application has as well: the identity headers are signed with it." env:"SPAREKEY_SIGNING_KEY" placeholder:"FILE" group:"In front of an application"`
}

func (s *gatewaySettings) validate(listen, home string) error {
	_, err := s.signer()
	return errors.Join(s.validateUpstream(listen, home), err)
}

func (s *gatewaySettings) validateUpstream(listen, home string) error {
	if s.Upstream == "" {
		return nil
	}
	u, err := url.Parse(s.Upstream)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("--upstream %q must be a scheme and a host, such as http://127.0.0.1:8088", redactURL(s.Upstream))
	}
	if leadsBack(u, listen) {
		return fmt.Errorf("--upstream %s is the address of --listen: name the one that the application listens on", s.Upstream)
	}
	if own, err := url.Parse(home); err == nil && leadsBack(u, withPort(own)) {
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

// leadsBack reports whether a URL is certainly the server's own, which has this
// address. What is not certain shows when requests come back.
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

// refuses returns what keeps an allowed request from the application all the same: it
// would be checked once more there, by a program that knows the new secret only.
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
// it, may read requests. home is the URL of the site.
func (s *gatewaySettings) profile(database, home string, log *slog.Logger) upstream.Profile {
	kind := s.UpstreamKind
	if kind == "" && isWordPress(database) {
		kind = "wordpress"
	}
	if kind != "wordpress" && kind != "wordpress-plugin" {
		return upstream.Generic()
	}
	config := upstream.WordPressConfig{XMLRPC: s.UpstreamXmlrpc, AddressFirst: kind == "wordpress-plugin"}
	if index := s.index(); index != "" && !config.AddressFirst {
		routes := &upstream.Index{URL: index, Log: log}
		if site, err := url.Parse(home); err == nil {
			routes.Host = site.Host
		}
		config.Routes = routes.Routes
	}
	return upstream.WordPress(config)
}

// index is the address of the REST index of the WordPress behind this server, or "".
func (s *gatewaySettings) index() string {
	switch {
	case s.UpstreamIndex != "":
		return s.UpstreamIndex
	case s.Upstream != "":
		return strings.TrimRight(s.Upstream, "/") + "/?rest_route=/"
	}
	return ""
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
	return "must be 0: WordPress behind this server would refuse the secret from before at once. The operator can change that with --signing-key and the plugin of docs/wordpress.md"
}

// warn tells the log of settings that do not go together.
func (s *gatewaySettings) warn(database string, log *slog.Logger) {
	if s.Upstream != "" && isWordPress(database) && !s.forwards(database) && s.SigningKey == "" {
		log.Warn("WordPress will refuse every application password: it gets neither Authorization nor signed headers. " +
			"Leave out --no-forward-authorization, or give --signing-key and install the plugin of docs/wordpress.md")
	}
}

// inFront puts own, which is everything that Sparekey answers itself, beside the
// answers to proxies, and in front of the application, if there is one. Refusals are
// in the form of api where it is asked for something of it.
func (c *serveCommand) inFront(site *site, database, home string, log *slog.Logger, api *rest.Handler, own http.Handler, public gateway.Public) (http.Handler, error) {
	signer, err := c.signer()
	if err != nil {
		return nil, err
	}
	c.warn(database, log)
	rules := gateway.Config{
		Realm: c.SiteName, Signer: signer, Upstream: c.profile(database, home, log), Fail: failAs(api), Observe: site.numbers.decided(), Public: public,
	}
	asked := rules
	asked.Optional = c.ForwardAuth == "optional"
	auth := forwardauth.New(gateway.New(site.service, asked), forwardauth.Config{Proxies: c.proxies(), Log: log})
	next := own
	if c.Upstream != "" {
		p, err := c.proxy(site, database, rules, log)
		if err != nil {
			return nil, err
		}
		next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if isOwn(r) {
				own.ServeHTTP(w, r)
				return
			}
			p.ServeHTTP(w, r)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if forwardauth.Handles(r) {
			auth.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}

// failAs answers refusals as api does where the request is for it, and with a line of
// text elsewhere.
func failAs(api *rest.Handler) func(http.ResponseWriter, *http.Request, int, string, error) {
	return func(w http.ResponseWriter, r *http.Request, status int, message string, err error) {
		if upstream.IsForAPI(r.RequestURI) {
			api.Refuse(w, r, status, message, err)
			return
		}
		http.Error(w, message, status)
	}
}

// proxy is the way to the application.
func (c *serveCommand) proxy(site *site, database string, rules gateway.Config, log *slog.Logger) (http.Handler, error) {
	application, err := url.Parse(c.Upstream)
	if err != nil {
		return nil, errors.New("--upstream is no URL") // Validate has seen to it
	}
	rules.Optional = c.UpstreamAuth == "optional"
	return proxy.New(gateway.New(site.service, rules), application, proxy.Config{
		Origin:               c.origin(),
		ForwardAuthorization: c.forwards(database),
		Cookies:              login.CookieNames(),
		Refuse:               c.refuses(database),
		Ended:                site.numbers.ended(),
		Log:                  log,
	}), nil
}

// ownPaths are what Sparekey answers itself in front of an application, beside
// the routes of application passwords. The sign-in of the application itself
// stays its own.
var ownPaths = []string{
	accountPath, "/authorize", "/wp-admin/authorize-application.php",
	signInPath, signOutPath, confirmPath, "/healthz", "/readyz", doctor.Path,
}

// isOwn reports whether Sparekey answers a request itself.
func isOwn(r *http.Request) bool {
	if slices.Contains(ownPaths, r.URL.Path) || strings.HasPrefix(r.URL.Path, accountPath+"/") {
		return true
	}
	return upstream.IsForPasswords(r.RequestURI) && !upstream.HasWordPressSession(r)
}
