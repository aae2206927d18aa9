package upstream

import "encoding/json"

// member is a member of a JSON object that limits do not allow, unless it has a value.
type member struct {
	name, value string // an empty value is never allowed
}

// jsonScanner reads JSON as it streams, for the names of the members of the outermost object.
// It takes what PHP's json_decode takes: JSON as RFC 8259 has it, with true, false and null in
// letters of any case, nested 512 times at most. It keeps nothing of the rest.
type jsonScanner struct {
	forbidden []member

	state    jsonState
	open     []byte // the brackets that are open
	word     string // the rest of a literal, in lower case
	digits   int    // of \u, that are still to come
	isKey    bool   // the string is the name of a member
	isBroken bool   // it is not JSON, or has a forbidden member

	// held is how many bytes stay behind until the member that they belong to is known to be
	// harmless; 0 where none do.
	held     int
	kept     []byte // the text of a name or a value that may be forbidden
	keeping  bool
	name     string // of the member whose value is kept, or empty
	longName int    // bytes after which a name is none of the forbidden ones, in any spelling
}

type jsonState uint8

// The states of a jsonScanner: what may come next.
const (
	jsonValue     jsonState = iota // a value
	jsonEmpty                      // a value or the end of an array
	jsonFirstName                  // the name of a member or the end of an object
	jsonName                       // the name of a member
	jsonColon
	jsonAfter // what follows a value
	jsonString
	jsonEscape
	jsonHex
	jsonWord
	jsonMinus
	jsonZero // behind a zero that begins a number
	jsonInt
	jsonPoint
	jsonFraction
	jsonExponent
	jsonSign
	jsonPower
)

const (
	maxNesting = 512     // of json_decode
	maxHeld    = 8 << 10 // bytes from the name of a member to the end of its value
)

// newJSONScanner returns a scanner that stops at these members.
func newJSONScanner(forbidden []member) *jsonScanner {
	s := &jsonScanner{forbidden: forbidden}
	for _, m := range forbidden {
		s.longName = max(s.longName, len(m.name)*len(`\u0000`)+len(`""`))
	}
	return s
}

// scan reads more. It sets isBroken where the text must not be passed on.
func (s *jsonScanner) scan(text []byte) {
	for i := 0; i < len(text) && !s.isBroken; i++ {
		if s.state == jsonString && !s.keeping {
			next := i
			for next < len(text) && text[next] != '"' && text[next] != '\\' && text[next] >= ' ' {
				next++
			}
			if i = next; i == len(text) {
				return
			}
		}
		s.next(text[i])
	}
}

// finish reports whether the text may end here. One of nothing but blanks may.
func (s *jsonScanner) finish() bool {
	switch s.state {
	case jsonValue, jsonAfter, jsonZero, jsonInt, jsonFraction, jsonPower:
		return !s.isBroken && len(s.open) == 0
	default:
		return false
	}
}

// next reads one byte.
func (s *jsonScanner) next(c byte) {
	if s.held > 0 {
		s.held++
	}
	switch s.state {
	case jsonString, jsonEscape, jsonHex:
		s.keep(c)
		s.nextOfString(c)
	case jsonWord:
		if lower(c) != s.word[0] {
			s.isBroken = true
			return
		}
		if s.word = s.word[1:]; s.word == "" {
			s.state = jsonAfter
		}
	case jsonMinus, jsonZero, jsonInt, jsonPoint, jsonFraction, jsonExponent, jsonSign, jsonPower:
		s.nextOfNumber(c)
	default:
		s.nextToken(c)
	}
	if s.held > maxHeld {
		s.isBroken = true
	}
}

// nextToken reads a byte between names and values.
func (s *jsonScanner) nextToken(c byte) {
	switch {
	case c == ' ', c == '\t', c == '\n', c == '\r':
	case s.state == jsonColon && c == ':':
		s.state = jsonValue
	case s.state == jsonFirstName && c == '}', s.state == jsonEmpty && c == ']':
		s.closeBracket(c)
	case (s.state == jsonFirstName || s.state == jsonName) && c == '"':
		s.beginString(c, true)
	case s.state == jsonValue, s.state == jsonEmpty:
		s.beginValue(c)
	case s.state == jsonAfter && c == ',' && len(s.open) > 0:
		s.state = jsonValue
		if s.open[len(s.open)-1] == '{' {
			s.state = jsonName
		}
	case s.state == jsonAfter && (c == '}' || c == ']'):
		s.closeBracket(c)
	default:
		s.isBroken = true
	}
}

func (s *jsonScanner) closeBracket(c byte) {
	depth := len(s.open)
	if depth == 0 || s.open[depth-1] != c-2 { // "{" and "[" stand two before "}" and "]" in ASCII
		s.isBroken = true
		return
	}
	s.open, s.state = s.open[:depth-1], jsonAfter
}

