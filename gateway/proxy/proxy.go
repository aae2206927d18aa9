// Package proxy is a reverse proxy that lets through to an application what the
// gateway allows.
//
//	p := proxy.New(g, upstream, proxy.Config{Origin: origin})
//	http.ListenAndServe(addr, p)
//
// It passes requests on as they are: the method, the request-target byte for byte, Host,
// and the body as it comes. What it changes are the identity headers, Basic credentials
// and cookies (see [Config]), the headers in which proxies tell of a request, of which only
// X-Forwarded-For, -Host and -Proto reach the application, as set here
// ([gateway.StripForwarding] takes out the others), CDN-Loop, by which it knows requests
// that come back (508), and what concerns one connection alone (RFC 9110, section 7.6.1).
// Protocols are switched to websocket only, since what goes over a switched connection is
// not read by the proxy; trailers that were not announced are dropped.
//
// A request lasts only as long as its application password allows it. When the end of a
// body has arrived, the request is checked again before that end is passed on. A request
// that is under way, such as an upload, a download, an event stream or a websocket, is
// checked every [Config.RecheckInterval]. Where its application password would no longer
// be accepted for it, the application sees a body that breaks off and a connection that
// closes, and the client gets the refusal, or an answer that breaks off if it has begun.
//
// A request also ends with its context. Where the context has a cause
// ([context.WithCancelCause]), such as that of a server that stops, the client gets 503, or
// an answer that breaks off.
package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway"
)

// Config holds the options of a [Proxy].
type Config struct {
	// Base is the path below which clients see the application, percent-encoded as
	// url.URL.EscapedPath has it and without a slash at its end, such as "/blog". The
	// path of the application's URL takes its place; all else of a request-target stays
	// byte for byte as it is. A request outside of it is 404. Default: the root.
	Base string

	// Origin tells where a request came from. Default: clientip.FromPeer.
	Origin clientip.Resolver

	// ForwardAuthorization passes the Basic credential on in Authorization, for an
	// application that checks it again. Default: it is taken out. An Authorization
	// of another scheme is the application's own, and always passed on.
	ForwardAuthorization bool

	// Cookies are the names of those that are none of the application's business, such
	// as that of Sparekey's own pages at the same host: who has it is signed in there.
	// They are taken out of requests, and nothing else of Cookie is changed. Answers of
	// the application that would set one of them lose that line of Set-Cookie, and none
	// lets a service worker have more of the host than the folder of its script.
	Cookies []string

	// Block returns, in one line for people, why an allowed request must still not reach the
	// application, and "" if it may. Default: all allowed requests may.
	Block func(r *http.Request, d gateway.Decision) string

	// Idle is how long a client may neither send anything of a body nor take anything of an
	// answer. The whole exchange has no limit. Default: one minute.
	Idle time.Duration

	// RecheckInterval is how often a request that is under way is checked again: whether
	// the application password that it came with would still be accepted for it. One that
	// would not is ended. Of requests that take less time, only the end of a body is
	// checked again. Default: 400 ms, so that a request ends within a second.
	RecheckInterval time.Duration

	// UnconfirmedLimit is how long a request may stay under way while it cannot be
	// checked again, because the database does not answer. Default: 30 seconds.
	UnconfirmedLimit time.Duration

	// Ended is called for each request under way that was ended, with the decision that
	// ended it; see Log as well. It should return quickly. Default: it is not called.
	Ended func(ctx context.Context, d gateway.Decision)

	// Transport sends requests to the application; see [NewTransport] for those on a Unix
	// socket, with HTTP/2 alone, or with certificates of a private authority. A request
	// that it cannot connect for is not counted as a use of its application password, if
	// it tells so by httptrace, as [http.Transport] does. Default: [Transport].
	Transport http.RoundTripper

	// Log gets what the operator should know: an application that does not answer, and
	// requests under way that were ended. Default: nothing is logged.
	Log *slog.Logger

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// flushInterval is for how long an answer, or a part of it, may wait for the next part,
// if it is known how long the whole is. Answers of unknown length, such as server-sent
// events, are passed on as they come.
const flushInterval = 50 * time.Millisecond

// Proxy is a reverse proxy. It is safe for concurrent use.
type Proxy struct {
	gateway   *gateway.Gateway
	upstream  *url.URL
	folder    string // the path of upstream, without a slash at its end
	config    Config
	loopID    string
	reverse   *httputil.ReverseProxy
	rechecker *rechecker
}

// New returns a Proxy to the application at upstream, of which the scheme, the host and
// the path count: the path takes the place of [Config.Base].
func New(g *gateway.Gateway, upstream *url.URL, config Config) *Proxy {
	if g == nil || upstream == nil {
		panic("proxy.New: a *gateway.Gateway and the URL of the application are required")
	}
	if config.Origin == nil {
		config.Origin = clientip.FromPeer
	}
	if config.Idle == 0 {
		config.Idle = time.Minute
	}
	if config.RecheckInterval == 0 {
		config.RecheckInterval = recheckInterval
	}
	if config.UnconfirmedLimit == 0 {
		config.UnconfirmedLimit = unconfirmedLimit
	}
	if config.Transport == nil {
		config.Transport = Transport()
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now //nolint:forbidigo // the default clock
	}
	p := &Proxy{gateway: g, upstream: upstream, folder: strings.TrimRight(upstream.EscapedPath(), "/"), config: config, loopID: newLoopID()}
	p.rechecker = &rechecker{every: config.RecheckInterval, apply: p.apply, open: make(map[*exchange]struct{})}
	p.reverse = &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		ModifyResponse: amend,
		Transport:      forOwnHost(config),
		FlushInterval:  flushInterval,
		BufferPool:     BufferPool(),
		ErrorLog:       slog.NewLogLogger(config.Log.Handler(), slog.LevelDebug), // of clients that disconnect
		ErrorHandler:   p.fail,
	}
	return p
}

