package gateway

import (
	"errors"
	"net/http"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
)

// Outcome is the result of a decision. The zero Outcome is Broken, so that a missing decision
// denies the request.
type Outcome int

// The outcomes.
const (
	Broken  Outcome = iota // the gateway cannot tell: 503
	Refused                // denied: 401, 403 or 429
	Allowed                // the request may be forwarded
)

func (o Outcome) String() string {
	switch o {
	case Allowed:
		return "allowed"
	case Refused:
		return "refused"
	default:
		return "broken"
	}
}

// Rules that are the gateway's own. A request that a narrowed credential allows has that
// credential's rule instead, and one that is refused because of its credential the
// [sparekey.Reason].
const (
	RuleAnonymous    = "anonymous"     // Config.Optional: it carries no credential, and need not
	RulePreflight    = "preflight"     // a preflight of a browser, without a credential: answered, or allowed
	RulePublic       = "public"        // Config.Public: it carries no credential, and need not
	RuleCredential   = "credential"    // a right credential that is not narrowed
	RuleIgnored      = "ignored"       // its credential is none of ours, and the application ignores such
	RuleNoCredential = "no_credential" // it carries no credential, and must
	RuleCrossOrigin  = "cross_origin"  // a page of another site may have forged it
	RuleForbidden    = "forbidden"     // a hook of the application denied it
	RuleUpstream     = "upstream"      // the request must not reach the application, whatever it carries
	RuleBroken       = "broken"        // the gateway cannot tell

	// Those of the front-ends, which report them by [Gateway.Report]. Where the gateway had
	// allowed the request, Config.Observe gets two decisions about it.
	RuleProxy  = "proxy"  // a proxy that asks does not tell of the request as it must, or is not named
	RuleRefuse = "refuse" // allowed, but kept from the application by a hook of the front-end
	RuleField  = "field"  // allowed, but its body has a field that its limits do not allow
)

// Decision is the gateway's decision about a request, with its reason.
type Decision struct {
	Outcome Outcome
	// Rule names the reason: one of the rules above, a scope of the credential, or the reason
	// of a refusal.
	Rule string
	// Identity is the caller; zero for anonymous ones, and unless Outcome is Allowed.
	Identity sparekey.Identity
	// DropCredential says that the credential must not reach the application: it is
	// wrong, and names a user of ours.
	DropCredential bool
	// KeepCredential says that the credential must reach the application, also where the
	// front-end takes others out: the application examines whether it does, and the
	// credential is that of no user.
	KeepCredential bool
	// Err says why not, nil if Outcome is Allowed. It is for logs; see Message.
	Err error
}

// Status is the HTTP status of the decision: 200, 401, 403, 429 or 503, or 204 for a
// preflight that [Gateway.Fail] answers.
func (d Decision) Status() int {
	if d.Outcome == Allowed {
		return http.StatusOK
	}
	return basicauth.Status(d.Err)
}

// ByScope reports whether a scope of the credential allowed the request. Rule is then a
// name or a text that an operator or a user chose, and may be spelled like one of the
// gateway's own rules or like a reason. In every other decision it is one of those.
func (d Decision) ByScope() bool { return d.Outcome == Allowed && d.Identity.Rule != "" }

// Message says what the caller may know of the decision, in one line.
func (d Decision) Message() string {
	if d.Outcome == Allowed {
		return ""
	}
	return message(d.Err)
}

func message(err error) string {
	if refusal := (*refusal)(nil); errors.As(err, &refusal) {
		return refusal.message
	}
	refused := (*sparekey.AuthError)(nil)
	if errors.As(err, &refused) && refused.Reason == sparekey.ReasonMalformed && refused.Err != nil {
		return refused.Err.Error() // errTwoCredentials and errLooksBasic say what to do
	}
	return basicauth.Message(err)
}

// refusal is a no of the gateway itself. It matches [sparekey.ErrForbidden].
type refusal struct{ rule, message string }

func (r *refusal) Error() string { return r.rule + ": " + r.message }

// Is reports whether target is sparekey.ErrForbidden.
func (r *refusal) Is(target error) bool { return target == sparekey.ErrForbidden }

// Refuse is the decision of a front-end that cannot tell what is asked for: 403.
// rule is for logs and metrics, message says what would be right.
func Refuse(rule, message string) Decision {
	return Decision{Outcome: Refused, Rule: rule, Err: &refusal{rule, message}}
}

// failed is the decision that an error of basicauth.Guard leads to.
func failed(err error) Decision {
	d := Decision{Outcome: Refused, Rule: RuleForbidden, Err: err}
	refused := (*sparekey.AuthError)(nil)
	switch {
	case errors.As(err, &refused):
		d.Rule = string(refused.Reason)
	case errors.Is(err, basicauth.ErrCrossOrigin):
		d.Rule = RuleCrossOrigin
	case !errors.Is(err, sparekey.ErrForbidden):
		d.Outcome, d.Rule = Broken, RuleBroken
	}
	return d
}
