// Package server assembles a server from its settings and runs it: the database with the rules
// on top, the API, the pages, the gateway in front of an application, and what has to run beside
// them for as long as the server does.
package server

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

// Limits of the HTTP server. They bound what a slow or greedy client can hold.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// server is one that runs: its settings, and what it counts.
type server struct {
	config.Server
	numbers *numbers // nil: nothing is counted
}

// Run serves until the context ends. The settings are those that Validate has seen. greet gets
// the administrator that the first start on a database makes.
func Run(ctx context.Context, all *config.Site, settings *config.Server, log *slog.Logger, greet func(FirstStart)) (err error) {
	defer surviveSignals(log)()
	c := &server{Server: *settings}
	c.warnOfKeyFiles(all.AuditKey, log)
	deadline, release := stopDeadline(ctx)
	defer release()
	var parts group
	defer func() { err = errors.Join(err, finish(deadline, parts.stop)) }()
	counts, err := c.counts(log)
	if err != nil {
		return err
	}
	if counts != nil {
		parts.onStop(counts.Close)
	}
	if c.numbers, err = c.metrics(ctx); err != nil {
		return err
	}
	parts.onStop(c.numbers.close)
	return c.run(ctx, all, &parts, counts, log, greet)
}

// run starts the parts of the server, and serves. parts has all that it started, also where it
// returns an error.
func (c *server) run(ctx context.Context, all *config.Site, parts *group, counts *redis.Counts, log *slog.Logger, greet func(FirstStart)) error {
	notices, err := c.notifier(log)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, "listen", c.Listen) // first, so that no database is made where nothing can be served
	if err != nil {
		return err
	}
	defer listener.Close()
	rules := sparekey.Config{Observe: notices.observe(c.numbers.observe(logEvents(log))), NoGrace: c.checkedTwice(all.Database)}
	limiter := func(b Backend) *throttle.Limiter { return c.limiter(ctx, b, counts, log) }
	site, err := Open(ctx, all, Opening{Create: true, log: log, limiter: limiter}, rules)
	if err != nil {
		return err
	}
	parts.onStop(site.Close)
	for _, f := range OpenDatabaseFiles(all.Database) {
		log.Warn(f.String())
	}
	if err := c.numbers.throttle(site.limiter); err != nil {
		return err
	}
	if err := site.CheckKey(ctx); err != nil {
		return KeyAdvice(err)
	}
	untilStop := context.WithoutCancel(ctx) // what requests under way need outlives the signal
	parts.run(untilStop, site.keepThrottle, site.keepLog)
	parts.run(untilStop, site.keepReconciled)
	parts.run(untilStop, notices.Run)
	parts.run(ctx, func(ctx context.Context) { site.maintain(ctx, log) })
	parts.run(untilStop, c.numbers.server(ctx, log))
	return c.serve(ctx, all, site, listener, greet, log)
}

func (c *server) serve(ctx context.Context, all *config.Site, site *Site, listener net.Listener, greet func(FirstStart), log *slog.Logger) error {
	home := c.home(listener.Addr())
	if err := welcome(ctx, site, c.firstStart(home), greet, log); err != nil {
		return err
	}
	sites := c.sites(c.siteIndex(all.Database, home, log), c.paths(home))
	own, places := c.handler(site, sites, all.Database, home, log)
	rules := gateway.Config{Upstream: c.profile(all.Database, sites), Public: site.exceptions(all)}
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

// firstStart has the addresses of a server whose clients reach it under home. In front of an
// application, home is the application's.
func (c *server) firstStart(home string) FirstStart {
	first := FirstStart{SignIn: home, Route: home + c.firstRoute()}
	if p := c.paths(home); c.Upstream != "" {
		first.SignIn = home + p.prefix + signInPath
	}
	return first
}

// firstRoute is one of the API that tells who one is, also in front of an
// application, to which most of the API belongs.
func (c *server) firstRoute() string {
	if c.Upstream != "" {
		return "/wp-json/wp/v2/users/me/application-passwords/introspect"
	}
	return "/wp-json/wp/v2/users/me"
}

// home is the URL under which clients reach the server, in its normal form and without a
// slash at its end.
func (c *server) home(addr net.Addr) string {
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
func (c *server) origin() clientip.Resolver {
	if len(c.TrustedProxy) == 0 {
		return clientip.FromPeer
	}
	return clientip.FromForwardedFor(c.proxies()...)
}

// proxies are the named proxies.
func (c *server) proxies() (proxies []netip.Prefix) {
	for _, n := range c.TrustedProxy {
		proxies = append(proxies, n.Prefix)
	}
	return proxies
}
