package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/explain"
)

//go:embed catalogue/*.json
var catalogueFiles embed.FS

// language is the texts of one language. See catalogue/en.json.
type language struct {
	Tag   string            `json:"tag"`  // BCP 47
	Name  string            `json:"name"` // in the language itself
	Dir   string            `json:"dir"`  // ltr or rtl
	Texts map[string]string `json:"texts"`
}

// catalogue is the languages there are, by their tag.
type catalogue map[string]*language

const fallbackLanguage = "en"

func newCatalogue() catalogue {
	files, err := catalogueFiles.ReadDir("catalogue")
	if err != nil {
		panic(err) // embedded
	}
	languages := catalogue{}
	for _, file := range files {
		text, err := catalogueFiles.ReadFile("catalogue/" + file.Name())
		if err != nil {
			panic(err) // embedded
		}
		l := &language{}
		if err := json.Unmarshal(text, l); err != nil {
			panic(fmt.Sprintf("catalogue/%s: %v", file.Name(), err))
		}
		for key, text := range explain.Texts(l.Tag) {
			l.Texts["explain."+key] = text
		}
		languages[l.Tag] = l
	}
	return languages
}

// T returns the text of a key, with pairs of a placeholder's name and its value
// in it. A value that is text is isolated from the direction of what surrounds
// it. Of a key that is not there, nothing is returned.
func (l *language) T(key string, pairs ...any) string { return l.fill(l.Texts[key], pairs) }

func (l *language) fill(text string, pairs []any) string {
	var replace []string
	for i := 0; i+1 < len(pairs); i += 2 {
		value := fmt.Sprint(pairs[i+1])
		switch v := pairs[i+1].(type) {
		case string:
			value = isolate(v)
		case explain.Duration:
			value = l.lasting(v.Duration)
		case explain.Words:
			value = isolate(v.Text(l.Tag))
		}
		replace = append(replace, fmt.Sprintf("{%v}", pairs[i]), value)
	}
	return strings.NewReplacer(replace...).Replace(text)
}

// timed is a text with a time in it, which the page shows in the reader's own zone.
type timed struct {
	Before string
	At     time.Time // zero: there is none
	After  string
}

// timed returns the text of a key as T does, with a time in the place of {time}.
func (l *language) timed(key string, at time.Time, pairs ...any) timed {
	before, after, _ := strings.Cut(l.Texts[key], "{time}")
	return timed{l.fill(before, pairs), at, l.fill(after, pairs)}
}

// units are what durations are counted in, by the text with the forms of their name.
var units = []struct {
	key  string
	time time.Duration
}{
	{"duration.days", 24 * time.Hour}, {"duration.hours", time.Hour}, {"duration.minutes", time.Minute}, {"duration.seconds", time.Second},
}

// lasting is a duration in words, in the largest unit that leaves nothing over.
func (l *language) lasting(d time.Duration) string {
	last := len(units) - 1
	unit := units[last]
	for _, u := range units[:last] {
		if d%u.time == 0 {
			unit = u
			break
		}
	}
	n := int64(d / unit.time)
	return strings.ReplaceAll(l.form(unit.key, n), "#", strconv.FormatInt(n, 10))
}

// form is the form of a word that goes with a number. A text has them in the order
// that the plural rules of Unicode have: one and others or, in Arabic, one, two, few,
// many and others.
func (l *language) form(key string, n int64) string {
	forms := strings.Split(l.Texts[key], "|")
	last := len(forms) - 1
	switch {
	case n == 1:
		return forms[0]
	case l.Tag != "ar":
	case n == 2:
		return forms[1]
	case n%100 >= 3 && n%100 <= 10:
		return forms[2]
	case n%100 > 10:
		return forms[3]
	}
	return forms[last]
}

// unbroken is a time in a text, in which a line may end before the hour alone.
func unbroken(at time.Time) string { return at.UTC().Format("2006\u201101\u201102 15:04\u00a0UTC") }

// isolate keeps the direction of a text apart from that of the text around it.
func isolate(text string) string {
	const firstStrongIsolate, popDirectionalIsolate = "\u2068", "\u2069"
	return firstStrongIsolate + withoutControls(text) + popDirectionalIsolate
}

// Bounds on the work that a header can cause.
const (
	maxAcceptLanguage = 1000 // bytes
	maxLanguageRanges = 50
)

// match returns the available language that the reader prefers, by the value of
// Accept-Language (RFC 9110, 12.5.4). Of a range such as de-AT the first part counts.
func (languages catalogue) match(header string) *language {
	best, bestWeight := languages[fallbackLanguage], 0.0
	if len(header) > maxAcceptLanguage {
		header = header[:maxAcceptLanguage]
	}
	for i, item := range strings.SplitN(header, ",", maxLanguageRanges+1) {
		if i == maxLanguageRanges {
			break
		}
		languageRange, parameters, _ := strings.Cut(item, ";")
		weight := weightOf(parameters)
		if l := languages.find(languageRange); l != nil && weight > bestWeight {
			best, bestWeight = l, weight
		}
	}
	return best
}

func (languages catalogue) find(languageRange string) *language {
	tag, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(languageRange)), "-")
	if tag == "*" {
		tag = fallbackLanguage
	}
	return languages[tag]
}

// weightOf reads "q=0.8". No weight is 1, and one that cannot be read is 0.
func weightOf(parameters string) float64 {
	parameters = strings.ToLower(strings.TrimSpace(parameters))
	if parameters == "" {
		return 1
	}
	text, ok := strings.CutPrefix(parameters, "q=")
	weight, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || !(weight >= 0 && weight <= 1) { // NaN is neither
		return 0
	}
	return weight
}
