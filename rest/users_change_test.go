package rest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/rest"
	"github.com/sparekey-dev/sparekey/scope"
)

// changing is the accounts of a site that changes its users. It notes who did.
type changing struct {
	*login.Accounts
	by *[]sparekey.Identity
}

func (c changing) ChangeUser(ctx context.Context, by sparekey.Identity, id string, change sparekey.UserChange) (sparekey.User, error) {
	*c.by = append(*c.by, by)
	return c.Change(ctx, id, change, by)
}

// newChangingSite returns a site that changes its users, and the identities of the callers
// who made changes.
func newChangingSite(t *testing.T, o options) (*site, *login.Accounts, *[]sparekey.Identity) {
	t.Helper()
	var users changing
	o.rest.Users = &users
	s := newSite(t, o)
	users = changing{login.New(s.store, nil, now), &[]sparekey.Identity{}}
	return s, users.Accounts, users.by
}

func (s *site) userPath(login string) string { return "/wp-json/wp/v2/users/" + s.users[login].ID }

const me = "/wp-json/wp/v2/users/me"

func TestChangeUser(t *testing.T) {
	t.Parallel()
	s, accounts, by := newChangingSite(t, options{})
	w := s.do(http.MethodPut, me, "sub", `{"email":"new@example.org","name":" New \n Name ","password":"correct horse","first_name":"","username":"sub","roles":["subscriber"],"url":"","nickname":"sub"}`)
	wantStatus(t, w, http.StatusOK)
	var got struct {
		ID                          int
		Username, Name, Email, Slug string
		Roles                       []string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Username != "sub" || got.Name != "New Name" || got.Email != "new@example.org" || got.Slug != "sub" {
		t.Errorf("answer %+v", got)
	}
	for _, name := range []string{"sub", "new@example.org"} {
		if _, err := accounts.Verify(t.Context(), name, "correct horse"); err != nil {
			t.Errorf("sign in as %s: %v", name, err)
		}
	}
	if len(*by) != 1 || (*by)[0].User.Login != "sub" || (*by)[0].Credential.UUID != s.uuids["sub"] {
		t.Errorf("changed by %+v", *by)
	}
	// An administrator changes others; POST and PATCH do as PUT, as does a form.
	wantStatus(t, s.do(http.MethodPost, s.userPath("sub"), "admin", `{"name":"By Admin"}`), http.StatusOK)
	wantStatus(t, s.do(http.MethodPatch, s.userPath("sub"), "admin", `{"name":""}`), http.StatusOK)
	if u, err := s.store.UserByLogin(t.Context(), "sub"); err != nil || u.DisplayName != "sub" {
		t.Errorf("an empty name leaves %q, %v; want the login", u.DisplayName, err)
	}
	r := s.request(http.MethodPost, me, "sub", strings.NewReader("name=From+a+form"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	wantStatus(t, s.send(r), http.StatusOK)
	if u, err := s.store.UserByLogin(t.Context(), "sub"); err != nil || u.DisplayName != "From a form" {
		t.Errorf("a form leaves %q, %v", u.DisplayName, err)
	}
	wantStatus(t, s.do(http.MethodPut, me, "sub", `{}`), http.StatusOK)
}

// TestChangeUserRefused has what WordPress refuses, with its codes, and what is not
// kept here.
func TestChangeUserRefused(t *testing.T) {
	t.Parallel()
	s, _, by := newChangingSite(t, options{})
	for name, c := range map[string]struct {
		path, as, body string
		status         int
		code           string
		param          string // that is wrong
	}{
		"no address":          {me, "sub", `{"email":"sub"}`, 400, "rest_invalid_param", "email"},
		"address with a name": {me, "sub", `{"email":"Sub <sub@example.org>"}`, 400, "rest_invalid_param", "email"},
		"endless address":     {me, "sub", `{"email":"` + strings.Repeat("a", 250) + `@example.org"}`, 400, "rest_invalid_param", "email"},
		"another's address":   {me, "sub", `{"email":"ADMIN@example.org"}`, 400, "rest_user_invalid_email", ""},
		"empty password":      {me, "sub", `{"password":""}`, 400, "rest_invalid_param", "password"},
		"backslash":           {me, "sub", `{"password":"a\\b"}`, 400, "rest_invalid_param", "password"},
		"endless password":    {me, "sub", `{"password":"` + strings.Repeat("a", 5000) + `"}`, 400, "rest_invalid_param", "password"},
		"number as password":  {me, "sub", `{"password":1}`, 400, "rest_invalid_param", "password"},
		"list as name":        {me, "sub", `{"name":["a"]}`, 400, "rest_invalid_param", "name"},
		"control in the name": {me, "sub", `{"name":"a\u0001b"}`, 400, "rest_invalid_param", "name"},
		"another login":       {me, "sub", `{"username":"root"}`, 400, "rest_user_invalid_argument", ""},
		"another role":        {me, "sub", `{"roles":["administrator"]}`, 403, "rest_cannot_edit_roles", ""},
		"a role more":         {me, "sub", `{"roles":"subscriber,administrator"}`, 403, "rest_cannot_edit_roles", ""},
		"roles that are none": {me, "sub", `{"roles":{"a":"b"}}`, 403, "rest_cannot_edit_roles", ""},
		"first name":          {me, "sub", `{"first_name":"Sub"}`, 400, "rest_invalid_param", "first_name"},
		"language":            {me, "sub", `{"locale":"de_DE"}`, 400, "rest_invalid_param", "locale"},
		"settings":            {me, "sub", `{"meta":{"a":1}}`, 400, "rest_invalid_param", "meta"},
		"another user":        {"other", "sub", `{"name":"x"}`, 403, "rest_cannot_edit", ""},
		"unknown user":        {"/wp-json/wp/v2/users/999", "admin", `{"name":"x"}`, 404, "rest_user_invalid_id", ""},
		"anonymous":           {me, "", `{"name":"x"}`, 401, "rest_not_logged_in", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := c.path
			if !strings.HasPrefix(path, "/") {
				path = s.userPath(path)
			}
			w := s.do(http.MethodPut, path, c.as, c.body)
			wantError(t, w, c.status, c.code)
			if c.param != "" && !strings.Contains(w.Body.String(), `"params":{"`+c.param+`":`) {
				t.Errorf("the answer does not name %s: %s", c.param, w.Body)
			}
		})
	}
	for _, as := range *by {
		if u, err := s.store.UserByID(t.Context(), as.User.ID); err != nil || u.Email != "sub@example.org" || u.DisplayName != "SUB" {
			t.Errorf("a refused request left %+v, %v", u, err)
		}
	}
}

// TestLimitedChangesNoUser has application passwords that are limited try to become
// unlimited by another main password.
func TestLimitedChangesNoUser(t *testing.T) {
	t.Parallel()
	networks, err := sparekey.ParseNetworks([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	list := func(rules ...string) sparekey.Limits {
		l, err := scope.Parse(rules)
		if err != nil {
			t.Fatal(err)
		}
		return sparekey.Limits{Scopes: l}
	}
	named := list("POST,PUT /wp-json/wp/v2/users/*")
	for name, c := range map[string]struct {
		limits sparekey.Limits
		policy sparekey.Policy
		method string
		path   string
		allow  bool
	}{
		"expiry":              {limits: sparekey.Limits{Expires: now().Add(time.Hour)}},
		"networks":            {limits: sparekey.Limits{Networks: networks}},
		"uses":                {limits: sparekey.Limits{MaxUses: 9}},
		"expiry of the site":  {policy: sparekey.Policy{MaxLifetime: time.Hour}},
		"managing by scope":   {policy: sparekey.Policy{ManageNeedsScope: true}},
		"that, and a rule":    {policy: sparekey.Policy{ManageNeedsScope: true}, limits: named, allow: true},
		"write":               {limits: list("write")},
		"everything":          {limits: list("* /*")},
		"below the API":       {limits: list("* /wp-json/*")},
		"by query":            {limits: list("* /*"), path: "/?rest_route=/wp/v2/users/me"},
		"method by override":  {limits: list("POST /*"), path: me + "?_method=PUT", method: http.MethodPost},
		"a rule that names":   {limits: named, allow: true},
		"and an expiry":       {limits: sparekey.Limits{Scopes: named.Scopes, Expires: now().Add(time.Hour)}, allow: true},
		"no limit":            {allow: true},
		"rule for one method": {limits: list("POST /wp-json/wp/v2/users/*", "* /*"), method: http.MethodPatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, accounts, _ := newChangingSite(t, options{service: sparekey.Config{Policy: c.policy}})
			setup := sparekey.New(s.store, s.store, sparekey.Config{Now: now})
			secret, _, err := setup.AsOperator().Create(t.Context(), s.users["sub"].ID, sparekey.NewCredential{Name: "limited", Limits: c.limits})
			if err != nil {
				t.Fatal(err)
			}
			s.secrets["sub"] = secret
			path, method := me, http.MethodPut
			if c.path != "" {
				path = c.path
			}
			if c.method != "" {
				method = c.method
			}
			for _, body := range []string{`{"password":"correct horse"}`, `{"email":"thief@example.org"}`, `{}`} {
				w := s.do(method, path, "sub", body)
				if c.allow {
					wantStatus(t, w, http.StatusOK)
					continue
				}
				wantError(t, w, http.StatusForbidden, "application_password_out_of_scope")
			}
			_, err = accounts.Verify(t.Context(), "sub", "correct horse")
			if (err == nil) != c.allow {
				t.Errorf("sign in with the new main password: %v", err)
			}
		})
	}
}

// TestOldSecretChangesNoUser has the secret from before a rotation, in its grace period.
func TestOldSecretChangesNoUser(t *testing.T) {
	t.Parallel()
	s, _, _ := newChangingSite(t, options{})
	if _, _, err := s.svc.AsOperator().Rotate(t.Context(), s.users["sub"].ID, s.uuids["sub"], time.Hour); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.do(http.MethodPut, me, "sub", `{"name":"x"}`), http.StatusForbidden, "application_password_old_secret")
}

// slowBody revokes the application password before the body ends.
type slowBody struct {
	io.Reader
	end func()
}

func (b slowBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

func TestRevokedMeanwhileChangesNoUser(t *testing.T) {
	t.Parallel()
	s, _, by := newChangingSite(t, options{})
	r := s.request(http.MethodPut, me, "sub", slowBody{strings.NewReader(`{"name":"x"}`), func() {
		if _, err := s.svc.AsOperator().RevokeAll(t.Context(), s.users["sub"].ID); err != nil {
			t.Error(err)
		}
	}})
	r.Header.Set("Content-Type", "application/json")
	wantError(t, s.send(r), http.StatusUnauthorized, "incorrect_password")
	if len(*by) > 0 {
		t.Errorf("changed by %+v", *by)
	}
}

// A store that is down leaves a 503, and no half of a change.
func TestChangeUserBroken(t *testing.T) {
	t.Parallel()
	down := downChanger{}
	s := newSite(t, options{rest: rest.Config{Users: down}})
	wantError(t, s.do(http.MethodPut, me, "sub", `{"name":"x"}`), http.StatusServiceUnavailable, "service_unavailable")
}

type downChanger struct{}

func (downChanger) ChangeUser(context.Context, sparekey.Identity, string, sparekey.UserChange) (sparekey.User, error) {
	return sparekey.User{}, errDown
}
