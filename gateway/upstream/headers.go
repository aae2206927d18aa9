package upstream

import (
	"net/url"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// effect is what a routing header does to the request that an application sees.
type effect int

const (
	namesMethod effect = iota // its value is another method
	namesTarget               // its value is another request-target
	movesPath                 // it changes the path in a way that depends on the application
	readsFrom                 // its value is the path of an object that is read
	movesFrom                 // its value is the path of an object that is read, and then is gone
	writesTo                  // its value is the URI of an object that is written
)

// routingHeaders are the headers by which applications take a request for another one
// than its request line says, by their names with hyphens in lower case.
var routingHeaders = map[string]effect{
	// Another method: WordPress, Symfony, Laravel, Rack::MethodOverride, ASP.NET Web API.
	"x-http-method-override": namesMethod,
	"x-http-method":          namesMethod, // OData
	"x-method-override":      namesMethod,

	// Another path.
	"x-original-url":        namesTarget, // IIS URL Rewrite, Zend, Symfony before CVE-2018-14773
	"x-rewrite-url":         namesTarget, // likewise
	"x-original-path":       namesTarget,
	"x-envoy-original-path": namesTarget, // Envoy
	"request-uri":           namesTarget, // the CGI variable of many servers
	"x-request-uri":         namesTarget,
	"x-matched-path":        namesTarget, // Next.js
	"x-invoke-path":         namesTarget, // Next.js
	"path-info":             namesTarget, // RFC 3875, section 4.1.5
	"x-path-info":           namesTarget, // WSGI middleware
	"path-translated":       movesPath,   // RFC 3875, section 4.1.6
	"script-name":           movesPath,   // RFC 3875, section 4.1.13; gunicorn takes it from a header
	"x-script-name":         movesPath,   // WSGI middleware
	"script-url":            movesPath,   // Django
	"x-forwarded-prefix":    movesPath,   // Spring, Werkzeug's ProxyFix, Traefik
	"x-forwarded-path":      movesPath,   // Kong
	"x-forwarded-context":   movesPath,
	"x-ingress-path":        movesPath, // Home Assistant
	"x-sendfile-type":       movesPath, // Rack::Sendfile, CVE-2025-61780
	"x-accel-mapping":       movesPath, // likewise

	// Another object.
	"destination":       writesTo,  // RFC 4918, section 10.3: COPY and MOVE; OpenStack Swift
	"x-copy-from":       readsFrom, // OpenStack Swift
	"x-symlink-target":  readsFrom, // OpenStack Swift
	"x-object-manifest": readsFrom, // OpenStack Swift
}

// copySource ends the names of the headers by which stores of objects copy another
// object: X-Amz-Copy-Source, X-Goog-Copy-Source, X-Ms-Copy-Source and their like.
const copySource = "-copy-source"

// renameSource ends the names of the headers by which they rename one: X-Ms-Rename-Source
// of Azure, X-Amz-Rename-Source of S3.
const renameSource = "-rename-source"

// forwardedPrefix begins the names of headers that [Request.DropsForwarded] is about.
const forwardedPrefix = "x-forwarded-"

// IsRouting reports whether a header of this name may have an application take a
// request for another one, in whatever spelling: CGI and its heirs (PHP, WSGI, Rack)
// take every character that is not a letter or a digit for an underscore.
func IsRouting(name string) bool {
	_, ok := effectOf(name)
	return ok
}

// effectOf returns what a header does.
func effectOf(name string) (effect, bool) {
	if len(name) > maxName || len(name) < minName ||
		strings.IndexByte(firstLetters, name[0]|' ') < 0 && name[len(name)-1]|' ' != lastOfSources {
		return 0, false
	}
	var room [maxName]byte
	folded := room[:len(name)]
	for i := range len(name) {
		folded[i] = Fold(name[i])
	}
	if does, ok := routingHeaders[string(folded)]; ok {
		return does, true
	}
	if strings.HasSuffix(string(folded), copySource) {
		return readsFrom, true
	}
	if strings.HasSuffix(string(folded), renameSource) {
		return movesFrom, true
	}
	return 0, false
}

// The bounds of the names in routingHeaders, and the letters with which they begin; a
// test holds them.
const (
	minName      = len("path-info")
	maxName      = 40
	firstLetters = "xdprs"

	// lastOfSources ends the names of sources of copies, which may begin with any letter.
	lastOfSources = 'e'
)

// Fold is what a character of a header's name counts as for CGI and its heirs: letters
// in lower case, digits, and a hyphen for everything else.
func Fold(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A' + 'a'
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		return c
	}
	return '-'
}

// IsOdd reports whether the name of a header has a character that is not a letter, a
// digit or a hyphen. Programs disagree about such names, and nginx drops them.
func IsOdd(name string) bool {
	for i := range len(name) {
		if isOddByte[name[i]] {
			return true
		}
	}
	return false
}

// isOddByte has the bytes that make a name odd.
var isOddByte = func() (odd [256]bool) {
	for c := range odd {
		odd[c] = c != '-' && Fold(byte(c)) == '-'
	}
	return odd
}()

// summary is what one look at the headers of a request tells. Most requests have none
// that matters.
type summary struct {
	isMade     bool
	hasRouting bool     // a header may have the application take the request for another one
	isPlain    bool     // that is not so, no name is odd, and no trailer is announced
	types      []string // all that an application may take for the type of the body
}

