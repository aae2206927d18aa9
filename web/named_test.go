package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/scope"
)

// TestNamedScopes checks that the pages offer an application's own scopes in the reader's
// language, and that what a user ticks is what the application password gets.
func TestNamedScopes(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) {
		o.service.Bundles = scope.BuiltIn().With(scope.Named("posts:write", "Write and change posts").In("de", "Beiträge schreiben und ändern"))
	})
	for tag, want := range map[string]string{"de": "Beiträge schreiben und ändern", "en": "Write and change posts", "fr": "Write and change posts"} {
		p := s.as("bob").with("Accept-Language", tag).get(home + "new").want(http.StatusOK)
		if !strings.Contains(p.text(), want) {
			t.Errorf("%s: %q is missing in: %s", tag, want, p.text())
		}
	}
	s.as("bob").get(home+"new").form().set("name", "App").set("limit_preset", "chosen").set("limit_scope", "posts:write").
		submit().want(http.StatusOK)
	if got := s.only().Limits; got != (sparekey.Limits{Scopes: "posts:write"}) {
		t.Errorf("got %+v", got)
	}
}
