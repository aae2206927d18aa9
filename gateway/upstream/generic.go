package upstream

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/rawpath"
	"github.com/sparekey-dev/sparekey/scope"
)

// Generic is the profile of an application of which nothing is known. It takes into
// account what the usual frameworks, servers and file stores do, and what WordPress does
// at the paths of its API.
func Generic() Profile { return generic{} }

// ForHandler returns how a handler of the same program may read a request: it may obey
// headers and parameters as other applications do, but no proxy or CGI stands in between,
// and what manages application passwords is Sparekey itself. The result is nil for nearly
// all requests: those that are what their method and path say. It may read the body of a
// request whose method is one of WebDAV, and replace r.Body by one that begins with that.
func ForHandler(r *http.Request, target string) sparekey.Upstream {
	path, query := rawpath.Split(target)
	namesObjects := mayNameObjects(r.Method)
	matters := mayMatter(query) || strings.Contains(path, lfsBatch) || namesObjects
	for name := range r.Header {
		_, ok := effectOnHandler(name)
		matters = matters || ok
	}
	if !matters {
		return nil
	}
	reader := &Reader{Profile: generic{isHandler: true}, Request: Request{Method: r.Method, Target: target, Host: r.Host, Header: r.Header}}
	if namesObjects {
		reader.Request.Body = NewBody(r)
	}
	return reader
}

type generic struct {
	isHandler bool
	obeys     unseenForms // what the application is known to take for a form
}

// api is the path of WordPress's REST API.
const api = "/wp-json"

// Blocked is part of Profile. Nothing is blocked.
func (generic) Blocked(*Request) string { return "" }

// IgnoresBasic is part of Profile. Nothing is known to ignore it.
func (generic) IgnoresBasic(*Request) bool { return false }

// Read is part of Profile.
func (g generic) Read(r *Request, scoped bool, readings *sparekey.Readings) {
	c, query := r.begin()
	if g.isHandler {
		c.readHeadersOfHandler(r)
	} else {
		c.readHeaders(r)
	}
	if mayMatter(query) {
		c.readParameters(query, "query")
		c.readMount(query)
		c.readService(query)
	}
	if !g.isHandler && r.Method == http.MethodPost {
		c.readForm(r, scoped)
	}
	if scoped {
		c.readUnseenForm(r, g.obeys)
		c.readTransfer(r)
		c.readBodyOfDAV(r)
	}
	switch {
	case g.isHandler:
		c.dropFrontPage()
	case scoped:
		c.readObjects(r, query, coreOnly, false)
	}
	if g.isHandler {
		c.put(r, readings, unnamed)
		return
	}
	c.put(r, readings, managedAnywhere)
}

// unnamed is for handlers that manage application passwords by Sparekey itself.
func unnamed(string, string) string { return "" }

// managedAnywhere is managed for applications of which nothing is known: they may manage
// application passwords at any path with that name.
func managedAnywhere(method, path string) string {
	if !scope.IsSafe(method) && mayManagePasswords(path) {
		return scope.NamePasswords
	}
	return managed(method, path)
}

// dropFrontPage takes out the path of the front page where a parameter names a route:
// there, WordPress has its API where a site has no pretty URLs.
func (c *collector) dropFrontPage() {
	if c.routes > 0 && len(c.paths) > c.routes && (c.paths[0] == "/" || c.paths[0] == "/index.php") {
		c.paths = c.paths[1:]
	}
}

// readForm adds the methods that applications may find in a form, with which browsers
// can send nothing but POST. Without scopes, another method on the same path matters as
// little as the request's own.
func (c *collector) readForm(r *Request, scoped bool) {
	types := c.types
	switch {
	case isTypeless(types):
		c.readTypeless(r, scoped)
		return
	case scoped && slices.ContainsFunc(types, isJSONOfForm) && !slices.ContainsFunc(types, mayBeForm):
		c.readMethodInJSON(r)
		return
	case scoped && slices.ContainsFunc(types, isParts) && !slices.ContainsFunc(types, mayBeForm):
		c.anyMethod()
		c.advise(hintType)
		return
	case !slices.ContainsFunc(types, mayBeForm):
		return
	}
	switch {
	case r.Body == nil, len(types) > 1, !isPlainForm(types[0]) && !isMultipart(types[0]):
		c.anyMethod()
		if r.Body == nil {
			c.advise(hintForm)
		}
		c.advise(hintType)
		if c.mayBeWordPress() {
			c.cannotSeeForm(formMayRoute)
		} else if r.Body != nil { // there is a simple way to send what every program reads alike
			c.cannotTell(formMayRoute)
			c.manages = true
		}
	case isMultipart(types[0]):
		if why := r.Body.forbid(fieldNames{method: scoped, route: true}); why != "" {
			c.cannotSeeForm(why)
		}
	default:
		body, why := r.Body.peek()
		if why != "" {
			c.cannotSeeForm(why)
			return
		}
		c.readParameters(string(body), "form")
	}
}

