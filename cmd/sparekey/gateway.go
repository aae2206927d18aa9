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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/forwardauth"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
	"github.com/sparekey-dev/sparekey/internal/doctor"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/rest"
)

// gatewaySettings are the flags of "serve" in front of an application.
type gatewaySettings struct {
	Upstream             string `help:"URL of an application to stand in front of: what Sparekey does not answer itself is passed on to it, unless a wrong application password came with it." env:"SPAREKEY_UPSTREAM" placeholder:"URL" group:"In front of an application"`
	UpstreamAuth         string `help:"Whether requests to the application need an application password: ${enum}. With optional, those without one are passed on as nobody's." enum:"optional,required" default:"optional" env:"SPAREKEY_UPSTREAM_AUTH" group:"In front of an application"`
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

// refuses returns what keeps requests from an application in which limits would not
// hold. isLimited reports whether a credential is narrowed in any way.
func (s *gatewaySettings) refuses(database string, isLimited func(sparekey.Credential) bool) func(*http.Request, gateway.Decision) string {
	wordPress := isWordPress(database)
	return func(r *http.Request, d gateway.Decision) string {
		c := d.Identity.Credential
		switch {
		case wordPress && !s.UpstreamXmlrpc && strings.Contains(unfold(r.URL.Path), "xmlrpc.php"):
			return "XML-RPC is refused here, since the limits of an application password do not hold in it. Use the REST API, or have the operator start Sparekey with --upstream-xmlrpc."
		case d.Identity.OldSecret && s.checkedTwice(database):
			return "WordPress does not know the secret from before the rotation any more. Use the new one, or have the operator start Sparekey with --signing-key."
		case isLimited(c) && (wordPress || mayBeWordPress(r.URL.Path)) && mayNameRoute(r):
			return "This application password is limited, and this form may name another route or method than the request does. Send JSON, a short urlencoded form without rest_route and _method, or a file by itself as the body."
		case c.Limits.Scopes != "" && mayNameObject(r):
			return "The body names another object than the address does, and WordPress believes the body. Leave its id out."
		}
		return ""
	}
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
func (c *serveCommand) inFront(site *site, database string, log *slog.Logger, api *rest.Handler, own http.Handler) (http.Handler, error) {
	signer, err := c.signer()
	if err != nil {
		return nil, err
	}
	c.warn(database, log)
	rules := gateway.Config{Realm: c.SiteName, Signer: signer, Fail: failAs(api), Observe: site.numbers.decided()}
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
		if api.IsFor(r) {
			api.Refuse(w, r, status, message, err)
			return
		}
		http.Error(w, message, status)
	}
}

// proxy is the way to the application.
func (c *serveCommand) proxy(site *site, database string, rules gateway.Config, log *slog.Logger) (http.Handler, error) {
	upstream, err := url.Parse(c.Upstream)
	if err != nil {
		return nil, errors.New("--upstream is no URL") // Validate has seen to it
	}
	rules.Optional = c.UpstreamAuth == "optional"
	rules.SeesForms = true // refuses does
	return proxy.New(gateway.New(site.service, rules), upstream, proxy.Config{
		Origin:               c.origin(),
		ForwardAuthorization: c.forwards(database),
		Cookies:              login.CookieNames(),
		Refuse:               c.refuses(database, site.isLimited),
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
	return isAboutPasswords(r) && !hasWordPressSession(r)
}

// mayBeWordPress reports whether WordPress's API may be what answers at a path.
func mayBeWordPress(path string) bool {
	path = unfold(path)
	return path == "" || path == "/" || strings.HasPrefix(path, "/index.php") || strings.HasPrefix(path, "/wp-json")
}

// isAboutPasswords reports whether WordPress could take a request for one to its
// routes of application passwords, whatever the spelling: it takes routes in any
// case, decodes some twice, and finds them in the query of any page. What Sparekey
// then does not know is not found, rather than passed on.
func isAboutPasswords(r *http.Request) bool {
	const routes = "/application-passwords"
	if path := unfold(r.URL.Path); strings.Contains(path, "wp-json") && strings.Contains(path, routes) {
		return true
	}
	query := unfold(r.URL.RawQuery)
	return strings.Contains(query, "route") && strings.Contains(query, routes)
}

// unfold decodes a text as often as anybody might, and takes its case away. What
// is no encoding stays as it is, and hides nothing of the rest.
func unfold(text string) string {
	for range 3 {
		text = decode(text)
	}
	return strings.ToLower(text)
}

// decode undoes percent-encoding once, as PHP does it.
func decode(text string) string {
	return encoded.ReplaceAllStringFunc(text, func(c string) string {
		code, _ := strconv.ParseUint(c[1:], 16, 8) // it is two hexadecimal digits
		return string([]byte{byte(code)})
	})
}

var encoded = regexp.MustCompile("%[0-9a-fA-F]{2}")

// hasWordPressSession reports whether a request is one of a person who is signed
// in to WordPress: WordPress's own profile screen manages application passwords
// by them. Whether the cookie is worth anything is for WordPress to say.
func hasWordPressSession(r *http.Request) bool {
	if len(r.Header["Authorization"]) > 0 {
		return false
	}
	return slices.ContainsFunc(r.Cookies(), func(c *http.Cookie) bool {
		return strings.HasPrefix(c.Name, "wordpress_logged_in_")
	})
}
