package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/web"
)

// withGate adds the sign-in pages to a site.
func (s *site) withGate(g *gate) *site {
	h := s.pages.SignIn(g)
	for _, path := range []string{"/sign-in", "/confirm", "/sign-out"} {
		s.mux.Handle(path, h)
	}
	return s
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	g := &gate{}
	s := newSite(t).withGate(g)
	page := s.as("").get(home).follow().want(http.StatusOK)
	wrong := page.form().set("login", "bob").set("password", "wrong").submit().want(http.StatusForbidden)
	if valueOf(wrong.id("login"), "value") != "bob" || valueOf(wrong.id("password"), "value") != "" {
		t.Errorf("after a wrong password: %s", wrong.body)
	}
	if !strings.Contains(textOf(wrong.id("problem")), "The user name or the password is wrong") {
		t.Errorf("after a wrong password: %s", wrong.text())
	}
	unknown := page.form().set("login", "unknown").set("password", "wrong").submit()
	if unknown.text() != wrong.text() || unknown.status != wrong.status {
		t.Errorf("an unknown login differs from a wrong password: %s", unknown.text())
	}
	right := wrong.form().set("password", "right").submit().want(http.StatusSeeOther)
	if right.location() != home {
		t.Errorf("leads to %s", right.location())
	}
	if !g.called("sign in bob from 127.0.0.1") {
		t.Errorf("calls: %q", g.calls)
	}
	if again := s.as("bob").get("/sign-in?redirect_to=/next"); again.location() != "/next" {
		t.Errorf("who is signed in is sent to %s", again.location())
	}
}

func TestSignInThrottledAndBroken(t *testing.T) {
	t.Parallel()
	g := &gate{throttle: true}
	s := newSite(t).withGate(g)
	form := s.as("").get("/sign-in").form().set("login", "bob").set("password", "right")
	if p := form.submit().want(http.StatusTooManyRequests); !strings.Contains(p.text(), "Too many tries") {
		t.Errorf("throttled: %s", p.text())
	} else if wait := p.header.Get("Retry-After"); wait != "2" {
		t.Errorf("Retry-After %q", wait)
	}
	g.throttle, g.broken = false, true
	form.submit().want(http.StatusServiceUnavailable)
	s.as("bob").get("/confirm").form().set("password", "right").submit().want(http.StatusServiceUnavailable)
	s.as("bob").post("/sign-out", url.Values{}).want(http.StatusServiceUnavailable)
	s.as("").with("Sec-Fetch-Site", "cross-site").post("/sign-in", url.Values{"login": {"eve"}, "password": {"right"}}).want(http.StatusForbidden)
}

func TestConfirmPassword(t *testing.T) {
	t.Parallel()
	g := &gate{}
	s := newSite(t).withGate(g)
	target := base + "/users/2?name=New"
	page := s.as("bob").get("/confirm?redirect_to=" + url.QueryEscape(target)).want(http.StatusOK)
	wrong := page.form().set("password", "wrong").submit().want(http.StatusForbidden)
	if p := wrong.form().set("password", "right").submit().want(http.StatusSeeOther); p.location() != target {
		t.Errorf("leads to %s", p.location())
	}
	if !g.called("confirm from 127.0.0.1") {
		t.Errorf("calls: %q", g.calls)
	}
	if p := s.as("").get("/confirm").want(http.StatusFound); !strings.HasPrefix(p.location(), "/sign-in?") {
		t.Errorf("who is not signed in is sent to %s", p.location())
	}
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	g := &gate{}
	s := newSite(t).withGate(g)
	s.as("bob").get("/sign-out").want(http.StatusOK)
	if len(g.calls) != 0 {
		t.Fatalf("a GET signs out: %q", g.calls)
	}
	out := s.as("bob").get("/sign-out").form().submit().want(http.StatusSeeOther)
	if !g.called("sign out") || out.location() != "/sign-in?done=signed_out" {
		t.Errorf("calls %q, leads to %s", g.calls, out.location())
	}
	if p := s.as("").get(out.location()); !strings.Contains(p.text(), "You are signed out.") {
		t.Errorf("no notice: %s", p.text())
	}
	for back, want := range map[string]string{
		"/authorize?app_name=A": "/sign-in?done=signed_out&redirect_to=%2Fauthorize%3Fapp_name%3DA", "//evil.example": "/sign-in?done=signed_out",
	} {
		if got := s.as("bob").get("/sign-out?redirect_to=" + url.QueryEscape(back)).form().submit().location(); got != want {
			t.Errorf("with %s, signing out leads to %s, want %s", back, got, want)
		}
	}
	for back, want := range map[string]string{"/authorize?app_name=A": "/authorize?app_name=A", "//evil.example": home, "": home} {
		for tag, language := range web.NewCatalogue() {
			p := s.as("bob").with("Accept-Language", tag).get("/sign-out?redirect_to=" + url.QueryEscape(back))
			if got := p.link(language.T("cancel")); got != want {
				t.Errorf("%s: with %q, staying leads to %s, want %s", tag, back, got, want)
			}
		}
	}
	if got, want := s.as("").get("/sign-out").location(), "/sign-in?redirect_to="+url.QueryEscape(home); got != want {
		t.Errorf("who is not signed in is led to %s, want %s", got, want)
	}
	s.as("bob").get("/sign-out").form().submit("everywhere").want(http.StatusSeeOther)
	if !g.called("sign out everywhere") {
		t.Errorf("calls %q", g.calls)
	}
}

