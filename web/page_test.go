package web_test

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/web"
)

// everyPage returns an answer of every kind.
func everyPage(s *site, language string) []*page {
	bob, ann := s.as("bob").with("Accept-Language", language), s.as("ann").with("Accept-Language", language)
	nobody := s.as("").with("Accept-Language", language)
	c := s.make(s.bob, sparekey.NewCredential{Name: "Phone", AppID: appID})
	s.mux.Handle("/account/", s.pages.SignIn(&gate{}))
	s.mux.Handle(profile, s.pages.Account(&keeper{}))
	authorize := authorizePath + "?app_name=App&app_id=" + appID
	pages := []*page{
		s.as("eve").with("Accept-Language", language).get(home),
		bob.get(home), bob.get(home + "?q=zzz"), bob.get(home + "?done=already"), bob.post(home+"new", url.Values{"name": {""}}),
		bob.post(home+"new", url.Values{"name": {"New"}}),
		bob.get(base + "/rename/" + c.UUID), bob.get(base + "/revoke/" + c.UUID), bob.get(base + "/revoke-all"),
		ann.get(base + "/all"), ann.get(base + "/all?user=bob&app_id=" + appID), ann.get(base + "/all?user=unknown"),
		ann.get(base + "/all?name=zzz"), ann.get(base + "/all/revoke?app_id=" + appID), ann.get(base + "/users/" + s.bob.ID),
		bob.get(authorize), bob.get(authorize + "&success_url=https://app.example/&reject_url=my-app://no"),
		bob.post(authorizePath, url.Values{"app_name": {""}, "approve": {"1"}, "shown_to": {s.bob.ID}}),
		bob.post(authorizePath, url.Values{"app_name": {"A"}, "approve": {"1"}, "shown_to": {s.bob.ID}}),
		bob.post(authorizePath, url.Values{
			"app_name": {"B"}, "approve": {"1"}, "shown_to": {s.bob.ID}, "success_url": {"https://app.example/"}, "success_format": {"form_post"},
		}),
		bob.get(authorizePath + "?success_url=javascript:alert(1)"), bob.with("Authorization", "Basic x").get(authorize),
		bob.get(base + "/nothing"), bob.get(base + "/users/777"), bob.get(base + "/all"), bob.get(base + "/revoke/none"),
		bob.with("Sec-Fetch-Site", "cross-site").post(home+"new", url.Values{"name": {"Evil"}}),
		bob.post(home+"new", url.Values{"name": {"Ann's"}, "shown_to": {s.ann.ID}}), bob.send(http.MethodDelete, home, nil), bob.get(home + "?a=%zz"),
		nobody.get("/account/sign-in"), nobody.post("/account/sign-in", url.Values{"login": {"bob"}, "password": {"wrong"}}),
		bob.get(home + "new"), bob.get(base + "/rotate/" + c.UUID), bob.get(base + "/limits/" + c.UUID),
		bob.post(base+"/rotate/"+c.UUID, url.Values{"grace": {"1h"}}), bob.get(profile), bob.post(profile, url.Values{"what": {"password"}, "password": {"a"}}),
		bob.get("/account/confirm"), bob.post("/account/confirm", url.Values{"password": {"wrong"}}), bob.get("/account/sign-out"),
	}
	return pages
}

const appID = "2b1c7a3e-5d4f-4a6b-8c9d-0e1f2a3b4c5d"

func newSiteWithSignIn(t *testing.T) *site {
	t.Helper()
	s := newSite(t, func(o *options) {
		o.web.SignInURL, o.web.ConfirmURL, o.web.SignOutURL = "/account/sign-in", "/account/confirm", "/account/sign-out"
		o.web.AccountURL = profile
	})
	s.user("eve")
	return s
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func TestEveryPageInEveryLanguage(t *testing.T) {
	t.Parallel()
	languages := web.NewCatalogue()
	if len(languages) < 3 {
		t.Fatalf("%d languages", len(languages))
	}
	for tag, language := range languages {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			for _, p := range everyPage(newSiteWithSignIn(t), tag) {
				checkPage(t, p, tag, language.Dir)
			}
		})
	}
}

