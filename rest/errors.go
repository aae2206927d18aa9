package rest

import (
	"errors"
	"net/http"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
)

// code is an error code for programs. Clients depend on it, so codes are WordPress's where it has
// one; the others are marked as ours.
type code string

const (
	// Faults of the request itself.
	codeNoRoute         code = "rest_no_route"
	codeMissingParam    code = "rest_missing_callback_param"
	codeInvalidParam    code = "rest_invalid_param"
	codeInvalidJSON     code = "rest_invalid_json"
	codeInvalidCallback code = "rest_callback_invalid"
	codeInvalidBody     code = "rest_invalid_body"    // ours
	codeBodyTooLarge    code = "rest_body_too_large"  // ours
	codeTooManyParams   code = "rest_too_many_params" // ours

	// Authentication and permissions.
	codeNotLoggedIn     code = "rest_not_logged_in"
	codeCrossOrigin     code = "rest_cookie_invalid_nonce"
	codeWrongCredential code = "incorrect_password"
	codeUnknownLogin    code = "invalid_username"
	codeUnknownEmail    code = "invalid_email"
	codeRefusedByPolicy code = "rest_forbidden"
	codeExpired         code = "application_password_expired"        // ours
	codeUsedUp          code = "application_password_used_up"        // ours
	codeUnused          code = "application_password_unused"         // ours
	codeOutOfScope      code = "application_password_out_of_scope"   // ours
	codeOutOfNetwork    code = "application_password_out_of_network" // ours
	codeOldSecret       code = "application_password_old_secret"     // ours
	codeActingChanged   code = "application_password_changed"        // ours
	codeThrottled       code = "too_many_attempts"                   // ours

	// Application passwords.
	codeDisabled         code = "application_passwords_disabled"
	codeDisabledForUser  code = "application_passwords_disabled_for_user"
	codeCannotList       code = "rest_cannot_list_application_passwords"
	codeCannotCreate     code = "rest_cannot_create_application_passwords"
	codeCannotDeleteAll  code = "rest_cannot_delete_application_passwords"
	codeCannotRead       code = "rest_cannot_read_application_password"
	codeCannotEdit       code = "rest_cannot_edit_application_password"
	codeCannotDelete     code = "rest_cannot_delete_application_password"
	codeCannotIntrospect code = "rest_cannot_introspect_app_password_for_non_authenticated_user"
	codeNoPasswordUsed   code = "rest_no_authenticated_app_password"
	codePasswordNotFound code = "rest_application_password_not_found"
	codeEmptyName        code = "application_password_empty_name"
	codeDuplicateName    code = "application_password_duplicate_name"
	codeTooManyPasswords code = "application_password_too_many"      // ours
	codeSpent            code = "application_password_spent"         // ours
	codeNotCreator       code = "application_password_not_for_role"  // ours
	codeBeyondLimits     code = "application_password_beyond_limits" // ours

	// Users.
	codeUserNotFound     code = "rest_user_invalid_id"
	codeCannotViewUser   code = "rest_user_cannot_view"
	codeForbiddenContext code = "rest_forbidden_context"
	codeCannotEditUser   code = "rest_cannot_edit"
	codeCannotDeleteUser code = "rest_user_cannot_delete"
	codeCannotCreateUser code = "rest_cannot_create_user"
	codeLoginFixed       code = "rest_user_invalid_argument"
	codeEmailTaken       code = "rest_user_invalid_email"
	codeCannotEditRoles  code = "rest_cannot_edit_roles"
	codeUsersReadOnly    code = "rest_users_read_only"  // ours
	codeUsersNotListed   code = "rest_users_not_listed" // ours

	// The request got no answer.
	codeUnavailable code = "service_unavailable" // ours
	codeInternal    code = "internal_server_error"

	// An application behind a gateway does not get the request, or does not answer;
	// see Handler.Refuse.
	codeBadRequest     code = "rest_bad_request" // ours
	codeBadGateway     code = "bad_gateway"      // ours
	codeGatewayTimeout code = "gateway_timeout"  // ours
	codeLoop           code = "loop_detected"    // ours
)

