package web_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/web"
)

// TestViewerCannotTell checks that a session store that is down is not taken for a user who is
// signed out, and sent to sign in.
func TestViewerCannotTell(t *testing.T) {
	t.Parallel()
	store := memory.New()
	pages := web.New(sparekey.New(store, store, sparekey.Config{}), func(*http.Request) (sparekey.User, bool, error) {
		return sparekey.User{}, false, errors.New("the store of sessions is down")
	}, web.Config{BaseURL: origin + base, SignInURL: "/sign-in"})
	for _, path := range []string{home, home + "new", base + "/authorize?app_name=App", base + "/authorize", base + "/none"} {
		r := httptest.NewRequest(http.MethodGet, origin+path, nil)
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: got %d, Retry-After %q", path, w.Code, w.Header().Get("Retry-After"))
		}
	}
}
