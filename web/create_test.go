package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web"
)

// TestPresets has every combination of a preset and what is ticked and typed below it.
// No form gets a password that may do more than its reader sees.
func TestPresets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		preset, ticked, typed string
		required              bool
		scopes                string
		problem               string
	}{
		"everything":             {preset: "all"},
		"read only":              {preset: "read", scopes: "read"},
		"chosen":                 {preset: "chosen", ticked: "write", scopes: "write"},
		"typed":                  {preset: "chosen", typed: "GET /files/*", scopes: "GET /files/*"},
		"both":                   {preset: "chosen", ticked: "read", typed: "POST /files/*", scopes: "read\nPOST /files/*"},
		"nothing chosen":         {preset: "chosen", problem: "Tick at least one thing"},
		"everything, and a tick": {preset: "all", ticked: "read", problem: "Something is ticked"},
		"everything, and a rule": {preset: "all", typed: "GET /files/*", problem: "Something is ticked"},
		"read only, and a tick":  {preset: "read", ticked: "write", problem: "Something is ticked"},
		"read only, and itself":  {preset: "read", ticked: "read", scopes: "read"},
		"no such preset":         {preset: "root", problem: "Tick at least one thing"},
		"required: everything":   {preset: "all", required: true, problem: "Tick at least one thing"},
		"required: read only":    {preset: "read", required: true, scopes: "read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, func(o *options) { o.service.Policy.RequireScopes = c.required })
			form := s.as("bob").get(home+"new").form().set("name", "App")
			form.fields["limit_preset"], form.fields["limit_scope"] = []string{c.preset}, []string{"", c.ticked}
			form.fields.Set("limit_rules", c.typed)
			p := form.submit()
			if c.problem == "" {
				p.want(http.StatusOK)
				want := sparekey.Limits{}
				if c.scopes != "" {
					want.Scopes = rules(t, strings.Split(c.scopes, "\n")...)
				}
				if got := s.only().Limits; got != want {
					t.Errorf("made with %+v, want %+v", got, want)
				}
				return
			}
			if got := textOf(p.want(http.StatusBadRequest).id("limit-scopes-problem")); !strings.Contains(got, c.problem) {
				t.Errorf("the problem is %q", got)
			}
			if len(s.names(s.bob)) > 0 {
				t.Error("made all the same")
			}
		})
	}
}

// TestPresetOfLimits has the form begin with what a password has.
func TestPresetOfLimits(t *testing.T) {
	t.Parallel()
	for scopes, want := range map[string]string{"": "all", "read": "read", "write": "chosen", "GET /x": "chosen"} {
		s := newSite(t)
		limits := sparekey.Limits{}
		if scopes != "" {
			limits.Scopes = rules(t, scopes)
		}
		c := s.make(s.bob, sparekey.NewCredential{Name: "App", Limits: limits})
		form := s.as("bob").get(base + "/limits/" + c.UUID).formOf("limit-expires")
		if got := form.fields.Get("limit_preset"); got != want {
			t.Errorf("%q is shown as %s", scopes, got)
		}
		form.submit().want(http.StatusSeeOther)
		if got := s.only().Limits; got != limits {
			t.Errorf("a form that was sent as it came made %+v of %q", got, scopes)
		}
	}
}

// TestWordPressIsOfferedWhereItIs shows what WordPress alone has where there is one, or
// where a password has it already.
func TestWordPressIsOfferedWhereItIs(t *testing.T) {
	t.Parallel()
	for _, is := range []bool{true, false} {
		s := newSite(t, func(o *options) { o.web.WordPress = is })
		c := s.make(s.bob, sparekey.NewCredential{Name: "App", Limits: sparekey.Limits{Scopes: "wp:posts"}})
		fresh, has := s.as("bob").get(home+"new"), s.as("bob").get(base+"/limits/"+c.UUID)
		for _, name := range []string{"wp:read", "wp:posts", "wp:pages", "wp:media", "wp:comments"} {
			if got := len(fresh.all("input", "name", "limit_scope", "value", name)) > 0; got != is {
				t.Errorf("WordPress %v: %s is offered: %v", is, name, got)
			}
		}
		if got := len(has.all("input", "name", "limit_scope", "value", "wp:posts", "checked", "")); got != 1 {
			t.Errorf("WordPress %v: what it has is there %d times", is, got)
		}
		has.formOf("limit-expires").submit().want(http.StatusSeeOther)
		if got := s.only().Limits.Scopes; got != "wp:posts" {
			t.Errorf("WordPress %v: saved as %q", is, got)
		}
	}
}

// TestDayOfTheReader has a script say where the reader's days end.
func TestDayOfTheReader(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 12, 24, 23, 59, 59, 0, time.UTC)
	for zone, want := range map[string]time.Time{
		"": day, "0": day, "-60": day.Add(-time.Hour), "300": day.Add(5 * time.Hour), "-840": day.Add(-14 * time.Hour),
		"-841": day, "100000000": day, "UTC": day, "1.5": day,
	} {
		s := newSite(t)
		s.as("bob").get(home+"new").form().set("name", "App").set("limit_expires_on", "2026-12-24").set("limit_zone", zone).submit().want(http.StatusOK)
		if got := s.only().Limits.Expires; !got.Equal(want) {
			t.Errorf("zone %q: expires %v, want %v", zone, got, want)
		}
	}
	s := newSite(t)
	s.as("bob").get(home+"new").form().set("name", "App").set("limit_expires", "1d").set("limit_zone", "300").submit().want(http.StatusOK)
	if got := s.only().Limits.Expires; !got.Equal(s.clock.Now().Add(24 * time.Hour)) {
		t.Errorf("a day from now is %v", got)
	}
}

// TestCommandToTry wants a shell to read the command as intended, whatever the login.
func TestCommandToTry(t *testing.T) {
	t.Parallel()
	for login, quoted := range map[string]string{
		"bob": `'bob:%s'`, "o'neil": `'o'\''neil:%s'`, "a b$(id)": `'a b$(id):%s'`,
	} {
		s := newSite(t, func(o *options) { o.web.TryURL = "https://example.org/wp-json/wp/v2/users/me" })
		if login != "bob" {
			s.user(login)
		}
		p := s.as(login).get(home+"new").form().set("name", "App").submit().want(http.StatusOK)
		want := "curl --user " + strings.ReplaceAll(quoted, "%s", p.secret()) + " 'https://example.org/wp-json/wp/v2/users/me'"
		if got := rawText(p.id("curl")); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestSecretIsOnItsOwnPage: what is shown once does not compete with the list.
func TestSecretIsOnItsOwnPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.make(s.bob, sparekey.NewCredential{Name: "Old"})
	for tag := range web.NewCatalogue() {
		b := s.as("bob").with("Accept-Language", tag)
		for _, p := range []*page{
			b.get(home+"new").form().set("name", "App "+tag).submit(),
			b.get(base + "/rotate/" + c.UUID).form().submit(),
			b.post(authorizePath, url.Values{"app_name": {"By screen " + tag}, "approve": {"1"}, "shown_to": {s.bob.ID}}),
		} {
			p.want(http.StatusOK)
			if len(p.all("table")) > 0 || len(p.all("form")) > 0 || p.secret() == "" {
				t.Errorf("%s: %s: something else is beside the password", tag, p.url)
			}
		}
	}
}
