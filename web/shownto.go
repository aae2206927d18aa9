package web

import (
	"errors"
	"net/http"
	"net/url"
)

// fieldShownTo is the field that says to whom a page with a form was shown: see the
// template "shown-to".
const fieldShownTo = "shown_to"

var errShownToOther = errors.New("the form was shown to another user")

// shownTo is a user's ID in that field: any ID as letters that browsers send back
// as they are, so that no two IDs become the same.
func shownTo(userID string) string { return url.QueryEscape(userID) }

// checkShownTo refuses a form that was shown to somebody else than is signed in: they
// have signed in meanwhile, in another tab, and what is on the page is not about them.
// A form without the field, which no page of ours sent, is not refused for that.
func (c *call) checkShownTo() error {
	if c.r.Method == http.MethodPost && c.fields().Has(fieldShownTo) && c.field(fieldShownTo) != shownTo(c.signed.ID) {
		return errShownToOther
	}
	return nil
}