// statusByCaller stands for 401 for an anonymous caller, and for 403 otherwise.
const statusByCaller = 0

// entry is the table of statuses and messages.
//
//nolint:funlen // a table
func (c code) entry() (status int, message string) {
	switch c {
	case codeNoRoute:
		return http.StatusNotFound, "There is nothing at this address for this method. The index at the API's root lists what there is."
	case codeMissingParam:
		return http.StatusBadRequest, "Parameters are missing: see data.params."
	case codeInvalidParam:
		return http.StatusBadRequest, "Parameters have values that cannot be used: see data.params."
	case codeInvalidJSON:
		return http.StatusBadRequest, "The body says that it is JSON, but it cannot be read as such."
	case codeInvalidCallback:
		return http.StatusBadRequest, "Name the JSONP callback with letters, digits, dots and underscores only."
	case codeInvalidBody:
		return http.StatusBadRequest, "The body cannot be read: send it whole, in the form that its Content-Type names."
	case codeBodyTooLarge:
		return http.StatusRequestEntityTooLarge, "The body is too large: send less."
	case codeTooManyParams:
		return http.StatusBadRequest, "There are too many parameters: send fewer."

	case codeNotLoggedIn:
		return http.StatusUnauthorized, "You are not signed in: send your login and an application password with Basic authentication."
	case codeCrossOrigin:
		return http.StatusForbidden, "Another site made the browser send this, so it was not carried out. Repeat it from this site's own pages, or with an application password."
	case codeWrongCredential:
		return http.StatusUnauthorized, "The login or the application password is wrong. Send the login of your account, not the name of the application, and an application password, not your main password. If both look right, make a new application password."
	case codeUnknownLogin:
		return http.StatusUnauthorized, "No user has this login. Check how it is spelled, or use the e-mail address."
	case codeUnknownEmail:
		return http.StatusUnauthorized, "No user has this e-mail address. Check how it is spelled, or use the login."
	case codeRefusedByPolicy:
		return http.StatusForbidden, "This application password may not do that. Use another one, or ask the operator of this site."

	case codeExpired:
		return http.StatusUnauthorized, "This application password has expired. Make a new one."
	case codeUsedUp:
		return http.StatusUnauthorized, "This application password was for a number of uses, and they are used up. Make a new one."
	case codeUnused:
		return http.StatusUnauthorized, "This application password was not used for so long that it no longer works. Make a new one."
	case codeOutOfScope:
		return http.StatusForbidden, "This application password is limited to other requests. Use one that is for this."
	case codeOutOfNetwork:
		return http.StatusForbidden, "This application password is limited to other networks. Use it from there."
	case codeOldSecret:
		return http.StatusForbidden, "This secret was replaced, and cannot manage application passwords any more. Use the new one."
	case codeActingChanged:
		return http.StatusForbidden, "The application password that was sent was changed or revoked meanwhile, so nothing was done."
	case codeThrottled:
		return http.StatusTooManyRequests, "Too many attempts had a wrong login or application password. Check both, and wait for as long as Retry-After says before the next one."

	case codeDisabled:
		return http.StatusNotImplemented, "Application passwords are not available here. They need HTTPS, and the operator of this site has to switch them on."
	case codeDisabledForUser:
		return http.StatusNotImplemented, "Application passwords are not available for this user. Ask the operator of this site."
	case codeCannotList:
		return statusByCaller, "You may not list this user's application passwords. Use the account they belong to."
	case codeCannotCreate:
		return statusByCaller, "You may not create application passwords for this user. Use the account they are for."
	case codeCannotDeleteAll:
		return statusByCaller, "You may not revoke this user's application passwords. Use the account they belong to."
	case codeCannotRead:
		return statusByCaller, "You may not read this user's application passwords. Use the account they belong to."
	case codeCannotEdit:
		return statusByCaller, "You may not change this user's application passwords. Use the account they belong to."
	case codeCannotDelete:
		return statusByCaller, "You may not revoke this user's application passwords. Use the account they belong to."
	case codeCannotIntrospect:
		return statusByCaller, "An application password can only read about itself: ask about the user whose application password you send."
	case codeNoPasswordUsed:
		return http.StatusNotFound, "You are signed in without an application password, so there is none to tell about. Send one with Basic authentication."
	case codePasswordNotFound:
		return http.StatusNotFound, "The user has no application password with this UUID. List them to see which there are."
	case codeEmptyName:
		return http.StatusBadRequest, "The name is empty, 0, or made of what cannot be seen. Say which application the password is for."
	case codeDuplicateName:
		return http.StatusConflict, "The user has an application password of this name. Choose another name."
	case codeTooManyPasswords:
		return http.StatusConflict, "The user has as many application passwords as the site allows. Revoke one first."
	case codeSpent:
		return http.StatusConflict, "This application password is inactive, and a new secret would not change that. Give it other limits first, or make a new one."
	case codeNotCreator:
		return http.StatusForbidden, "The site does not let users of this role have application passwords. Ask its operator."
	case codeBeyondLimits:
		return http.StatusForbidden, "An application password cannot make one that may do more than itself, or touch one that can. Sign in to the pages instead."

	case codeUserNotFound:
		return http.StatusNotFound, "No user has this ID. Use a number from the list of users, or me."
	case codeCannotViewUser:
		return statusByCaller, "You may not see this user. Ask about yourself at users/me."
	case codeForbiddenContext:
		return statusByCaller, "You may not see this with context=edit. Use context=view."
	case codeCannotEditUser:
		return statusByCaller, "You may not change this user."
	case codeCannotDeleteUser:
		return statusByCaller, "You may not delete this user."
	case codeCannotCreateUser:
		return statusByCaller, "You may not create users."
	case codeUsersReadOnly:
		return http.StatusNotImplemented, "This API cannot do that to users. Use the application itself, or ask the operator."
	case codeLoginFixed:
		return http.StatusBadRequest, "The login of a user does not change. Leave username out."
	case codeEmailTaken:
		return http.StatusBadRequest, "Another user has this e-mail address. Use another one."
	case codeCannotEditRoles:
		return http.StatusForbidden, "Roles cannot be changed over this API. The operator can, with \"sparekey user set-role\"."
	case codeUsersNotListed:
		return http.StatusNotImplemented, "The application cannot list its users. Ask for one by number, or for me."

	case codeUnavailable:
		return http.StatusServiceUnavailable, "The request could not be answered just now, so it was not carried out. Try again in a moment."
	case codeInternal:
		return http.StatusInternalServerError, "Something went wrong here, so the request was not carried out. The operator of this site can find the reason in the log."

	case codeBadRequest:
		return http.StatusBadRequest, "The request cannot be passed on: send its address and its body whole, and in the usual form."
	case codeBadGateway:
		return http.StatusBadGateway, "The application does not answer. Try again in a moment."
	case codeGatewayTimeout:
		return http.StatusGatewayTimeout, "The application takes too long to answer. Try again in a moment."
	case codeLoop:
		return http.StatusLoopDetected, "The request came back to this gateway instead of reaching the application. The operator of this site can find more in the log."
	}
	return http.StatusInternalServerError, "Something went wrong here."
}

