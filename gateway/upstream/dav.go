package upstream

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// bodyUse is what a method of WebDAV or its kin does to the objects that its body, in XML,
// names beside the one in the path.
type bodyUse struct {
	href    []string // the methods that count for what a DAV:href leads to
	segment []string // likewise for the member of the collection in the path that a DAV:segment names
}

var (
	getsHref = bodyUse{href: []string{http.MethodGet}}
	binds    = bodyUse{href: []string{http.MethodGet, http.MethodPut}, segment: []string{http.MethodPut}}
	rebinds  = bodyUse{href: []string{http.MethodGet, http.MethodPut, http.MethodDelete}, segment: []string{http.MethodPut}}
	unbinds  = bodyUse{href: []string{http.MethodDelete}, segment: []string{http.MethodDelete}}
	orders   = bodyUse{href: []string{http.MethodGet}, segment: []string{"ORDERPATCH"}}
)

// useOfBody returns what a method does to the objects in its body. ok is false for methods
// whose bodies name none: PROPFIND, PROPPATCH, LOCK and the MKCOL family are about their path,
// and an href in them, such as a lock's owner, is a value.
//
// It has the methods of RFC 3253 (versioning), RFC 3648 (order), RFC 3744 (access control),
// RFC 4437 (redirects), RFC 5323 (search) and RFC 5842 (bindings). CalDAV, CardDAV and
// Subversion have reports of their own. A binding makes an object readable and writable at
// another path, so it takes both.
func useOfBody(method string) (use bodyUse, ok bool) {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete: // as nearly always
		return bodyUse{}, false
	case "REPORT", "SEARCH", "ACL", "UPDATE", "MERGE", "LABEL", "CHECKOUT", "CHECKIN", "UNCHECKOUT", "VERSION-CONTROL",
		"BASELINE-CONTROL", "MKWORKSPACE", "MKACTIVITY", "MKREDIRECTREF", "UPDATEREDIRECTREF":
		return getsHref, true
	case "BIND":
		return binds, true
	case "REBIND":
		return rebinds, true
	case "UNBIND":
		return unbinds, true
	case "ORDERPATCH":
		return orders, true
	}
	return bodyUse{}, false
}

// readBodyOfDAV adds the objects that the body of a method of WebDAV names, and those in the
// Link headers of LINK and UNLINK.
func (c *collector) readBodyOfDAV(r *Request) {
	for _, method := range c.methods {
		if use, ok := useOfBody(method); ok {
			c.readNamed(r, method, use)
		} else if isLinking(method) {
			c.readLinks(r, method)
		}
	}
}

func isLinking(method string) bool { return method == "LINK" || method == "UNLINK" }

// mayNameObjects reports whether a request of this method may name other objects in its body
// or in its Link headers.
func mayNameObjects(method string) bool {
	_, ok := useOfBody(method)
	return ok || isLinking(method)
}

// readNamed adds the objects that a body names, or that it may name where it is not seen.
func (c *collector) readNamed(r *Request, method string, use bodyUse) {
	if r.Body == nil {
		c.anyNamed(use, "The body of a "+method+" can name other objects, and Sparekey does not see it here. It takes a rule for every path, or serve --upstream, which sees bodies.")
		return
	}
	text, why := r.Body.peek()
	switch {
	case why == tooLong:
		c.anyNamed(use, "The body of this "+method+" is longer than Sparekey reads: ask for fewer objects at once.")
		return
	case why != "":
		c.anyNamed(use, "The body of a "+method+" can name other objects. Here "+why+".")
		return
	case slices.ContainsFunc(c.types, namesOtherCharset):
		c.cannotTell("programs read XML of the type " + quote(strings.Join(c.types, ", ")) + " in different ways; send it in UTF-8")
		return
	}
	body, why := readXML(text)
	if why != "" {
		c.cannotTell("the XML in the body of this " + method + " " + why)
		return
	}
	if method == "REPORT" && !body.isKnownReport() || method == "SEARCH" && !body.isKnownSearch() || body.mayNameAny {
		c.anyNamed(use, "This "+method+" may show objects at any path. It takes a rule for GET of every path.")
	}
	for _, href := range body.hrefs {
		if c.unclear != "" {
			return // nothing can make it worse
		}
		c.addReference(r, href, use.href, method == "SEARCH")
	}
	for _, name := range body.below {
		c.addBelow(name, use.href)
	}
	for _, name := range body.inside {
		c.addInside(name, use)
	}
	for _, name := range body.segments {
		c.addMember(name, use.segment)
	}
}

