package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/testclock"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/web"
)

const (
	origin        = "https://example.org"
	base          = "/account/application-passwords"
	home          = base + "/"
	authorizePath = "/wp-admin/authorize-application.php"
)

// site is an application with the pages, its own users and its own sign-in.
type site struct {
	t       *testing.T
	store   *breakable
	svc     *sparekey.Service
	pages   *web.Handler
	mux     *http.ServeMux
	clock   *testclock.Clock
	log     *bytes.Buffer
	audit   *audit.Log    // nil where there is none
	ann     sparekey.User // an administrator
	bob     sparekey.User
	visited []*page // every answer that any browser got
}

// options are what a test changes about a site.
type options struct {
	service sparekey.Config
	web     web.Config
	audit   bool // keep the audit log
}

func newSite(t *testing.T, change ...func(*options)) *site {
	t.Helper()
	s := &site{t: t, store: &breakable{Store: memory.New()}, mux: http.NewServeMux(), log: &bytes.Buffer{}}
	s.clock = testclock.New(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	s.ann = s.user("ann", sparekey.RoleAdministrator)
	s.bob = s.user("bob")
	o := options{
		service: sparekey.Config{
			Allow: sparekey.AllowAdministrators, AllowAll: sparekey.AdministratorsOnly, Now: s.clock.Now,
		},
		web: web.Config{
			BaseURL: origin + base, SiteName: "Example", WordPress: true, SignInURL: "/sign-in", SignOutURL: "/sign-out", ConfirmURL: "/confirm",
			Log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: s.clock.Now,
		},
	}
	for _, c := range change {
		c(&o)
	}
	if o.audit {
		s.audit = audit.New(s.store, audit.Config{Now: s.clock.Now})
		o.service.Record, o.service.Observe, o.web.Audit = s.audit.Record, s.audit.Observe, s.store
	}
	if o.service.Bundles == nil {
		o.service.Bundles = scope.BuiltIn().WithWordPress("/wp-json")
	}
	s.svc = sparekey.New(s.store, s.store, o.service)
	s.pages = web.New(s.svc, s.viewer, o.web)
	s.mux.Handle(base, s.pages)
	s.mux.Handle(home, s.pages)
	s.mux.Handle(authorizePath, s.pages.Authorize())
	return s
}

func (s *site) user(login string, roles ...string) sparekey.User {
	s.t.Helper()
	u, err := s.store.CreateUser(s.t.Context(), sparekey.User{
		Login: login, Email: login + "@example.org", DisplayName: strings.ToUpper(login[:1]) + login[1:], Roles: roles,
	}, "")
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

// viewer believes a header, as nothing but a test may.
func (s *site) viewer(r *http.Request) (sparekey.User, bool, error) {
	u, err := s.store.UserByLogin(context.WithoutCancel(r.Context()), r.Header.Get("Test-User"))
	if errors.Is(err, sparekey.ErrUserNotFound) {
		return u, false, nil
	}
	return u, err == nil, err
}

// make creates a credential behind the pages' back.
func (s *site) make(u sparekey.User, n sparekey.NewCredential) sparekey.Credential {
	s.t.Helper()
	_, c, err := s.svc.AsOperator().Create(s.t.Context(), u.ID, n)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// names are those of a user's credentials, oldest first.
func (s *site) names(u sparekey.User) []string {
	s.t.Helper()
	list, err := s.store.List(s.t.Context(), u.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	return names
}

// opens reports whether a password lets bob in.
func (s *site) opens(password string) bool {
	_, err := s.svc.Authenticate(s.t.Context(), sparekey.Attempt{Login: "bob", Secret: sparekey.ParseSecret(password), Secure: true})
	return err == nil
}

// breakable is a store that stops answering.
type breakable struct {
	*memory.Store
	broken bool
}

var errDown = errors.New("the disk is gone")

func (b *breakable) List(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	if b.broken {
		return nil, errDown
	}
	return b.Store.List(ctx, userID)
}

func (b *breakable) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	if b.broken {
		return errDown
	}
	return b.Store.Insert(ctx, c, check)
}

func (b *breakable) ReadAudit(ctx context.Context, q audit.Query) ([]audit.Line, error) {
	if b.broken {
		return nil, errDown
	}
	return b.Store.ReadAudit(ctx, q)
}

// browser is a browser without JavaScript.
type browser struct {
	*site
	user   string
	header http.Header
}

func (s *site) as(user string) *browser {
	return &browser{site: s, user: user, header: http.Header{"Sec-Fetch-Site": {"same-origin"}}}
}

// with returns a browser that sends another header, or does not send one.
func (b *browser) with(name string, values ...string) *browser {
	header := b.header.Clone()
	header[http.CanonicalHeaderKey(name)] = values
	return &browser{site: b.site, user: b.user, header: header}
}

// page is the answer to a request.
type page struct {
	*browser
	method string
	url    string
	status int
	header http.Header
	body   string
	doc    *html.Node
}

func (b *browser) get(target string) *page { return b.send(http.MethodGet, target, nil) }

func (b *browser) post(target string, fields url.Values) *page {
	return b.send(http.MethodPost, target, fields)
}

func (b *browser) send(method, target string, fields url.Values) *page {
	b.t.Helper()
	var body io.Reader
	if fields != nil {
		body = strings.NewReader(fields.Encode())
	}
	r := httptest.NewRequest(method, target, body)
	r.Host, r.RemoteAddr = "example.org", "127.0.0.1:4711"
	maps.Copy(r.Header, b.header)
	if b.user != "" {
		r.Header.Set("Test-User", b.user)
	}
	if fields != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	b.mux.ServeHTTP(w, r)
	p := &page{browser: b, method: method, url: target, status: w.Code, header: w.Header(), body: w.Body.String()}
	doc, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, target, err)
	}
	p.doc = doc
	b.visited = append(b.visited, p)
	return p
}

// want fails the test unless the page has a status.
func (p *page) want(status int) *page {
	p.t.Helper()
	if p.status != status {
		p.t.Fatalf("%s %s: status %d, want %d; Location %q; %s", p.method, p.url, p.status, status, p.location(), p.text())
	}
	return p
}

func (p *page) location() string { return p.header.Get("Location") }

// follow goes where the page leads.
func (p *page) follow() *page {
	p.t.Helper()
	if p.status != http.StatusSeeOther && p.status != http.StatusFound {
		p.t.Fatalf("%s %s: status %d is not a redirect: %s", p.method, p.url, p.status, p.text())
	}
	return p.get(p.location())
}

// walk calls visit for every element.
func (p *page) walk(visit func(n *html.Node)) {
	for n := range p.doc.Descendants() {
		if n.Type == html.ElementNode {
			visit(n)
		}
	}
}

// all returns the elements with a tag and all of the attributes.
func (p *page) all(tag string, attributes ...string) (found []*html.Node) {
	p.walk(func(n *html.Node) {
		if tag != "" && n.Data != tag {
			return
		}
		for i := 0; i < len(attributes); i += 2 {
			if value, ok := attribute(n, attributes[i]); !ok || value != attributes[i+1] {
				return
			}
		}
		found = append(found, n)
	})
	return found
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func valueOf(n *html.Node, name string) string {
	value, _ := attribute(n, name)
	return value
}

// id returns the one element with an ID.
func (p *page) id(id string) *html.Node {
	p.t.Helper()
	found := p.all("", "id", id)
	if len(found) != 1 {
		p.t.Fatalf("%s %s: %d elements with the ID %s, want 1; %s", p.method, p.url, len(found), id, p.text())
	}
	return found[0]
}

func (p *page) has(id string) bool { return len(p.all("", "id", id)) > 0 }

// text is what one reads on the page, or in an element.
func (p *page) text() string { return textOf(p.doc) }

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
			next := d.NextSibling
			if next == nil && d.Parent.Data == "span" {
				next = d.Parent.NextSibling
			}
			if next == nil || next.Data != "wbr" { // which is in one word
				b.WriteString(" ")
			}
		}
	}
	return asRead(b.String())
}

