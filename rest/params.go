package rest

import (
	"strings"
)

// Limits on a request, besides the size of its body. They are PHP's, except that PHP silently
// drops what exceeds them.
const (
	maxParams    = 1000 // max_input_vars
	maxJSONDepth = 511  // json_decode's 512, which counts what is innermost
)

// maxJSONValues bounds what is in a JSON body at all levels together, and
// maxFieldDepth the dots in a field that is asked for: without credentials, a
// short text could else take much memory. PHP has no such bounds.
const (
	maxJSONValues = 10 * maxParams
	maxFieldDepth = 10
)

// params are parameters from one source. A value is what JSON can hold, in the
// forms of [json.Decoder.UseNumber]; a query or a form holds strings and lists
// of strings.
type params map[string]any

// parseForm reads a query string or a URL-encoded form as PHP does: the last of
// two equal names counts, "a[]" and "a[key]" make a list of a, a dot or a space
// in a name is an underscore, and broken percent-encoding stands for itself.
func parseForm(text string) (params, error) {
	p := params{}
	n := 0
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		if n++; n > maxParams {
			return nil, refuse(codeTooManyParams)
		}
		name, value, _ := strings.Cut(pair, "=")
		p.add(unescape(name), unescape(value))
	}
	return p, nil
}

// add sets the parameter that a name in PHP's notation stands for.
func (p params) add(name, value string) {
	name = strings.TrimLeft(name, " ")
	stem, index, _ := strings.Cut(name, "[")
	if strings.Contains(index, "]") {
		stem = variableName(stem)
		list, _ := p[stem].([]any)
		p[stem] = append(list, value)
		return
	}
	p[variableName(name)] = value
}

// variableName is a name as PHP can have a variable of it.
func variableName(name string) string {
	return strings.Map(func(c rune) rune {
		if c == ' ' || c == '.' || c == '[' {
			return '_'
		}
		return c
	}, name)
}

// unescape undoes URL encoding, and keeps invalid escapes.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			out = append(out, ' ')
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&0xf + 9 // letters of either case
}
