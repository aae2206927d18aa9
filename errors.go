package sparekey

import (
	"errors"
	"fmt"
	"time"
)

// Every operation has three outcomes: it succeeds, it is refused, or it is broken. The errors
// below, and those that match one of them with [errors.Is], are refusals: repeating the call
// gives the same answer. Any other error means that there was no answer, because a store or a
// hook failed. Callers must then deny, and say "unavailable" rather than "no".
var (
	// ErrUnauthenticated is matched by every [*AuthError].
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrForbidden says that the actor may not manage this user's credentials.
	ErrForbidden = errors.New("the actor may not manage this user's application passwords")
	// ErrUserNotFound is what a Directory returns for an unknown user.
	ErrUserNotFound = errors.New("no such user")
	// ErrUserExists is what a user store returns for a login or an e-mail
	// address that another user has.
	ErrUserExists = errors.New("another user has this login or e-mail address")
	// ErrNotFound is what a Store returns for an unknown credential.
	ErrNotFound = errors.New("no such application password")
	// ErrConflict is what a Store returns for a UUID that is taken.
	ErrConflict = errors.New("an application password with this UUID exists already")
	// ErrDuplicateName refuses a second credential with the same name for one user, if
	// [Config.UniqueNames] is set.
	ErrDuplicateName = errors.New("an application password of this name exists already")
	// ErrUnavailable says that the feature is switched off for the whole site.
	ErrUnavailable = errors.New("application passwords are not available here")
	// ErrUnavailableForUser says that the feature is switched off for a user.
	ErrUnavailableForUser = errors.New("application passwords are not available for this user")
	// ErrInvalid is matched by every [*InvalidError].
	ErrInvalid = errors.New("invalid")
)

// ErrLoginTaken and ErrEmailTaken say which of the two another user has. They match
// ErrUserExists.
var (
	ErrLoginTaken error = takenError("login")
	ErrEmailTaken error = takenError("e-mail address")
)

// takenError names what another user has.
type takenError string

func (e takenError) Error() string { return "another user has this " + string(e) }

// Is reports whether target is ErrUserExists.
func (takenError) Is(target error) bool { return target == ErrUserExists }

// forbiddenError says why something is not for the actor.
type forbiddenError string

func (e forbiddenError) Error() string { return string(e) }

// Is reports whether target is ErrForbidden.
func (forbiddenError) Is(target error) bool { return target == ErrForbidden }

// ErrBeyondLimits refuses to let a credential make another one that could do more
// than itself, or change or revoke one that can. It matches ErrForbidden.
var ErrBeyondLimits error = forbiddenError("an application password cannot manage one that may do more than itself")

// ErrNameTooLong refuses a name of more than [MaxNameLength] bytes. It matches
// ErrInvalid.
var ErrNameTooLong error = &InvalidError{"name", fmt.Sprintf("must have at most %d bytes", MaxNameLength)}

// ErrOldSecret refuses to let the secret from before a rotation manage credentials: the
// rotation may have happened because that secret leaked. It matches ErrForbidden.
var ErrOldSecret error = forbiddenError("a secret that was replaced cannot manage application passwords")

// ErrActingChanged refuses a request with a credential that was revoked, limited or rotated
// after the request arrived. It matches ErrForbidden.
var ErrActingChanged error = forbiddenError("the application password that was sent was changed or revoked meanwhile")

// ErrInactive is matched by every [*InactiveError].
var ErrInactive = errors.New("the application password is inactive, and a new secret would not change that")

// InactiveError refuses to rotate an inactive credential, since its new secret would be refused
// as well. It matches [ErrInactive].
type InactiveError struct {
	Field   string // the limit to change first, such as "expires"; empty where there is none
	Problem string // why it is inactive and what to do, for people
}

func (e *InactiveError) Error() string { return ErrInactive.Error() + ": " + e.Problem }

// Is reports whether target is ErrInactive.
func (e *InactiveError) Is(target error) bool { return target == ErrInactive }

// InvalidError refuses input that breaks a rule. It matches [ErrInvalid].
type InvalidError struct {
	Field   string // the field at fault, such as "name" or "app_id"
	Problem string // what is wrong and how to correct it, for people
}

func (e *InvalidError) Error() string { return fmt.Sprintf("%s %s", e.Field, e.Problem) }

// Is reports whether target is ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// Reason says why an attempt was refused. Reasons are for events, logs and
// metrics; which of them a client may see is each transport's decision.
type Reason string

