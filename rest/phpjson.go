package rest

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// object is a JSON object whose members keep their order. As PHP prints an
// empty map, an empty object is "[]", and clients know it so.
type object []member

type member struct {
	key   string
	value any
}

// emptyObject is the object that is "{}" all the same, because WordPress says
// there that it is an object.
type emptyObject struct{}

// jsonNumber is a whole number in decimal, of any length.
type jsonNumber string

// encode prints v as PHP's json_encode does: "/" as "\/", everything beyond
// ASCII as \u escapes, HTML left alone. Pretty is with line breaks and four
// spaces a level. The result is ASCII, so it may stand in a script.
func encode(v any, pretty bool) []byte {
	e := encoder{pretty: pretty}
	e.value(v)
	return e.out
}

type encoder struct {
	out    []byte
	pretty bool
	depth  int
}

func (e *encoder) value(v any) {
	switch v := v.(type) {
	case nil:
		e.raw("null")
	case bool:
		e.out = strconv.AppendBool(e.out, v)
	case int:
		e.out = strconv.AppendInt(e.out, int64(v), 10)
	case jsonNumber:
		e.raw(string(v))
	case string:
		e.text(v)
	case []string:
		e.list(len(v), func(i int) { e.text(v[i]) })
	case []any:
		e.list(len(v), func(i int) { e.value(v[i]) })
	case emptyObject:
		e.raw("{}")
	case object:
		e.object(v)
	default:
		panic(fmt.Sprintf("rest: no JSON form for a %T", v))
	}
}

func (e *encoder) object(o object) {
	if len(o) == 0 {
		e.raw("[]")
		return
	}
	e.block('{', '}', len(o), func(i int) {
		e.text(o[i].key)
		e.raw(":")
		if e.pretty {
			e.raw(" ")
		}
		e.value(o[i].value)
	})
}

func (e *encoder) list(n int, element func(i int)) {
	if n == 0 {
		e.raw("[]")
		return
	}
	e.block('[', ']', n, element)
}

// block prints n elements between two brackets.
func (e *encoder) block(open, closing byte, n int, element func(i int)) {
	e.out = append(e.out, open)
	e.depth++
	for i := range n {
		if i > 0 {
			e.raw(",")
		}
		e.lineBreak()
		element(i)
	}
	e.depth--
	e.lineBreak()
	e.out = append(e.out, closing)
}

func (e *encoder) lineBreak() {
	if !e.pretty {
		return
	}
	e.raw("\n")
	for range e.depth {
		e.raw("    ")
	}
}

func (e *encoder) raw(s string) { e.out = append(e.out, s...) }

// text prints a string. Bytes that are not UTF-8 become U+FFFD.
func (e *encoder) text(s string) {
	e.out = slices.Grow(e.out, len(s)+2)
	e.out = append(e.out, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\' || c == '/':
			e.out = append(e.out, '\\', byte(c))
		case c >= ' ' && c < utf8.RuneSelf:
			e.out = append(e.out, byte(c))
		default:
			e.escape(c)
		}
	}
	e.out = append(e.out, '"')
}

// escape prints a character that has a short escape or needs a numeric one.
func (e *encoder) escape(c rune) {
	const surrogates = 0x10000 // from here on a character takes two units of UTF-16
	switch {
	case c == '\b':
		e.raw(`\b`)
	case c == '\f':
		e.raw(`\f`)
	case c == '\n':
		e.raw(`\n`)
	case c == '\r':
		e.raw(`\r`)
	case c == '\t':
		e.raw(`\t`)
	case c >= surrogates:
		c -= surrogates
		e.out = fmt.Appendf(e.out, `\u%04x\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff)
	default:
		e.out = fmt.Appendf(e.out, `\u%04x`, c)
	}
}
