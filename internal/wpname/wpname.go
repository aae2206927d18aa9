// Package wpname sanitises names as WordPress does.
package wpname

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Sanitize returns the name under which an application password is stored: one line of
// text without markup, the same as WordPress 7.1 would store.
//
// Tags, scripts and styles are dropped, a "<" that opens no tag is escaped, runs of spaces,
// tabs and line breaks become one space, and percent-encoded bytes such as %41 are removed
// until none is left. Everything else is kept: the length has no limit, and neither case nor
// Unicode normalization changes. If the name is not valid UTF-8, nothing is kept.
//
// The result is "" when nothing is left. It may still hold "&", ">" and quotes, so escape it
// when you write it into a page. Sanitize runs in time linear in the length of name.
func Sanitize(name string) string {
	if !utf8.ValidString(name) {
		return ""
	}
	name = removeMarkup(name)
	name = singleLine(name)
	return removePercentEncoding(name)
}

// trimmed are the bytes PHP's trim takes off both ends of a string.
const trimmed = " \t\n\r\v\x00"

// singleLine turns every run of spaces, tabs and line breaks into one space
// and trims the ends.
func singleLine(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool {
		return r == ' ' || r == '\t' || r == '\n' || r == '\r'
	})
	return strings.Trim(strings.Join(words, " "), trimmed)
}

// removePercentEncoding deletes "%" followed by two hex digits, also where a
// deletion brings such a triple together, as in "%4%411". Triples cannot
// overlap, so one pass that looks back after every byte leaves exactly what
// repeated passes would, without their quadratic time.
func removePercentEncoding(s string) string {
	kept := make([]byte, 0, len(s))
	for i := range len(s) {
		kept = append(kept, s[i])
		if start := len(kept) - 3; start >= 0 && isPercentEncoded(kept[start:]) {
			kept = kept[:start]
		}
	}
	return singleLine(string(kept)) // "a %41 b" has become "a  b"
}

func isPercentEncoded(triple []byte) bool {
	return triple[0] == '%' && isHexDigit(triple[1]) && isHexDigit(triple[2])
}

func isHexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// removeMarkup drops HTML from s and escapes what only looks like it. A string
// without "<" is left alone, NUL bytes included.
func removeMarkup(s string) string {
	if !strings.Contains(s, "<") {
		return s
	}
	s = escapeUnclosedTags(s)
	s = removeRawElements(s)
	s = stripTags(s)
	s = strings.Trim(s, trimmed)
	return strings.ReplaceAll(s, "<\n", "&lt;\n")
}

// escapeUnclosedTags escapes every piece of s that starts at a "<" and reaches
// the next "<", or the end, without a ">".
func escapeUnclosedTags(s string) string {
	var out strings.Builder
	text, s, found := strings.Cut(s, "<")
	out.WriteString(text)
	for found {
		var piece string
		piece, s, found = strings.Cut(s, "<")
		if strings.Contains(piece, ">") {
			out.WriteByte('<')
			out.WriteString(piece)
		} else {
			out.WriteString("&lt;")
			writeEscaped(&out, piece)
		}
	}
	return out.String()
}

// writeEscaped writes s with "&" and quotes replaced by character references,
// except an "&" that begins a reference already. It is for text without "<" and ">".
func writeEscaped(out *strings.Builder, s string) {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '&' && !beginsReference(s[i:]):
			out.WriteString("&amp;")
		case c == '"':
			out.WriteString("&quot;")
		case c == '\'':
			out.WriteString("&#039;")
		default:
			out.WriteByte(c)
		}
	}
}

// reference matches a well-formed character reference; the longest name HTML
// defines has 31 letters. WordPress goes by a fixed list of names and escapes the
// "&" of any other; here "&unknown;" stays as it was typed.
var reference = regexp.MustCompile(`^&(?:[a-zA-Z][a-zA-Z0-9]{0,30}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});`)

func beginsReference(s string) bool {
	const longest = len("&CounterClockwiseContourIntegral;")
	return reference.MatchString(s[:min(len(s), longest)])
}

// removeRawElements drops scripts and styles together with their content. The
// end tag is exactly "</script>", in any case; a start tag without one is left to
// stripTags. It relies on escapeUnclosedTags having run: every "<" has its ">"
// ahead of the next "<", so that no end tag stands inside a start tag.
func removeRawElements(s string) string {
	folded := lowerASCII(s)
	script, style := findRawElement(folded, "script"), findRawElement(folded, "style")

	kept := make([]byte, 0, len(s))
	for at := 0; at < len(s); {
		end := max(script.endAt(folded, at), style.endAt(folded, at))
		if end == at {
			kept = append(kept, s[at])
			end++
		}
		at = end
	}
	return string(kept)
}

// A rawElement is an element whose content is not text for the reader.
type rawElement struct {
	start   string // what its start tag begins with
	end     string // its end tag
	lastEnd int    // where the last end tag of the text is, or -1
}

func findRawElement(text, name string) rawElement {
	end := "</" + name + ">"
	return rawElement{start: "<" + name, end: end, lastEnd: strings.LastIndex(text, end)}
}

// endAt returns where the element that starts at text[at] ends, or at when none starts there.
// It does not search beyond the last end tag: otherwise a text of only start tags would be
// read to its end for each of them.
func (e rawElement) endAt(text string, at int) int {
	if at > e.lastEnd || !strings.HasPrefix(text[at:], e.start) {
		return at
	}
	return at + strings.Index(text[at:], e.end) + len(e.end)
}

