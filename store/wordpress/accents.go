package wordpress

import (
	"strings"
	"unicode"

	"github.com/sparekey-dev/sparekey/internal/loginname"
)

// latinLetters are letters that are not a plain one with a mark, as WordPress writes them
// in logins.
//
//nolint:gochecknoglobals // a constant, if there were such replacers
var latinLetters = strings.NewReplacer(
	"ß", "ss", "ẞ", "SS", "Æ", "AE", "æ", "ae", "Œ", "OE", "œ", "oe", "Ø", "O", "ø", "o", "Þ", "TH", "þ", "th", "Ð", "D", "ð", "d",
	"Đ", "D", "đ", "d", "Ħ", "H", "ħ", "h", "ı", "i", "Ĳ", "IJ", "ĳ", "ij", "ĸ", "k", "Ł", "L", "ł", "l", "Ŋ", "N", "ŋ", "n", "ſ", "s",
	"Ŧ", "T", "ŧ", "t",
)

// The transliterations of sites in these languages.
//
//nolint:gochecknoglobals // constants, if there were such replacers
var (
	germanLetters = strings.NewReplacer("Ä", "Ae", "ä", "ae", "Ö", "Oe", "ö", "oe", "Ü", "Ue", "ü", "ue", "ẞ", "SS", "ß", "ss")
	danishLetters = strings.NewReplacer("Æ", "Ae", "æ", "ae", "Ø", "Oe", "ø", "oe", "Å", "Aa", "å", "aa")
)

// spellings are the texts under which WordPress may have a login: as it is, in form D, and
// without accents, which WordPress removes before it looks for a login, in a way that
// depends on the language of the site.
func spellings(login string) [5]string {
	plain := func(text string) string { return withoutMarks(latinLetters.Replace(text)) }
	return [...]string{
		login, loginname.Decomposed(login), plain(login),
		plain(germanLetters.Replace(login)), plain(danishLetters.Replace(login)),
	}
}

// withoutMarks drops the marks of Latin letters, such as accents.
func withoutMarks(text string) string {
	var b strings.Builder
	isLatin := false
	for _, c := range loginname.Decomposed(text) {
		if isLatin && unicode.Is(unicode.Mn, c) {
			continue
		}
		isLatin = unicode.Is(unicode.Latin, c)
		b.WriteRune(c)
	}
	return loginname.Compose(b.String())
}
