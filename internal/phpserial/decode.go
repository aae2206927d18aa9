package phpserial

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxDepth is how deep arrays may be nested.
const MaxDepth = 64

// smallestPair is the size of the shortest key with the shortest value, "i:0;N;":
// an array that claims more pairs than would fit into what is left is not there.
const smallestPair = 6

// SyntaxError says why bytes are not a value that this package reads.
type SyntaxError struct {
	Offset  int // in bytes
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not a serialised PHP value of arrays, strings, numbers, booleans and null: at byte %d: %s", e.Offset, e.Problem)
}

// Decode reads one value that is all of data. It takes time and memory in
// proportion to the length of data. The error is a [*SyntaxError].
//
// It refuses what PHP never writes, too, where readers could differ about its
// meaning: an array with one key twice, or a number that does not fit.
func Decode(data string) (Value, error) {
	d := decoder{data: data}
	v, err := d.value(0)
	if err != nil {
		return Value{}, err
	}
	if d.at != len(data) {
		return Value{}, d.problem("more bytes follow the value")
	}
	return v, nil
}

type decoder struct {
	data string
	at   int // how much is read
}

func (d *decoder) problem(format string, args ...any) error {
	return &SyntaxError{d.at, fmt.Sprintf(format, args...)}
}

// value reads the value that begins at d.at.
func (d *decoder) value(depth int) (Value, error) {
	if d.at >= len(d.data) {
		return Value{}, d.problem("the end, where a value should begin")
	}
	start := d.at
	switch kind := Kind(d.data[d.at]); kind {
	case Null:
		return d.done(start, d.expect("N;"))
	case Bool, Int, Float:
		return d.done(start, d.number(kind))
	case String:
		return d.done(start, d.text())
	case Array:
		pairs, err := d.array(depth)
		v, err := d.done(start, err)
		v.pairs = pairs
		return v, err
	default:
		return Value{}, d.problem("a value of type %q, which is not read", d.data[d.at:d.at+1])
	}
}

// done is the value that was read from start on.
func (d *decoder) done(start int, err error) (Value, error) {
	if err != nil {
		return Value{}, err
	}
	return Value{raw: d.data[start:d.at]}, nil
}

// expect reads exactly this.
func (d *decoder) expect(literal string) error {
	if !strings.HasPrefix(d.data[d.at:], literal) {
		return d.problem("%q is missing", literal)
	}
	d.at += len(literal)
	return nil
}

// number reads a boolean, an integer or a float, up to the semicolon.
func (d *decoder) number(kind Kind) error {
	if err := d.expect(string(kind) + ":"); err != nil {
		return err
	}
	const longest = 400 // digits: a float may be written out in full
	rest := d.data[d.at:min(len(d.data), d.at+longest)]
	text, _, found := strings.Cut(rest, ";")
	if !found {
		return d.problem("a number without an end")
	}
	if !validNumber(kind, text) {
		return d.problem("a number that is none, or does not fit")
	}
	d.at += len(text) + 1
	return nil
}

func validNumber(kind Kind, text string) bool {
	switch kind {
	case Bool:
		return text == "0" || text == "1"
	case Int:
		_, err := strconv.ParseInt(text, 10, 64)
		return err == nil
	default:
		return validFloat(text)
	}
}

// validFloat knows how PHP writes a float. Go would read more than that.
func validFloat(text string) bool {
	switch text {
	case "INF", "-INF", "NAN":
		return true
	}
	digits := false
	for i, c := range []byte(text) {
		switch {
		case '0' <= c && c <= '9':
			digits = true
		case c == '+' || c == '-':
			if i > 0 && text[i-1]|0x20 != 'e' {
				return false
			}
		case c != '.' && c|0x20 != 'e':
			return false
		}
	}
	_, err := strconv.ParseFloat(text, 64)
	return digits && (err == nil || isRange(err))
}

// isRange reports whether a number is well written and merely too large, which
// PHP reads as infinite.
func isRange(err error) bool { return errors.Is(err, strconv.ErrRange) }

// length reads a count up to the colon.
func (d *decoder) length() (int, error) {
	const longest = 20 // digits
	text, _, found := strings.Cut(d.data[d.at:min(len(d.data), d.at+longest)], ":")
	n, err := strconv.ParseUint(text, 10, 62)
	if !found || err != nil {
		return 0, d.problem("a length that is none, or does not fit")
	}
	if n > uint64(len(d.data)) {
		return 0, d.problem("a length beyond the end")
	}
	d.at += len(text) + 1
	return int(n), nil
}

func (d *decoder) text() error {
	if err := d.expect("s:"); err != nil {
		return err
	}
	n, err := d.length()
	if err != nil {
		return err
	}
	if err := d.expect(`"`); err != nil {
		return err
	}
	if n > len(d.data)-d.at {
		return d.problem("a text that goes beyond the end")
	}
	d.at += n
	return d.expect(`";`)
}

func (d *decoder) array(depth int) ([]Pair, error) {
	if depth >= MaxDepth {
		return nil, d.problem("arrays nested deeper than %d", MaxDepth)
	}
	if err := d.expect("a:"); err != nil {
		return nil, err
	}
	n, err := d.length()
	if err != nil {
		return nil, err
	}
	if err := d.expect("{"); err != nil {
		return nil, err
	}
	if n > (len(d.data)-d.at)/smallestPair {
		return nil, d.problem("an array of more pairs than there is room for")
	}
	// An array's length is not trusted: nested arrays could claim the same bytes.
	pairs := make([]Pair, 0, min(n, fewKeys))
	keys := newKeySet(n)
	for range n {
		var p Pair
		if p.Key, err = d.key(keys); err != nil {
			return nil, err
		}
		if p.Value, err = d.value(depth + 1); err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
	}
	return pairs, d.expect("}")
}

// key reads a key that is not among those before it.
func (d *decoder) key(before *keySet) (Value, error) {
	start := d.at
	v, err := d.value(MaxDepth) // an array is too deep there
	if err != nil {
		return Value{}, err
	}
	if k := v.Kind(); k != Int && k != String {
		d.at = start
		return Value{}, d.problem("a key that is neither an integer nor a text")
	}
	if !before.add(keyOf(v)) {
		d.at = start
		return Value{}, d.problem("a key that the array has already")
	}
	return v, nil
}

// arrayKey is a key as PHP compares them.
type arrayKey struct {
	text   string
	number int64
	isText bool
}

// keyOf makes an integer of a text that is one in decimal, as PHP does.
func keyOf(v Value) arrayKey {
	text, isText := v.Text()
	if !isText {
		text, _ = v.Scalar()
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || isText && strconv.FormatInt(n, 10) != text {
		return arrayKey{text: text, isText: true}
	}
	return arrayKey{number: n}
}

// keySet tells whether a key was there before. Most arrays are so small that a
// list is quicker than a map.
type keySet struct {
	few  []arrayKey
	many map[arrayKey]struct{}
}

const fewKeys = 16

func newKeySet(n int) *keySet {
	if n > fewKeys {
		return &keySet{many: map[arrayKey]struct{}{}}
	}
	return &keySet{few: make([]arrayKey, 0, n)}
}

func (s *keySet) add(k arrayKey) (isNew bool) {
	if s.many != nil {
		before := len(s.many)
		s.many[k] = struct{}{}
		return len(s.many) > before
	}
	for _, other := range s.few {
		if other == k {
			return false
		}
	}
	s.few = append(s.few, k)
	return true
}