// beginValue reads the first byte of a value.
func (s *jsonScanner) beginValue(c byte) {
	isNumber := c == '-' || '0' <= c && c <= '9'
	if s.name != "" && c != '"' && !isNumber { // no value of another kind is allowed
		s.isBroken = true
		return
	}
	switch {
	case c == '"':
		s.beginString(c, false)
	case isNumber:
		s.kept, s.keeping = s.kept[:0], s.name != ""
		s.keep(c)
		switch c {
		case '-':
			s.state = jsonMinus
		case '0':
			s.state = jsonZero
		default:
			s.state = jsonInt
		}
	case c == '{' && len(s.open) < maxNesting:
		s.open, s.state = append(s.open, c), jsonFirstName
	case c == '[' && len(s.open) < maxNesting:
		s.open, s.state = append(s.open, c), jsonEmpty
	case lower(c) == 't':
		s.state, s.word = jsonWord, "true"[1:]
	case lower(c) == 'f':
		s.state, s.word = jsonWord, "false"[1:]
	case lower(c) == 'n':
		s.state, s.word = jsonWord, "null"[1:]
	default:
		s.isBroken = true
	}
}

// beginString reads the quote before a name or a value.
func (s *jsonScanner) beginString(quote byte, isKey bool) {
	s.state, s.isKey = jsonString, isKey
	s.keeping = s.name != ""
	if isKey && len(s.open) == 1 {
		s.keeping, s.held = true, 1
	}
	s.kept = s.kept[:0]
	s.keep(quote)
}

// keep keeps a byte of what may be forbidden.
func (s *jsonScanner) keep(c byte) {
	switch {
	case !s.keeping:
	case s.name == "" && len(s.kept) > s.longName:
		s.keeping, s.held = false, 0 // it is none of the forbidden names
	default:
		s.kept = append(s.kept, c) // bounded by maxHeld
	}
}

// nextOfString reads a byte of a name or a string.
func (s *jsonScanner) nextOfString(c byte) {
	switch {
	case s.state == jsonHex:
		if '0' <= c && c <= '9' || 'a' <= lower(c) && lower(c) <= 'f' {
			if s.digits--; s.digits == 0 {
				s.state = jsonString
			}
			return
		}
		s.isBroken = true
	case s.state == jsonEscape && c == 'u':
		s.state, s.digits = jsonHex, 4
	case s.state == jsonEscape:
		s.state = jsonString
		s.isBroken = !isEscape(c)
	case c == '\\':
		s.state = jsonEscape
	case c == '"':
		s.endString()
	case c < ' ':
		s.isBroken = true
	}
}

// endString decides about a name, or about the value of one that may be forbidden.
func (s *jsonScanner) endString() {
	if !s.isKey {
		s.state = jsonAfter
		s.endValue()
		return
	}
	s.state = jsonColon
	if !s.keeping {
		return
	}
	s.keeping = false
	name, ok := text(s.kept)
	for _, m := range s.forbidden {
		if ok && m.name == name {
			s.name = name
			return
		}
	}
	s.held = 0
}

// endValue decides about the value of a member that may be forbidden.
func (s *jsonScanner) endValue() {
	if s.name == "" {
		return
	}
	value, ok := string(s.kept), true
	if s.kept[0] == '"' {
		value, ok = text(s.kept)
	}
	for _, m := range s.forbidden {
		if m.name == s.name && (!ok || value == "" || value != m.value) {
			s.isBroken = true
		}
	}
	s.name, s.keeping, s.held = "", false, 0
}

// text is what a string of JSON says.
func text(quoted []byte) (text string, ok bool) {
	return text, json.Unmarshal(quoted, &text) == nil
}

// nextOfNumber reads a byte behind the first one of a number (RFC 8259, section 6).
func (s *jsonScanner) nextOfNumber(c byte) {
	isDigit := '0' <= c && c <= '9'
	next := s.state // behind one more digit
	switch s.state {
	case jsonMinus:
		if next = jsonInt; c == '0' {
			next = jsonZero
		}
	case jsonPoint:
		next = jsonFraction
	case jsonExponent, jsonSign:
		next = jsonPower
	case jsonZero: // no digit may follow
		isDigit = false
	default:
	}
	hasPower := s.state == jsonPower || s.state == jsonExponent || s.state == jsonSign
	switch {
	case isDigit:
	case s.state == jsonExponent && (c == '+' || c == '-'):
		next = jsonSign
	case s.state == jsonMinus, s.state == jsonPoint, s.state == jsonExponent, s.state == jsonSign:
		s.isBroken = true // a digit is missing
	case c == '.' && (s.state == jsonZero || s.state == jsonInt):
		next = jsonPoint
	case lower(c) == 'e' && !hasPower:
		next = jsonExponent
	default:
		s.state = jsonAfter
		s.endValue()
		s.nextToken(c)
		return
	}
	s.keep(c)
	s.state = next
}

// isEscape reports whether a backslash may stand before a character.
func isEscape(c byte) bool {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

// lower is a letter of ASCII in lower case; every other byte is itself.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