// lowerASCII lowers A to Z only, so that offsets in the result are offsets in s.
func lowerASCII(s string) string {
	lower := []byte(s)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + ('a' - 'A')
		}
	}
	return string(lower)
}

// stripTags drops tags, comments, declarations, processing instructions and NUL bytes from s,
// and those that are still open at the end. Its result is the same as that of PHP's
// strip_tags to the byte, also for malformed markup, so that a name reads the same on both
// sides of a shared database.
func stripTags(s string) string {
	t := tagStripper{in: s, kept: make([]byte, 0, len(s))}
	var state stripState = inText
	for t.pos = range len(s) {
		if c := s[t.pos]; c != 0 {
			state = state(&t, c)
		}
	}
	return string(t.kept)
}

// A stripState handles the byte c at t.pos and returns the state for the next one.
type stripState func(t *tagStripper, c byte) stripState

// A tagStripper is what the states of stripTags share.
type tagStripper struct {
	in   string
	pos  int
	kept []byte

	depth  int  // nested "<" that still wait for their ">"
	quote  byte // the quotation mark open in the markup, or 0
	xml    bool // within "<?xml", which is read as a tag
	parens int  // parentheses open in a processing instruction
	last   byte // the latest delimiter of the markup; 0 after a closed quotation
}

// inText keeps everything up to a "<". One before white space is text as well.
func inText(t *tagStripper, c byte) stripState {
	switch {
	case c == '<' && !t.spaceFollows():
		t.last = c
		return inTag
	case c == '>' && t.depth > 0:
		t.depth--
	default:
		t.kept = append(t.kept, c)
	}
	return inText
}

// inTag is the state inside "<...>", which also recognizes "<!" and "<?".
func inTag(t *tagStripper, c byte) stripState {
	switch c {
	case '<':
		if t.quote == 0 && !t.spaceFollows() {
			t.depth++
		}
	case '>':
		return t.endTag()
	case '"', '\'':
		t.toggleQuote(c)
	case '!':
		if t.follows("<") {
			t.last = c
			return inDeclaration
		}
	case '?':
		if t.follows("<") {
			t.parens = 0
			return inInstruction
		}
	}
	return inTag
}

// endTag handles a ">" in a tag. In "<?xml" one after "-" ends nothing.
func (t *tagStripper) endTag() stripState {
	if !t.closes() {
		return inTag
	}
	t.last = '>'
	if t.xml && t.follows("-") {
		return inTag
	}
	t.xml = false
	return t.endMarkup()
}

// inDeclaration is the inside of "<!...>".
func inDeclaration(t *tagStripper, c byte) stripState {
	switch c {
	case '>':
		if t.closes() {
			return t.endMarkup()
		}
	case '"', '\'':
		if !t.follows(`\`) {
			t.toggleQuote(c)
		}
	case '-':
		if t.follows("!-") {
			return inComment
		}
	case 'e', 'E':
		if t.follows("doctyp") {
			return inTag
		}
	}
	return inDeclaration
}

// inComment is the inside of "<!--...-->".
func inComment(t *tagStripper, c byte) stripState {
	if c == '>' && t.quote == 0 && t.follows("--") {
		return t.endMarkup()
	}
	return inComment
}

// inInstruction is the inside of "<?...?>", which ends where its parentheses
// balance.
func inInstruction(t *tagStripper, c byte) stripState {
	switch c {
	case '(':
		t.countParen(c, +1)
	case ')':
		t.countParen(c, -1)
	case '>':
		if t.closes() && t.parens == 0 && t.last != '"' && t.follows("?") {
			return t.endMarkup()
		}
	case '"', '\'':
		t.quoteInInstruction(c)
	case 'l', 'L':
		// PHP does not see "<?xml" at the very start of a string.
		if t.follows("<?xm") && t.pos > len("<?xm") {
			t.xml = true
			return inTag
		}
	}
	return inInstruction
}

// countParen adds change to the open parentheses, unless c is quoted.
func (t *tagStripper) countParen(c byte, change int) {
	if t.last != '"' && t.last != '\'' {
		t.last = c
		t.parens += change
	}
}

func (t *tagStripper) quoteInInstruction(c byte) {
	if t.follows(`\`) {
		return
	}
	if t.last == c {
		t.last = 0
	} else {
		t.last = c
	}
	t.toggleQuote(c)
}

// closes reports whether the ">" at t.pos may end the markup, that is, it closes
// no nested "<" and is not quoted.
func (t *tagStripper) closes() bool {
	if t.depth > 0 {
		t.depth--
		return false
	}
	return t.quote == 0
}

func (t *tagStripper) endMarkup() stripState {
	t.quote = 0
	return inText
}

// toggleQuote opens a quotation with the mark c, or ends the one that c opened.
func (t *tagStripper) toggleQuote(c byte) {
	switch t.quote {
	case 0:
		t.quote = c
	case c:
		t.quote = 0
	}
}

// follows reports whether t.pos comes right after prefix, ignoring case.
func (t *tagStripper) follows(prefix string) bool {
	start := t.pos - len(prefix)
	return start >= 0 && strings.EqualFold(t.in[start:t.pos], prefix)
}

// spaceFollows reports whether ASCII white space comes right after t.pos.
func (t *tagStripper) spaceFollows() bool {
	next := t.pos + 1
	return next < len(t.in) && strings.IndexByte(" \t\n\v\f\r", t.in[next]) >= 0
}
