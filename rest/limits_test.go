package rest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/scope"
)

// limited makes an application password of a user's, called "limited", and has it
// used in place of their first.
func (s *site) limited(t *testing.T, login string, l sparekey.Limits) string {
	t.Helper()
	secret, c, err := s.svc.AsOperator().Create(t.Context(), s.users[login].ID, sparekey.NewCredential{Name: "limited", Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	s.secrets[login] = secret
	return c.UUID
}

func parse(t *testing.T, rules ...string) scope.List {
	t.Helper()
	l, err := scope.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestCannotWiden has narrowed application passwords try to become more than they
// are, by way of the API.
func TestCannotWiden(t *testing.T) {
	t.Parallel()
	soon := now().Add(time.Hour)
	for name, c := range map[string]struct {
		limits sparekey.Limits
		method string
		path   string // below the user's application passwords; SELF and FIRST are UUIDs
		body   string
		status int
	}{
		"create without the scope":       {sparekey.Limits{Scopes: parse(t, "write")}, "POST", "", `{"name":"x"}`, http.StatusForbidden},
		"rotate itself without":          {sparekey.Limits{Scopes: parse(t, "write")}, "POST", "/SELF/rotate", `{}`, http.StatusForbidden},
		"rotate by override":             {sparekey.Limits{Scopes: parse(t, "read")}, "GET", "/SELF/rotate?_method=POST", ``, http.StatusForbidden},
		"create a wider one":             {sparekey.Limits{Scopes: parse(t, "application-passwords")}, "POST", "", `{"name":"x","scopes":["write"]}`, http.StatusForbidden},
		"create a longer one":            {sparekey.Limits{Expires: soon}, "POST", "", `{"name":"x","expires":"2030-01-01T00:00:00"}`, http.StatusForbidden},
		"create one from elsewhere":      {sparekey.Limits{Networks: "127.0.0.1/32"}, "POST", "", `{"name":"x","networks":["0.0.0.0/0"]}`, http.StatusForbidden},
		"create from one that is once":   {sparekey.Limits{MaxUses: 5}, "POST", "", `{"name":"x"}`, http.StatusForbidden},
		"take its own expiry away":       {sparekey.Limits{Expires: soon}, "PUT", "/SELF", `{"expires":"2030-01-01T00:00:00"}`, http.StatusForbidden},
		"rename a wider one":             {sparekey.Limits{Expires: soon}, "PUT", "/FIRST", `{"name":"x"}`, http.StatusForbidden},
		"rotate a wider one":             {sparekey.Limits{Expires: soon}, "POST", "/FIRST/rotate", `{}`, http.StatusForbidden},
		"revoke a wider one":             {sparekey.Limits{Expires: soon}, "DELETE", "/FIRST", ``, http.StatusForbidden},
		"a longer one in days":           {sparekey.Limits{Expires: soon}, "POST", "", `{"name":"x","expires":"3650d"}`, http.StatusForbidden},
		"never is its own limit":         {sparekey.Limits{Expires: soon}, "PUT", "/SELF", `{"expires":"never"}`, http.StatusOK},
		"null is its own limit":          {sparekey.Limits{Expires: soon}, "PUT", "/SELF", `{"expires":null}`, http.StatusOK},
		"rotate itself":                  {sparekey.Limits{Expires: soon}, "POST", "/SELF/rotate", `{}`, http.StatusCreated},
		"create one as narrow as itself": {sparekey.Limits{Expires: soon}, "POST", "", `{"name":"x"}`, http.StatusCreated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, options{})
			first := s.uuids["sub"]
			self := s.limited(t, "sub", c.limits)
			path := "/wp-json/wp/v2/users/me/application-passwords" + strings.NewReplacer("SELF", self, "FIRST", first).Replace(c.path)
			w := s.do(c.method, path, "sub", c.body)
			if w.Code != c.status {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, c.status)
			}
			list, err := s.svc.AsOperator().List(t.Context(), s.users["sub"].ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, kept := range list {
				if kept.UUID != first && !kept.Limits.Within(c.limits, scope.BuiltIn()) {
					t.Errorf("%q may do more than %+v: %+v", kept.Name, c.limits, kept.Limits)
				}
			}
		})
	}
}

// TestRotateInactive wants no secret to be handed out that is refused.
func TestRotateInactive(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	first := s.secrets["sub"]
	inactive := s.limited(t, "sub", sparekey.Limits{MaxUses: 1})
	wantStatus(t, s.do("GET", "/wp-json/wp/v2/users/me", "sub", ""), http.StatusOK)
	s.secrets["sub"] = first
	wantError(t, s.do("POST", s.passwords("sub")+"/"+inactive+"/rotate", "sub", `{"grace":60}`), http.StatusConflict, "application_password_spent")
}

// TestNoGrace is about a site that accepts no previous secret: the answer says what its
// operator can do about that.
func TestNoGrace(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{service: sparekey.Config{NoGrace: true}})
	path := s.passwords("sub") + "/" + s.uuids["sub"] + "/rotate"
	w := s.do("POST", path, "sub", `{"grace":60}`)
	wantError(t, w, http.StatusBadRequest, "rest_invalid_param")
	if !strings.Contains(w.Body.String(), `"grace":"Must be 0: `) || !strings.Contains(w.Body.String(), "--signing-key") {
		t.Errorf("the answer is %s", w.Body)
	}
	wantStatus(t, s.do("POST", path, "sub", `{}`), http.StatusCreated)
}

func TestWarningHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.limited(t, "sub", sparekey.Limits{Expires: now().Add(7 * 24 * time.Hour)})
	for _, path := range []string{"/wp-json/wp/v2/users/me", "/wp-json/nowhere"} { // also beside an error
		if got := s.do("GET", path, "sub", "").Header().Get("Sparekey-Expires"); got != "2026-03-08T12:30:45Z" {
			t.Errorf("%s: got %q", path, got)
		}
	}
	if got := s.do("GET", "/wp-json/wp/v2/users/me", "other", "").Header().Get("Sparekey-Expires"); got != "" {
		t.Errorf("one that never expires: %q", got)
	}
}
