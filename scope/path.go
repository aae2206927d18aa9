package scope

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// split separates the path of a request from its query, without the scheme and
// host of the absolute form. A target of another form has no path.
func (r Request) split() (path, query string) {
	target := r.Target
	if !strings.HasPrefix(target, "/") {
		_, rest, ok := strings.Cut(target, "://")
		end := strings.IndexAny(rest, "/?#") // of the host
		if !ok || end < 0 || rest[end] != '/' {
			return "", ""
		}
		target = rest[end:]
	}
	path, query, _ = strings.Cut(target, "?")
	return path, query
}

// decode returns a path with its percent-encoding undone; ok is false for one that
// programs read in different ways. Of what is encoded, only what means nothing in
// a path may be.
func decode(path string) (decoded string, ok bool) {
	if strings.IndexByte(path, '%') < 0 {
		return path, strings.HasPrefix(path, "/") && !isAmbiguous(path)
	}
	decoded, err := url.PathUnescape(path)
	if err != nil || !strings.HasPrefix(path, "/") || !utf8.ValidString(decoded) || isAmbiguous(decoded) {
		return "", false
	}
	for _, special := range []string{"%2f", "%5c", "%2e", "%25", "%3f", "%23", "%3b", "%2a"} {
		if containsFold(path, special) {
			return "", false
		}
	}
	return decoded, true
}

// isAmbiguous reports whether programs read a path in different ways: some take
// out empty segments, dots and blanks, some take "\" for "/", some stop at control
// characters, and some cut off what follows ";" in a segment. A fragment has no
// place in a request.
func isAmbiguous(path string) bool {
	if strings.Contains(path, "//") {
		return true
	}
	for i := range len(path) {
		c := path[i]
		if c < ' ' || c == 0x7f || c == '\\' || c == '#' {
			return true
		}
		if c == '/' && isDots(path[i+1:]) {
			return true
		}
	}
	return false
}

// isDots reports whether the first segment of a path is one or two dots, perhaps
// among blanks or with a parameter.
func isDots(path string) bool {
	if path == "" || path[0] != '.' && path[0] != ' ' {
		return false
	}
	segment := path
	if end := strings.IndexAny(path, "/;"); end >= 0 {
		segment = path[:end]
	}
	segment = strings.Trim(segment, " ")
	return segment == "." || segment == ".."
}

// mayRedirect reports whether a query may name another method, path or object. It
// may say yes too often.
func mayRedirect(query string) bool {
	if query == "" {
		return false
	}
	for _, part := range [...]string{"route", "method", "id", "parent"} {
		if containsFold(query, part) {
			return true
		}
	}
	return strings.ContainsAny(query, "%+")
}

// parameter is the name of a query parameter as PHP has it, which is the most
// generous of those who look at these: in any case, with "_" for what cannot be
// in the name of a variable, and up to a NUL.
func parameter(name string) string {
	name, _, _ = strings.Cut(strings.TrimLeft(name, " "), "\x00")
	if at := strings.IndexByte(name, '['); at > 0 && strings.IndexByte(name[at:], ']') >= 0 {
		name = name[:at]
	}
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(" .[", c) {
			return '_'
		}
		return unicode.ToLower(c)
	}, name)
}

// containsFold is strings.Contains whatever the case of ASCII letters; part is in
// lower case.
func containsFold(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if lower(s[i]) == part[0] && strings.EqualFold(s[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