// summary looks at the headers, once.
func (r *Request) summary() *summary {
	s := &r.headers
	if s.isMade {
		return s
	}
	s.isMade, s.isPlain = true, true
	for name, values := range r.Header {
		switch {
		case isContentType(name):
			if s.types == nil {
				s.types = values
			} else {
				s.types = slices.Concat(s.types, values)
			}
		case IsRouting(name):
			s.hasRouting = true
		}
		s.isPlain = s.isPlain && name != "Trailer" && !IsOdd(name)
	}
	s.isPlain = s.isPlain && !s.hasRouting
	return s
}

// readHeaders adds what the headers and announced trailers say, and finds the types of the
// body.
func (c *collector) readHeaders(r *Request) {
	s := r.summary()
	c.types = s.types
	if !s.isPlain {
		c.readSpecialHeaders(r)
	}
	for name := range r.Trailer {
		c.readTrailer(name)
	}
}

func (c *collector) readSpecialHeaders(r *Request) {
	for name, values := range r.Header {
		if does, ok := effectOf(name); ok && (!r.DropsForwarded || does != movesPath || !isForwarded(name)) {
			c.readHeader(r, does, name, values)
			continue
		}
		if !r.DropsOddNames && IsOdd(name) {
			c.cannotTell("applications may take the header " + quote(name) + " for another one; send a name of letters, digits and hyphens")
		}
		if name == "Trailer" { // of a front-end that only tells of it
			for _, value := range values {
				for announced := range strings.SplitSeq(value, ",") {
					c.readTrailer(strings.TrimSpace(announced))
				}
			}
		}
	}
}

// readHeadersOfHandler adds what handlers of the same program obey. No proxy or CGI can
// turn a header into one of another name, or into a path.
func (c *collector) readHeadersOfHandler(r *Request) {
	for name, values := range r.Header {
		if does, ok := effectOnHandler(name); ok {
			c.readHeader(r, does, name, values)
		}
	}
}

// effectOnHandler is effectOf for a handler of the same program.
func effectOnHandler(name string) (effect, bool) {
	does, ok := effectOf(name)
	return does, ok && does != namesTarget && does != movesPath && !IsOdd(name)
}

func isForwarded(name string) bool {
	return len(name) >= len(forwardedPrefix) && strings.EqualFold(name[:len(forwardedPrefix)], forwardedPrefix)
}

// readTrailer takes a trailer for a header of which the value is not known.
func (c *collector) readTrailer(name string) {
	if IsRouting(name) || IsOdd(name) {
		c.cannotTell("an application may obey the trailer " + quote(name) + "; leave it out")
		c.manages = c.manages || IsRouting(name) // its method is not known
	}
}

// readHeader adds what one header does.
func (c *collector) readHeader(r *Request, does effect, name string, values []string) {
	if len(values) > maxMeanings {
		c.tooMany()
		return
	}
	for _, value := range values {
		if does != namesMethod && strings.Contains(value, ",") {
			c.cannotTell("the header " + quote(name) + " has a comma, with which some proxies join several; send one, with \"%2C\" for a comma")
			return
		}
		switch does {
		case namesMethod:
			c.addMethod(value)
		case namesTarget:
			c.addTarget(name, value)
		case movesPath:
			c.cannotTell("the header " + quote(name) + " moves the path in some applications; leave it out")
		case readsFrom:
			c.addObject(name, "GET", value)
		case movesFrom:
			c.addObject(name, "GET", value)
			c.addObject(name, "DELETE", value)
		case writesTo:
			c.addDestination(r, name, value)
		}
	}
	if does == writesTo && len(values) > 1 {
		c.cannotTell("there are several headers " + quote(name) + "; send one")
	}
}

// addTarget adds a request-target that a header names.
func (c *collector) addTarget(name, value string) {
	if !strings.HasPrefix(value, "/") {
		c.cannotTell("the header " + quote(name) + " names another path; leave it out")
		c.addUnreadable("/" + value)
		return
	}
	path, query := rawpath.Split(value)
	if query != "" { // in which there may be all that is looked for in the request's own
		c.cannotTell("the header " + quote(name) + " names another query; leave it out")
		c.manages, c.unclearMethod = true, true
	}
	c.addPath(path)
}

// addObject adds the access to an object that a header names.
func (c *collector) addObject(name, method, value string) {
	path, _ := rawpath.Split("/" + strings.TrimPrefix(value, "/"))
	decoded, ok := rawpath.Decode(path)
	if !ok || len(c.others) >= maxMeanings {
		c.cannotTell("the object that the header " + quote(name) + " names cannot be read")
		return
	}
	for _, path := range append(rawpath.Parameters(decoded), decoded) {
		if rawpath.IsAmbiguous(path) || !strings.HasPrefix(path, "/") {
			c.cannotTell(sparekey.UnclearPath(path))
		}
		c.others = append(c.others, sparekey.Reading{Method: method, Path: path})
	}
}

// addDestination adds the object that COPY and MOVE write to: an absolute path, or a
// URI of the same host (RFC 4918, section 10.3).
func (c *collector) addDestination(r *Request, name, value string) {
	u, err := url.Parse(value)
	switch {
	case err != nil || strings.ContainsAny(value, "?#, ") || u.Opaque != "" || u.User != nil:
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(value, "/"):
		c.addObject(name, "PUT", value)
		return
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.EqualFold(u.Host, r.Host):
		path, _ := rawpath.Split(value)
		if path != "" {
			c.addObject(name, "PUT", path)
			return
		}
	}
	c.cannotTell("the header " + quote(name) + " must be one path, or one URI of the same host, without a query")
}

// isContentType reports whether an application may take a header of this name for
// Content-Type.
func isContentType(name string) bool {
	return name == "Content-Type" ||
		len(name) == len("Content-Type") && strings.EqualFold(name[:7], "Content") && strings.EqualFold(name[8:], "Type")
}