// ServeHTTP decides about a request, and passes it on or refuses it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target, ok := originForm(r)
	if !ok {
		p.gateway.Error(w, r, http.StatusBadRequest, "The address must be a path, or begin with http:// or https://.")
		return
	}
	upstreamTarget, ok := p.upstreamTarget(target)
	if !ok {
		p.gateway.Error(w, r, http.StatusNotFound, "The application is not at this address.")
		return
	}
	if isLoop(r.Header, p.loopID) {
		p.config.Log.ErrorContext(r.Context(), "requests to the application come back here: name the application's own address", "upstream", p.upstream.Host)
		p.gateway.Error(w, r, http.StatusLoopDetected, "The way to the application leads back here. The operator finds more in its log.")
		return
	}
	x := &exchange{Context: r.Context(), in: r, target: target, upstreamTarget: upstreamTarget, origin: p.config.Origin(r), control: http.NewResponseController(w)}
	x.bodyRead.Store(true)
	x.decision, x.hold = p.decide(r, x.origin)
	if x.decision.Outcome != gateway.Allowed {
		p.gateway.Fail(w, r, x.decision)
		return
	}
	p.startRechecks(x)
	defer p.finish(x)
	r = r.WithContext(x)
	if p.gateway.CountsUse(x.decision) {
		r = x.delivery.traced(r)
	}
	paced := &deadlineWriter{ResponseWriter: w, idleTimeout: p.idleTimeout(x)}
	paced.clearServerDeadlines()
	if r.Body != nil && r.Body != http.NoBody {
		x.bodyRead.Store(false)
		r.Body = &deadlineBody{ReadCloser: r.Body, idleTimeout: paced.idleTimeout, left: r.ContentLength, confirm: p.confirm}
	}
	defer paced.end() // also if an incomplete answer ends this by a panic
	p.reverse.ServeHTTP(paced, r)
	paced.complete = true
}

func (p *Proxy) decide(r *http.Request, origin clientip.Origin) (gateway.Decision, *gateway.Hold) {
	d, hold := p.gateway.DecideProxied(r, origin)
	if d.Outcome == gateway.Allowed && p.config.Block != nil {
		if why := p.config.Block(r, d); why != "" {
			p.returnUse(r.Context(), d)
			d = gateway.Refuse(gateway.RuleRefuse, why)
			p.gateway.Report(r.Context(), d)
			return d, nil
		}
	}
	return d, hold
}

