package rest

import (
	"cmp"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/scope"
)

// call is one request, with the state of its processing.
type call struct {
	h    *Handler
	w    http.ResponseWriter
	r    *http.Request
	body io.Reader // bounded; nil until readBody

	method string // which counts: the request's or that of an override
	path   string // below the API's root, without a slash at its end
	query  params
	form   params
	json   params

	otherJSON bool // the body is JSON that is not empty and holds no parameters

	caller         caller
	unavailableErr error // why a credential was not checked

	route    *route
	endpoint *endpoint
	vars     map[string]string // from the path
	args     map[string]any    // accepted, by name

	manageChecked bool  // manageErr is known
	manageErr     error // see mayManage

	subjectChecked bool // found and notFound are known
	found          sparekey.User
	notFound       error // see subject

	editErrs map[string]error // by the ID of the user; see mayEdit

	listChecked bool  // listErr is known
	listErr     error // see mustListUsers
}

// readQuery reads the request line.
func (c *call) readQuery() error {
	c.method = c.r.Method
	query, err := parseForm(c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	c.query = query
	if given := c.jsonp(); given != nil && !isCallback(given) {
		return &apiError{code: codeInvalidCallback, noEnvelope: true}
	}
	c.method = c.effectiveMethod()
	c.path, err = c.h.below(c.r, c.query)
	return err
}

// overridable are the methods that an override may name.
func overridable() []string {
	return []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}
}

// effectiveMethod is the method that a request asks for in its query, which comes
// first, or in a header. A safe method stays safe: a link, an image or a crawler must
// not be able to change anything. It is "" for a method that does not exist.
func (c *call) effectiveMethod() string {
	asked, ok := c.query["_method"]
	if header := c.r.Header[overrideHeader]; !ok && len(header) > 0 {
		asked, ok = header[0], true
	}
	if !ok {
		return c.r.Method
	}
	text, _ := asked.(string)
	method := strings.ToUpper(text)
	switch {
	case !slices.Contains(overridable(), method):
		return ""
	case scope.IsSafe(c.r.Method) && !scope.IsSafe(method):
		return c.r.Method
	}
	return method
}

// overrideHeader names another method than the request's.
const overrideHeader = "X-Http-Method-Override"

// below is the path that a request asks for, below the root of the API. It
// stays encoded, so that an encoded path means nothing else to a proxy in front
// than it does here. A query parameter rest_route comes first; it is for sites
// that cannot have such paths, and must be a string. The path is "" for one that no
// route can have.
func (h *Handler) below(r *http.Request, query params) (string, error) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), h.basePath)
	ok = ok && !h.byQuery
	if inQuery, given := query["rest_route"]; given {
		if path, ok = inQuery.(string); !ok {
			return "", invalidParams([]argError{{param: "rest_route", code: argErrType, message: "Must be a string."}})
		}
	}
	if !ok || path != "" && path[0] != '/' || !isASCII(path) {
		return "", nil
	}
	return cmp.Or(strings.TrimRight(path, "/"), "/"), nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c > '~' })
}

// callbackName is what may stand before the parenthesis of a JSONP answer.
var callbackName = regexp.MustCompile(`^[\w.]{1,128}$`)

func isCallback(v any) bool {
	name, ok := v.(string)
	return ok && callbackName.MatchString(name)
}

// jsonp is the name of the callback of a JSONP request, or nil.
func (c *call) jsonp() any {
	given := c.query["_jsonp"]
	if given == "" {
		return nil
	}
	return given
}

// lookup finds a parameter: JSON before form before query. Parts of the path are not
// parameters here, so nothing can replace them. hidden says that the body has null for a
// parameter that has a value in the query.
func (c *call) lookup(name string) (value any, found, hidden bool) {
	null := false
	for _, source := range []params{c.json, c.form, c.query} {
		v, ok := source[name]
		switch {
		case ok && v != nil:
			return v, true, null
		case ok:
			null = true
		}
	}
	return nil, null, false
}

// has reports whether a parameter is present, with any value.
func (c *call) has(name string) bool {
	_, found, _ := c.lookup(name)
	return found
}

// text is an accepted parameter that is a string, or "".
func (c *call) text(name string) string {
	s, _ := c.args[name].(string)
	return s
}

func (c *call) context() string { return c.text("context") }

// userID is the directory's ID of the user in the path, or "" for an unknown user. me is the
// caller.
func (c *call) userID() string {
	id := c.vars["user_id"]
	if id == "" {
		id = c.vars["id"]
	}
	switch {
	case id == "" || id == "me":
		return c.caller.user.ID
	case c.h.config.OpaqueUserIDs:
		return id
	}
	id = strings.TrimLeft(id, "0")
	if !isUserNumber(id) {
		return ""
	}
	return id
}

// isMe reports whether the path means the caller without an ID.
func (c *call) isMe() bool {
	return c.vars["id"] == "" && (c.vars["user_id"] == "" || c.vars["user_id"] == "me")
}

func (c *call) manager() sparekey.Manager {
	if c.caller.identity != nil {
		return c.h.svc.AsCaller(*c.caller.identity)
	}
	return c.h.svc.As(c.caller.user)
}