func checkPage(t *testing.T, p *page, tag, direction string) {
	t.Helper()
	where := p.method + " " + p.url
	if strings.HasPrefix(p.header.Get("Location"), "/") || p.status == 0 {
		t.Errorf("%s: %d to %s is not a page", where, p.status, p.location())
		return
	}
	root := p.all("html")[0]
	if valueOf(root, "lang") != tag || valueOf(root, "dir") != direction {
		t.Errorf("%s: lang %q, dir %q", where, valueOf(root, "lang"), valueOf(root, "dir"))
	}
	for tag, want := range map[string]int{"main": 1, "h1": 1, "title": 1, "style": 0, "iframe": 0, "base": 0} {
		if got := len(p.all(tag)); got != want {
			t.Errorf("%s: %d elements %s, want %d", where, got, tag, want)
		}
	}
	if found := placeholder.FindString(p.text()); found != "" || strings.Contains(p.body, "ZgotmplZ") {
		t.Errorf("%s: the text has a hole: %s", where, found)
	}
	if len(p.body) > 100<<10 {
		t.Errorf("%s: %d bytes", where, len(p.body))
	}
	checkElements(t, p, where)
	checkHeaders(t, p.header, where)
}

// checkElements checks what a strict policy and people with a screen reader need.
func checkElements(t *testing.T, p *page, where string) {
	t.Helper()
	ids := map[string]bool{}
	labels := map[string]bool{}
	p.walk(func(n *html.Node) {
		if id := valueOf(n, "id"); id != "" && ids[id] {
			t.Errorf("%s: the ID %s is there twice", where, id)
		} else {
			ids[id] = true
		}
		if n.Data == "label" {
			labels[valueOf(n, "for")] = true
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("%s: <%s %s> needs an inline policy", where, n.Data, a.Key)
			}
		}
		if src := valueOf(n, "src") + valueOf(n, "href"); (n.Data == "script" || n.Data == "link" || n.Data == "img") &&
			!strings.HasPrefix(src, base+"/assets/") {
			t.Errorf("%s: <%s> loads %q", where, n.Data, src)
		}
		if n.Data == "script" && n.FirstChild != nil {
			t.Errorf("%s: an inline script", where)
		}
	})
	p.walk(func(n *html.Node) {
		kind := valueOf(n, "type")
		_, hidden := attribute(n, "hidden")
		if n.Data == "input" && kind != "hidden" && kind != "checkbox" && !hidden && !labels[valueOf(n, "id")] {
			t.Errorf("%s: the field %s has no label", where, valueOf(n, "name"))
		}
		for _, key := range []string{"aria-describedby", "aria-labelledby"} {
			for id := range strings.FieldsSeq(valueOf(n, key)) {
				if !ids[id] {
					t.Errorf("%s: %s names %s, which is not there", where, key, id)
				}
			}
		}
	})
}

