package basicauth

import (
	"errors"
	"net/http"
	"slices"

	"github.com/sparekey-dev/sparekey"
)

// HeaderReason names, in an answer that refuses a credential, the [sparekey.Reason]: for
// programs, since messages change. An unknown login or e-mail address is
// [sparekey.ReasonWrongSecret], so that strangers do not learn which logins exist. Reasons of
// hooks are not in it, and answers to requests without a credential do not have it.
const HeaderReason = "Sparekey-Reason"

// setReason sets HeaderReason in the answer to a request that err refuses.
func setReason(h http.Header, r *http.Request, err error) {
	var refused *sparekey.AuthError
	if !errors.As(err, &refused) || refused.Reason == sparekey.ReasonMalformed && refused.Err == nil && !hasBasic(r) {
		return
	}
	switch reason := refused.Reason; {
	case reason == sparekey.ReasonUnknownLogin, reason == sparekey.ReasonUnknownEmail:
		h.Set(HeaderReason, string(sparekey.ReasonWrongSecret))
	case reason == sparekey.ReasonThrottled, slices.Contains(sparekey.Reasons(), reason):
		h.Set(HeaderReason, string(reason))
	}
}

// hasBasic reports whether a request has a Basic credential, well-formed or not.
func hasBasic(r *http.Request) bool {
	return slices.ContainsFunc(r.Header["Authorization"], func(value string) bool {
		_, ok := cutScheme(value)
		return ok
	})
}
