package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/internal/siteurl"
	"github.com/sparekey-dev/sparekey/throttle"
	"github.com/sparekey-dev/sparekey/throttle/redis"
)

type serveCommand struct {
	Listen          string    `help:"Address and port to serve on." default:"127.0.0.1:8080" env:"SPAREKEY_LISTEN"`
	URL             string    `help:"The URL under which clients reach the server, with the path of its folder if it has one, such as https://example.org/blog. Default: the address served on." env:"SPAREKEY_URL" placeholder:"URL"`
	Prefix          string    `help:"Path below which Sparekey's own pages and probes are, such as /.sparekey, so that an application behind it has /sign-in, /healthz and the like for itself. The paths that WordPress's clients know stay." env:"SPAREKEY_PREFIX" placeholder:"PATH"`
	TLSCert         string    `help:"Certificate chain to serve HTTPS with, a PEM file." env:"SPAREKEY_TLS_CERT" placeholder:"FILE" and:"tls"`
	TLSKey          string    `help:"Private key of the certificate, a PEM file." env:"SPAREKEY_TLS_KEY" placeholder:"FILE" and:"tls"`
	HSTS            string    `name:"hsts" help:"Under an https URL, the header Strict-Transport-Security of Sparekey's own answers, or off. An application behind Sparekey sets its own." default:"max-age=31536000" env:"SPAREKEY_HSTS" placeholder:"HEADER"`
	TrustedProxy    []network `help:"Address or network of a proxy that is believed about the requests it passes on (X-Forwarded-For and X-Forwarded-Proto), or asks about (/-/auth/). May be given more than once." env:"SPAREKEY_TRUSTED_PROXY" placeholder:"CIDR"`
	SiteName        string    `help:"The name that clients show for this site." default:"Sparekey" env:"SPAREKEY_SITE_NAME"`
	WordpressErrors bool      `help:"Answer a wrong credential with WordPress's own codes, which tell an unknown user from a wrong password." env:"SPAREKEY_WORDPRESS_ERRORS"`
	NoQueryRedirect bool      `help:"Never put a new application password into a URL, as WordPress's authorise redirect does; applications that need it get none." env:"SPAREKEY_NO_QUERY_REDIRECT"`
	AllowCallback   []string  `help:"Address to which the authorise screen may send a new application password although it is a page of a browser's extension, or http in the local network: a scheme, a host and a path, such as chrome-extension://ID/connected or http://192.168.1.5:8080/*. May be given more than once." env:"SPAREKEY_ALLOW_CALLBACK" placeholder:"URL"`
	LogFormat       string    `help:"How to log: ${enum}." enum:"text,json" default:"text" env:"SPAREKEY_LOG_FORMAT"`
	LogLevel        string    `help:"From here on is logged: ${enum}. With debug, every request is." enum:"debug,info,warn,error" default:"info" env:"SPAREKEY_LOG_LEVEL"`
	gatewaySettings
	throttleSettings
	metricsSettings
	notifySettings
}

// Limits of the HTTP server. They bound what a slow or greedy client can hold.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// Validate is called by kong.
func (c *serveCommand) Validate() error {
	_, err := c.callbacks()
	return errors.Join(err, c.validateListen(), c.validateURL(), c.validatePrefix(), c.validateTLS(), c.validateHSTS(), c.gatewaySettings.validate(c.Listen, c.URL),
		c.throttleSettings.validate(), c.metricsSettings.validate(), c.notifySettings.validate())
}