func checkHeaders(t *testing.T, header http.Header, where string) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control":              "no-store",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Referrer-Policy":            "same-origin",
		"X-Frame-Options":            "DENY",
		"X-Content-Type-Options":     "nosniff",
		"Content-Type":               "text/html; charset=utf-8",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: %s: %q, want %q", where, name, got, want)
		}
	}
	policy := header.Get("Content-Security-Policy")
	for _, want := range []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "base-uri 'none'", "frame-ancestors 'none'",
	} {
		if !strings.Contains(policy+";", want+";") {
			t.Errorf("%s: the policy lacks %s: %s", where, want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Count(policy, "form-action") != 1 {
		t.Errorf("%s: policy %s", where, policy)
	}
}

func TestErrorsToStatus(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{
		sparekey.ErrForbidden: 403, sparekey.ErrUserNotFound: 404, sparekey.ErrNotFound: 404, sparekey.ErrConflict: 409,
		sparekey.ErrUserExists: 409, sparekey.ErrDuplicateName: 409, sparekey.ErrUnavailable: 501, sparekey.ErrUnavailableForUser: 501,
		sparekey.ErrInvalid: 400, sparekey.ErrUnauthenticated: 403, errDown: 503, context.Canceled: 503,
	} {
		status, key := web.Outcome(errors.Join(errors.New("while testing"), err))
		if status != want {
			t.Errorf("%v: status %d, want %d", err, status, want)
		}
		if sparekey.Refused(err) == (status == http.StatusServiceUnavailable) {
			t.Errorf("%v: a refusal and the want of an answer are the same: %d", err, status)
		}
		for tag, language := range web.NewCatalogue() {
			if language.T("error."+key+".title") == "" || language.T("error."+key+".text") == "" {
				t.Errorf("%s has no text for %s", tag, key)
			}
		}
	}
}

func TestBrokenStore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.make(s.bob, sparekey.NewCredential{Name: "Phone"})
	s.store.broken = true
	bob := s.as("bob")
	for _, p := range []*page{
		bob.get(home), bob.post(home+"new", url.Values{"name": {"New"}}), bob.get(base + "/revoke/" + c.UUID),
		bob.post(authorizePath, url.Values{
			"app_name": {"App"}, "approve": {"1"}, "success_url": {"https://app.example/"}, "shown_to": {s.bob.ID},
		}),
	} {
		p.want(http.StatusServiceUnavailable)
		if strings.Contains(p.body, errDown.Error()) {
			t.Errorf("%s: the page tells what is wrong inside", p.url)
		}
	}
	if !strings.Contains(s.log.String(), errDown.Error()) {
		t.Errorf("nothing is logged: %s", s.log)
	}
}

func TestPanicIsAPage(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) {
		o.service.Allow = func(context.Context, sparekey.User, sparekey.User) (bool, error) { panic("a hook") }
	})
	s.as("bob").get(home).want(http.StatusInternalServerError)
	if !strings.Contains(s.log.String(), "a hook") {
		t.Errorf("log: %s", s.log)
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) {
		o.service.AvailableFor = func(_ context.Context, u sparekey.User) (bool, error) { return u.Login != "bob", nil }
	})
	for _, path := range []string{home + "new", base + "/revoke-all", base + "/rename/x", authorizePath} {
		s.as("bob").get(path).want(http.StatusNotImplemented)
		s.as("bob").post(path, url.Values{"name": {"New"}, "approve": {"1"}, "app_name": {"New"}}).want(http.StatusNotImplemented)
	}
	s.as("ann").get(home).want(http.StatusOK)
}

func TestInsecureConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := httptest.NewRequest(http.MethodGet, "http://example.org"+home, nil) // from 192.0.2.1, without TLS
	r.Header.Set("Test-User", "bob")
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	if w.Code != http.StatusNotImplemented || !strings.Contains(w.Body.String(), "HTTPS") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestNotSignedIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	nobody := s.as("")
	for _, path := range []string{home + "?q=a%20b", base + "/users/2", base + "/all", base + "/all/revoke?c=2:x"} {
		p := nobody.get(path).want(http.StatusFound)
		if want := "/sign-in?redirect_to=" + strings.ReplaceAll(url.QueryEscape(path), "+", "%20"); p.location() != want {
			t.Errorf("%s leads to %s, want %s", path, p.location(), want)
		}
	}
	if p := nobody.post(base+"/revoke-all", url.Values{}).want(http.StatusSeeOther); p.location() != "/sign-in?redirect_to="+url.QueryEscape(home) {
		t.Errorf("a form leads to %s", p.location())
	}
	silent := newSite(t, func(o *options) { o.web.SignInURL = "" })
	silent.as("").get(home).want(http.StatusForbidden)
}

// TestWhoIsSignedIn wants public pages, too, to show who is signed in.
func TestWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, path := range []string{base + "/no/such/page", authorizePath + "?success_url=javascript:alert(1)"} {
		if text := s.as("bob").get(path).text(); !strings.Contains(text, "Bob Sign out") {
			t.Errorf("%s does not say that bob is signed in: %s", path, text)
		}
		if text := s.as("").get(path).text(); strings.Contains(text, "Sign out") {
			t.Errorf("%s names a signed-in user: %s", path, text)
		}
	}
}

