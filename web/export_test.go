package web

// These let tests look inside the package.
var (
	LocalPath    = localPath
	Outcome      = outcome
	NewCatalogue = newCatalogue
	Pieces       = pieces
	Labels       = labels
	ShownTo      = shownTo
	ThemeCSS     = themeCSS
)

const (
	LightSurface = lightSurface
	DarkSurface  = darkSurface
)

// Match is catalogue.match of all languages.
var Match = func() func(string) string {
	languages := newCatalogue()
	return func(header string) (tag string) { return languages.match(header).Tag }
}()

// Contrast is the contrast ratio of two colours.
func Contrast(a, b string) float64 { return contrast(parseColour(a), parseColour(b)) }

// WaitingCodes is how many codes wait for their exchange.
func (h *Handler) WaitingCodes() int {
	h.codes.mu.Lock()
	defer h.codes.mu.Unlock()
	return len(h.codes.waiting)
}

// SentForms is sentForms.
type SentForms struct{ *sentForms }

func NewSentForms() SentForms { return SentForms{newSentForms()} }

func (s SentForms) Claim(token string) bool { return s.claim(token) }
func (s SentForms) Release(token string)    { s.release(token) }
func (s SentForms) Remembered() int         { return max(len(s.tokens), len(s.oldest)) }
