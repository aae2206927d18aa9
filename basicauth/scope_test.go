package basicauth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// scoped is an application with two scopes of its own, and one user.
type scoped struct {
	svc    *sparekey.Service
	guard  *basicauth.Guard
	user   sparekey.User
	events []sparekey.Event // of attempts
}

func newScoped(t *testing.T) *scoped {
	t.Helper()
	s, store := &scoped{}, memory.New()
	s.svc = sparekey.New(store, store, sparekey.Config{
		Bundles: scope.BuiltIn().With(scope.Named("posts:write", "Write and change posts"), scope.Named("posts:read", "Read posts")),
		Observe: func(_ context.Context, e sparekey.Event) {
			if e.Kind == sparekey.KindAuthenticated || e.Kind == sparekey.KindRefused {
				s.events = append(s.events, e)
			}
		},
	})
	s.guard = basicauth.New(s.svc, basicauth.Config{})
	var err error
	if s.user, err = store.CreateUser(t.Context(), sparekey.User{Login: "ann", Email: "ann@example.com"}, ""); err != nil {
		t.Fatal(err)
	}
	return s
}

// request is a request with a new application password that has these limits.
func (s *scoped) request(t *testing.T, method, path string, limits sparekey.Limits) *http.Request {
	t.Helper()
	secret, _, err := s.svc.AsOperator().Create(t.Context(), s.user.ID, sparekey.NewCredential{Name: "app", Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr = "127.0.0.1:1"
	r.SetBasicAuth("ann", secret.Reveal())
	return r
}

func status(h http.Handler, r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestRequireScope(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scopes scope.List
		// what a handler answers that needs posts:write, and one whose wrapper was forgotten
		wrapped, forgotten int
		write, read        bool // what the identity allows within the first
	}{
		{"", 200, 200, true, true},
		{"posts:write", 200, 403, true, false},
		{"posts:read", 403, 403, false, false},
		{"posts:read\nposts:write", 200, 403, true, true},
		{"posts:write\nPOST /posts", 200, 200, true, false},
		{"POST /posts", 403, 200, false, false},
		{"write", 403, 200, false, false},
	} {
		s := newScoped(t)
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			id, _ := sparekey.FromContext(r.Context())
			if id.Allows("posts:write") != c.write || id.Allows("posts:read") != c.read {
				t.Errorf("%q: write %v, read %v", c.scopes, id.Allows("posts:write"), id.Allows("posts:read"))
			}
			for _, unknown := range []string{"posts:wrte", "write", ""} {
				if id.Allows(unknown) {
					t.Errorf("%q: allows %q, which is not a scope of the application's own", c.scopes, unknown)
				}
			}
		})
		r := s.request(t, http.MethodPost, "/posts?draft=1", sparekey.Limits{Scopes: c.scopes})
		if got := status(s.guard.RequireScope("posts:write")(h), r); got != c.wrapped {
			t.Errorf("%q: got %d, want %d", c.scopes, got, c.wrapped)
		}
		if e := s.events[0]; e.Request.Method != http.MethodPost || e.Request.Target != "/posts?draft=1" {
			t.Errorf("%q: the event has the request %+v", c.scopes, e.Request)
		} else if c.scopes != "" && c.wrapped == 200 && e.Rule != "posts:write" {
			t.Errorf("%q: the event has the rule %q", c.scopes, e.Rule)
		}
		if got := status(s.guard.Require(http.NotFoundHandler()), r); got == 404 != (c.forgotten == 200) {
			t.Errorf("%q, a wrapper forgotten: got %d", c.scopes, got)
		}
	}
}

func TestRequireScopeUnknown(t *testing.T) {
	t.Parallel()
	s := newScoped(t)
	_, _, err := s.svc.AsOperator().Create(t.Context(), s.user.ID, sparekey.NewCredential{Name: "app", Limits: sparekey.Limits{Scopes: "posts:wrte"}})
	if !errors.Is(err, sparekey.ErrInvalid) {
		t.Errorf("created with an unknown scope: %v", err)
	}
	for _, name := range []string{"posts:wrte", "write", ""} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("RequireScope(%q) does not panic", name)
				}
			}()
			s.guard.RequireScope(name)
		}()
	}
}

