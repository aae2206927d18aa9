package sparekey

import (
	"context"
	"net/netip"
	"time"
)

// Kind says what happened.
type Kind string

// The kinds of events.
const (
	KindCreated          Kind = "created"        // a credential was created
	KindRenamed          Kind = "renamed"        // a rename succeeded, even if the name was the same
	KindLimited          Kind = "limited"        // a credential got other limits
	KindRotated          Kind = "rotated"        // a credential got another secret
	KindRevoked          Kind = "revoked"        // a credential was revoked; one event each
	KindExpiring         Kind = "expiring"       // a credential expires soon; see package lifecycle
	KindAuthenticated    Kind = "authenticated"  // an attempt succeeded
	KindRefused          Kind = "refused"        // an attempt was refused; Reason says why
	KindBroken           Kind = "broken"         // an attempt got no answer; Err says why
	KindPublic           Kind = "public"         // an anonymous request was allowed, since the site allows it to all callers
	KindUsageWriteFailed Kind = "usage_not_kept" // a use was allowed, but the store could not record it; Err says why

	// Such events come from a store that shares its data with a program which overwrites
	// changes it did not read. The store reports what it reconciled. Only the user's ID is
	// known.
	KindReRevoked Kind = "revoked_again" // a revoked credential had come back, and was revoked again
	KindRestored  Kind = "put_back"      // a credential was overwritten, and was restored
	KindConflict  Kind = "lost"          // the other program overwrote or revoked a new or changed credential; it is unknown which, so the store leaves it so
)

// Event tells [Config.Observe] what happened. It never holds a secret.
type Event struct {
	Kind       Kind
	Time       time.Time
	User       User          // the owner of the credential; of a refusal: the user with that login, if there is one
	Credential Credential    // of a refusal: the one that matched, if any
	Actor      User          // the user who made the change; zero for authentication and for the operator
	Acting     string        // UUID of the credential with which the actor made the change, if any
	Login      string        // of a refusal: the login as it was presented
	Reason     Reason        // of a refusal; of revoked: why [Service.RevokeIf] revoked it
	Expires    time.Time     // of expiring: when
	Addr       netip.Addr    // the caller's address, where one is known
	Request    Request       // of an attempt: the request for which it was made; else the request that made the change; if known
	Rule       string        // of authenticated: the rule that covers the request, if scopes narrow it
	Took       time.Duration // of an attempt: how long it took
	Err        error         // of a refusal: a hook's message; of broken and usage_not_kept: what failed
}

// Observers makes one [Config.Observe] of several. They run in this order.
func Observers(observe ...func(context.Context, Event)) func(context.Context, Event) {
	return func(ctx context.Context, e Event) {
		for _, o := range observe {
			o(ctx, e)
		}
	}
}