// The reasons that Sparekey itself gives. Hooks may add their own, with [Refuse].
const (
	ReasonMalformed       Reason = "malformed"         // not a login and a secret at all
	ReasonUnknownLogin    Reason = "unknown_login"     // no user has this login
	ReasonUnknownEmail    Reason = "unknown_email"     // no user has this login or e-mail address
	ReasonWrongSecret     Reason = "wrong_secret"      // no credential of the user has this secret
	ReasonInsecure        Reason = "insecure"          // sent in the clear over a network
	ReasonDisabled        Reason = "disabled"          // the feature is off for the site
	ReasonDisabledForUser Reason = "disabled_for_user" // the feature is off for the user

	// The secret is right, but the credential is inactive or limited.
	ReasonExpired      Reason = "expired"        // past its end, see Limits.Expires
	ReasonUsedUp       Reason = "used_up"        // used as often as allowed, see Limits.MaxUses
	ReasonUnused       Reason = "unused"         // not used for too long, see Policy.RevokeUnused
	ReasonOutOfScope   Reason = "out_of_scope"   // not for this request, see Limits.Scopes
	ReasonOutOfNetwork Reason = "out_of_network" // not from this address, see Limits.Networks
)

// ReasonThrottled is for hooks and sign-in pages that refuse callers after too many attempts;
// see [Throttled].
const ReasonThrottled Reason = "throttled"

// Reasons lists every reason that Sparekey itself gives, so that a test can check that a
// table of them is complete.
func Reasons() []Reason {
	return []Reason{
		ReasonMalformed, ReasonUnknownLogin, ReasonUnknownEmail, ReasonWrongSecret,
		ReasonInsecure, ReasonDisabled, ReasonDisabledForUser,
		ReasonExpired, ReasonUsedUp, ReasonUnused, ReasonOutOfScope, ReasonOutOfNetwork,
	}
}

// AuthError refuses an attempt. It matches [ErrUnauthenticated]. If the caller is known but
// the credential is limited to other requests ([ReasonOutOfScope]) or networks
// ([ReasonOutOfNetwork]), it matches [ErrForbidden] as well.
type AuthError struct {
	Reason     Reason
	Err        error         // a message for people, or nil
	RetryAfter time.Duration // of ReasonThrottled: how long to wait
}

// Refuse makes the error with which [Config.Admit] and [Config.Check] refuse an
// attempt: reason for machines, message for people (it may reach the client).
func Refuse(reason Reason, message string) error {
	return &AuthError{Reason: reason, Err: errors.New(message)}
}

// Throttled makes the error with which [Config.AroundLookup] refuses a wrong attempt
// after too many failures, and [Config.Admit] any attempt.
func Throttled(retryAfter time.Duration) error {
	e := &AuthError{Reason: ReasonThrottled, RetryAfter: retryAfter}
	wait := ""
	switch seconds := e.RetrySeconds(); {
	case seconds == 1:
		wait = " a second"
	case seconds > 1:
		wait = fmt.Sprintf(" %d seconds", seconds)
	}
	e.Err = errors.New("Too many attempts had a wrong login or application password. Check both, and wait" + wait + " before the next one.")
	return e
}

// RetrySeconds is RetryAfter in seconds, rounded up.
func (e *AuthError) RetrySeconds() int {
	return int((e.RetryAfter + time.Second - 1) / time.Second)
}

func (e *AuthError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%v (%s): %v", ErrUnauthenticated, e.Reason, e.Err)
	}
	return fmt.Sprintf("%v (%s)", ErrUnauthenticated, e.Reason)
}

// Is reports whether target is ErrUnauthenticated, or ErrForbidden for the two reasons that
// match it.
func (e *AuthError) Is(target error) bool {
	return target == ErrUnauthenticated ||
		target == ErrForbidden && (e.Reason == ReasonOutOfScope || e.Reason == ReasonOutOfNetwork)
}

// Unwrap returns the error for people, or nil.
func (e *AuthError) Unwrap() error { return e.Err }

// Refused reports whether err is a refusal: whether it matches one of this package's errors.
func Refused(err error) bool {
	for _, refusal := range []error{
		ErrUnauthenticated, ErrForbidden, ErrUserNotFound, ErrUserExists, ErrNotFound, ErrConflict,
		ErrDuplicateName, ErrTooMany, ErrInactive, ErrUnavailable, ErrUnavailableForUser, ErrInvalid,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}
