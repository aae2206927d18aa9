package rest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// route is a path pattern with its operations.
type route struct {
	pattern   string // as the index shows it
	schema    func(*Handler) object
	endpoints []endpoint

	// passwords marks a route that is about application passwords, and so can
	// say itself that they are not available.
	passwords bool

	// unlisted marks a route that WordPress does not have, so that the index, which
	// clients know from there, does not show it.
	unlisted bool

	regexp *regexp.Regexp
}

// endpoint is an operation of a route.
type endpoint struct {
	methods []string
	args    []arg

	// authorize refuses callers without permission. It is asked for the header Allow as well, of
	// every endpoint of the route, so it changes nothing and looks nothing up twice.
	authorize func(*call) error
	handle    func(*call) (*response, error)

	// deniedCode is the code for a caller without the right.
	deniedCode code
}

const namespace = "wp/v2"

// How users stand in a path.
const (
	userNumber = `[\d]+`
	userOpaque = `[\w.~-]+`
)

// routes is the one table of routes. Dispatch, the index, OPTIONS and the header
// Allow read it; the first route that fits and has the method is taken. password
// is the route of a single application password.
func routes(opaqueUserIDs bool) (table []*route, password *route) {
	id := userNumber
	if opaqueUserIDs {
		id = userOpaque
	}
	const users = "/" + namespace + "/users"
	passwords := users + `/(?P<user_id>(?:` + id + `|me))/application-passwords`
	get, post, update, remove := []string{"GET"}, []string{"POST"}, []string{"POST", "PUT", "PATCH"}, []string{"DELETE"}
	context, manage := []arg{contextArg()}, (*call).mayManage

	password = &route{pattern: passwords + `/(?P<uuid>[\w\-]+)`, schema: passwordSchema, passwords: true, endpoints: []endpoint{
		{get, context, manage, (*call).readPassword, codeCannotRead},
		{update, updateArgs(), manage, (*call).updatePassword, codeCannotEdit},
		{remove, nil, manage, (*call).deletePassword, codeCannotDelete},
	}}
	table = []*route{
		{pattern: "/", endpoints: []endpoint{
			{get, []arg{anyArg("context", contextView)}, allowAll, (*call).index, ""},
		}},
		{pattern: "/" + namespace, endpoints: []endpoint{
			{get, []arg{anyArg("namespace", namespace), anyArg("context", contextView)}, allowAll, (*call).namespaceIndex, ""},
		}},
		{pattern: users, schema: userSchema, endpoints: []endpoint{
			{get, listUsersArgs(), (*call).mayListUsers, (*call).listUsers, codeCannotViewUser},
			{post, nil, (*call).mayCreateUsers, (*call).refuseUserChange, codeCannotCreateUser},
		}},
		{pattern: users + "/me", schema: userSchema, endpoints: []endpoint{
			{get, context, allowAll, (*call).readUser, codeCannotViewUser},
			{update, nil, (*call).mayEditUser, (*call).changeUser, codeCannotEditUser},
			{remove, nil, (*call).mayDeleteUser, (*call).refuseUserChange, codeCannotDeleteUser},
		}},
		{pattern: users + `/(?P<id>` + id + `)`, schema: userSchema, endpoints: []endpoint{
			{get, context, (*call).mayReadUser, (*call).readUser, codeCannotViewUser},
			{update, nil, (*call).mayEditUser, (*call).changeUser, codeCannotEditUser},
			{remove, nil, (*call).mayDeleteUser, (*call).refuseUserChange, codeCannotDeleteUser},
		}},
		{pattern: passwords, schema: passwordSchema, passwords: true, endpoints: []endpoint{
			{get, context, manage, (*call).listPasswords, codeCannotList},
			{post, createArgs(), manage, (*call).createPassword, codeCannotCreate},
			{remove, nil, manage, (*call).deletePasswords, codeCannotDeleteAll},
		}},
		{pattern: passwords + `/introspect`, schema: passwordSchema, passwords: true, endpoints: []endpoint{
			{get, context, (*call).mayIntrospect, (*call).introspect, codeCannotIntrospect},
		}},
		password,
		{pattern: passwords + `/(?P<uuid>[\w\-]+)/rotate`, schema: passwordSchema, passwords: true, unlisted: true, endpoints: []endpoint{
			{post, rotateArgs(), manage, (*call).rotatePassword, codeCannotEdit},
		}},
	}
	for _, rt := range table {
		rt.regexp = regexp.MustCompile(`(?i)^` + rt.pattern + `$`)
	}
	return table, password
}

// namespace is the part of the API that the route belongs to, or "".
func (rt *route) namespace() string {
	if strings.HasPrefix(rt.pattern, "/"+namespace) {
		return namespace
	}
	return ""
}

func allowAll(*call) error { return nil }

// match returns what the variables of the route's pattern stand for in a path.
func (rt *route) match(path string) (vars map[string]string, ok bool) {
	found := rt.regexp.FindStringSubmatch(path)
	if found == nil {
		return nil, false
	}
	vars = map[string]string{}
	for i, name := range rt.regexp.SubexpNames() {
		if name != "" {
			vars[name] = found[i]
		}
	}
	return vars, true
}

// endpoint returns what a method does at the route. HEAD does what GET does.
func (rt *route) endpoint(method string) *endpoint {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for i := range rt.endpoints {
		if slices.Contains(rt.endpoints[i].methods, method) {
			return &rt.endpoints[i]
		}
	}
	return nil
}

// methods lists the methods of all endpoints, each once.
func (rt *route) methods() []string {
	var all []string
	for _, e := range rt.endpoints {
		for _, m := range e.methods {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

func (c *call) findRoute() error {
	for _, rt := range c.h.routes {
		if !c.tryRoute(rt) {
			continue
		}
		if c.endpoint = rt.endpoint(c.method); c.endpoint != nil {
			return c.refuseUnavailable()
		}
	}
	c.route = nil
	if err := c.refuseUnavailable(); err != nil {
		return err
	}
	return refuse(codeNoRoute)
}

// tryRoute selects a route if its pattern matches the path.
func (c *call) tryRoute(rt *route) bool {
	vars, ok := rt.match(c.path)
	if ok {
		c.route, c.vars = rt, vars
	}
	return ok
}

// allowedMethods lists the methods of the call's route that the caller may use. A permission that
// cannot be determined counts as denied.
func (c *call) allowedMethods() []string {
	var allowed []string
	for _, e := range c.route.endpoints {
		if e.authorize(c) != nil {
			continue
		}
		for _, m := range e.methods {
			if !slices.Contains(allowed, m) {
				allowed = append(allowed, m)
			}
		}
	}
	return allowed
}

// describe answers OPTIONS.
func (c *call) describe() (*response, error) {
	for _, rt := range c.h.routes {
		if c.tryRoute(rt) {
			return &response{body: rt.describe(c.h, true)}, nil
		}
	}
	return &response{body: object{}}, nil
}

// describe documents a route for clients.
func (rt *route) describe(h *Handler, withSchema bool) object {
	endpoints := []any{}
	for _, e := range rt.endpoints {
		endpoints = append(endpoints, object{{"methods", e.methods}, {"args", describeArgs(e.args)}})
	}
	about := object{
		{"namespace", rt.namespace()},
		{"methods", rt.methods()},
		{"endpoints", endpoints},
	}
	if withSchema && rt.schema != nil {
		about = append(about, member{"schema", rt.schema(h)})
	}
	if !strings.Contains(rt.pattern, "(") {
		about = append(about, member{"_links", object{{"self", link(h.base + rt.pattern)}}})
	}
	return about
}

func link(href string) []any { return []any{object{{"href", href}}} }