// apiError is an error of the API. A zero status or message is the table's.
type apiError struct {
	code       code
	status     int
	message    string
	data       object // members besides the status
	noEnvelope bool   // no data at all, and no envelope
}

func (p *apiError) Error() string { return string(p.code) }

func refuse(c code) error { return &apiError{code: c} }

func (p *apiError) body(status int) object {
	_, message := p.code.entry()
	if p.message != "" {
		message = p.message
	}
	body := object{{"code", string(p.code)}, {"message", message}}
	if p.noEnvelope {
		return body
	}
	data := append(object{{"status", status}}, p.data...)
	return append(body, member{"data", data})
}

// refusal returns nil for an error that is not a refusal. deniedCode is the code for an actor
// without permission.
func refusal(err error, deniedCode code) *apiError {
	var own *apiError
	var invalid *sparekey.InvalidError
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, sparekey.ErrNotCreator):
		return &apiError{code: codeNotCreator}
	case errors.Is(err, sparekey.ErrBeyondLimits):
		return &apiError{code: codeBeyondLimits}
	case errors.Is(err, sparekey.ErrOldSecret):
		return &apiError{code: codeOldSecret}
	case errors.Is(err, sparekey.ErrActingChanged):
		return &apiError{code: codeActingChanged}
	case errors.Is(err, sparekey.ErrTooMany):
		return &apiError{code: codeTooManyPasswords}
	case errors.Is(err, sparekey.ErrInactive):
		return &apiError{code: codeSpent}
	case errors.Is(err, sparekey.ErrForbidden):
		return &apiError{code: deniedCode}
	case errors.Is(err, sparekey.ErrUnavailable):
		return &apiError{code: codeDisabled}
	case errors.Is(err, sparekey.ErrUnavailableForUser):
		return &apiError{code: codeDisabledForUser}
	case errors.Is(err, sparekey.ErrUserNotFound):
		return &apiError{code: codeUserNotFound}
	case errors.Is(err, sparekey.ErrNotFound):
		return &apiError{code: codePasswordNotFound}
	case errors.Is(err, sparekey.ErrDuplicateName):
		return &apiError{code: codeDuplicateName}
	case errors.As(err, &invalid) && invalid.Field == "name" && !errors.Is(err, sparekey.ErrNameTooLong):
		return &apiError{code: codeEmptyName}
	case errors.As(err, &invalid):
		return invalidParams([]argError{{param: invalid.Field, code: argErrPattern, message: invalid.Problem}})
	}
	return nil
}