func TestCrossSite(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.make(s.bob, sparekey.NewCredential{Name: "Phone"})
	bob := s.as("bob")
	for _, evil := range []*browser{
		bob.with("Sec-Fetch-Site", "cross-site"), bob.with("Sec-Fetch-Site", "same-site"),
		bob.with("Sec-Fetch-Site").with("Origin", "https://evil.example"), bob.with("Sec-Fetch-Site").with("Origin", "null"),
	} {
		for _, p := range []*page{
			evil.post(home+"new", url.Values{"name": {"Evil"}}), evil.post(base+"/revoke/"+c.UUID, url.Values{}),
			evil.post(base+"/revoke-all", url.Values{}), evil.post(base+"/rename/"+c.UUID, url.Values{"name": {"Evil"}}),
			evil.post(authorizePath, url.Values{"app_name": {"Evil"}, "success_url": {"https://evil.example/"}, "approve": {"1"}}),
			evil.post(base+"/authorize", url.Values{"app_name": {"Evil"}, "approve": {"1"}}),
		} {
			p.want(http.StatusForbidden)
			if p.location() != "" {
				t.Errorf("%s leads to %s", p.url, p.location())
			}
		}
	}
	if got := s.names(s.bob); len(got) != 1 || got[0] != "Phone" {
		t.Errorf("another site changed them: %q", got)
	}
	// A browser without Fetch metadata, behind a proxy that changes Host.
	bob.with("Sec-Fetch-Site").with("Origin", origin).post(home+"new", url.Values{"name": {"Own"}}).want(http.StatusOK)
}

func TestFormsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.as("bob")
	bob.post(home+"new", url.Values{"name": {strings.Repeat("x", 70<<10)}}).want(http.StatusRequestEntityTooLarge)
	bob.get(home + "?q=%zz").want(http.StatusBadRequest)
	bob.get(authorizePath + "?app_name=a;success_url=https://evil.example/").want(http.StatusBadRequest)
	if p := bob.send(http.MethodPut, home+"new", nil).want(http.StatusMethodNotAllowed); p.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow: %q", p.header.Get("Allow"))
	}
	if p := bob.send(http.MethodHead, home, nil).want(http.StatusOK); p.body != "" {
		t.Errorf("HEAD has a body of %d bytes", len(p.body))
	}
	bob.get(base + "/no/such/page").want(http.StatusNotFound)
}

func TestAssets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.as("bob").get(home).want(http.StatusOK)
	total := 0
	for _, a := range []struct{ address, kind string }{
		{valueOf(p.all("link", "rel", "stylesheet")[0], "href"), "text/css; charset=utf-8"},
		{valueOf(p.all("script")[0], "src"), "text/javascript; charset=utf-8"},
		{valueOf(p.all("link", "rel", "icon")[0], "href"), "image/svg+xml"},
	} {
		file := s.as("").get(a.address).want(http.StatusOK)
		total += len(file.body)
		if got := file.header.Get("Content-Type"); got != a.kind {
			t.Errorf("%s: %s", a.address, got)
		}
		if got := file.header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", a.address, got)
		}
		path, _, _ := strings.Cut(a.address, "?")
		if got := s.as("").get(path + "?v=old").header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s of another version: Cache-Control %q", path, got)
		}
		if again := s.as("").with("If-None-Match", file.header.Get("ETag")).get(path); again.status != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.status)
		}
	}
	if total > 60<<10 {
		t.Errorf("the files have %d bytes together", total)
	}
	s.as("").get(base + "/assets/none.css").want(http.StatusNotFound)
}

func TestTheme(t *testing.T) {
	t.Parallel()
	colours := regexp.MustCompile(`--sk-accent:(#[0-9a-f]{6});--sk-on-accent:(#[0-9a-f]{6})`)
	for _, accent := range []string{web.DefaultAccent, "#000", "#fff", "#ff0", "#FF00FF", "#7f7f7f", "#00f", "#123456", "#c30"} {
		css := web.ThemeCSS(accent)
		found := colours.FindAllStringSubmatch(css, -1)
		if len(found) != 2 {
			t.Fatalf("%s: %s", accent, css)
		}
		for i, surface := range []string{web.LightSurface, web.DarkSurface} {
			if got := web.Contrast(found[i][1], surface); got < 4.5 {
				t.Errorf("%s as text on %s: contrast %.2f", found[i][1], surface, got)
			}
			if got := web.Contrast(found[i][1], found[i][2]); got < 4.5 {
				t.Errorf("%s on %s: contrast %.2f", found[i][2], found[i][1], got)
			}
		}
	}
	s := newSite(t, func(o *options) { o.web.Accent = "#123456" })
	css := s.as("").get(valueOf(s.as("bob").get(home).all("link", "rel", "stylesheet")[0], "href"))
	for _, want := range []string{"--sk-accent:#123456", "--sk-paper: " + web.LightSurface, "--sk-card: " + web.DarkSurface} {
		if !strings.Contains(css.body, want) {
			t.Errorf("the stylesheet lacks %s", want)
		}
	}
}