func (c *serveCommand) validateListen() error {
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

func (c *serveCommand) validateURL() error {
	if c.URL == "" {
		return nil
	}
	u, err := siteurl.ParseBase(c.URL)
	switch {
	case err != nil:
		return fmt.Errorf("--url %q must be a scheme and a host, such as https://example.org, with or without a path: %w", redactURL(c.URL), err)
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("--url %q must be a scheme and a host, such as https://example.org, with or without a path", redactURL(c.URL))
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("--url %s would have clients send passwords in the clear: it must begin with https", c.URL)
	}
	return nil
}

// validateTLS reads the certificate once before anything is done, so that a
// mistake does not show only when people try to connect.
func (c *serveCommand) validateTLS() error {
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

// network is a network, or one address, on the command line.
type network struct{ netip.Prefix }

// UnmarshalText is called by kong.
func (n *network) UnmarshalText(text []byte) error {
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

// Run serves until the context ends.
func (c *serveCommand) Run(ctx context.Context, all *commands, t terminal) error {
	log := c.logger(t)
	defer surviveSignals(log)()
	c.warnOfKeyFiles(all.AuditKey, log)
	counts, stop, err := c.counts(log)
	if err != nil {
		return err
	}
	numbers, err := c.metrics(ctx)
	if err != nil {
		return errors.Join(err, stop())
	}
	defer numbers.close()
	return errors.Join(c.run(ctx, all, t, log, counts, numbers), stop())
}

func (c *serveCommand) run(ctx context.Context, all *commands, t terminal, log *slog.Logger, counts *redis.Counts, numbers *numbers) error {
	notices, err := c.notifier(log)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, "listen", c.Listen) // first, so that no database is made where nothing can be served
	if err != nil {
		return err
	}
	defer listener.Close()
	config := sparekey.Config{Observe: notices.observe(numbers.observe(logEvents(log))), NoGrace: c.noGrace(all.Database)}
	limiter := func(b backend) *throttle.Limiter { return c.limiter(ctx, b, counts, log) }
	site, err := all.open(ctx, opening{create: true, log: log, limiter: limiter}, config)
	if err != nil {
		return err
	}
	for _, f := range openFiles(databaseOpenToOthers, databaseFiles(all.Database)...) {
		log.Warn(f.String())
	}
	if err := numbers.throttle(site.limiter); err != nil {
		return errors.Join(err, site.Close())
	}
	if err := site.checkKey(ctx); err != nil {
		return errors.Join(keyAdvice(err), site.Close())
	}
	site.numbers = numbers
	stopMetrics := numbers.serve(ctx, log)
	stopLog := site.keepLog(ctx)
	stopThrottle := site.keepThrottle(ctx)
	stopRepairs := site.keepRepaired(ctx)
	stopNotices := notices.start(ctx)
	stopSweeps := inBackground(ctx, sweeper{site.service, log}.Run)
	deadline, release := stopDeadline(ctx)
	defer release()
	err = c.serve(ctx, all, site, listener, t, log)
	return errors.Join(err, finish(deadline, func() error {
		stopMetrics()
		stopSweeps()
		stopNotices()
		stopRepairs()
		both(stopThrottle, stopLog)
		return site.Close()
	}))
}

func (c *serveCommand) logger(t terminal) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		panic(err) // kong allows no other
	}
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(t.err, options))
	}
	return slog.New(slog.NewTextHandler(t.err, options))
}

func (c *serveCommand) serve(ctx context.Context, all *commands, site *site, listener net.Listener, t terminal, log *slog.Logger) error {
	home := c.home(listener.Addr())
	if err := welcome(ctx, all, site, c.firstAddresses(home), t, log); err != nil {
		return err
	}
	sites := c.sites(c.siteIndex(all.Database, home, log), c.paths(home))
	own, places := c.handler(site, sites, all.Database, home, log)
	rules := gateway.Config{Upstream: c.profile(all.Database, sites), Public: all.public(site)}
	handler, err := c.inFront(site, all.Database, rules, log, places, c.withHSTS(home, c.origin(), own))
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           logRequests(log, handler),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         protocols(c.TLSCert != ""),
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	log.Info("serving", "url", home, "listen", listener.Addr().String(), "database", redactURL(all.Database))
	return c.untilDone(ctx, server, listener, log)
}

// firstAddresses are those at a server whose clients reach it under home. In front of an
// application, home is the application's.
func (c *serveCommand) firstAddresses(home string) firstAddresses {
	first := firstAddresses{signIn: home, route: home + c.firstRoute()}
	if p := c.paths(home); c.Upstream != "" {
		first.signIn = home + p.prefix + signInPath
	}
	return first
}

// firstRoute is one of the API that tells who one is, also in front of an
// application, to which most of the API belongs.
func (c *serveCommand) firstRoute() string {
	if c.Upstream != "" {
		return "/wp-json/wp/v2/users/me/application-passwords/introspect"
	}
	return "/wp-json/wp/v2/users/me"
}

// home is the URL under which clients reach the server, in its normal form and without a
// slash at its end.
func (c *serveCommand) home(addr net.Addr) string {
	if u, err := siteurl.ParseBase(c.URL); err == nil { // Validate has seen to it
		return u.String()
	}
	host, _, _ := net.SplitHostPort(c.Listen) // Validate has seen to it
	_, port, _ := net.SplitHostPort(addr.String())
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// origin tells where requests come from: from the named proxies, or from the
// connection.
func (c *serveCommand) origin() clientip.Resolver {
	if len(c.TrustedProxy) == 0 {
		return clientip.FromPeer
	}
	return clientip.FromForwardedFor(c.proxies()...)
}

// proxies are the named proxies.
func (c *serveCommand) proxies() (proxies []netip.Prefix) {
	for _, n := range c.TrustedProxy {
		proxies = append(proxies, n.Prefix)
	}
	return proxies
}
