package web_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/explain"
	"github.com/sparekey-dev/sparekey/web"
)

// newPages returns the pages of another service for a site.
func newPages(svc *sparekey.Service, s *site) *web.Handler {
	return web.New(svc, s.viewer, web.Config{BaseURL: origin + base})
}

func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	languages := web.NewCatalogue()
	english := languages["en"].Texts
	if len(english) == 0 || len(languages) < 4 {
		t.Fatalf("%d texts in %d languages", len(english), len(languages))
	}
	rtl := 0
	for tag, language := range languages {
		for key, text := range language.Texts {
			if _, ok := english[key]; !ok {
				t.Errorf("%s: %s is not in English", tag, key)
			}
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %s is empty", tag, key)
			}
		}
		for key, text := range english {
			switch translated, ok := language.Texts[key]; {
			case !ok:
				t.Errorf("%s: no text %s", tag, key)
			case translated == text && tag != "en" && !slices.Contains(sameAsEnglish[key], tag):
				t.Errorf("%s: %s is English: %s", tag, key, text)
			}
			if got, want := placeholders(language.Texts[key]), placeholders(text); !slices.Equal(got, want) {
				t.Errorf("%s: %s has the placeholders %q, want %q", tag, key, got, want)
			}
		}
		if language.Dir == "rtl" {
			rtl++
		}
	}
	if rtl == 0 {
		t.Error("no language is written from right to left")
	}
}

// sameAsEnglish is in which languages a text is what it is in English.
var sameAsEnglish = map[string][]string{
	"column.name":        {"de"},
	"sort.name":          {"de"},
	"column.actions":     {"fr"},
	"paging.label":       {"fr"},
	"all.filter_title":   {"de"},
	"duration.minutes":   {"fr"},
	"expires.at":         {"ar", "de", "es"},
	"explain.bundle_own": {"ar", "de", "es", "fr"},
}

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return found
}

// TestCatalogueMatchesTheCode proves that every text is used, and that every one
// that is used is there.
func TestCatalogueMatchesTheCode(t *testing.T) {
	t.Parallel()
	english := web.NewCatalogue()["en"].Texts
	used := map[string]bool{}
	literal := regexp.MustCompile(`"([a-z_]+(?:\.[a-z_]+)+)"`)
	call := regexp.MustCompile(`\bT\(? ?"([a-z_.]+)"`)
	files, err := filepath.Glob("templates/*.html")
	if err != nil || len(files) == 0 {
		t.Fatal("no templates", err)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, sources...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
			if _, ok := english[m[1]]; !ok && !strings.HasSuffix(m[1], ".") {
				t.Errorf("%s: no text %s", file, m[1])
			}
		}
		for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(english)) {
		made := strings.HasPrefix(key, "error.") || strings.HasPrefix(key, "done.") ||
			strings.HasPrefix(key, "history.kind.") || strings.HasPrefix(key, "history.reason.") ||
			strings.HasPrefix(key, "explain.") || strings.HasPrefix(key, "badge.") // their keys are put together
		if !used[key] && !made {
			t.Errorf("%s is used nowhere", key)
		}
	}
}

// TestCatalogueAddressesReadersInOneWay looks for the formal way in languages whose
// texts have the informal one.
func TestCatalogueAddressesReadersInOneWay(t *testing.T) {
	t.Parallel()
	for tag, formal := range map[string]*regexp.Regexp{
		"de": regexp.MustCompile(`[a-z]n Sie\b|\bSie [a-z]+en\b|\bIhr|\bIhnen\b`),
		"es": regexp.MustCompile(`(?i)\busted|\b(elija|quite|quiera|escriba|pregunte|revoque|su cuenta)\b`),
	} {
		for key, text := range web.NewCatalogue()[tag].Texts {
			if formal.MatchString(text) {
				t.Errorf("%s: %s: %s", tag, key, text)
			}
		}
	}
}

// TestFrenchMarksStayWithTheirWords: French has a blank before some marks and within
// its quotes, at which no line may end.
func TestFrenchMarksStayWithTheirWords(t *testing.T) {
	t.Parallel()
	loose := regexp.MustCompile(`« | [»?!:;]`)
	for key, text := range web.NewCatalogue()["fr"].Texts {
		if loose.MatchString(text) {
			t.Errorf("%s: a line may end before or after a mark: %s", key, text)
		}
	}
}

// TestRequestsKeepTheirOrder: between words from right to left, "GET /files/*" would
// be seen as "*/GET /files".
func TestRequestsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	for key, text := range web.NewCatalogue()["ar"].Texts {
		if at := strings.Index(text, "GET /"); at >= 0 && !strings.HasSuffix(text[:at], "\u2066") {
			t.Errorf("%s: %q", key, text)
		}
	}
}

