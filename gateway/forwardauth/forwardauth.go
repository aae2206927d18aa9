// Package forwardauth answers proxies that ask about each request before they pass
// it on to an application: nginx (auth_request), Traefik (ForwardAuth), Caddy
// (forward_auth), HAProxy (by a few lines of Lua), Envoy (ext_authz over HTTP) and
// ingress-nginx of Kubernetes (auth-url).
//
//	mux := http.NewServeMux() // which cleans paths: see Handler
//	h := forwardauth.New(g, forwardauth.Config{Proxies: proxies})
//
// Each proxy has an address of its own, such as /-/auth/nginx, since each describes the request
// in other headers. The handler believes headers of the named proxies alone and answers all
// others with 403. It also refuses a request where a required value is missing or sent twice.
//
// An allowed request is answered with 200 and the identity headers, all of them, empty where
// there is nothing to say: the proxy must put them in place of the client's. A header that only
// looks like one of them is refused, since a proxy would pass it on.
package forwardauth

import (
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway"
)

// Prefix begins the paths of the dialects; their names follow it.
const Prefix = "/-/auth/"

// Config holds the options of a [Handler].
type Config struct {
	// Proxies are the networks of the proxies that may ask. Default: none, not even
	// this machine.
	Proxies []netip.Prefix

	// Log receives why a proxy got no decision. Default: none.
	Log *slog.Logger
}

// Handler answers the paths below [Prefix]. It must get them as they were sent,
// not by way of a http.ServeMux, which would redirect Envoy's. It is safe for
// concurrent use.
type Handler struct {
	gateway *gateway.Gateway
	isProxy func(*http.Request) bool
	origin  clientip.Resolver
	log     *slog.Logger
}

// New returns a Handler that asks g.
func New(g *gateway.Gateway, config Config) *Handler {
	if g == nil {
		panic("forwardauth.New: a *gateway.Gateway is required")
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Handler{
		gateway: g,
		isProxy: clientip.IsPeerIn(config.Proxies...),
		origin:  clientip.FromForwardedFor(config.Proxies...),
		log:     config.Log,
	}
}

// Handles reports whether a request is for a Handler.
func Handles(r *http.Request) bool { return strings.HasPrefix(r.RequestURI, Prefix) }

// ServeHTTP answers whether a request may go on.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, rest := split(strings.TrimPrefix(r.RequestURI, Prefix))
	d, ok := dialects[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if d.only401And403 {
		w = &statusRewriter{ResponseWriter: w}
	}
	client, refusal := h.read(d, r, rest)
	if refusal != nil {
		h.log.WarnContext(r.Context(), "no decision for a proxy", "dialect", name, "peer", r.RemoteAddr, "why", refusal.Message())
		h.gateway.Report(r.Context(), *refusal)
		h.fail(w, r, *refusal)
		return
	}
	decision := h.gateway.Decide(client, h.origin(client))
	if decision.Outcome != gateway.Allowed {
		h.fail(w, client, decision)
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	basicauth.Warn(header, decision.Identity)
	// An empty header takes the place of the client's: there may be no signature, and
	// nothing at all of an anonymous request.
	header.Set(gateway.HeaderSignature, "")
	if decision.Identity.User.ID == "" {
		for _, name := range slices.Concat(gateway.IdentityHeaders(), h.gateway.LoginHeaders()) {
			header.Set(name, "")
		}
	}
	d.authorizationHint.set(header, client.Header, h.otherIdentityHeaders())
	h.gateway.SetIdentity(header, client.Method, client.RequestURI, decision)
	w.WriteHeader(http.StatusOK)
}

// otherIdentityHeaders returns the identity headers of other gateways, except those that the
// answer has.
func (h *Handler) otherIdentityHeaders() []string {
	own := h.gateway.LoginHeaders()
	return slices.DeleteFunc(gateway.UsualIdentityHeaders(), func(name string) bool { return slices.Contains(own, name) })
}

func split(path string) (name, rest string) {
	if at := strings.IndexAny(path, "/?"); at >= 0 {
		return path[:at], path[at:]
	}
	return path, ""
}

// read returns the client's request as a trusted proxy describes it.
func (h *Handler) read(d dialect, r *http.Request, rest string) (*http.Request, *gateway.Decision) {
	if !h.isProxy(r) {
		return nil, refuse("Only proxies that the server was started with may ask here: give --trusted-proxy with the proxy's address.")
	}
	if _, refusal := requiredHeader(r.Header, "X-Forwarded-For"); refusal != nil {
		return nil, refusal
	}
	if !h.origin(r).Addr.IsValid() {
		return nil, refuse("The proxy must set X-Forwarded-For to the client's address.")
	}
	if protos := r.Header["X-Forwarded-Proto"]; len(protos) > 1 {
		return nil, refuse("There are several headers X-Forwarded-Proto: the proxy must set it, and let no client do so.")
	}
	return d.read(h.gateway, r, rest)
}

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, d gateway.Decision) {
	if rewriter, ok := w.(*statusRewriter); ok {
		rewriter.message = d.Message()
	}
	h.gateway.Fail(w, r, d)
}

// statusRewriter answers 403 in place of a status that the proxy does not understand, and puts
// the client's status and message into headers.
type statusRewriter struct {
	http.ResponseWriter
	message string
}

// WriteHeader is part of http.ResponseWriter.
func (d *statusRewriter) WriteHeader(status int) {
	if status != http.StatusOK {
		d.Header().Set(HeaderStatus, strconv.Itoa(status))
		d.Header().Set(HeaderMessage, gateway.HeaderText(d.message))
	}
	if status != http.StatusOK && status != http.StatusUnauthorized {
		status = http.StatusForbidden
	}
	d.ResponseWriter.WriteHeader(status)
}
