package upstream

import (
	"net/http"
	"slices"
)

// unseenForms are the bodies that an application takes for forms, beside those whose types
// say so. Where a body is seen, every application counts as one that does so.
type unseenForms struct{ json, typeless bool }

// PHP is the profile of an application in PHP that takes the members of JSON for fields of a
// form, as Laravel and Slim do. Where a front-end does not see the body of a POST, JSON in it
// may name any method. Everything else is as with [Generic].
func PHP() Profile { return generic{obeys: unseenForms{json: true}} }

// Rails is the profile of an application that takes a body without a type for a form, as
// those on Rack do. Where a front-end does not see the body of a POST, one without a type may
// name any method. Everything else is as with [Generic].
func Rails() Profile { return generic{obeys: unseenForms{typeless: true}} }

// Hints about bodies that are forms for some applications only; see [sparekey.Readings.Hint].
const (
	hintJSON     = "The application finds a method in JSON, and Sparekey does not see the body here. It takes a rule for each of these methods, or serve --upstream, which sees bodies."
	hintTypeless = "The application takes a body without a type for a form, which may name any of these methods, and Sparekey does not see it here: send it with a Content-Type."
)

// readUnseenForm adds the methods that a body which is not seen may name, where the
// application takes it for a form.
func (c *collector) readUnseenForm(r *Request, obeys unseenForms) {
	if r.Body != nil || r.Method != http.MethodPost {
		return
	}
	switch {
	case obeys.json && slices.ContainsFunc(c.types, isJSONOfForm):
		c.anyMethod()
		c.advise(hintJSON)
	case obeys.typeless && isTypeless(c.types):
		c.anyMethod()
		c.advise(hintTypeless)
	}
}
