package server

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/forwardauth"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/login"
)

// hasNoDialogs reports whether no browser asks a person for a login at the site, because
// of Sparekey or of the application behind it, and so none can remember one.
func (c *server) hasNoDialogs(database string) bool {
	return c.Upstream == "" || c.UpstreamAuth == "optional" && c.isWordPress(database)
}

// isWordPress reports whether a WordPress stands behind.
func (c *server) isWordPress(database string) bool {
	return c.UpstreamKind == "" && config.IsWordPress(database) || c.UpstreamKind == "wordpress" || c.UpstreamKind == "wordpress-plugin"
}

// forwards reports whether the application gets the header Authorization.
func (c *server) forwards(database string) bool {
	if c.ForwardAuthorization != nil {
		return *c.ForwardAuthorization
	}
	return config.IsWordPress(database)
}

// refuses returns what keeps an allowed request from the application: WordPress would
// check it again, and knows only the new secret after a rotation. It returns nil where
// WordPress does not check.
func (c *server) refuses(database string) func(*http.Request, gateway.Decision) string {
	if !c.checkedTwice(database) {
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
func (c *server) profile(database string, sites *upstream.Sites) upstream.Profile {
	kind := c.kind(database)
	switch kind {
	case "generic":
		return upstream.Generic()
	case "php":
		return upstream.PHP()
	case "rails":
		return upstream.Rails()
	}
	config := upstream.WordPressConfig{XMLRPC: c.UpstreamXmlrpc, AddressFirst: kind == "wordpress-plugin"}
	if sites != nil {
		config.Routes, config.Site = sites.Main.Routes, sites.MainSite
	}
	return upstream.WordPress(config)
}

// siteIndex is the index of the WordPress behind this server, or behind the proxies that
// ask it, or nil. home is the URL of the site.
func (c *server) siteIndex(database, home string, log *slog.Logger) *upstream.Index {
	if !c.isWordPress(database) {
		return nil
	}
	address, transport := c.index()
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
func (c *server) sites(index *upstream.Index, p paths) *upstream.Sites {
	if index == nil {
		return nil
	}
	a, err := config.ParseUpstream(c.Upstream)
	if err != nil { // there is none, and a proxy asks about the site's own addresses
		return &upstream.Sites{Main: index}
	}
	return &upstream.Sites{
		Main: index, Base: p.base, Folder: a.URL.EscapedPath(), Origin: a.URL.Scheme + "://" + a.URL.Host,
	}
}

// kind is what stands behind: that of --upstream-kind, or what the database suggests.
func (c *server) kind(database string) string {
	switch {
	case c.UpstreamKind != "":
		return c.UpstreamKind
	case config.IsWordPress(database):
		return "wordpress"
	}
	return "generic"
}

// checkedTwice reports whether WordPress checks the application passwords that
// Sparekey lets through by what it knows itself, rather than by signed headers. It would
// refuse the previous secret at once, so rotations can have no grace period.
func (c *server) checkedTwice(database string) bool {
	return c.Upstream != "" && config.IsWordPress(database) && c.forwards(database) && c.SigningKey == ""
}

// warn tells the log of settings that do not go together.
func (c *server) warn(database string, log *slog.Logger) {
	isUnsigned := c.Upstream != "" && c.SigningKey == ""
	switch {
	case isUnsigned && config.IsWordPress(database) && !c.forwards(database):
		log.Warn("WordPress will refuse every application password: it gets neither Authorization nor signed headers. " +
			"Leave out --no-forward-authorization, or give --signing-key and install the plugin of docs/guides/wordpress-gateway.md")
	case isUnsigned && !config.IsWordPress(database) && strings.HasPrefix(c.UpstreamKind, "wordpress"):
		log.Warn("WordPress cannot tell who sends a request: it does not know the application passwords of this database, and gets no signed headers. " +
			"Name WordPress's database with --database, or give --signing-key and install the plugin of docs/guides/wordpress-gateway.md")
	}
	if kind := c.kind(database); c.UpstreamIndex != "" && kind == "generic" {
		log.Warn("--upstream-index has no effect: it is read only where a WordPress is behind", "kind", kind)
	}
}

// inFront puts own, which is everything that Sparekey answers itself, beside the answers to
// proxies, and in front of the application, if there is one. rules are those of the gateway.
// Refusals of requests for the API have its form.
func (c *server) inFront(site *Site, database string, rules gateway.Config, log *slog.Logger, places *places, own http.Handler) (http.Handler, error) {
	signer, err := c.Signer()
	if err != nil {
		return nil, err
	}
	c.warn(database, log)
	rules.Realm, rules.Signer, rules.LoginHeaders, rules.AllowOrigins = c.SiteName, signer, c.IdentityHeader, c.AllowOrigin
	rules.Fail, rules.Observe, rules.NoDialogs = failAs(places), c.numbers.decided(), c.hasNoDialogs(database)
	asked := rules
	asked.NoDialogs = c.isWordPress(database)
	asked.Optional = c.ForwardAuth == "optional"
	own = places.cleaned(own)
	auth := forwardauth.New(gateway.New(site.Service, asked), forwardauth.Config{Proxies: c.proxies(), Log: log})
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
func (c *server) proxy(site *Site, database string, places *places, rules gateway.Config, log *slog.Logger) (http.Handler, error) {
	application, err := c.Application()
	if err != nil {
		return nil, err
	}
	rules.Optional = c.UpstreamAuth == "optional"
	rules.Fail = failToClient(places)
	return proxy.New(gateway.New(site.Service, rules), application.URL, proxy.Config{
		Transport:            proxy.NewTransport(application.Transport),
		Base:                 places.base,
		Origin:               c.origin(),
		ForwardAuthorization: c.forwards(database),
		Cookies:              login.CookieNames(),
		Block:                c.refuses(database),
		Ended:                c.numbers.ended(),
		Log:                  log,
	}), nil
}

// index returns the address of the REST index of the WordPress behind this server, or "",
// and what asks it, or nil for http.DefaultTransport.
func (c *server) index() (address string, transport http.RoundTripper) {
	if c.UpstreamIndex != "" {
		if pool, err := c.Authorities(); pool != nil && err == nil { // Validate has seen to it
			transport = proxy.NewTransport(proxy.TransportConfig{RootCAs: pool})
		}
		return c.UpstreamIndex, transport
	}
	if c.Upstream == "" {
		return "", nil
	}
	a, err := c.Application()
	if err != nil { // Validate has seen to it
		return "", nil
	}
	return strings.TrimRight(a.URL.String(), "/") + "/?rest_route=/", proxy.NewTransport(a.Transport)
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
