// Package phpserial reads and writes PHP's serialize format, as WordPress keeps it in its
// database: arrays, strings, integers, floats, booleans and null, and nothing else. It
// refuses objects, references and enumerations, since unserializing them runs code that their
// writer chose.
//
// It writes what it read byte for byte, even where PHP would write it differently: a [Value]
// holds its own encoding, and only new values are encoded anew. The order of arrays is kept.
package phpserial

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the type of a Value: the letter that its encoding begins with.
type Kind byte

// The kinds that are read.
const (
	Null   Kind = 'N'
	Bool   Kind = 'b'
	Int    Kind = 'i'
	Float  Kind = 'd'
	String Kind = 's'
	Array  Kind = 'a'
)

// Value is one PHP value. It does not change, and may be shared. The zero Value is
// null.
type Value struct {
	raw   string // the encoding; empty: null
	pairs []Pair // of an array
}

// Pair is a key of an array, an Int or a String, and the value that it has.
type Pair struct{ Key, Value Value }

// Kind returns the type of the value.
func (v Value) Kind() Kind {
	if v.raw == "" {
		return Null
	}
	return Kind(v.raw[0])
}

// Encoding returns the value as PHP's unserialize reads it.
func (v Value) Encoding() string {
	if v.raw == "" {
		return "N;"
	}
	return v.raw
}

// Text returns the bytes of a String; ok is false for any other kind.
func (v Value) Text() (text string, ok bool) {
	if v.Kind() != String {
		return "", false
	}
	return v.raw[strings.IndexByte(v.raw, '"')+1 : len(v.raw)-2], true
}

// Scalar returns what stands between the letter and the end of an Int, a Float
// or a Bool, such as "12"; ok is false for any other kind.
func (v Value) Scalar() (text string, ok bool) {
	switch v.Kind() {
	case Int, Float, Bool:
		return v.raw[2 : len(v.raw)-1], true
	default:
		return "", false
	}
}

// Pairs returns the contents of an Array in their order, which the caller must
// not change. Of any other kind it returns none.
func (v Value) Pairs() []Pair { return v.pairs }

// Get returns the value that a string key has in an Array.
func (v Value) Get(key string) (value Value, ok bool) {
	for _, p := range v.pairs {
		if text, isText := p.Key.Text(); isText && text == key {
			return p.Value, true
		}
	}
	return Value{}, false
}

// With returns the Array with another value at a string key: in its place, or at
// the end where there was none.
func (v Value) With(key string, value Value) Value {
	pairs := make([]Pair, 0, len(v.pairs)+1)
	found := false
	for _, p := range v.pairs {
		if text, isText := p.Key.Text(); isText && text == key {
			p.Value, found = value, true
		}
		pairs = append(pairs, p)
	}
	if !found {
		pairs = append(pairs, Pair{NewString(key), value})
	}
	return NewArray(pairs...)
}

// NewString makes a String of any bytes.
func NewString(text string) Value {
	return Value{raw: fmt.Sprintf("s:%d:\"%s\";", len(text), text)}
}

// NewInt makes an Int.
func NewInt(n int64) Value { return Value{raw: "i:" + strconv.FormatInt(n, 10) + ";"} }

// NewArray makes an Array. No two keys may be the same, and each must be an Int or
// a String: what it encodes could not be read otherwise.
func NewArray(pairs ...Pair) Value {
	size := 16
	for _, p := range pairs {
		size += len(p.Key.Encoding()) + len(p.Value.Encoding())
	}
	var b strings.Builder
	b.Grow(size)
	fmt.Fprintf(&b, "a:%d:{", len(pairs))
	for _, p := range pairs {
		b.WriteString(p.Key.Encoding())
		b.WriteString(p.Value.Encoding())
	}
	b.WriteByte('}')
	return Value{raw: b.String(), pairs: pairs}
}