// badPaths are redirect_tos that lead elsewhere, or nowhere.
var badPaths = []string{
	"", "evil", "//evil.example", `/\evil.example`, `\\evil.example`, `/path\..\\evil.example`, "https:evil.example", "https://evil.example/",
	"javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "\t//evil.example", " //evil.example", "/ /evil.example",
	"/%zz", "/\x00", "/\u2028/evil.example", "///evil.example", "/\u00fc",
}

func TestRedirectTo(t *testing.T) {
	t.Parallel()
	s := newSite(t).withGate(&gate{})
	for _, path := range badPaths {
		query := "?redirect_to=" + url.QueryEscape(path)
		in := s.as("").get("/sign-in" + query).want(http.StatusOK).form()
		if got := in.fields.Get("redirect_to"); got != home {
			t.Errorf("%q: the form keeps %q", path, got)
		}
		for _, p := range []*page{
			s.as("").post("/sign-in", url.Values{"login": {"bob"}, "password": {"right"}, "redirect_to": {path}}),
			s.as("").post("/sign-in"+query, url.Values{"login": {"bob"}, "password": {"right"}}),
			s.as("bob").get("/sign-in" + query),
			s.as("bob").post("/confirm", url.Values{"password": {"right"}, "redirect_to": {path}}),
		} {
			if p.location() != home {
				t.Errorf("redirect_to %q leads to %q", path, p.location())
			}
		}
	}
	for _, path := range []string{"/", home, "/a?b=//c&d=https://e.example/#f", "/a//b", "/%2F%2Fevil.example"} {
		p := s.as("").post("/sign-in", url.Values{"login": {"bob"}, "password": {"right"}, "redirect_to": {path}})
		if p.location() != path {
			t.Errorf("redirect_to %q leads to %q", path, p.location())
		}
	}
}

// FuzzRedirectTo proves that a path which is accepted leads to this very site,
// read as Go reads it and as browsers do (WHATWG URL): these drop tabs and line
// breaks, trim blanks, and take a backslash for a slash.
func FuzzRedirectTo(f *testing.F) {
	for _, path := range badPaths {
		f.Add(path)
	}
	f.Add("/account?x=1#y")
	f.Fuzz(func(t *testing.T, target string) {
		if !web.LocalPath(target) {
			return
		}
		here, err := url.Parse(origin + home)
		if err != nil {
			t.Fatal(err)
		}
		to, err := here.Parse(target)
		if err != nil || to.Scheme != "https" || to.Host != "example.org" {
			t.Errorf("%q leads to %v (%v)", target, to, err)
		}
		browsers := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(strings.TrimFunc(target, func(r rune) bool { return r <= ' ' }))
		if !strings.HasPrefix(browsers, "/") || strings.HasPrefix(browsers, "//") {
			t.Errorf("browsers read %q as %q", target, browsers)
		}
	})
}
