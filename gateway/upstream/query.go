package upstream

import (
	"iter"
	"net/url"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// parameter is one field of a query or of an urlencoded form.
type parameter struct {
	raw   string // the name as it was sent
	name  string // in the spelling that the most generous programs take it for
	value string // as it was sent
	plain bool   // every program reads the name alike
}

// parameters goes through a query or an urlencoded form. It splits at ";", too, which
// some programs do.
func parameters(text string) iter.Seq[parameter] {
	return func(yield func(parameter) bool) {
		for text != "" {
			pair := text
			if end := strings.IndexAny(text, "&;"); end >= 0 {
				pair, text = text[:end], text[end+1:]
			} else {
				text = ""
			}
			if pair == "" {
				continue
			}
			raw, value, _ := strings.Cut(pair, "=")
			p := parameter{raw: raw, name: raw, value: value, plain: isPlainName(raw)}
			if !p.plain {
				p.name = foldName(raw)
			}
			if !yield(p) {
				return
			}
		}
	}
}

// isPlainName reports whether a name has only letters, digits, "_" and "-".
func isPlainName(name string) bool {
	for i := range len(name) {
		if c := name[i]; Fold(c) == '-' && c != '-' && c != '_' {
			return false
		}
	}
	return name != ""
}

// foldName undoes the encoding of a name, makes its letters small, and has "_" for
// whatever is not a letter or a digit. PHP does that to some characters, and ends a name
// at others.
func foldName(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'A' <= c && c <= 'Z':
			return c - 'A' + 'a'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			return c
		}
		return '_'
	}, rawpath.Unescape(strings.ReplaceAll(name, "+", " ")))
}

// text decodes the value. ok is false where that is not possible.
func (p parameter) text() (value string, ok bool) {
	value, err := url.QueryUnescape(p.value)
	return value, err == nil
}

var withoutLines = strings.NewReplacer("_", "", "-", "")

// namesRoute reports whether WordPress may take the parameter for rest_route.
func (p parameter) namesRoute() bool {
	return rawpath.ContainsFold(p.name, "route") && strings.Contains(strings.ToLower(withoutLines.Replace(p.name)), "restroute")
}

// namesMethod reports whether an application may take the parameter for another method:
// _method of WordPress, Rails and Laravel, or the name of a header that does that.
func (p parameter) namesMethod() bool {
	if p.plain && strings.EqualFold(p.name, "_method") {
		return true
	}
	if !p.plain {
		if rest, ok := strings.CutPrefix(p.name, "_"); ok && strings.HasPrefix(strings.TrimLeft(rest, "_"), "method") {
			return true
		}
	}
	does, ok := effectOf(strings.TrimPrefix(p.name, "HTTP_"))
	return ok && does == namesMethod
}

// isExactly reports whether the name was sent just so, whatever the case of its letters.
func (p parameter) isExactly(name string) bool { return p.plain && strings.EqualFold(p.raw, name) }

// mayMatter reports whether a query can name another method, path or object. It may
// say yes too often.
func mayMatter(query string) bool {
	for i := range len(query) {
		switch query[i] | ' ' { // in lower case, if it is a letter
		case '%', '+':
			return true
		case 'r', 'm', 'f', 's':
			for _, part := range [...]string{"route", "method", "mount", "from", "service"} {
				if len(query)-i >= len(part) && strings.EqualFold(query[i:i+len(part)], part) {
					return true
				}
			}
		}
	}
	return false
}

// readParameters adds the methods and the WordPress routes that a query or a form names.
func (c *collector) readParameters(text, where string) {
	for p := range parameters(text) {
		isRoute, isMethod := p.namesRoute(), p.namesMethod()
		if !isRoute && !isMethod {
			continue
		}
		if c.unclear != "" && c.manages { // nothing but another method can make it worse
			if c.unclearMethod = c.unclearMethod || isMethod; c.unclearMethod {
				return
			}
			continue
		}
		value, ok := p.text()
		switch {
		case ok && value == "" && p.plain: // says nothing
		case !ok || !p.isExactly("rest_route") && isRoute || isMethod && !p.plain:
			c.cannotTell("programs read the parameter " + quote(p.raw) + " of the " + where + " in different ways; leave it out")
			c.manages, c.unclearMethod = true, c.unclearMethod || isMethod
		case isRoute:
			c.addRoute(value)
		default:
			c.addMethod(value)
		}
	}
}

// addRoute adds the path of a WordPress route that is named elsewhere than in the path.
func (c *collector) addRoute(route string) {
	path := api + "/" + strings.TrimPrefix(route, "/")
	if rawpath.IsAmbiguous(path) || strings.ContainsAny(path, "%?#&") {
		c.cannotTell("programs read the route " + quote(route) + " in different ways")
		c.manages = true
		return
	}
	c.routes++
	c.addOnePath(path)
}
