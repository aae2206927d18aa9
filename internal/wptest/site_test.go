package wptest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// mine is the list of one's own application passwords.
const mine = "/wp-json/wp/v2/users/me/application-passwords"

func TestSiteIsAWordPress(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{})

	page := wptest.Send(t, site.URL, wptest.Call{Path: "/"})
	if page.Status != http.StatusOK || !strings.Contains(page.Body, "<h1>A test</h1>") {
		t.Errorf("front page: %s", page)
	}
	for login, user := range site.Users {
		secret, uuid := site.CreatePassword(t, login, "rig")
		var me struct {
			Username string
			ID       int
			Roles    []string
		}
		wptest.Send(t, site.URL, wptest.Call{Path: "/wp-json/wp/v2/users/me?context=edit", Login: login, Secret: secret}).Decode(t, &me)
		if me.Username != login || me.ID != user.ID || strings.Join(me.Roles, " ") != user.Role {
			t.Errorf("%v, want %v", me, user)
		}
		introspected := wptest.Send(t, site.URL, wptest.Call{Path: mine + "/introspect", Login: login, Secret: secret})
		if !strings.Contains(introspected.Body, uuid) {
			t.Errorf("%s, want %s", introspected, uuid)
		}
	}
	if refused := wptest.Send(t, site.URL, wptest.Call{Path: mine, Login: wptest.Admin, Secret: "wrong"}); refused.Status != http.StatusUnauthorized {
		t.Errorf("a wrong secret: %s", refused)
	}
	if complaints := site.Errors(t); complaints != "" {
		t.Errorf("PHP says:\n%s", complaints)
	}
}

func TestAuthorizationCanBeStripped(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{StripAuthorization: true})
	secret, _ := site.CreatePassword(t, wptest.Admin, "rig")
	if answer := wptest.Send(t, site.URL, wptest.Call{Path: mine, Login: wptest.Admin, Secret: secret}); answer.Status != http.StatusUnauthorized {
		t.Errorf("PHP got the header: %s", answer)
	}
}