func TestLayoutAndLogo(t *testing.T) {
	t.Parallel()
	layout := template.Must(template.New("frame").Parse(
		`<!doctype html><html lang="{{.Language}}" dir="{{.Direction}}"><title>{{.Title}}</title>{{.Head}}<body class="ours">` +
			`<p id="who">{{.SiteName}}: {{.ViewerName}} {{.Viewer.Email}} {{.SignOutURL}} {{.HomeURL}}</p>{{.Content}}</body></html>`))
	s := newSite(t, func(o *options) { o.web.Layout = layout })
	p := s.as("bob").get(home).want(http.StatusOK)
	if got := textOf(p.id("who")); got != "Example: Bob bob@example.org /sign-out "+home {
		t.Errorf("frame: %s", got)
	}
	if len(p.all("main")) != 1 || len(p.all("header")) != 0 || len(p.all("script")) != 1 {
		t.Errorf("content: %s", p.body)
	}
	for _, logo := range []string{"/logo.png", "data:image/svg+xml;base64,PHN2Zy8+"} {
		s := newSite(t, func(o *options) { o.web.LogoURL = logo })
		if got := valueOf(s.as("bob").get(home).all("img")[0], "src"); got != logo {
			t.Errorf("logo %s: %s", logo, got)
		}
	}
}

func TestConfigThatCannotWork(t *testing.T) {
	t.Parallel()
	store := memory.New()
	svc := sparekey.New(store, store, sparekey.Config{})
	viewer := func(*http.Request) (sparekey.User, bool, error) { return sparekey.User{}, false, nil }
	good := web.Config{BaseURL: "https://example.org/x"}
	for name, change := range map[string]func(*web.Config){
		"BaseURL":    func(c *web.Config) { c.BaseURL = "/x" },
		"no BaseURL": func(c *web.Config) { c.BaseURL = "" },
		"query":      func(c *web.Config) { c.BaseURL += "?a=b" },
		"SiteURL":    func(c *web.Config) { c.SiteURL = "example.org" },
		"Accent":     func(c *web.Config) { c.Accent = "red;} body{display:none" },
		"LogoURL":    func(c *web.Config) { c.LogoURL = "https://cdn.example/logo.png" },
		"SignInURL":  func(c *web.Config) { c.SignInURL = "//evil.example" },
		"SignOutURL": func(c *web.Config) { c.SignOutURL = "javascript:alert(1)" },
		"Confirmed":  func(c *web.Config) { c.Confirmed = func(*http.Request) bool { return true } },
	} {
		config := good
		change(&config)
		if message := panicOf(func() { web.New(svc, viewer, config) }); !strings.HasPrefix(message, "web.New: Config.") {
			t.Errorf("%s: %q", name, message)
		}
	}
	if message := panicOf(func() { web.New(nil, viewer, good) }); message == "" {
		t.Error("no service, no panic")
	}
	if message := panicOf(func() { web.New(svc, nil, good) }); message == "" {
		t.Error("no viewer, no panic")
	}
	if message := panicOf(func() { web.New(svc, viewer, good).SignIn(&gate{}) }); message == "" {
		t.Error("sign-in pages without addresses, no panic")
	}
}

func panicOf(call func()) (message string) {
	defer func() { message, _ = recover().(string) }()
	call()
	return ""
}

func TestPagesAtTheRoot(t *testing.T) {
	t.Parallel()
	store := memory.New()
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	h := web.New(sparekey.New(store, store, sparekey.Config{}), func(*http.Request) (sparekey.User, bool, error) { return ann, true, nil },
		web.Config{BaseURL: "https://passwords.example.org/"})
	for path, want := range map[string]int{"/": 200, "/authorize": 200, "/revoke-all": 200, "/assets/app.css": 200, "/x": 404} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.RemoteAddr = "127.0.0.1:4711"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// TestPieces ends lines in addresses where that does not mislead.
func TestPieces(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string][]string{
		"192.168.100.100":   {"192.168.100.100"},
		"2001:db8::2a:17":   {"2001:db8::2a:17"},
		"2001:db8::2a:1715": {"2001:", "db8::", "2a:", "1715"},
		"::ffff:192.0.2.44": {"::", "ffff:", "192.0.2.44"},
		"odd":               {"o", "d", "d"},
	} {
		if got := web.Pieces(addr); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}
