package upstream

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/rawpath"
	"github.com/sparekey-dev/sparekey/scope"
)

// WordPressConfig says what is known of a WordPress.
type WordPressConfig struct {
	// Routes returns the routes of the site, as [Index.Routes] does. It must not wait
	// long. Default: those of WordPress 7.1, so that a parameter of another route
	// counts as one that may name another object.
	Routes func() *Routes

	// Site returns the site as clients see it, as [Sites.MainSite] does. A path below the root of
	// its API counts as the same route below "/wp-json", so that rules need not name the
	// folder. Default: it is not known, and rules must cover both.
	Site func() (Site, error)

	// AddressFirst says that the site believes the path before the query and the body,
	// as contrib/wordpress/sparekey-identity.php has it do. Default: it does not.
	AddressFirst bool

	// XMLRPC allows XML-RPC where the front-end sees the body: login and secret are in
	// it, and WordPress checks them, without the limits of a credential. So each must be
	// right, and have no limits. Default: XML-RPC is blocked.
	XMLRPC bool
}

// WordPress is the profile of a WordPress, single site or network, in any folder.
func WordPress(config WordPressConfig) Profile {
	if config.Routes == nil {
		config.Routes = coreOnly
	}
	return &wordPress{config}
}

type wordPress struct{ config WordPressConfig }

// Blocked is part of Profile.
func (w *wordPress) Blocked(r *Request) string {
	switch {
	case !IsForXMLRPC(r.Target):
		return ""
	case !w.config.XMLRPC:
		return xmlrpcOff
	case r.Body == nil && isXMLRPC(r):
		return xmlrpcUnseen
	}
	return ""
}

// Read is part of Profile.
func (w *wordPress) Read(r *Request, scoped bool, readings *sparekey.Readings) {
	c, query := r.begin()
	c.readHeaders(r)
	if mayMatter(query) {
		c.readParameters(query, "query")
	}
	c.manages = c.manages || !c.isSafe() // WordPress takes many a path for a route
	c.readWordPressForm(r)
	wasClear := c.unclear == ""
	c.moveToUsual(w.config.Site)
	c.dropFrontPage()
	c.addDoors(r, w.config.Routes().prefix)
	if scoped {
		c.readBodyOfDAV(r) // of a plugin for calendars, say
	}
	if scoped && !w.config.AddressFirst {
		c.readObjects(r, query, w.config.Routes, true)
	}
	c.manages = c.manages && !wasClear // another object of the same kind manages nothing
	c.put(r, readings, managed)
	if isXMLRPC(r) {
		readings.Boundless = boundless
	}
}

// moveToUsual has the paths of the API of a site count as those below "/wp-json", and that of
// its front page, where a parameter names a route, as "/".
func (c *collector) moveToUsual(siteOf func() (Site, error)) {
	if siteOf == nil || !slices.ContainsFunc(c.paths, func(path string) bool { return c.routes > 0 || !strings.HasPrefix(path, api+"/") }) {
		return
	}
	site, err := siteOf()
	if err != nil {
		return
	}
	for i, path := range c.paths {
		c.paths[i] = site.usual(path, c.routes > 0)
	}
}

// usual is the path, decoded, by which rules know a path of the API of the site, or of its
// front page; other paths stay as they are.
func (s Site) usual(path string, isFront bool) string {
	rest, ok := strings.CutPrefix(path, decoded(s.Home))
	if !ok {
		return path
	}
	if isFront && (rest == "" || rest == "/" || rest == "/index.php") {
		return "/"
	}
	prefix := decoded(s.prefix())
	if prefix == "" {
		return path
	}
	for _, root := range []string{"/" + prefix, "/index.php/" + prefix} {
		if route, ok := strings.CutPrefix(rest, root); ok && (route == "" || route[0] == '/') {
			return api + route
		}
	}
	return path
}

