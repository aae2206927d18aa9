package web

import (
	"errors"
	"net/http"
	"net/url"
)

// fieldFormOwner is the field with the form owner, the user who saw the page: see the template
// "form-owner".
const fieldFormOwner = "shown_to"

var errOtherFormOwner = errors.New("the form was shown to another user")

// formOwner encodes a user's ID so that browsers send it back unchanged, and all IDs stay
// different.
func formOwner(userID string) string { return url.QueryEscape(userID) }

// checkFormOwner refuses a form whose owner is not the user who is signed in now: the browser
// signed in with another account in another tab, which the page is not about. It allows a form
// without the field, which does not come from our pages.
func (c *call) checkFormOwner() error {
	if c.r.Method == http.MethodPost && c.fields().Has(fieldFormOwner) && c.field(fieldFormOwner) != formOwner(c.signed.ID) {
		return errOtherFormOwner
	}
	return nil
}
