package doctor

import (
	"net/http"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
)

// codes are the culprits by the code of an API: WordPress's, and Sparekey's own.
var codes = map[string]Culprit{
	"invalid_username":                        WrongLogin,
	"invalid_email":                           WrongLogin,
	"incorrect_password":                      WrongSecret,
	"application_passwords_disabled":          Disabled,
	"application_passwords_disabled_for_user": DisabledForUser,
	"application_password_expired":            Expired,
	"application_password_used_up":            UsedUp,
	"application_password_unused":             Unused,
	"application_password_out_of_scope":       OutOfScope,
	"application_password_out_of_network":     OutOfNetwork,
	"too_many_attempts":                       Throttled,
}

// reasons are the culprits by basicauth.HeaderReason, which every refusal of Sparekey has. A
// malformed credential is not among them: a proxy may have added it.
var reasons = map[sparekey.Reason]Culprit{
	sparekey.ReasonWrongSecret:     WrongCredential,
	sparekey.ReasonInsecure:        TLSNotSeen,
	sparekey.ReasonDisabled:        Disabled,
	sparekey.ReasonDisabledForUser: DisabledForUser,
	sparekey.ReasonExpired:         Expired,
	sparekey.ReasonUsedUp:          UsedUp,
	sparekey.ReasonUnused:          Unused,
	sparekey.ReasonOutOfScope:      OutOfScope,
	sparekey.ReasonOutOfNetwork:    OutOfNetwork,
	sparekey.ReasonThrottled:       Throttled,
}

// classify names the culprit of a reply, or "" where it is none of Sparekey's or
// WordPress's.
func classify(r reply) Culprit {
	switch {
	case r.status == http.StatusTooManyRequests || r.header.Get("X-Sparekey-Status") == "429":
		return Throttled
	case r.status == http.StatusNotImplemented:
	case r.status >= http.StatusInternalServerError || r.header.Get("X-Sparekey-Status") == "503":
		return Broken
	}
	if c, ok := codes[r.problem().Code]; ok {
		return c
	}
	return reasons[sparekey.Reason(r.header.Get(basicauth.HeaderReason))]
}

// isNobody reports whether a guard of Sparekey says that it got no credential.
func isNobody(r reply) bool {
	return strings.Contains(r.says(), basicauth.Message(&sparekey.AuthError{Reason: sparekey.ReasonMalformed}))
}

// concernsWho reports whether a culprit says that a credential was looked at.
func (c Culprit) concernsWho() bool {
	return c == WrongLogin || c == WrongSecret || c == WrongCredential
}
