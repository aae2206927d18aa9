package rest

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
)

// formatParameters select nothing, and neither do those that begin with "_". Clients send force with
// every DELETE.
var formatParameters = []string{"context", "force", "rest_route"}

const revokeHint = "This request names something, so it does not mean all application passwords of the user, and none was revoked. " +
	"Revoke one by DELETE …/application-passwords/<uuid>, those of an app by ?app_id=<UUID>, and all without other parameters and without a body."

// deletePasswords revokes all application passwords of a user, or those of an app. A request
// that names anything else never means all of them, even if the API does not know the
// parameter: a client that leaves the UUID out of the path must not lock out all other
// applications.
func (c *call) deletePasswords() (*response, error) {
	appID, selected, err := c.selection()
	if err != nil {
		return nil, err
	}
	var revoked []sparekey.Credential
	if selected {
		revoked, err = c.manager().RevokeApp(c.r.Context(), c.userID(), appID)
	} else {
		revoked, err = c.manager().RevokeAll(c.r.Context(), c.userID())
	}
	if err != nil {
		return nil, err
	}
	return &response{body: object{{"deleted", true}, {"count", len(revoked)}}}, nil
}

// selection is the app ID that the request selects by, if it does. Anything else that
// the request names is refused.
func (c *call) selection() (appID string, selected bool, err error) {
	var errs []argError
	var apps []any
	names := map[string]bool{}
	for _, source := range []params{c.query, c.form, c.json} {
		for name, value := range source {
			switch {
			case name == "app_id":
				apps = append(apps, value)
			case !strings.HasPrefix(name, "_") && !slices.Contains(formatParameters, name):
				names[name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		errs = append(errs, argError{param: name, code: argErrNoSchema, message: "Does not select application passwords here."})
	}
	if len(apps) > 0 {
		appID, _ = apps[0].(string)
		if len(apps) > 1 || appID == "" || !sparekey.ValidAppID(appID) {
			errs = append(errs, argError{param: "app_id", code: argErrNoSchema, message: "Must be one UUID in lower case."})
		}
	}
	unread, err := c.hasOtherBody()
	if err != nil {
		return "", false, err
	}
	if len(errs) > 0 || unread {
		p := invalidParams(errs)
		p.message = revokeHint
		return "", false, p
	}
	return appID, len(apps) > 0, nil
}

// hasOtherBody reports whether the request has a body that was not read as parameters.
func (c *call) hasOtherBody() (bool, error) {
	if c.otherJSON {
		return true, nil
	}
	_, err := io.ReadFull(c.body, make([]byte, 1))
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, bodyProblem(err)
}

// isOtherJSON reports whether a body is JSON other than an object, and not empty.
func isOtherJSON(body []byte, p params) bool {
	body = bytes.TrimSpace(body)
	return p == nil && len(body) > 0 && !bytes.Equal(body, []byte("null"))
}