// anyNamed is for a body that may name any object. hint says what to do about it.
func (c *collector) anyNamed(use bodyUse, hint string) {
	c.advise(hint)
	for _, method := range use.href {
		c.addNamed(method, "/*")
	}
	for _, method := range use.segment {
		for _, path := range c.paths {
			c.addNamed(method, strings.TrimSuffix(path, "/")+"/*")
		}
	}
}

// maxNamed bounds how many objects count that a body names. Clients of calendars ask for
// ten to a hundred at once.
const maxNamed = 1000

// addNamed adds the access to an object that a body names.
func (c *collector) addNamed(method, path string) {
	reading := sparekey.Reading{Method: method, Path: path}
	switch {
	case len(c.others) > 0 && c.others[len(c.others)-1] == reading:
	case len(c.others) >= maxNamed:
		c.cannotTell("the body names too many objects; name fewer at once")
	default:
		c.others = append(c.others, reading)
	}
}

// addReference adds the object that an href leads to (RFC 4918, section 8.3): an absolute
// path, a URI of the same host, or a path relative to the one of the request. Some programs
// take a relative path from the root instead, or from the path as if it ended with a slash.
// withBelow adds all that is below it.
func (c *collector) addReference(r *Request, href string, methods []string, withBelow bool) {
	path := href
	if rest, ok := cutScheme(href); ok {
		at := strings.IndexByte(rest, '/')
		if at < 0 || r.Host == "" || !strings.EqualFold(rest[:at], r.Host) {
			c.cannotTell("the body names " + quote(href) + ", which is not a path, or a URI of the same host")
			return
		}
		path = rest[at:]
	}
	candidates := []string{path}
	if !strings.HasPrefix(path, "/") {
		first, _, _ := strings.Cut(path, "/")
		if path == "" || strings.Contains(first, ":") {
			c.cannotTell("the body names " + quote(href) + ", which is not a path, or a URI of the same host")
			return
		}
		candidates = []string{"/" + path}
		target, _ := rawpath.Split(r.Target)
		candidates = append(candidates, target[:strings.LastIndexByte(target, '/')+1]+path, strings.TrimSuffix(target, "/")+"/"+path)
	}
	for _, candidate := range candidates {
		decoded, ok := rawpath.Decode(candidate)
		if !ok || strings.ContainsAny(candidate, "?#") {
			c.cannotTell("programs read the path " + quote(href) + " in the body in different ways; write it without \"//\", \".\", \"..\", \"?\" and encoded slashes")
			return
		}
		c.addAll(methods, decoded, withBelow)
	}
}

// cutScheme returns what follows the scheme of a URI of the web.
func cutScheme(uri string) (rest string, ok bool) {
	for _, scheme := range [...]string{"http://", "https://"} {
		if len(uri) >= len(scheme) && strings.EqualFold(uri[:len(scheme)], scheme) {
			return uri[len(scheme):], true
		}
	}
	return "", false
}

// addAll adds methods on a decoded path, with and without its parameters.
func (c *collector) addAll(methods []string, path string, withBelow bool) {
	for _, path := range append(rawpath.Parameters(path), path) {
		if rawpath.IsAmbiguous(path) || !strings.HasPrefix(path, "/") {
			c.cannotTell(sparekey.UnclearPath(path))
			return
		}
		for _, method := range methods {
			c.addNamed(method, path)
			if withBelow {
				c.addNamed(method, strings.TrimSuffix(path, "/")+"/*")
			}
		}
	}
}

