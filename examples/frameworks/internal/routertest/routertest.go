// Package routertest is the test of every router under examples/frameworks.
package routertest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// Run tests a router: GET /posts needs the scope posts:read and POST /posts the scope
// posts:write, and the wrapper of GET /forgotten names no scope.
func Run(t *testing.T, bundles scope.Bundles, router func(*sparekey.Service) http.Handler) {
	t.Helper()
	store := memory.New()
	svc := sparekey.New(store, store, sparekey.Config{Bundles: bundles})
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	h := router(svc)
	for _, c := range []struct {
		scopes scope.List
		want   [3]int // GET /posts, POST /posts, GET /forgotten
	}{
		{"", [3]int{200, 200, 200}},
		{"posts:read", [3]int{200, 403, 403}},
		{"posts:write", [3]int{403, 200, 403}},
		{"GET /forgotten", [3]int{403, 403, 200}},
	} {
		secret, _, err := svc.AsOperator().Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "app", Limits: sparekey.Limits{Scopes: c.scopes}})
		if err != nil {
			t.Fatal(err)
		}
		var got [3]int
		for i, request := range [3][2]string{{http.MethodGet, "/posts"}, {http.MethodPost, "/posts"}, {http.MethodGet, "/forgotten"}} {
			r := httptest.NewRequest(request[0], request[1], http.NoBody)
			r.RemoteAddr = "127.0.0.1:1"
			r.SetBasicAuth("ann", secret.Reveal())
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			got[i] = w.Code
		}
		if got != c.want {
			t.Errorf("%q: got %v, want %v", c.scopes, got, c.want)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/posts", http.NoBody))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("without a credential: %d", w.Code)
	}
}
