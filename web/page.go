package web

import (
	"bytes"
	"embed"
	"fmt"
	"html"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"unicode"

	"github.com/sparekey-dev/sparekey"
)

//go:embed templates/*.html
var templateFiles embed.FS

func newTemplates() *template.Template {
	functions := template.FuncMap{"pieces": pieces, "labels": labels}
	return template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/*.html"))
}

// pieces are the parts of an address between which a line may end. An IPv6 address has its
// groups, unless it is as short as an IPv4 address, which is one piece. Other texts may be stored
// as an address, so their lines may end anywhere.
func pieces(addr string) []string {
	_, err := netip.ParseAddr(addr)
	switch {
	case err != nil:
		return strings.Split(addr, "")
	case len(addr) <= len("255.255.255.255"):
		return []string{addr}
	}
	return groups.FindAllString(addr, -1)
}

// label is a part of an address of the web that must be read as one.
type label struct {
	Text string
	Fits bool // in a line of the narrowest window, in small letters if it is long
	Long bool // so that the whole address is in small letters: one size, or part of it stands out
}

// labels are the parts of a scheme and host between which a line may end: behind the scheme,
// and behind each dot. A line must not end at a hyphen, or "accounts.bank-" could look like
// the end of the address.
func labels(address string) (all []label) {
	const fits, fitsSmall = 22, 36 // characters
	host := address
	if scheme, rest, ok := strings.Cut(address, "://"); ok {
		all, host = append(all, label{Text: scheme + "://", Fits: true}), rest
	}
	for part := range strings.SplitAfterSeq(host, ".") {
		all = append(all, label{part, len(part) <= fitsSmall, len(part) > fits})
	}
	return all
}

// groups are those of an IPv6 address, each with the colons behind it.
var groups = regexp.MustCompile(`[^:]*:*`)

// Frame is what a layout puts around a page: [Config.Layout], or the one of this
// package.
type Frame struct {
	Language   string // BCP 47, for the lang attribute of html
	Direction  string // ltr or rtl, for its dir attribute
	Title      string
	Head       template.HTML // the page's own styles and scripts, to stand in head
	Content    template.HTML // the page: a main element, to stand in body
	SiteName   string
	LogoURL    template.URL  // Config.LogoURL
	HomeURL    string        // the path of the viewer's own list
	SignOutURL string        // Config.SignOutURL
	AccountURL string        // Config.AccountURL
	Viewer     sparekey.User // who is signed in; the zero User for an anonymous request
	ViewerName string        // what Viewer is called, fit to be shown

	lang   *language
	assets assets
	base   string
}

// T returns a text of the pages in the reader's language, such as "sign_out". See
// catalogue/en.json for what there is.
func (f Frame) T(key string) string { return f.lang.T(key) }

// Asset returns the address of one of this package's own files, such as
// "icon.svg".
func (f Frame) Asset(name string) string { return f.assets.url(f.base, name) }

// answer is a page or, if location is set, a redirect.
type answer struct {
	status     int
	location   string
	template   string
	title      string
	data       page
	targets    []string // CSP sources to which forms of the page may lead, besides this site
	leavesSite bool     // the page's form leads to other sites only
}

// page is what a page's template is executed with.
type page interface{ setView(v view) }

// view is the part that all pages have.
type view struct {
	*language
	Home      string // path of the viewer's own list
	Title     string
	FormOwner string // for forms: see fieldFormOwner
}

func (v *view) setView(to view) { *v = to }

func redirect(location string) *answer {
	return &answer{status: http.StatusSeeOther, location: location}
}

func show(template, title string, data page) *answer {
	return &answer{status: http.StatusOK, template: template, title: title, data: data}
}

// write writes an answer. A page is complete before its first byte is sent, so
// that what goes wrong with it is an error rather than half a page.
func (c *call) write(a *answer) {
	setHeaders(c.w.Header(), a)
	if a.location != "" {
		if c.r.Method != http.MethodPost {
			a.status = http.StatusFound
		}
		c.w.Header().Set("Location", a.location)
		c.w.WriteHeader(a.status)
		return
	}
	page, err := c.render(a)
	if err != nil {
		c.logBroken(fmt.Errorf("render %s: %w", a.template, err))
		http.Error(c.w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.Header().Set("Content-Language", c.lang.Tag)
	c.w.WriteHeader(a.status)
	if c.r.Method != http.MethodHead {
		_, _ = page.WriteTo(c.w) // the client may have disconnected
	}
}

func (c *call) render(a *answer) (*bytes.Buffer, error) {
	var head, content, whole bytes.Buffer
	frame := c.frame(a.title)
	a.data.setView(view{language: c.lang, Home: c.home(), Title: a.title, FormOwner: formOwner(c.signed.ID)})
	for _, part := range []struct {
		to   io.Writer
		name string
		data any
	}{{&head, "head", headData{frame, a.template == "authorize"}}, {&content, a.template, a.data}} {
		if err := c.pages.ExecuteTemplate(part.to, part.name, part.data); err != nil {
			return nil, err
		}
	}
	frame.Head = template.HTML(head.String())       //nolint:gosec // made by html/template just now
	frame.Content = template.HTML(content.String()) //nolint:gosec // made by html/template just now
	if err := c.layout.Execute(&whole, frame); err != nil {
		return nil, err
	}
	return &whole, nil
}

type headData struct {
	Frame
	AsksForConsent bool // the page has the consent button, which needs a script
}

func (c *call) frame(title string) Frame {
	return Frame{
		Language:   c.lang.Tag,
		Direction:  c.lang.Dir,
		Title:      title,
		SiteName:   c.config.SiteName,
		LogoURL:    template.URL(c.config.LogoURL), //nolint:gosec // the application's own, and checked
		HomeURL:    c.home(),
		SignOutURL: c.config.SignOutURL,
		AccountURL: c.config.AccountURL,
		Viewer:     c.signed,
		ViewerName: nameOf(c.signed),
		lang:       c.lang,
		assets:     c.assets,
		base:       c.base,
	}
}

// contentSecurityPolicy lets a page load what this site has and nothing else.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "

// setHeaders sets the headers that protect a page. With Cross-Origin-Opener-Policy, no window
// that opened it, or that it opens, can reach it: a page of another site could otherwise
// navigate it while a user looks at it. With Referrer-Policy same-origin, only this site sees
// its address. no-referrer would make browsers send "Origin: null" with the page's own forms,
// and those without Fetch metadata would then look like another site's.
func setHeaders(header http.Header, a *answer) {
	actions := a.targets
	if !a.leavesSite {
		actions = append([]string{"'self'"}, actions...)
	}
	header.Set("Content-Security-Policy", contentSecurityPolicy+strings.Join(actions, " "))
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("X-Frame-Options", "DENY")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	header.Set("Vary", "Accept-Language, Cookie")
}

func (c *call) logBroken(err error) {
	c.config.Log.ErrorContext(c.r.Context(), "the page could not be made",
		slog.String("path", c.r.URL.Path), slog.Any("error", err))
}

// Limits of text from users and applications, in characters.
const (
	maxShown    = 120
	maxEditable = 200 // the maxlength of the fields for names
)

// displayText returns text from users and applications for display: unescaped, without control
// characters, and shortened. The templates escape it.
func displayText(text string) string {
	return upTo(unescaped(text), maxShown)
}

// upTo shortens a text, with an ellipsis in place of the rest.
func upTo(text string, characters int) string {
	if cut := first(text, characters); cut != text {
		return cut + "…"
	}
	return text
}

// editable is like displayText, for a field of a form.
func editable(text string) string { return first(unescaped(text), maxEditable) }

// unescaped undoes the escapes of a stored text, and removes characters that would reorder the
// text around it.
func unescaped(text string) string {
	const enough = 16 * maxEditable // bytes; limits the cost of what follows
	if len(text) > enough {
		text = strings.ToValidUTF8(text[:enough], "")
	}
	return withoutControls(html.UnescapeString(text))
}

// withoutControls removes characters that change the text around them.
func withoutControls(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
}

func first(text string, characters int) string {
	for at := range text {
		if characters--; characters < 0 {
			return text[:at]
		}
	}
	return text
}
