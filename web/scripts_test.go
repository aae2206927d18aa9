package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web"
)

// TestScriptsAreSaid wants every page that makes or explains an unlimited password to
// say that it can publish scripts, of the accounts that can, in every language.
func TestScriptsAreSaid(t *testing.T) {
	t.Parallel()
	for tag, language := range web.NewCatalogue() {
		s := newSite(t)
		s.user("ed", "editor")
		s.user("sub", "subscriber")
		for user, want := range map[string]bool{"ann": true, "ed": true, "sub": false} {
			b := s.as(user).with("Accept-Language", tag)
			for name, p := range map[string]*page{"create": b.get(home + "new"), "authorise": b.get(ask())} {
				text := p.want(http.StatusOK).text()
				if strings.Contains(text, language.T("limits.scripts")) != want {
					t.Errorf("%s: %s of %s: %s", tag, name, user, text)
				}
			}
			b.get(home+"new").form().set("name", "App").submit().want(http.StatusOK)
			text := b.get(s.as(user).get(home).link("Limits of App")).text()
			if strings.Contains(text, language.T("explain.scripts")) != want {
				t.Errorf("%s: limits of %s: %s", tag, user, text)
			}
		}
	}
	s := newSite(t, func(o *options) { o.service.Policy = sparekey.Policy{RequireScopes: true} })
	if text := s.as("ann").get(home + "new").text(); strings.Contains(text, "scripts") {
		t.Errorf("where no password is unlimited: %s", text)
	}
}
