package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestSignInBusy has a gate at which too many wait. The answer says when to come back,
// and the form keeps all but the password.
func TestSignInBusy(t *testing.T) {
	t.Parallel()
	g := &gate{busy: true}
	s := newSite(t).withGate(g)
	for _, form := range []*form{
		s.as("").get("/sign-in?redirect_to=/next").form().set("login", "bob").set("password", "right"),
		s.as("bob").get("/confirm?redirect_to=/next").form().set("password", "right"),
	} {
		g.busy = true
		p := form.submit().want(http.StatusServiceUnavailable)
		if wait := p.header.Get("Retry-After"); wait != "2" {
			t.Errorf("Retry-After %q", wait)
		}
		if text := p.text(); !strings.Contains(text, "was not checked") || !strings.Contains(text, "few seconds") {
			t.Errorf("the page says %s", text)
		}
		if valueOf(p.id("password"), "value") != "" {
			t.Error("the password is in the page")
		}
		g.busy = false
		if again := p.form().set("password", "right").submit().want(http.StatusSeeOther); again.location() != "/next" {
			t.Errorf("then leads to %s", again.location())
		}
	}
}

// TestOtherSitesCannotTryPasswords has pages of other sites send forms with the visitor's
// browser, in all the ways in which browsers say so. The gate never hears of them, so
// that they cost no hash and count against no visitor. It hears of the visitor's own forms.
func TestOtherSitesCannotTryPasswords(t *testing.T) {
	t.Parallel()
	forms := map[string]struct {
		as     string
		fields url.Values
	}{
		"/sign-in":  {"", url.Values{"login": {"bob"}, "password": {"wrong"}}},
		"/confirm":  {"bob", url.Values{"password": {"wrong"}}},
		"/sign-out": {"bob", url.Values{"everywhere": {"1"}}},
	}
	cases := map[string][]string{
		"cross-site":              {"Sec-Fetch-Site", "cross-site"},
		"a sibling host":          {"Sec-Fetch-Site", "same-site"},
		"another origin":          {"Origin", "https://evil.example"},
		"a sibling origin":        {"Origin", "https://evil.example.org"},
		"another port":            {"Origin", "https://example.org:8443"},
		"an origin that it hides": {"Origin", "null"},
		"both":                    {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		"after a redirect":        {"Sec-Fetch-Site", "cross-site", "Origin", "null"},
		"a new word":              {"Sec-Fetch-Site", "cousin"},
	}
	for path, form := range forms {
		g := &gate{}
		s := newSite(t).withGate(g)
		send := func(header []string) *page {
			b := s.as(form.as).with("Sec-Fetch-Site")
			for h := range slices.Chunk(header, 2) {
				b = b.with(h[0], h[1])
			}
			return b.post(path, form.fields)
		}
		for name, header := range cases {
			if p := send(header); p.status != http.StatusForbidden || !strings.Contains(p.text(), "another site") {
				t.Errorf("%s from %s: %d %s", path, name, p.status, p.text())
			}
		}
		if len(g.calls) != 0 {
			t.Errorf("%s: the gate heard of %q", path, g.calls)
		}
		for _, header := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}, {"Origin", origin}} {
			send(header)
		}
		if len(g.calls) != 3 {
			t.Errorf("%s: of the visitor's own, the gate heard of %q", path, g.calls)
		}
	}
}
