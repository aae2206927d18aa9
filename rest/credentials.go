package rest

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
)

// caller sent the request. The zero caller is anonymous.
type caller struct {
	user     sparekey.User
	signedIn bool
	// identity is of the application password that was sent, or nil.
	identity *sparekey.Identity
}

func (c caller) is(u sparekey.User) bool { return c.signedIn && c.user.ID == u.ID }

// credentialError refuses a request because of the credential that it carries.
type credentialError struct{ err error }

func (e *credentialError) Error() string { return "credential not accepted: " + e.err.Error() }
func (e *credentialError) Unwrap() error { return e.err }

// identify finds the caller. A credential takes precedence over a session. If application
// passwords are not available, the routes about them answer so themselves.
func (c *call) identify() error {
	id, presented, err := c.h.guard.Identify(c.r)
	switch {
	case isUnavailable(err):
		c.unavailableErr = err
		return nil
	case err != nil:
		return &credentialError{err}
	case presented:
		c.caller = caller{user: id.User, signedIn: true, identity: &id}
		if c.refuseCrossSite(sentByBrowser(c.r)) != nil {
			return &apiError{code: codeCrossOrigin, message: basicauth.Message(basicauth.ErrCrossOrigin)}
		}
		return nil
	}
	if c.jsonp() != nil {
		return nil // any page may load a script, and would read what it says
	}
	if c.caller, err = c.h.signedIn(c.r); err != nil {
		return err
	}
	return c.refuseCrossSite(c.caller.signedIn)
}

// signedIn returns the caller who is signed in by the application's own session, or an
// anonymous one.
func (h *Handler) signedIn(r *http.Request) (caller, error) {
	user, ok, err := h.viewer(r)
	if err != nil {
		return caller{}, fmt.Errorf("ask who is signed in: %w", err)
	}
	if !ok || user.ID == "" {
		return caller{}, nil
	}
	return caller{user: user, signedIn: true}, nil
}

// identifyAgain finds out whether the caller is still who identify said, and with which rights.
func (c *call) identifyAgain() (err error) {
	id := c.caller.identity
	if id == nil {
		c.caller, err = c.h.signedIn(c.r)
		return err
	}
	err = c.h.guard.Recheck(c.r, *id)
	c.caller = caller{}
	if err == nil {
		if id.User, err = c.h.svc.Directory().UserByID(c.r.Context(), id.User.ID); err != nil {
			return fmt.Errorf("find the caller: %w", err)
		}
		c.caller = caller{user: id.User, signedIn: true, identity: id}
		return nil
	}
	if isUnavailable(err) {
		c.unavailableErr = err
		return c.refuseUnavailable()
	}
	return &credentialError{err}
}

// isUnavailable reports whether a credential was not checked, because application passwords are
// not available on the site or to the request.
func isUnavailable(err error) bool {
	var refused *sparekey.AuthError
	return errors.As(err, &refused) &&
		(refused.Reason == sparekey.ReasonDisabled || refused.Reason == sparekey.ReasonInsecure)
}

// refuseUnavailable refuses a credential that was not checked, unless the route itself answers that
// application passwords are not available.
func (c *call) refuseUnavailable() error {
	if c.unavailableErr == nil || c.route != nil && c.route.passwords {
		return nil
	}
	return &credentialError{c.unavailableErr}
}

// sentByBrowser reports whether a browser added the credential by itself, because the user
// once typed it into the browser's dialog: to a form, a link, an image or a script. Programs
// send no Sec-Fetch headers, or "cors".
func sentByBrowser(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return mode != "" && mode != "cors"
}

// refuseCrossSite refuses to carry out, or to show to a script, a request that another site
// made the browser send with a session or credential of its own (automatic).
func (c *call) refuseCrossSite(automatic bool) error {
	if !automatic {
		return nil
	}
	probe := c.r
	if c.jsonp() != nil {
		probe = &http.Request{Method: http.MethodPost, Host: c.r.Host, Header: c.r.Header, URL: c.r.URL}
	}
	if c.h.crossOrigin.Check(probe) != nil {
		return refuse(codeCrossOrigin)
	}
	return nil
}

// available refuses if application passwords are not available to this request.
func (c *call) available() error {
	if !c.h.config.Origin(c.r).Secure {
		return sparekey.ErrUnavailable
	}
	ok, err := c.h.svc.Available(c.r.Context())
	if err == nil && !ok {
		err = sparekey.ErrUnavailable
	}
	return err
}

// tellReason has basicauth.HeaderReason, where it is set, tell no more than the code does.
func tellReason(header http.Header, c code) {
	if header.Get(basicauth.HeaderReason) == "" {
		return
	}
	switch c {
	case codeWrongCredential:
		header.Set(basicauth.HeaderReason, string(sparekey.ReasonWrongSecret))
	case codeDisabled:
		header.Set(basicauth.HeaderReason, string(sparekey.ReasonDisabled))
	default:
	}
}

// failCredential writes the answer for a refused credential. It is never put into an
// envelope, so that proxies see its status.
func (h *Handler) failCredential(w http.ResponseWriter, r *http.Request, status int, err error) {
	setNoCache(w.Header())
	var refused *sparekey.AuthError
	var p *apiError
	switch {
	case errors.As(err, &refused):
		p = credentialProblem(refused, h.config.WordPressErrors)
		tellReason(w.Header(), p.code)
	case errors.Is(err, basicauth.ErrCrossOrigin):
		p = &apiError{code: codeCrossOrigin, message: basicauth.Message(err)}
	case errors.Is(err, sparekey.ErrForbidden):
		p = &apiError{code: codeRefusedByPolicy}
	default:
		h.logBroken(r, err)
		p = &apiError{code: codeUnavailable}
	}
	p.status = status
	writePlain(w, r, p)
}