// rewrite makes the request to the application. The headers that concern the
// client's connection alone are gone already, so none of them can take away what
// is set here.
func (p *Proxy) rewrite(pr *httputil.ProxyRequest) {
	x := pr.In.Context().Value(exchangeKey{}).(*exchange) //nolint:forcetypeassert // ServeHTTP put it there
	x.delivery.sent.Store(true)
	out := pr.Out
	out.URL = p.upstreamURL(x.upstreamTarget)
	out.Host = pr.In.Host
	keepOnlyWebsocket(out.Header)
	if x.decision.KeepCredential || p.config.ForwardAuthorization && !x.decision.DropCredential {
		gateway.ForwardCredential(out.Header, pr.In.Header)
	} else {
		gateway.StripCredential(out.Header)
	}
	x.trailer = p.trailers(out)
	p.gateway.StripIdentity(out.Header)
	gateway.StripForwarding(out.Header)
	gateway.StripOddNames(out.Header)
	dropCookies(out.Header, p.config.Cookies)
	p.gateway.SetIdentity(out.Header, out.Method, x.upstreamTarget, x.decision)
	if x.origin.Addr.IsValid() {
		out.Header.Set("X-Forwarded-For", x.origin.Addr.String())
	}
	if x.origin.Scheme != "" {
		out.Header.Set("X-Forwarded-Proto", x.origin.Scheme)
	}
	if pr.In.Host != "" { // a client of HTTP/1.0 may send none
		out.Header.Set("X-Forwarded-Host", pr.In.Host)
	}
	out.Header.Add(headerLoop, p.loopID)
}

// amend adds warnings and the headers for caches to an answer of the application, and removes
// what only Sparekey says: why a credential is refused. It changes the answer itself, since a 103
// resets the headers that were set before.
func amend(res *http.Response) error {
	res.Header.Del(basicauth.HeaderReason)
	if x, ok := res.Request.Context().Value(exchangeKey{}).(*exchange); ok {
		basicauth.Warn(res.Header, x.decision.Identity)
		setCacheHeaders(res, x.decision.Identity.User.ID == "")
		if res.StatusCode != http.StatusSwitchingProtocols {
			delete(res.Trailer, basicauth.HeaderReason)
			res.Body = responseBody{res.Body, x, res}
		}
	}
	return nil
}

// fail answers a request that the application did not.
func (p *Proxy) fail(w http.ResponseWriter, r *http.Request, err error) {
	var timeout net.Error
	x, ok := r.Context().Value(exchangeKey{}).(*exchange)
	if ok {
		if x.delivery.failed() {
			p.returnUse(x, x.decision)
		}
		if d, ended := x.endedBy(); ended {
			p.gateway.Fail(w, x.in, d)
			return
		}
	}
	switch {
	case ok && x.forbidden.Load():
		d := gateway.Refuse(gateway.RuleField, fieldMessage(x.decision))
		p.gateway.Report(r.Context(), d)
		p.gateway.Fail(w, r, d)
	case ok && x.truncated.Load():
		p.gateway.Error(w, r, http.StatusBadRequest, "The request's body did not arrive whole.")
	case isStopped(r.Context()):
		p.gateway.Error(w, r, http.StatusServiceUnavailable, "The server stopped before the application had answered. Try again in a moment.")
	case r.Context().Err() != nil: // the client disconnected, so no answer arrives
		w.WriteHeader(http.StatusBadGateway)
	case errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, os.ErrDeadlineExceeded):
		p.config.Log.ErrorContext(r.Context(), "the application takes too long", "upstream", p.upstream.Host, "error", err)
		p.gateway.Error(w, r, http.StatusGatewayTimeout, "The application takes too long to answer. Try again in a moment.")
	default:
		message := "the application does not answer"
		if _, unverified := errors.AsType[*tls.CertificateVerificationError](err); unverified {
			message = "the certificate of the application cannot be verified: name its authority with --upstream-ca, or its host as the certificate has it"
		}
		p.config.Log.ErrorContext(r.Context(), message, "upstream", p.upstream.Host, "error", err)
		p.gateway.Error(w, r, http.StatusBadGateway, "The application does not answer. Try again in a moment.")
	}
}

// fieldMessage says why a field of a form or of JSON is not allowed.
func fieldMessage(d gateway.Decision) string {
	if d.Rule == gateway.RuleIgnored {
		return "The form names a route of WordPress's API, where only an application password counts. Leave the field out, or send no Authorization."
	}
	const field = "the body has a field by which the application may take it for another request, or cannot be read. Leave the field out, or write the form or JSON as its standard has it."
	if d.Rule == gateway.RulePublic && d.Identity.User.ID == "" {
		return "Without an application password only some requests are allowed here, and " + field
	}
	return "This application password is limited, and " + field
}

// isStopped reports whether the request's context was canceled with a cause, as by a server that
// stops. When a client disconnects, there is none.
func isStopped(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.Canceled)
}

// BufferPool returns a pool of buffers to copy bodies with, as each [Proxy] has one.
func BufferPool() httputil.BufferPool { return &buffers{} }

type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get returns a buffer.
func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return buffer[:]
	}
	return make([]byte, bufferSize)
}

// Put returns a buffer to the pool.
func (b *buffers) Put(buffer []byte) { b.pool.Put((*[bufferSize]byte)(buffer)) }
