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
// What is not allowed is refused, and so is everything while a decision is not possible.
// A decision changes nothing but what authenticating does, and says which rule made it.
// Limits are judged by every way in which the application may read the request (package
// gateway/upstream). A front-end that carries requests out itself keeps a [Hold], to ask
// whether one that lasts is still allowed. The request that is decided about is the
// client's, with its method and request-target exactly as they were received: a front-end
// that only knows them decoded or cleaned must refuse rather than guess.
package gateway

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// Config holds the options of a [Gateway]. The zero Config allows only requests with a right
// credential.
type Config struct {
	// Realm names what is guarded, as in basicauth.Config.
	Realm string

	// Optional allows requests without a Basic credential, as anonymous: for an application
	// with public pages, or with sign-ins of its own. A wrong credential is still refused,
	// except by DecideProxied where the application ignores such: see upstream.Profile.
	Optional bool

	// NoDialogs says that the application has no browser ask a person for a login, which the
	// browser would remember, as WordPress does not. With Optional, forms of other origins with
	// a credential are then allowed. Default: it may.
	NoDialogs bool

	// AllowOrigins are origins whose pages may send forms with a credential, as in
	// basicauth.Config. Where a front-end only asks, and so cannot answer preflights, those of
	// these origins are allowed without a credential. Default: none.
	AllowOrigins []string

	// Public says which requests need no credential. Default: none, unless Optional is set. A
	// credential that comes with one is still checked.
	Public Public

	// Signer signs the identity headers. Default: they are not signed.
	Signer *Signer

	// LoginHeaders are the names of further headers in which the application gets the
	// login, as it is and unsigned, such as Remote-User or X-WEBAUTH-USER. New panics
	// where [CheckLoginHeader] has something against one. A user whose login cannot be
	// in a header, because of control characters or blanks at its ends, is refused then.
	LoginHeaders []string

	// Upstream says how the application may read requests. Default: upstream.Generic.
	Upstream upstream.Profile

	// Fail writes the answer to a refused request, or to one that the application does not
	// answer: status and headers are set as in basicauth.Config. message says in one line what
	// the caller may know; err is why a credential was refused, or nil. r is the client's
	// request; its method, RequestURI and headers count. Default: [WriteRefusal].
	Fail func(w http.ResponseWriter, r *http.Request, status int, message string, err error)

	// Observe receives every decision, after it is made. It should return quickly. Default:
	// none.
	Observe func(ctx context.Context, d Decision)
}

// Gateway makes decisions. It is safe for concurrent use.
type Gateway struct {
	auth      basicauth.Authenticator
	rechecker basicauth.Rechecker // auth, or nil
	guard     *basicauth.Guard
	config    Config
	finder    upstream.LoginFinder // config.Upstream, or nil
	examiner  upstream.Examiner    // likewise

	readers sync.Pool // of *upstream.Reader, for Decide
}

// New returns a Gateway that asks auth.
func New(auth basicauth.Authenticator, config Config) *Gateway {
	if auth == nil {
		panic("gateway.New: an Authenticator is required")
	}
	if config.Upstream == nil {
		config.Upstream = upstream.Generic()
	}
	if config.Fail == nil {
		config.Fail = func(w http.ResponseWriter, r *http.Request, status int, message string, _ error) {
			WriteRefusal(w, r, status, message)
		}
	}
	config.LoginHeaders = canonicalLoginHeaders(config.LoginHeaders)
	fail := func(w http.ResponseWriter, r *http.Request, status int, err error) {
		config.Fail(w, r, status, message(err), err)
	}
	finder, _ := config.Upstream.(upstream.LoginFinder)
	examiner, _ := config.Upstream.(upstream.Examiner)
	return &Gateway{auth: auth, rechecker: rechecker(auth), config: config, finder: finder, examiner: examiner, guard: basicauth.New(auth, basicauth.Config{
		Realm: config.Realm, NoDialog: config.Optional, SharedOrigin: !config.NoDialogs, AllowOrigins: config.AllowOrigins, Fail: fail,
	})}
}

// Decide decides about a client's request, which came from origin, for a front-end that
// only describes it, such as a proxy that asks. It reads Method, RequestURI, Host and
// Header, and neither changes nor reads the rest.
func (g *Gateway) Decide(r *http.Request, origin clientip.Origin) Decision {
	reader, ok := g.readers.Get().(*upstream.Reader)
	if !ok {
		reader = new(upstream.Reader)
	}
	*reader = upstream.Reader{Profile: g.config.Upstream, Request: upstream.Request{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header,
	}}
	d, _ := g.decide(r, origin, reader, false)
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
	}}, true)
	body.Seal()
	if d.Outcome != Allowed || d.Identity.User.ID == "" || g.rechecker == nil {
		return d, nil
	}
	return d, &Hold{auth: g.rechecker, id: d.Identity, attempt: a}
}