// addMember adds the member of the collection in the path that a segment names (RFC 5842,
// section 4).
func (c *collector) addMember(segment string, methods []string) {
	if segment == "" || strings.Contains(segment, "/") {
		c.cannotTell("the body names " + quote(segment) + ", which is not one segment of a path")
		return
	}
	c.addBelow(segment, methods)
}

// addBelow adds what is at a path below that of the request. Slashes before it do not count.
func (c *collector) addBelow(name string, methods []string) {
	decoded, ok := c.decodeName(name)
	if !ok {
		return
	}
	for _, path := range c.paths {
		c.addAll(methods, strings.TrimSuffix(path, "/")+decoded, false)
	}
}

// decodeName returns a name in the body as a decoded path. It is not ok, and what the request
// is cannot be told, where programs read the name in different ways.
func (c *collector) decodeName(name string) (decoded string, ok bool) {
	decoded, ok = rawpath.Decode("/" + strings.TrimLeft(name, "/"))
	if !ok || strings.ContainsAny(name, "?#") {
		c.cannotTell("programs read the name " + quote(name) + " in the body in different ways; write it without \"//\", \".\", \"..\", \"?\" and encoded slashes")
		return "", false
	}
	return decoded, true
}

// addInside adds what is at a path below the root of a repository of Subversion. The clients'
// requests go to addresses below "!svn" in that root, unless the operator has renamed it
// (SVNSpecialURI).
func (c *collector) addInside(name string, use bodyUse) {
	for _, path := range c.paths {
		root, _, ok := strings.Cut(path, "/!svn/")
		if !ok {
			c.anyNamed(use, "The body of this request names paths in a repository of which the address is not known. It takes a rule for GET of every path.")
			return
		}
		decoded, ok := c.decodeName(name)
		if !ok {
			return
		}
		c.addAll(use.href, root+decoded, false)
	}
}

// readLinks adds what the Link headers of LINK and UNLINK lead to (RFC 2068, section
// 19.6.1.2), which changes as the path does. A front-end that does not show the body need
// not show these headers either.
func (c *collector) readLinks(r *Request, method string) {
	isShown := r.Body != nil
	for name, values := range r.Header {
		if len(name) != len("link") || !strings.EqualFold(name, "link") {
			continue
		}
		isShown = true
		for _, value := range values {
			links := 0
			for _, part := range strings.Split(value, "<")[1:] {
				uri, _, ok := strings.Cut(part, ">")
				if !ok {
					break
				}
				links++
				c.addReference(r, strings.TrimSpace(uri), []string{method}, false)
			}
			if links == 0 || rawpath.ContainsFold(value, "anchor") {
				c.cannotTell("programs read the header \"Link\" in different ways; send one URI in it, without \"anchor\"")
			}
		}
	}
	if !isShown {
		c.anyNamed(bodyUse{href: []string{method}}, "A "+method+" can name other objects, and Sparekey does not see them here. It takes a rule for every path, or serve --upstream, which sees them.")
	}
}

// namesOtherCharset reports whether a type says that text is in another character set than
// UTF-8.
func namesOtherCharset(contentType string) bool {
	_, parameters, _ := strings.Cut(contentType, ";")
	for {
		at := strings.IndexByte(parameters, '=')
		if at < 0 {
			return rawpath.ContainsFold(parameters, "charset")
		}
		name := strings.Trim(parameters[:at], " \t;")
		value, rest, _ := strings.Cut(parameters[at+1:], ";")
		if rawpath.ContainsFold(name, "charset") && !strings.EqualFold(strings.Trim(value, ` "`), "utf-8") {
			return true
		}
		parameters = rest
	}
}
