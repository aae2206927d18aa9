package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// maxPeek is how much of a body is read ahead, in bytes.
const maxPeek = 1 << 20

// Body is the body of a request that a front-end passes on. Bytes that were read ahead can be
// read again.
type Body struct {
	r        *http.Request
	isPeeked bool
	ahead    []byte
	why      string

	guard     *guard // of a multipart form
	forbidden fieldNames
	members   *memberGuard // of JSON that is too long to be read ahead
	isSealed  bool
}

// NewBody returns the body of a request, whose Body it may replace.
func NewBody(r *http.Request) *Body { return &Body{r: r} }

// Seal ends reading ahead, once the body is passed on. If a request is then judged again,
// by limits that it did not have before, its body counts as not seen unless it was read
// ahead.
func (b *Body) Seal() { b.isSealed = true }

// underWay says why a body is not looked at.
const underWay = "the body of the request is under way, so its fields can no longer be read"

// peek returns the body. It says, as the rest of a sentence, why it cannot: the body is
// too long, does not arrive, or is compressed, which only some programs undo.
func (b *Body) peek() (body []byte, why string) {
	switch {
	case b.isPeeked:
	case b.isSealed:
		return nil, underWay
	default:
		b.isPeeked = true
		b.ahead, b.why = b.read()
	}
	return b.ahead, b.why
}

func (b *Body) read() (body []byte, why string) {
	if b.r.Body == nil || b.r.Body == http.NoBody {
		return nil, ""
	}
	if len(b.r.Header["Content-Encoding"]) > 0 {
		return nil, "the body of the request is compressed, so its fields cannot be read; send it uncompressed"
	}
	if b.r.ContentLength > maxPeek {
		return nil, tooLong
	}
	body, err := io.ReadAll(io.LimitReader(b.r.Body, maxPeek+1))
	rest := io.Reader(b.r.Body)
	if err != nil {
		rest = failed{err} // what is read again ends as the body did
	}
	b.r.Body = joined{io.MultiReader(bytes.NewReader(body), rest), b.r.Body}
	switch {
	case err != nil:
		return nil, "the body of the request did not arrive whole"
	case len(body) > maxPeek:
		return nil, tooLong
	}
	return body, ""
}

var tooLong = fmt.Sprintf("the form in the request is longer than %d MiB, so its fields cannot be read; send a shorter one, or JSON", maxPeek>>20)

type joined struct {
	io.Reader
	io.Closer
}

type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }

// fieldNames are the fields that must not be in a form.
type fieldNames struct {
	route, method bool
	objects       []string // names of parameters of a WordPress route
}

// forbid has the body end with [ErrForbiddenField] where a multipart form has one of
// these fields, before any of it is passed on. It may be called again with more. It says,
// as the rest of a sentence, why it cannot.
func (b *Body) forbid(names fieldNames) (why string) {
	switch {
	case b.isSealed && !b.forbidden.has(names):
		return underWay
	case b.isSealed || b.r.Body == nil || b.r.Body == http.NoBody:
		return ""
	case b.guard == nil:
		b.guard = &guard{window: window{body: b.r.Body}, delimiter: delimiterOf(b.r.Header.Get("Content-Type"))}
		b.r.Body = b.guard
	}
	b.forbidden.add(names)
	b.guard.forbidden = b.forbidden.pattern()
	return ""
}

// isLong reports whether the body may be longer than what is read ahead, or its length is
// not known. It stays long once it is looked through as it streams.
func (b *Body) isLong() bool {
	return b.guard != nil && b.guard.isJSON || !b.isPeeked && b.r.Body != nil && b.r.Body != http.NoBody && (b.r.ContentLength < 0 || b.r.ContentLength > maxPeek)
}

// forbidMethodInJSON has the body, which is JSON, end with [ErrForbiddenField] where it
// may name a method. It returns false if it cannot.
func (b *Body) forbidMethodInJSON() bool {
	switch {
	case len(b.r.Header["Content-Encoding"]) > 0:
		return false
	case b.guard == nil && b.isSealed:
		return false
	case b.guard == nil:
		b.guard = &guard{window: window{body: b.r.Body}, forbidden: methodInJSON, isJSON: true}
		b.r.Body = b.guard
	}
	return b.guard.isJSON
}

// methodInJSON matches the name "_method" in JSON, in each spelling.
var methodInJSON = func() *regexp.Regexp {
	pattern := `(?i)"`
	for _, c := range "_method" {
		upper := strings.ToUpper(string(c))
		pattern += fmt.Sprintf(`(?:%c|\\u00(?:%02x|%02x))`, c, c, upper[0])
	}
	return regexp.MustCompile(pattern + `"`)
}()

// ErrForbiddenField ends a body that has a field which limits do not allow, or that programs
// read in different ways.
var ErrForbiddenField = errors.New("the body has a field by which an application takes it for another request, or cannot be read")

