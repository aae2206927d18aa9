package web

import (
	"errors"
	"net/http"
	"net/url"
)

// fieldShownTo is the field for the form owner, the user who saw the page: see the
// template "shown-to".
const fieldShownTo = "shown_to"

var errShownToOther = errors.New("the form was shown to another user")

// shownTo is a user's ID in that field: any ID as letters that browsers send back
// as they are, so that no two IDs become the same.
func shownTo(userID string) string { return url.QueryEscape(userID) }

// checkShownTo refuses a form that was shown to another user than the one who is signed in
// now. The browser signed in with another account meanwhile, in another tab, and the page is
// not about that account. A form without the field comes from none of our pages, and is not
// refused for that.
func (c *call) checkShownTo() error {
	if c.r.Method == http.MethodPost && c.fields().Has(fieldShownTo) && c.field(fieldShownTo) != shownTo(c.signed.ID) {
		return errShownToOther
	}
	return nil
}
