package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/siteurl"
	"github.com/sparekey-dev/sparekey/throttle"
	"github.com/sparekey-dev/sparekey/throttle/redis"
)

// serveCommand runs a server.
type serveCommand struct{ config.Server }

// Limits of the HTTP server. They bound what a slow or greedy client can hold.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

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
	log.Info("serving", "url", home, "listen", listener.Addr().String(), "database", config.RedactURL(all.Database))
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