// asRead is a text with single blanks, and without the marks that isolate its
// direction.
func asRead(text string) string { return strings.Join(strings.Fields(unmarked(text)), " ") }

// unmarked is a text without the marks that isolate its direction.
func unmarked(text string) string {
	return strings.NewReplacer("\u2068", "", "\u2069", "").Replace(text)
}

// secret is the new password that the page shows.
func (p *page) secret() string {
	p.t.Helper()
	return valueOf(p.id("new-application-password-value"), "value")
}

// form is a form to be filled in.
type form struct {
	page   *page
	node   *html.Node
	fields url.Values
}

// formOf returns the form with the element of an ID, or the only one of a method.
func (p *page) formOf(id string) *form {
	p.t.Helper()
	n := p.id(id)
	for n != nil && n.Data != "form" {
		n = n.Parent
	}
	return p.newForm(n)
}

func (p *page) form() *form {
	p.t.Helper()
	forms := p.all("form", "method", "post")
	if len(forms) != 1 {
		p.t.Fatalf("%s %s: %d forms to post, want 1: %s", p.method, p.url, len(forms), p.text())
	}
	return p.newForm(forms[0])
}

func (p *page) newForm(n *html.Node) *form {
	f := &form{p, n, url.Values{}}
	for d := range n.Descendants() {
		name, named := attribute(d, "name")
		_, checked := attribute(d, "checked")
		kind := valueOf(d, "type")
		if d.Data == "input" && named && (kind != "checkbox" && kind != "radio" || checked) {
			f.fields.Add(name, valueOf(d, "value"))
		}
		switch {
		case d.Data == "textarea" && named:
			f.fields.Add(name, rawText(d))
		case d.Data == "select" && named:
			f.fields.Add(name, chosen(d))
		}
	}
	return f
}

