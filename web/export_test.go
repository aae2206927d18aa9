package web

// These let tests look inside the package.
var (
	LocalPath    = localPath
	Outcome      = outcome
	NewCatalogue = newCatalogue
	Pieces       = pieces
	Labels       = labels
	FormOwner    = formOwner
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

// PendingCodes is how many codes wait for their exchange.
func (h *Handler) PendingCodes() int {
	h.codes.mu.Lock()
	defer h.codes.mu.Unlock()
	return len(h.codes.pending)
}

// Idempotency is idempotency.
type Idempotency struct{ *idempotency }

func NewIdempotency() Idempotency { return Idempotency{newIdempotency()} }

func (s Idempotency) Claim(token string) bool { return s.claim(token) }
func (s Idempotency) Release(token string)    { s.release(token) }
func (s Idempotency) Size() int               { return max(len(s.tokens), len(s.oldest)) }
