// Package gateway decides about requests to an application that knows nothing of
// application passwords: one decision, whatever stands in front of the
// application.
//
//	g := gateway.New(svc, gateway.Config{})
//	d := g.Decide(r, origin)
//
// Package gateway/proxy is a reverse proxy that asks it, and package
// gateway/forwardauth answers nginx, Traefik, Caddy, HAProxy and Envoy.
//
// What is not allowed is refused, and where there is no answer nothing goes
// through. A decision changes nothing but what authenticating does, and says
// which rule made it. The request that is decided about is the client's, with its
// method and request-target exactly as they were received: a front-end that only
// knows them decoded or cleaned must refuse rather than guess.
package gateway

import (
	"cmp"
	"context"
	"net/http"
	"sync"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// Config holds the options of a [Gateway]. The zero Config lets nothing through
// that does not carry a right credential.
type Config struct {
	// Realm names what is guarded, as in basicauth.Config.
	Realm string

	// Optional lets requests without a Basic credential through, as nobody's: for
	// an application with pages for everybody, or with sign-ins of its own. A
	// wrong credential is refused all the same.
	Optional bool

	// Public says which requests need no credential. Default: none, unless Optional is set.
	// A credential that comes with one is checked all the same.
	Public Public

	// Signer signs the identity headers. Default: they are not signed.
	Signer *Signer

	// Upstream says how the application may read requests. Default: upstream.Generic.
	Upstream upstream.Profile

	// Fail writes the answer to a request that is not let through, or that the
	// application does not answer: status and headers are set as in
	// basicauth.Config. message says in one line what the caller may know; err is
	// why a credential was refused, or nil. r is the client's request; its method,
	// RequestURI and headers count. Default: the message as a line of text.
	Fail func(w http.ResponseWriter, r *http.Request, status int, message string, err error)

	// Observe is told every decision, after it is made. It should return quickly.
	// Default: nobody is told.
	Observe func(ctx context.Context, d Decision)
}

// Gateway makes decisions. It is safe for concurrent use.
type Gateway struct {
	auth      basicauth.Authenticator
	rechecker Rechecker // auth, or nil
	guard     *basicauth.Guard
	config    Config

	readers sync.Pool // of *upstream.Reader, for Decide
}

// New returns a Gateway that asks auth.
func New(auth basicauth.Authenticator, config Config) *Gateway {
	if config.Upstream == nil {
		config.Upstream = upstream.Generic()
	}
	if config.Fail == nil {
		config.Fail = func(w http.ResponseWriter, _ *http.Request, status int, message string, _ error) {
			http.Error(w, message, status)
		}
	}
	fail := func(w http.ResponseWriter, r *http.Request, status int, err error) {
		config.Fail(w, r, status, message(err), err)
	}
	return &Gateway{auth: auth, rechecker: rechecker(auth), guard: basicauth.New(auth, basicauth.Config{Realm: config.Realm, Fail: fail}), config: config}
}

// Decide decides about a client's request, which came from origin, for a front-end that
// only tells of it. It reads Method, RequestURI, Host and Header, and neither changes nor
// reads the rest.
func (g *Gateway) Decide(r *http.Request, origin clientip.Origin) Decision {
	reader, ok := g.readers.Get().(*upstream.Reader)
	if !ok {
		reader = new(upstream.Reader)
	}
	*reader = upstream.Reader{Profile: g.config.Upstream, Request: upstream.Request{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header,
	}}
	d, _ := g.decide(r, origin, reader)
	g.readers.Put(reader)
	return d
}

// DecideProxied is Decide for a front-end that passes the request on by itself, and may
// carry it out for long. It may also read the body, and replace r.Body by one that begins
// with what it has read. The body may end with upstream.ErrForbiddenField. The front-end
// must apply [StripForwarding] and [StripOddNames] to headers and trailers, and
// [StripRouting] to trailers.
//
// The Hold is nil where the decision stands for as long as the request lasts: it is not
// Allowed, the request is anonymous, or the Authenticator has no Recheck.
func (g *Gateway) DecideProxied(r *http.Request, origin clientip.Origin) (Decision, *Hold) {
	body := upstream.NewBody(r)
	d, a := g.decide(r, origin, &upstream.Reader{Profile: g.config.Upstream, Request: upstream.Request{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Trailer: r.Trailer,
		DropsForwarded: true, DropsOddNames: true, Body: body,
	}})
	body.Seal()
	if d.Outcome != Allowed || d.Identity.User.ID == "" || g.rechecker == nil {
		return d, nil
	}
	return d, &Hold{auth: g.rechecker, id: d.Identity, attempt: a}
}

// decide decides, and returns the attempt that an allowed request made.
func (g *Gateway) decide(r *http.Request, origin clientip.Origin, reader *upstream.Reader) (Decision, sparekey.Attempt) {
	d, a := g.judge(r, origin, reader)
	if g.config.Observe != nil {
		g.config.Observe(r.Context(), d)
	}
	return d, a
}

func (g *Gateway) judge(r *http.Request, origin clientip.Origin, reader *upstream.Reader) (Decision, sparekey.Attempt) {
	if why := g.config.Upstream.Blocked(&reader.Request); why != "" {
		return Refuse(RuleUpstream, why), sparekey.Attempt{}
	}
	a, presented, err := g.guard.Attempt(r, origin)
	if err != nil || !presented {
		return g.without(r, origin, reader, err), sparekey.Attempt{}
	}
	a.Upstream = reader
	if reader.Request.MayManagePasswords() && reader.Head().ManagePasswords() {
		a.Deny = errManages
	}
	id, err := g.auth.Authenticate(r.Context(), a)
	if err != nil {
		return failed(err), sparekey.Attempt{}
	}
	return allowed(id), a
}

func allowed(id sparekey.Identity) Decision {
	return Decision{Outcome: Allowed, Rule: cmp.Or(id.Rule, RuleCredential), Identity: id}
}

// without decides about a request that carries no credential, or one that err says is
// not accepted.
func (g *Gateway) without(r *http.Request, origin clientip.Origin, reader *upstream.Reader, err error) Decision {
	switch {
	case err != nil:
		return failed(err)
	case g.config.Optional:
		return Decision{Outcome: Allowed, Rule: RuleAnonymous}
	case g.config.Public.covers(origin.Addr, reader):
		g.config.Public.tell(r, origin)
		return Decision{Outcome: Allowed, Rule: RulePublic}
	}
	d := failed(&sparekey.AuthError{Reason: sparekey.ReasonMalformed})
	d.Rule = RuleNoCredential
	return d
}

// errManages refuses what would manage application passwords in the application, which
// knows nothing of limits, of the site's policy and of the audit log.
var errManages = sparekey.Refuse(sparekey.ReasonOutOfScope,
	"Application passwords are managed by Sparekey here, not by the application: send this request to Sparekey's own address.")

// Fail answers a request that is not let through, with the status and the headers
// that belong to it.
func (g *Gateway) Fail(w http.ResponseWriter, r *http.Request, d Decision) {
	g.guard.Fail(w, r, d.Err)
}

// Tell answers a request that nothing became of for a reason of the front-end's
// own, such as an application that does not answer.
func (g *Gateway) Tell(w http.ResponseWriter, r *http.Request, status int, message string) {
	w.Header().Set("Cache-Control", "no-store")
	g.config.Fail(w, r, status, message, nil)
}

// SetIdentity sets the identity headers of an allowed request whose method and
// request-target reach the application as they are given here: none of them for
// nobody, and else each, to the empty string where there is nothing to say. Only
// the signature is missing if there is no Signer. It strips nothing; see
// [StripIdentity].
func (g *Gateway) SetIdentity(h http.Header, method, target string, d Decision) {
	if d.Outcome != Allowed || d.Identity.User.ID == "" {
		return
	}
	values := new(identity)
	for i, f := range fields {
		values[i] = f.value(d.Identity)
		h[f.name] = values[i : i+1 : i+1]
	}
	if g.config.Signer != nil {
		values[len(fields)] = g.config.Signer.sign(method, target, values[:len(fields)])
		h[HeaderSignature] = values[len(fields):]
	}
}