// rawText is the text in an element, line breaks included.
func rawText(n *html.Node) string {
	text := ""
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			text += d.Data
		}
	}
	return text
}

// chosen is the value of the option that is selected, or else of the first.
func chosen(list *html.Node) (value string) {
	first := true
	for d := range list.Descendants() {
		if _, selected := attribute(d, "selected"); d.Data == "option" && (selected || first) {
			value, first = valueOf(d, "value"), false
		}
	}
	return value
}

func (f *form) set(name, value string) *form {
	if (name == "limit_scope" || name == "limit_rules") && value != "" && f.fields.Has("limit_preset") {
		f.fields.Set("limit_preset", "chosen") // as a reader does who sees these fields
	}
	f.fields.Set(name, value)
	return f
}

// action is the path that the form goes to.
func (f *form) action() string {
	f.page.t.Helper()
	at, err := url.Parse(f.page.url)
	if err != nil {
		f.page.t.Fatal(err)
	}
	to, err := at.Parse(valueOf(f.node, "action"))
	if err != nil {
		f.page.t.Fatal(err)
	}
	return to.String()
}

// submit sends the form, by one of its buttons if that has a name.
func (f *form) submit(button ...string) *page {
	f.page.t.Helper()
	for _, name := range button {
		f.fields.Set(name, "1")
	}
	if valueOf(f.node, "method") == "get" {
		path, _, _ := strings.Cut(f.action(), "?")
		return f.page.get(path + "?" + f.fields.Encode())
	}
	return f.page.post(f.action(), f.fields)
}

// link returns where the link with a text, or an aria-label, leads.
func (p *page) link(text string) string {
	p.t.Helper()
	for _, a := range p.all("a") {
		if textOf(a) == text || unmarked(valueOf(a, "aria-label")) == text {
			return valueOf(a, "href")
		}
	}
	p.t.Fatalf("%s %s: no link %q: %s", p.method, p.url, text, p.text())
	return ""
}

// gate has the password "right" for every account.
type gate struct {
	mu       sync.Mutex
	calls    []string
	throttle bool
	broken   bool
	busy     bool
}

// busyError says that too many wait.
type busyError struct{}

func (busyError) Error() string             { return "busy" }
func (busyError) RetryAfter() time.Duration { return 1100 * time.Millisecond }

func (g *gate) note(call, password string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, call)
	switch {
	case g.broken:
		return errDown
	case g.busy:
		return fmt.Errorf("sign in: %w", busyError{})
	case g.throttle:
		return sparekey.Throttled(1500 * time.Millisecond)
	case password != "right":
		return &sparekey.AuthError{Reason: sparekey.ReasonWrongSecret}
	}
	return nil
}

func (g *gate) SignIn(_ context.Context, login, password string, addr netip.Addr) error {
	return g.note("sign in "+login+" from "+addr.String(), password)
}

func (g *gate) Confirm(_ context.Context, password string, addr netip.Addr) error {
	return g.note("confirm from "+addr.String(), password)
}

func (g *gate) SignOut(context.Context) error { return g.note("sign out", "right") }
func (g *gate) SignOutEverywhere(context.Context) error {
	return g.note("sign out everywhere", "right")
}

func (g *gate) called(call string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Contains(g.calls, call)
}