// addDoors adds the routes to which other paths lead. prefix is another one than
// "wp-json" by which the site has its API, or empty.
func (c *collector) addDoors(r *Request, prefix string) {
	for _, path := range c.paths {
		route, ok := routeOf(path)
		if !ok && prefix != "" {
			route, ok = routeBehind(path, prefix)
		}
		if !ok {
			continue
		}
		if !strings.HasPrefix(path, api+"/") && path != api {
			c.addOnePath(api + route)
		}
		if plain := strings.TrimRight(route, "/"); plain != "" && plain != route { // of the list, say, in place of an empty one
			c.addOnePath(api + plain)
		}
		if strings.IndexByte(path, '+') >= 0 && strings.IndexByte(r.Target, '%') >= 0 { // WordPress takes it for a blank, or does not
			c.cannotTell(sparekey.UnclearPath(path))
		}
	}
}

// routeOf returns the route of WordPress's API that a path may lead to: in any folder,
// behind index.php, in letters of any case. There may be no slash before it: of a path
// below the folder of the site, WordPress takes away the folder's name alone, so that
// /blogwp-json leads to the API of the site in /blog.
func routeOf(path string) (route string, ok bool) {
	for end := indexFold(path, api[1:], 0); end >= 0; end = indexFold(path, api[1:], end) {
		if rest := path[end:]; rest == "" || rest[0] == '/' {
			return rest, true
		}
	}
	return "", false
}

// routeBehind is routeOf for a site that has its API by another prefix.
func routeBehind(path, prefix string) (route string, ok bool) {
	for end := len(prefix); end <= len(path); end++ {
		if rest := path[end:]; (rest == "" || rest[0] == '/') && strings.EqualFold(path[end-len(prefix):end], prefix) {
			return rest, true
		}
	}
	return "", false
}

// managed returns the name that a rule must have in its path to cover what manages
// users, credentials or code, or "".
func managed(method, path string) string {
	route, ok := routeOf(path)
	if !ok || scope.IsSafe(method) {
		return ""
	}
	switch folded := strings.ToLower(route) + "/"; {
	case strings.Contains(folded, scope.NamePasswords):
		return scope.NamePasswords
	case strings.Contains(folded, scope.NameBatch+"/"):
		return scope.NameBatch
	default:
		for _, name := range [...]string{scope.NameUsers, scope.NamePlugins, scope.NameThemes, scope.NameSettings} {
			if strings.Contains(folded, name+"/") {
				return name
			}
		}
	}
	return ""
}

// formMayRoute says why a form that is not seen, or not understood, is refused.
const formMayRoute = "a form may name another route of WordPress than the path does; send JSON or a raw body"

// readWordPressForm adds the route that WordPress finds in a form on any page.
func (c *collector) readWordPressForm(r *Request) {
	types := c.types
	if r.Method != http.MethodPost || !slices.ContainsFunc(types, mayBeForm) {
		return
	}
	switch {
	case r.Body == nil:
		c.cannotTell(formMayRoute)
	case len(types) > 1 || !isPlainForm(types[0]) && !isMultipart(types[0]):
		c.cannotTell("programs read a body of the type " + quote(strings.Join(types, ", ")) + " in different ways; send JSON")
	case isMultipart(types[0]):
		if why := r.Body.forbid(fieldNames{route: true, method: true}); why != "" {
			c.cannotTell(why)
		}
	default:
		body, why := r.Body.peek()
		if why != "" {
			c.cannotTell(why)
			return
		}
		c.readParameters(string(body), "form")
	}
}

// coreOnly returns the routes of WordPress 7.1.
var coreOnly = sync.OnceValue(func() *Routes { return NewRoutes(nil) })