// decide decides, and returns the attempt that an allowed request made. answers says that
// the front-end answers what is not allowed by [Gateway.Fail] itself.
func (g *Gateway) decide(r *http.Request, origin clientip.Origin, reader *upstream.Reader, answers bool) (Decision, sparekey.Attempt) {
	d, a := g.judge(r, origin, reader, answers)
	if g.config.Observe != nil {
		g.config.Observe(r.Context(), d)
	}
	return d, a
}

func (g *Gateway) judge(r *http.Request, origin clientip.Origin, reader *upstream.Reader, answers bool) (Decision, sparekey.Attempt) {
	if why := g.config.Upstream.Blocked(&reader.Request); why != "" {
		return Refuse(RuleUpstream, why), sparekey.Attempt{}
	}
	if g.examiner != nil && g.config.Optional && g.examiner.Examines(&reader.Request) {
		return Decision{Outcome: Allowed, Rule: RuleIgnored, KeepCredential: true}, sparekey.Attempt{}
	}
	a, presented, err := g.attempt(r, origin)
	var others []sparekey.Attempt
	if g.finder != nil && err == nil {
		others, err = g.inBody(r, origin, reader)
		if !presented && len(others) > 0 {
			a, others, presented = others[0], others[1:], true
		}
	}
	if err != nil || !presented {
		return g.without(r, origin, reader, answers, err), sparekey.Attempt{}
	}
	a.Upstream = reader
	if reader.ManagesPasswords() {
		a.Deny = errManages
	}
	id, err := g.auth.Authenticate(r.Context(), a)
	for i := 0; err == nil && i < len(others); i++ {
		_, err = g.auth.Authenticate(r.Context(), others[i])
	}
	if err != nil {
		return g.orIgnored(err, reader), sparekey.Attempt{}
	}
	if len(g.config.LoginHeaders) > 0 && !isTellable(id.User.Login) {
		return Refuse(RuleUpstream, errLogin), sparekey.Attempt{}
	}
	return allowed(id), a
}

// attempt returns the attempt that a request makes; see credentialed.
func (g *Gateway) attempt(r *http.Request, origin clientip.Origin) (a sparekey.Attempt, presented bool, err error) {
	r, err = credentialed(r)
	if err != nil {
		return sparekey.Attempt{}, true, err
	}
	a, presented, err = g.guard.Attempt(r, origin)
	if err == nil && !presented && looksBasic(r) {
		err = errLooksBasic
	}
	return a, presented, err
}

// inBody returns the attempts that the logins in the body of a request are. The first
// that is wrong refuses the whole request, so that one request is one guess, however many
// logins it has.
func (g *Gateway) inBody(r *http.Request, origin clientip.Origin, reader *upstream.Reader) ([]sparekey.Attempt, error) {
	logins, why := g.finder.Logins(&reader.Request)
	if why != "" {
		return nil, sparekey.Refuse(sparekey.ReasonMalformed, why)
	}
	var all []sparekey.Attempt
	for _, l := range logins {
		if strings.Contains(l.Login, ":") {
			return nil, sparekey.Refuse(sparekey.ReasonMalformed, "A login has no colon.")
		}
		c := r.WithContext(r.Context())
		c.Header = r.Header.Clone()
		c.SetBasicAuth(l.Login, l.Secret)
		a, _, err := g.guard.Attempt(c, origin)
		if err != nil {
			return nil, err
		}
		a.Upstream = reader
		all = append(all, a)
	}
	return all, nil
}

// orIgnored decides about a credential that err does not accept. Where the application itself
// ignores such credentials, as WordPress does outside its API, the request is forwarded as
// anonymous: the login may be that of a web server in front of a staging site.
//
// An unknown login and a wrong secret have the same answer, or the answers would tell strangers
// which logins exist. But a wrong credential of a user of ours is not forwarded: the
// application may still accept one that was revoked a moment ago.
// Beside a session, a login that is not accepted is not forwarded either: see
// [upstream.SessionFinder].
func (g *Gateway) orIgnored(err error, reader *upstream.Reader) Decision {
	refused := (*sparekey.AuthError)(nil)
	if !g.config.Optional || reader.Request.Body == nil || !errors.As(err, &refused) {
		return failed(err)
	}
	switch refused.Reason {
	case sparekey.ReasonUnknownLogin, sparekey.ReasonUnknownEmail, sparekey.ReasonWrongSecret:
	case sparekey.ReasonMalformed: // of a readable login: a secret without letters and digits, which nothing has
	default:
		return failed(err)
	}
	if g.config.Upstream.IgnoresBasic(&reader.Request) {
		return Decision{Outcome: Allowed, Rule: RuleIgnored, DropCredential: refused.Reason == sparekey.ReasonWrongSecret}
	}
	if finder, ok := g.config.Upstream.(upstream.SessionFinder); ok && finder.HasSession(&reader.Request) {
		return Decision{Outcome: Allowed, Rule: RuleIgnored, DropCredential: true}
	}
	return failed(err)
}

