package doctor

import (
	"net/http"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
)

// codes are the error codes of the REST APIs of WordPress and Sparekey.
var codes = map[string]Cause{
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

// reasons are the causes by basicauth.HeaderReason, which every refusal of Sparekey has. A
// malformed credential is not among them: a proxy may have added it.
var reasons = map[sparekey.Reason]Cause{
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

// classify returns "" for a reply that is not a refusal by Sparekey or WordPress.
func classify(r reply) Cause {
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

// saysAnonymous reports whether a guard of Sparekey says that it received no credential.
func saysAnonymous(r reply) bool {
	return strings.Contains(r.says(), basicauth.Message(&sparekey.AuthError{Reason: sparekey.ReasonMalformed}))
}

// isWrongCredential means that the server received a credential and checked it.
func (c Cause) isWrongCredential() bool {
	return c == WrongLogin || c == WrongSecret || c == WrongCredential
}