// credentialProblem returns the problem for the reason why a credential was refused. Unless
// revealLogins is set, a wrong login and a wrong secret get the same answer, so that callers
// cannot learn which logins exist. The other reasons reveal nothing: that the feature is off
// for the site is in the index, and that it is off for a user is shown only to a caller with
// the right secret. A reason that is not Sparekey's own comes from a hook, which decides what
// to reveal.
func credentialProblem(refused *sparekey.AuthError, revealLogins bool) *apiError {
	p := &apiError{code: credentialCode(refused.Reason)}
	if p.code == "" { // a hook's
		p.code, p.message = code(refused.Reason), codeWrongCredential.message()
	}
	if refused.Err != nil && (!isBeforeSecret(refused.Reason) || errors.Is(refused.Err, basicauth.ErrSeveral)) {
		p.message = refused.Err.Error()
	}
	if !revealLogins && (p.code == codeUnknownLogin || p.code == codeUnknownEmail) {
		p.code = codeWrongCredential
	}
	return p
}

// isBeforeSecret reports whether a reason is known before the secret was verified. Such answers have
// only the table's message.
func isBeforeSecret(r sparekey.Reason) bool {
	switch credentialCode(r) {
	case codeDisabled, codeDisabledForUser, codeWrongCredential, codeUnknownLogin, codeUnknownEmail:
		return true
	default:
		return false
	}
}

// credentialCode returns "" for a reason that is not Sparekey's own.
func credentialCode(r sparekey.Reason) code {
	switch r {
	case sparekey.ReasonDisabled, sparekey.ReasonInsecure:
		return codeDisabled
	case sparekey.ReasonDisabledForUser:
		return codeDisabledForUser
	case sparekey.ReasonMalformed, sparekey.ReasonWrongSecret:
		return codeWrongCredential
	case sparekey.ReasonUnknownLogin:
		return codeUnknownLogin
	case sparekey.ReasonUnknownEmail:
		return codeUnknownEmail
	case sparekey.ReasonExpired:
		return codeExpired
	case sparekey.ReasonUsedUp:
		return codeUsedUp
	case sparekey.ReasonUnused:
		return codeUnused
	case sparekey.ReasonOutOfScope:
		return codeOutOfScope
	case sparekey.ReasonOutOfNetwork:
		return codeOutOfNetwork
	case sparekey.ReasonThrottled:
		return codeThrottled
	}
	return ""
}

func (c code) message() string {
	_, message := c.entry()
	return message
}
