package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/scope"
)

// These refuse a request for a page, in addition to the domain's errors.
var (
	errNoPage    = errors.New("no such page")
	errMethod    = errors.New("no such method on this page")
	errBadForm   = errors.New("the form cannot be read")
	errTooLarge  = errors.New("the form is too large")
	errCrossSite = errors.New("sent by another site's page")
	errSignedOut = errors.New("not signed in")
	errInsecure  = errors.New("the connection can be listened in on")
	errBasic     = errors.New("the request carries a Basic credential")
	errPanic     = errors.New("panic")
)

// outcomes maps errors to pages; the first that matches counts. An error that matches none
// means that there was no answer.
var outcomes = []struct {
	err    error
	status int
	key    string // of the catalogue: error.<key>.title and error.<key>.text
}{
	{errNoPage, http.StatusNotFound, "no_page"},
	{errMethod, http.StatusMethodNotAllowed, "no_page"},
	{errBadForm, http.StatusBadRequest, "bad_form"},
	{errTooLarge, http.StatusRequestEntityTooLarge, "bad_form"},
	{errCrossSite, http.StatusForbidden, "cross_site"},
	{errOtherFormOwner, http.StatusConflict, "shown_to_other"},
	{errSignedOut, http.StatusForbidden, "signed_out"},
	{errInsecure, http.StatusNotImplemented, "insecure"},
	{errBasic, http.StatusNotImplemented, "basic"},
	{errPanic, http.StatusInternalServerError, "broken"},
	{sparekey.ErrNotCreator, http.StatusForbidden, "not_creator"},
	{sparekey.ErrForbidden, http.StatusForbidden, "forbidden"},
	{sparekey.ErrUserNotFound, http.StatusNotFound, "no_user"},
	{sparekey.ErrNotFound, http.StatusNotFound, "not_found"},
	{sparekey.ErrConflict, http.StatusConflict, "conflict"},
	{sparekey.ErrUserExists, http.StatusConflict, "conflict"},
	{sparekey.ErrDuplicateName, http.StatusConflict, "conflict"},
	{sparekey.ErrTooMany, http.StatusConflict, "too_many"},
	{sparekey.ErrInactive, http.StatusConflict, "spent"},
	{sparekey.ErrUnavailable, http.StatusNotImplemented, "unavailable"},
	{sparekey.ErrUnavailableForUser, http.StatusNotImplemented, "unavailable_for_user"},
	{sparekey.ErrUnauthenticated, http.StatusForbidden, "forbidden"},
	{sparekey.ErrInvalid, http.StatusBadRequest, "invalid"},
}

func outcome(err error) (status int, key string) {
	for _, o := range outcomes {
		if errors.Is(err, o.err) {
			return o.status, o.key
		}
	}
	return http.StatusServiceUnavailable, "broken"
}

// errorPage explains an error, and links to a page where the user can continue.
type errorPage struct {
	view
	Text   string
	Detail string   // for the application's developers, in English
	Back   callback // the application's callback for this case
	Again  string   // address of the page, to show it to the user who is signed in now
}

// retryBroken is when to ask again for a page that could not be made.
const retryBroken = 5 * time.Second

func (c *call) failure(err error) *answer {
	status, key := outcome(err)
	if status == http.StatusServiceUnavailable {
		c.logBroken(err)
		c.retryAfter(retryBroken)
	}
	p := &errorPage{Text: c.lang.T("error."+key+".text", "user", nameOf(c.signed))}
	var invalid *sparekey.InvalidError
	if errors.As(err, &invalid) {
		p.Detail = invalid.Error()
	}
	var unavailable *unavailableError
	if errors.As(err, &unavailable) {
		p.Back = unavailable.back
	}
	if errors.Is(err, errOtherFormOwner) && localPath(c.here) {
		p.Again = c.here
	}
	a := show("error", c.lang.T("error."+key+".title"), p)
	a.status = status
	return a
}

// formProblem returns the message to show next to a form for input that it cannot use, or ""
// for errors about anything else.
func (c *call) formProblem(err error) string {
	var texts []string
	for _, field := range wrongFields(err) {
		if text := c.problem(field, err); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " ")
}

// problems are the same messages, by field.
func (c *call) problems(err error) map[string]string {
	all := map[string]string{}
	for _, field := range wrongFields(err) {
		if text := c.problem(field, err); text != "" {
			all[field] = text
		}
	}
	return all
}

func (c *call) problem(field string, err error) string {
	switch field {
	case "name":
		if errors.Is(err, sparekey.ErrDuplicateName) {
			return c.lang.T("problem.name_taken")
		}
		return c.lang.T("problem.name_empty")
	case "expires":
		if c.latest.IsZero() {
			return c.lang.T("problem.expires")
		}
		return c.lang.T("problem.expires_latest", "time", unbroken(c.latest))
	case "scopes":
		return c.scopesProblem()
	case "networks":
		return c.lang.T("problem.networks")
	case "max_uses":
		return c.lang.T("problem.max_uses")
	}
	return ""
}

func (c *call) scopesProblem() string {
	typed := c.typedRules()
	list, err := scope.Parse(typed)
	unconfirmed := c.unconfirmedMethods(list)
	switch {
	case len(c.tickedRules()) > 0 && c.field("limit_preset") != presetChosen && c.presetContradicts():
		return c.lang.T("problem.scopes_both")
	case len(c.tickedRules()) == 0 && c.field("limit_preset") != presetRead:
		return c.lang.T("problem.scopes_none")
	case err == nil && len(unconfirmed) > 0:
		return c.lang.T("problem.method", "methods", strings.Join(unconfirmed, ", "))
	}
	return c.lang.T("problem.scopes")
}