// TestAllowsOfNobody checks that an identity which no Service made allows nothing.
func TestAllowsOfNoService(t *testing.T) {
	t.Parallel()
	if (sparekey.Identity{}).Allows("posts:write") || (sparekey.Identity{User: sparekey.User{ID: "1"}}).Allows("posts:write") {
		t.Error("an identity that no Service made allows something")
	}
}

// TestAllowsFromCache checks an identity that the cache had, and that is decoded later.
func TestAllowsFromCache(t *testing.T) {
	t.Parallel()
	store := memory.New()
	svc := sparekey.New(store, store, sparekey.Config{Bundles: scope.BuiltIn().With(scope.Named("posts:write", "Write posts"))})
	user, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	s := &scoped{svc: svc, user: user}
	r := s.request(t, http.MethodGet, "/", sparekey.Limits{})
	h := basicauth.New(svc, basicauth.Config{}).Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if id, _ := sparekey.FromContext(r.Context()); !id.Allows("posts:write") {
			t.Error("a credential without scopes may not")
		}
	}))
	for range 3 {
		if got := status(h, r); got != 200 {
			t.Errorf("got %d", got)
		}
	}
}

// TestTwoGuards checks that a request through two guards of one Service is one use, and is
// judged by both.
func TestTwoGuards(t *testing.T) {
	t.Parallel()
	s := newScoped(t)
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r := s.request(t, http.MethodGet, "/posts", sparekey.Limits{MaxUses: 2, Scopes: "posts:read\nGET /posts"})
	both := s.guard.Require(basicauth.New(s.svc, basicauth.Config{}).RequireScope("posts:read")(ok))
	for i, want := range []int{200, 200, 401} {
		if got := status(both, r); got != want {
			t.Errorf("use %d: got %d, want %d", i+1, got, want)
		}
	}
	if len(s.events) != 3 {
		t.Errorf("%d events of 3 requests: %+v", len(s.events), s.events)
	}
	r = s.request(t, http.MethodGet, "/posts", sparekey.Limits{Scopes: "GET /posts"})
	if got := status(both, r); got != 403 {
		t.Errorf("the second guard needs a scope that is not there: got %d", got)
	}
	if last := s.events[len(s.events)-1]; last.Reason != sparekey.ReasonOutOfScope {
		t.Errorf("the refusal is not reported: %+v", last)
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	s := newScoped(t)
	r := s.request(t, http.MethodGet, "/posts", sparekey.Limits{})
	known, err := s.guard.Authenticate(r)
	if err != nil {
		t.Fatal(err)
	}
	if id, ok := sparekey.FromContext(known.Context()); !ok || id.User.ID != s.user.ID {
		t.Errorf("got %+v, %v", id, ok)
	}
	r.Header.Del("Authorization")
	_, err = s.guard.Authenticate(r)
	if !errors.Is(err, basicauth.ErrNotPresented) || !errors.Is(err, sparekey.ErrUnauthenticated) || basicauth.Status(err) != 401 {
		t.Errorf("nothing presented: %v, status %d", err, basicauth.Status(err))
	}
	preflight := s.request(t, http.MethodOptions, "/posts", sparekey.Limits{})
	preflight.Header.Del("Authorization")
	preflight.Header.Set("Origin", "https://app.example")
	preflight.Header.Set("Access-Control-Request-Method", http.MethodPost)
	if _, err = s.guard.Authenticate(preflight); !errors.Is(err, basicauth.ErrPreflight) {
		t.Errorf("a preflight: %v", err)
	}
	r.SetBasicAuth("ann", sparekey.NewSecret().Reveal())
	if _, err = s.guard.Authenticate(r); errors.Is(err, basicauth.ErrNotPresented) || basicauth.Status(err) != 401 {
		t.Errorf("a wrong secret: %v", err)
	}
}