// readObjects adds the objects that the query and the body name in place of the one in
// the path. isTold says that the application is known to be a WordPress. A route that is
// not among its routes may then have any parameters.
func (c *collector) readObjects(r *Request, query string, routes func() *Routes, isTold bool) {
	isJSON, isForm := c.fieldTypes()
	if query == "" && !isJSON && !isForm {
		return
	}
	for _, path := range c.paths { // those that are found on the way do not count
		route, ok := routeOf(path)
		if !ok {
			continue
		}
		variables, known := routes().match(route)
		if !isTold { // a guess is all that there is
			known = known || len(variables) > 0
			if !known {
				continue
			}
		}
		o := objects{c: c, path: path, route: route, variables: variables, known: known}
		o.readQuery(query)
		if len(variables) > 0 || !known {
			o.readBody(r)
		}
	}
}

// objects are those that one path of the API may be about.
type objects struct {
	c           *collector
	path, route string
	variables   []variable
	known       bool // the site lists the route
}

// readQuery adds the objects that a query names.
func (o *objects) readQuery(query string) {
	for p := range parameters(query) {
		if o.c.unclear != "" {
			return
		}
		o.readParameter(p, "query")
	}
}

// readParameter adds the object that a parameter names.
func (o *objects) readParameter(p parameter, where string) {
	if p.namesRoute() || p.namesMethod() {
		return
	}
	base, _, _ := strings.Cut(rawpath.Unescape(p.raw), "\x00")
	base, _, isList := strings.Cut(base, "[")
	if !o.known {
		if !strings.HasPrefix(base, "_") || !p.plain {
			o.c.cannotTell("the site's index does not list the route " + quote(o.route) + ", so the parameter " + quote(p.raw) + " of the " + where + " may name another object")
		}
		return
	}
	for _, v := range o.variables {
		if !p.names(base, v.name) {
			continue
		}
		value, ok := p.text()
		if !ok || !p.plain || isList || p.raw != v.name {
			o.cannotTell(p.raw, where)
			return
		}
		o.add(v, value, where)
	}
}

// names reports whether PHP and others may take a parameter for the one of this name.
func (p parameter) names(base, name string) bool {
	if p.plain {
		return strings.EqualFold(p.name, name)
	}
	return strings.Trim(foldName(base), "_") == strings.Trim(foldName(name), "_")
}

func (o *objects) cannotTell(name, where string) {
	o.c.cannotTell("the parameter " + quote(name) + " of the " + where + " names another object than the path does, and WordPress believes it; leave it out")
}

// add adds the path with another value of one of its parameters.
func (o *objects) add(v variable, value, where string) {
	switch {
	case v.end >= 0 && value == o.route[v.start:v.end]:
		return
	case v.end < 0, !isPlainValue(value, o.route[v.start:v.end]):
		o.cannotTell(v.name, where)
		return
	}
	path := o.root() + o.route[:v.start] + value + o.route[v.end:]
	if rawpath.IsAmbiguous(path) || len(o.c.others) >= maxMeanings {
		o.cannotTell(v.name, where)
		return
	}
	for _, method := range o.c.methods {
		o.c.others = append(o.c.others, sparekey.Reading{Method: method, Path: path})
	}
}

// root is what stands before the route in the path.
func (o *objects) root() string { return strings.TrimSuffix(o.path, o.route) }

// isPlainValue reports whether WordPress takes a value for what it says: a number for a
// number, a name for a name.
func isPlainValue(value, inPath string) bool {
	if value == "" || strings.Trim(inPath, "0123456789") == "" && (strings.Trim(value, "0123456789") != "" || value[0] == '0') {
		return false
	}
	for i := range len(value) {
		if c := value[i]; Fold(c) == '-' && strings.IndexByte("-_./", c) < 0 {
			return false
		}
	}
	return true
}

// fieldTypes reports whether WordPress's API may take the body for JSON, or for a form,
// by any of the methods. In a body without a type, PHP does not look for a form if the
// method is POST, and WordPress does if it is another one.
func (c *collector) fieldTypes() (isJSON, isForm bool) {
	isForm = len(c.types) == 0 && slices.ContainsFunc(c.methods, func(m string) bool { return m != http.MethodPost })
	changes := !c.isSafe() // WordPress does not look for a form in a request that changes nothing
	for _, t := range c.types {
		isJSON = isJSON || mayBeJSON(t)
		isForm = isForm || changes && (!isNoForm(t) || mayBeForm(t))
	}
	return isJSON, isForm && changes
}

