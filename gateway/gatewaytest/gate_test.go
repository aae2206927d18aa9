package gatewaytest_test

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/gatewaytest"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// gate is a small front-end that passes requests on as they are, with their headers, so
// that what the gateway says is all there is between a client and the application. The
// zero gate is careful; each field breaks it in one way.
type gate struct {
	config   gateway.Config                               // of the gateway that it asks
	unasked  func(head string) bool                       // passes a request on by itself, byte for byte, without asking
	before   func(r *http.Request)                        // changes what it asks about
	origin   clientip.Resolver                            // default: the peer
	strip    func(h http.Header)                          // default: gateway.StripIdentity
	after    func(client *http.Request, h http.Header)    // changes what it passes on, after all else
	identity func(set func(h http.Header), h http.Header) // default: set(h)
	upgrades bool                                         // passes on every Upgrade
	forwards bool                                         // passes on what only a proxy may say
	trailers bool                                         // passes on trailers, and does not say so
}

// start puts a gate before a site.
func (g gate) start(t testing.TB) (*gatewaytest.Site, gatewaytest.Front) {
	t.Helper()
	site := gatewaytest.NewSiteWith(t, g.config, nil)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(site, w, r) }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	if g.unasked != nil {
		server.Listener = &peeking{Listener: server.Listener, unasked: g.unasked, application: site.Application.Host}
	}
	server.Start()
	t.Cleanup(server.Close)
	return site, gatewaytest.Front{Addr: server.Listener.Addr().String()}
}

// serve asks about a request, and passes it on or refuses it.
func (g gate) serve(site *gatewaytest.Site, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect || !gateway.IsOriginForm(r.URL.RequestURI()) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	asked := r.Clone(r.Context())
	for name := range r.Trailer { // net/http has taken them out of the headers
		if !g.trailers {
			asked.Header.Add("Trailer", name)
		}
	}
	if g.before != nil {
		g.before(asked)
	}
	origin := clientip.FromPeer
	if g.origin != nil {
		origin = g.origin
	}
	d := site.Gateway.Decide(asked, origin(r))
	if d.Outcome != gateway.Allowed {
		site.Gateway.Fail(w, r, d)
		return
	}
	if g.trailers {
		body, _ := io.ReadAll(r.Body) // after which their values are known
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), -1
	}
	(&httputil.ReverseProxy{
		Rewrite:  func(pr *httputil.ProxyRequest) { g.rewrite(site, pr, d) },
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo),
	}).ServeHTTP(w, r)
}

// rewrite makes the request to the application.
func (g gate) rewrite(site *gatewaytest.Site, pr *httputil.ProxyRequest, d gateway.Decision) {
	target := pr.In.RequestURI
	if !strings.HasPrefix(target, "/") {
		target = pr.In.URL.RequestURI()
	}
	path, query, isAsked := strings.Cut(target, "?")
	pr.Out.URL = &url.URL{Scheme: "http", Host: site.Application.Host, Opaque: path, RawQuery: query, ForceQuery: isAsked}
	pr.Out.Host = pr.In.Host
	h := pr.Out.Header
	gateway.StripCredential(h)
	if _, isBroken := g.config.Upstream.(changes); !g.forwards && !isBroken { // a broken profile must be all there is
		gateway.StripForwarding(h)
	}
	if !g.upgrades && !strings.EqualFold(h.Get("Upgrade"), "websocket") {
		h.Del("Upgrade")
		h.Del("HTTP2-Settings")
	}
	if g.strip == nil {
		g.strip = gateway.StripIdentity
	}
	g.strip(h)
	set := func(h http.Header) { site.Gateway.SetIdentity(h, pr.Out.Method, target, d) }
	if g.identity == nil {
		set(h)
	} else {
		g.identity(set, h)
	}
	if g.after != nil {
		g.after(pr.In, h)
	}
}

// peeking passes some connections on to the application without asking.
type peeking struct {
	net.Listener
	unasked     func(head string) bool
	application string
}

// Accept is part of net.Listener.
func (p *peeking) Accept() (net.Conn, error) {
	for {
		conn, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		r := bufio.NewReader(conn)
		var head strings.Builder
		for {
			line, err := r.ReadString('\n')
			head.WriteString(line)
			if err != nil || strings.TrimSpace(line) == "" {
				break
			}
		}
		all := io.MultiReader(strings.NewReader(head.String()), r)
		if !p.unasked(head.String()) {
			return peeked{conn, all}, nil
		}
		go p.relay(conn, all)
	}
}

func (p *peeking) relay(client net.Conn, request io.Reader) {
	defer client.Close()
	application, err := net.Dial("tcp", p.application)
	if err != nil {
		return
	}
	defer application.Close()
	go io.Copy(application, request)
	_, _ = io.Copy(client, application)
}

// peeked is a connection of which the beginning was read.
type peeked struct {
	net.Conn
	r io.Reader
}

// Read is part of net.Conn.
func (p peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// changes is a profile that reads another request than the one that is asked about.
type changes struct {
	upstream.Profile
	request func(r *upstream.Request)
	result  func(readings *readings)
}

// Read is part of upstream.Profile.
func (c changes) Read(r *upstream.Request, scoped bool, result *readings) {
	changed := upstream.Request{ // without what was read from the headers of r before
		Method: r.Method, Target: r.Target, Host: r.Host, Header: r.Header.Clone(), Trailer: r.Trailer,
		DropsForwarded: r.DropsForwarded, DropsOddNames: r.DropsOddNames, Body: r.Body,
	}
	if c.request != nil {
		c.request(&changed)
	}
	c.Profile.Read(&changed, scoped, result)
	if c.result != nil {
		c.result(result)
	}
}