func TestDurationsInWords(t *testing.T) {
	t.Parallel()
	for tag, language := range web.NewCatalogue() {
		forms := 2
		if tag == "ar" {
			forms = 5
		}
		for _, key := range []string{"duration.days", "duration.hours", "duration.minutes", "duration.seconds"} {
			if got := strings.Split(language.Texts[key], "|"); len(got) != forms {
				t.Errorf("%s: %s: %q, want %d forms", tag, key, got, forms)
			}
		}
		for d, want := range map[time.Duration]map[string]string{
			day:              {"en": "1 day", "de": "1 Tag", "es": "1 día", "fr": "1 jour", "ar": "يوم واحد"},
			2 * day:          {"en": "2 days", "de": "2 Tage", "es": "2 días", "fr": "2 jours", "ar": "يومين"},
			7 * day:          {"en": "7 days", "de": "7 Tage", "es": "7 días", "fr": "7 jours", "ar": "7 أيام"},
			30 * day:         {"en": "30 days", "de": "30 Tage", "es": "30 días", "fr": "30 jours", "ar": "30 يومًا"},
			100 * day:        {"en": "100 days", "de": "100 Tage", "es": "100 días", "fr": "100 jours", "ar": "100 يوم"},
			365 * day:        {"en": "365 days", "de": "365 Tage", "es": "365 días", "fr": "365 jours", "ar": "365 يومًا"},
			36 * time.Hour:   {"en": "36 hours", "de": "36 Stunden", "es": "36 horas", "fr": "36 heures", "ar": "36 ساعة"},
			90 * time.Minute: {"en": "90 minutes", "de": "90 Minuten", "es": "90 minutos", "fr": "90 minutes", "ar": "90 دقيقة"},
			3 * time.Second:  {"en": "3 seconds", "de": "3 Sekunden", "es": "3 segundos", "fr": "3 secondes", "ar": "3 ثوانٍ"},
			2 * time.Hour:    {"en": "2 hours", "de": "2 Stunden", "es": "2 horas", "fr": "2 heures", "ar": "ساعتين"},
		} {
			if got := language.T("expires.longest", "time", explain.Duration{Duration: d}); !strings.HasSuffix(got, " "+want[tag]) {
				t.Errorf("%s: %v: %q, want %q at its end", tag, d, got, want[tag])
			}
		}
	}
}

func TestCatalogueFilesAreStrict(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("catalogue/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no catalogue", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(strings.NewReader(string(text)))
		decoder.DisallowUnknownFields()
		var l struct {
			Tag   string            `json:"tag"`
			Name  string            `json:"name"`
			Dir   string            `json:"dir"`
			Texts map[string]string `json:"texts"`
		}
		if err := decoder.Decode(&l); err != nil || l.Tag+".json" != filepath.Base(file) || l.Name == "" || l.Dir != "ltr" && l.Dir != "rtl" {
			t.Errorf("%s: %v, tag %s, name %s, dir %s", file, err, l.Tag, l.Name, l.Dir)
		}
	}
}

func TestValuesCannotReorderTheText(t *testing.T) {
	t.Parallel()
	got := web.NewCatalogue()["ar"].T("rename.title", "name", "a{name}\u202eb\u2069c")
	if !strings.Contains(got, "\u2068a{name}bc\u2069") || strings.ContainsRune(got, '\u202e') {
		t.Errorf("%q", got)
	}
}

func TestAcceptLanguage(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "en", "de": "de", "DE-at": "de", "tlh, de;q=0.5": "de", "de;q=0.4, ar;q=0.9": "ar", "fr, de": "fr", "*": "en", "tlh": "en",
		"de;q=0": "en", "de;q=0, es;q=0.1": "es", "*;q=0.5, de;q=0.4": "en", "de;q=NaN": "en", "de;q=2, fr": "fr", "de;q=-1": "en", "de;q=": "en",
		"de;level=1": "en", " de ; q=0.7 , fr;q=0.6": "de", "en-GB,en;q=0.9,de;q=0.8": "en", ",,,;;": "en",
		strings.Repeat("tlh,", 60) + "de": "en", strings.Repeat("x", 2000) + ",de": "en",
	} {
		if got := web.Match(header); got != want {
			t.Errorf("%.40q: %s, want %s", header, got, want)
		}
	}
	s := newSite(t)
	p := s.as("bob").with("Accept-Language", "ar-EG,ar;q=0.9").get(home).want(http.StatusOK)
	if got := p.header.Get("Content-Language"); got != "ar" || !strings.Contains(p.header.Get("Vary"), "Accept-Language") {
		t.Errorf("Content-Language %s, Vary %s", got, p.header.Get("Vary"))
	}
}

func FuzzAcceptLanguage(f *testing.F) {
	for _, seed := range []string{"", "de", "de-AT;q=0.8, en;q=0.7", "*;q=0.1", "de;q=NaN", ";;;,,,", "de;q=1e999", "ar\x00"} {
		f.Add(seed)
	}
	languages := web.NewCatalogue()
	f.Fuzz(func(t *testing.T, header string) {
		tag := web.Match(header)
		if languages[tag] == nil {
			t.Fatalf("%q: no such language %q", header, tag)
		}
		if tag != "en" && !strings.Contains(strings.ToLower(header), tag) {
			t.Errorf("%q: %s was not asked for", header, tag)
		}
	})
}