// readBody adds the objects that a body names. WordPress reads JSON in a request of any
// method, and a form in one that may have a body.
func (o *objects) readBody(r *Request) {
	types := o.c.types
	isJSON, isForm := o.c.fieldTypes()
	if !isJSON && !isForm {
		return
	}
	switch {
	case r.Body == nil:
		o.anyObject()
	case len(types) > 1:
		o.c.cannotTell("it has several types of body; send one")
	case isForm && len(types) == 1 && isMultipart(types[0]):
		o.forbid(r.Body)
	default:
		o.readFields(r.Body, isJSON, isForm)
	}
}

// readFields reads a body ahead, and adds the objects that it names. A body of some types
// may be JSON or a form, and one text can be both.
func (o *objects) readFields(b *Body, isJSON, isForm bool) {
	body, why := b.peek()
	switch {
	case why == tooLong && isJSON && !isForm:
		o.forbidMembers(b)
		return
	case why != "":
		o.c.cannotTell(why)
		return
	}
	if isJSON {
		o.readJSON(body)
	}
	if isForm {
		for p := range parameters(string(body)) {
			o.readParameter(p, "form")
		}
	}
}

// anyObject is for a body that is not seen: it may name any other object for each one in
// the path.
func (o *objects) anyObject() {
	if !o.known {
		o.c.cannotTell("the site's index does not list the route " + quote(o.route) + ", so a body may name another object")
		return
	}
	o.c.advise(hintObject)
	for _, v := range o.variables {
		path := o.root() + o.route[:v.start] + "*"
		if v.end >= 0 && !v.mayHave {
			path += o.route[v.end:]
		}
		for _, method := range o.c.methods {
			o.c.others = append(o.c.others, sparekey.Reading{Method: method, Path: path})
		}
	}
}

// forbid has a multipart form end where it names an object.
func (o *objects) forbid(b *Body) {
	if !o.known {
		o.c.cannotTell("the site's index does not list the route " + quote(o.route) + ", so a form may name another object")
		return
	}
	names := fieldNames{route: true, method: true}
	for _, v := range o.variables {
		names.objects = append(names.objects, v.name)
	}
	if why := b.forbid(names); why != "" {
		o.c.cannotTell(why)
	}
}

// IsForAPI reports whether a request-target asks WordPress's REST API for something, in
// whatever spelling.
func IsForAPI(target string) bool {
	path, query := rawpath.Split(target)
	if _, ok := routeOf(rawpath.Unescape(path)); ok {
		return true
	}
	for p := range parameters(query) {
		if p.namesRoute() {
			return true
		}
	}
	return false
}

// IsForPasswords reports whether WordPress may take a request-target for one of its
// routes of application passwords, in whatever spelling: it takes routes in any case,
// decodes some twice, and finds them in the query of any page.
// prefix returns by which other prefix than "wp-json" the site has its API; it is asked
// only where that matters. It returns "" where there is none.
func IsForPasswords(target string, prefix func() string) bool {
	const routes = "/" + scope.NamePasswords
	path, query := rawpath.Split(target)
	path, query = strings.ToLower(rawpath.Unescape(path)), strings.ToLower(rawpath.Unescape(query))
	switch {
	case strings.Contains(query, "route") && strings.Contains(query, routes):
		return true
	case !strings.Contains(path, routes):
		return false
	case strings.Contains(path, api[1:]):
		return true
	}
	other := strings.ToLower(prefix())
	return other != "" && strings.Contains(path, other)
}

// HasWordPressSession reports whether a request is one of a person who is signed in to
// WordPress by its cookie, and carries no other credential. Whether the cookie is valid
// is for WordPress to say.
func HasWordPressSession(r *http.Request) bool {
	return len(r.Header["Authorization"]) == 0 && slices.ContainsFunc(r.Cookies(), isSessionCookie)
}