// readTypeless adds the methods that a body without a type names, if it is seen. Rack
// takes it for a form (Rack::Request#form_data?).
func (c *collector) readTypeless(r *Request, scoped bool) {
	if r.Body == nil || !scoped {
		return
	}
	body, why := r.Body.peek()
	if why != "" {
		c.anyMethod()
		return
	}
	for p := range parameters(string(body)) {
		if !p.namesMethod() {
			continue
		}
		value, ok := p.text()
		if !ok || !p.plain {
			c.anyMethod()
			return
		}
		c.addMethod(value)
	}
}

// readMethodInJSON adds the methods that a JSON object names, if it is seen. Laravel and
// Slim take its members for fields of a form.
func (c *collector) readMethodInJSON(r *Request) {
	switch {
	case r.Body == nil:
		return
	case len(c.types) == 1 && r.Body.isLong():
		if !r.Body.forbidMethodInJSON() {
			c.anyMethod()
		}
		return
	}
	body, why := r.Body.peek()
	if why != "" || len(c.types) > 1 {
		c.anyMethod()
		return
	}
	err := members(body, func(name string, value any) error {
		if !strings.EqualFold(name, "_method") {
			return nil
		}
		method, ok := value.(string)
		if !ok {
			c.anyMethod()
			return nil
		}
		c.addMethod(method)
		return nil
	})
	if err != nil { // PHP also reads some texts that are not JSON
		c.anyMethod()
	}
}

// hintObject is about a body that counts as naming any object.
const hintObject = "The body of this request can name another object than the path, and Sparekey does not see it here. It takes a rule for every object of that kind, or serve --upstream, which sees bodies."

// Hints about bodies that count as naming any method; see [sparekey.Readings.Hint].
const (
	hintForm = "The request is a form, which may name any of these methods, and Sparekey does not see it here: send JSON."
	hintType = "Some programs take a body of this type for a form, which may name any of these methods: send JSON, with one Content-Type."
)

// advise says what to do where the limits do not cover what was added. The first hint stays.
func (c *collector) advise(hint string) {
	if c.hint == "" {
		c.hint = hint
	}
}

// cannotSeeForm notes why a form cannot be looked into. Where WordPress may be, it may
// name a route that manages something.
func (c *collector) cannotSeeForm(why string) {
	c.cannotTell(why)
	c.manages = c.manages || c.mayBeWordPress()
}

// mayBeWordPress reports whether one of the paths is that of WordPress's API or of its
// front page, or may be because programs read it in different ways.
func (c *collector) mayBeWordPress() bool {
	return c.unreadable || slices.ContainsFunc(c.paths, func(path string) bool {
		_, isAPI := routeOf(path)
		return isAPI || path == "/" || strings.HasPrefix(path, "/index.php")
	})
}

// anyMethod is for a form that is not seen: it may name any of the methods that forms
// name, GET among them (Rack::MethodOverride).
func (c *collector) anyMethod() {
	for _, method := range [...]string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if !slices.Contains(c.methods, method) {
			c.addMethod(method)
		}
	}
}

// readMount adds the repository from which a registry takes a blob (OCI distribution
// specification 1.1, "mounting a blob from another repository").
func (c *collector) readMount(query string) {
	if len(c.paths) == 0 || !strings.HasSuffix(strings.TrimSuffix(c.paths[0], "/"), "/blobs/uploads") {
		return
	}
	mount, from := "", ""
	for p := range parameters(query) {
		value, ok := p.text()
		switch {
		case p.isExactly("mount") && ok && mount == "":
			mount = value
		case p.isExactly("from") && ok && from == "":
			from = value
		case strings.Contains(p.name, "mount"), strings.Contains(p.name, "from"):
			c.cannotTell("the query names a repository in a way that cannot be read; send \"mount\" and \"from\" once each")
			return
		}
	}
	root, _, _ := strings.Cut(c.paths[0], "/v2/")
	switch {
	case from != "":
		c.addObject("from", http.MethodGet, root+"/v2/"+from+"/blobs/"+mount)
	case mount != "":
		c.cannotTell("the query mounts a blob without saying from which repository")
	}
}