func allowed(id sparekey.Identity) Decision {
	return Decision{Outcome: Allowed, Rule: cmp.Or(id.Rule, RuleCredential), Identity: id}
}

// without decides about a request that carries no credential, or one that err says is
// not accepted. answers says that the front-end can answer by itself.
func (g *Gateway) without(r *http.Request, origin clientip.Origin, reader *upstream.Reader, answers bool, err error) Decision {
	switch {
	case err != nil:
		return failed(err)
	case g.config.Optional:
		return Decision{Outcome: Allowed, Rule: RuleAnonymous}
	case g.config.Public.covers(origin.Addr, reader):
		g.config.Public.tell(r, origin)
		return Decision{Outcome: Allowed, Rule: RulePublic}
	case basicauth.IsPreflight(r):
		if d, ok := g.preflight(r, reader, answers); ok {
			return d
		}
	}
	d := failed(&sparekey.AuthError{Reason: sparekey.ReasonMalformed})
	d.Rule = RuleNoCredential
	return d
}

// preflight decides about a preflight where a credential is needed, which browsers do not send
// with it. The application does not get it where the front-end can answer by itself: not every
// application looks at the method before it does what is asked, and any client can write
// OPTIONS. A front-end that only asks can allow or refuse it. ok is false where it is not a
// preflight.
func (g *Gateway) preflight(r *http.Request, reader *upstream.Reader, answers bool) (d Decision, ok bool) {
	if answers {
		return Decision{Outcome: Refused, Rule: RulePreflight, Err: basicauth.ErrPreflight}, true
	}
	readings := reader.Readings(true)
	isOther := func(a sparekey.Reading) bool { return a.Method != http.MethodOptions }
	if !g.guard.AllowsOrigin(r) || readings.Unclear != "" || slices.ContainsFunc(readings.All, isOther) {
		return Decision{}, false
	}
	return Decision{Outcome: Allowed, Rule: RulePreflight}, true
}

// errManages refuses what would manage application passwords in the application, which
// knows nothing of limits, of the site's policy and of the audit log.
var errManages = sparekey.Refuse(sparekey.ReasonOutOfScope,
	"Application passwords are managed by Sparekey here, not by the application: send this request to Sparekey's own address.")

// Fail answers a refused request, with the status and the headers that belong to it.
func (g *Gateway) Fail(w http.ResponseWriter, r *http.Request, d Decision) {
	g.guard.Fail(w, r, d.Err)
}

// Report tells Config.Observe of a decision that a front-end made by itself.
func (g *Gateway) Report(ctx context.Context, d Decision) {
	if g.config.Observe != nil {
		g.config.Observe(ctx, d)
	}
}

// Error answers a request that failed for a reason of the front-end's own, such as an
// application that does not answer.
func (g *Gateway) Error(w http.ResponseWriter, r *http.Request, status int, message string) {
	w.Header().Set("Cache-Control", "no-store")
	basicauth.ShowRefusal(w.Header(), r)
	g.config.Fail(w, r, status, message, nil)
}

// SetIdentity sets the identity headers of an allowed request whose method and request-target
// reach the application as they are given here: none of them for an anonymous one, otherwise
// each of them, empty where it has no value. Only the signature is missing without a Signer. It
// sets Config.LoginHeaders, too. It strips nothing; see [Gateway.StripIdentity].
func (g *Gateway) SetIdentity(h http.Header, method, target string, d Decision) {
	if d.Outcome != Allowed || d.Identity.User.ID == "" {
		return
	}
	values := new(identity)
	for i, f := range fields {
		values[i] = f.value(d.Identity)
		h[f.name] = values[i : i+1 : i+1]
	}
	g.setLogin(h, d.Identity.User.Login)
	if g.config.Signer != nil {
		values[len(fields)] = g.config.Signer.sign(method, target, values[:len(fields)])
		h[HeaderSignature] = values[len(fields):]
	}
}
