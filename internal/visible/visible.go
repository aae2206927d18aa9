// Package visible knows which characters a reader sees.
package visible

import (
	"fmt"
	"strings"
	"unicode"
)

// In reports whether a text has a character that a reader sees.
func In(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool { return c != unicode.ReplacementChar && !IsInvisible(c) })
}

// IsInvisible reports whether a reader does not see c: a blank, a control character, or
// one that Unicode lets programs ignore (UAX #44, Default_Ignorable_Code_Point), such as
// U+200B, U+FEFF or U+3164.
func IsInvisible(c rune) bool {
	const brailleBlank = '\u2800'                            // a symbol that looks like a blank
	if unicode.Is(unicode.Prepended_Concatenation_Mark, c) { // such as U+06DD, which is drawn
		return false
	}
	return unicode.IsSpace(c) || c == brailleBlank || unicode.In(c, unicode.Z, unicode.Cc, unicode.Cf,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Escape writes what cannot be seen as \uXXXX.
func Escape(s string) string {
	var b strings.Builder
	for _, c := range s {
		if unicode.IsPrint(c) {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}