// add adds more names.
func (f *fieldNames) add(more fieldNames) {
	f.route, f.method = f.route || more.route, f.method || more.method
	f.objects = append(f.objects, more.objects...)
}

// has reports whether all of others are among the names.
func (f *fieldNames) has(others fieldNames) bool {
	return (f.route || !others.route) && (f.method || !others.method) &&
		!slices.ContainsFunc(others.objects, func(name string) bool { return !slices.Contains(f.objects, name) })
}

// pattern matches a part's header with a forbidden field, in any spelling that a parser
// of multipart forms takes for it. It may match elsewhere in the body, too, since
// parsers disagree about where a part begins, though not in the name of a file.
func (f fieldNames) pattern() *regexp.Regexp {
	var names []string
	if f.route {
		names = append(names, `[^"'\r\n;=]{0,64}rest[^a-z0-9]{0,8}route`)
	}
	if f.method {
		names = append(names, `method(?:[^a-z0-9_-]|$)`)
	}
	for _, name := range f.objects {
		names = append(names, regexp.QuoteMeta(strings.ToLower(name))+`(?:[^a-z0-9_-]|$)`)
	}
	return regexp.MustCompile(`(?i)(?:^|[^a-z])name\*?[^a-z0-9]{0,40}=(?:[^a-z0-9]{40}|[^a-z0-9]{0,40}(?:` + strings.Join(names, "|") + `))`)
}

// guardWindow is how many bytes stay behind until what follows them is known. A header
// of a part that is longer is cut by PHP as well.
const guardWindow = 8 << 10

// guard is a body that is looked through as it streams.
type guard struct {
	window

	delimiter []byte // begins each part of a form
	isJSON    bool   // the body may be JSON, and is not a form
	forbidden *regexp.Regexp
}

// Read is part of io.Reader.
func (g *guard) Read(p []byte) (int, error) { return g.pass(p, g.fill) }

// fill reads more, and frees what is known to be harmless.
func (g *guard) fill() {
	room := make([]byte, len(g.text)+4*guardWindow)
	kept := copy(room, g.text)
	n, err := io.ReadAtLeast(g.body, room[kept:], guardWindow) // a byte at a time would be looked at a thousand times
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	g.text = room[:kept+n]
	if g.forbidden.Match(g.text) || !g.isJSON && !hasPlainHeads(g.text, g.delimiter, err != nil) {
		g.refuse()
		return
	}
	if err != nil {
		g.free, g.err = len(g.text), err
		return
	}
	g.free = max(0, len(g.text)-guardWindow)
}

// mayBeForm reports whether PHP and others may take a body of this type for a form, in
// which a browser can send fields. Loose programs look for a part of the type alone.
func mayBeForm(contentType string) bool {
	return rawpath.ContainsFold(contentType, "form-") || rawpath.ContainsFold(contentType, "urlencoded") ||
		rawpath.ContainsFold(contentType, "multipart/") && rawpath.ContainsFold(contentType, "form")
}

// isTypeless reports whether a body has no type.
func isTypeless(types []string) bool {
	return !slices.ContainsFunc(types, func(t string) bool { return strings.TrimSpace(t) != "" })
}

// isParts reports whether Rack takes a body of this type for a form
// (Rack::Request#parseable_data?), beside what [mayBeForm] reports.
func isParts(contentType string) bool { return rawpath.ContainsFold(contentType, "multipart/") }

// isJSONOfForm reports whether Laravel takes the members of a body of this type for
// fields of a form (Illuminate\Http\Request::isJson).
func isJSONOfForm(contentType string) bool {
	return rawpath.ContainsFold(contentType, "/json") || rawpath.ContainsFold(contentType, "+json")
}

// isMultipart reports whether a body of this type is a multipart form for every program.
func isMultipart(contentType string) bool {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == "multipart/form-data" && len(parameters) == 1 && plainBoundary.MatchString(parameters["boundary"])
}

// isPlainForm reports whether every program reads a body of this type alike, as a form
// without files.
func isPlainForm(contentType string) bool {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	if charset, ok := parameters["charset"]; ok && strings.EqualFold(charset, "utf-8") {
		delete(parameters, "charset")
	}
	return err == nil && mediaType == "application/x-www-form-urlencoded" && len(parameters) == 0
}

// mayBeJSON reports whether WordPress may take a body of this type for JSON.
func mayBeJSON(contentType string) bool { return rawpath.ContainsFold(contentType, "json") }

// isNoForm reports whether WordPress's API certainly does not take a body of this type
// for an urlencoded form, as it does where the type is missing.
func isNoForm(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.Contains(mediaType, "/") && !rawpath.ContainsFold(mediaType, "urlencoded")
}
