// Package rawpath reads the path of a request-target as it was received (RFC 9110,
// section 4.2, RFC 3986, section 3.3), and knows the paths about which programs
// disagree.
package rawpath

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// Split separates the path of a request-target from its query. The target is in
// origin form ("/path?query") or absolute form (RFC 9112, section 3.2), neither
// decoded nor cleaned. A target of another form has an empty path.
func Split(target string) (path, query string) {
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

// Decode undoes the percent-encoding of a path, once. ok is false for a path that programs
// read in different ways: see [IsAmbiguous]. Among these are paths that are not UTF-8, and
// paths with an encoded character that has a special meaning.
func Decode(path string) (decoded string, ok bool) {
	if strings.IndexByte(path, '%') < 0 {
		return path, strings.HasPrefix(path, "/") && utf8.ValidString(path) && !IsAmbiguous(path)
	}
	decoded, err := url.PathUnescape(path)
	if err != nil || !strings.HasPrefix(path, "/") || !utf8.ValidString(decoded) || IsAmbiguous(decoded) {
		return "", false
	}
	for rest := path; ; {
		at := strings.IndexByte(rest, '%')
		if at < 0 {
			return decoded, true
		}
		if hasMeaning(rest[at+1 : at+3]) {
			return "", false
		}
		rest = rest[at+3:]
	}
}

// hasMeaning reports whether two hexadecimal digits stand for one of / \ . % ? # ; *
// or a letter case of it. One program decodes it before it looks for it, another
// afterwards.
func hasMeaning(digits string) bool {
	switch strings.ToLower(digits) {
	case "2f", "5c", "2e", "25", "3f", "23", "3b", "2a":
		return true
	}
	return false
}

// IsAmbiguous reports whether programs read a decoded path in different ways. Some
// remove empty segments, dots and blanks, some take "\" for "/", some stop at control
// characters, and some remove what follows ";" in a segment. A fragment has no place
// in a request.
func IsAmbiguous(path string) bool {
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

// Parameters returns the other paths for which programs take a decoded path with
// path parameters (";name=value"): servlet containers remove them from each segment,
// and some programs remove all that follows the first one. It returns nothing for a
// path without ";".
func Parameters(path string) []string {
	first := strings.IndexByte(path, ';')
	if first < 0 {
		return nil
	}
	var b strings.Builder
	for i, segment := range strings.Split(path, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		segment, _, _ = strings.Cut(segment, ";")
		b.WriteString(segment)
	}
	if without := b.String(); without != path[:first] {
		return []string{without, path[:first]}
	}
	return []string{path[:first]}
}

// ContainsFold is strings.Contains, ignoring the case of ASCII letters. part is in lower
// case, and not empty.
func ContainsFold(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c == part[0] && strings.EqualFold(s[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

// Unescape undoes the percent-encoding of a text as often as a chain of programs may do it.
// Text that is not an encoding stays as it is, and hides nothing after it.
func Unescape(text string) string {
	for range 3 {
		if strings.IndexByte(text, '%') < 0 {
			break
		}
		text = unescapeOnce(text)
	}
	return text
}

func unescapeOnce(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			high, isHigh := unhex(text[i+1])
			low, isLow := unhex(text[i+2])
			if isHigh && isLow {
				b.WriteByte(high<<4 | low)
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// unhex is the value of a hexadecimal digit.
func unhex(c byte) (value byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// CutFolder returns what follows a folder in a path as it was received: nothing, or
// something that begins with a slash. Both are percent-encoded, and compared decoded
// (RFC 3986, section 6.2.2), but an encoded slash of the path ends no segment. ok is false
// for a path that is not in the folder. "" is the folder of all.
func CutFolder(path, folder string) (rest string, ok bool) {
	for folder != "" {
		c, pathRest := firstByte(path)
		want, folderRest := firstByte(folder)
		if path == "" || c != want || c == '/' && path[0] != '/' {
			return "", false
		}
		path, folder = pathRest, folderRest
	}
	if path != "" && path[0] != '/' {
		return "", false
	}
	return path, true
}

// firstByte is the first byte of a percent-encoded text, decoded, and what follows it.
func firstByte(text string) (c byte, rest string) {
	if len(text) > 2 && text[0] == '%' {
		high, isHigh := unhex(text[1])
		low, isLow := unhex(text[2])
		if isHigh && isLow {
			return high<<4 | low, text[3:]
		}
	}
	if text == "" {
		return 0, ""
	}
	return text[0], text[1:]
}
