package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/rest"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// now is the time on every site's clock.
func now() time.Time { return time.Date(2026, time.March, 1, 12, 30, 45, 0, time.UTC) }

// people are the users of every site, in the order of their numbers from 1.
func people() []sparekey.User {
	return []sparekey.User{
		{Login: "admin", Roles: []string{"administrator"}},
		{Login: "editor", Roles: []string{"editor"}},
		{Login: "author", Roles: []string{"author"}},
		{Login: "contrib", Roles: []string{"contributor"}},
		{Login: "sub", Roles: []string{"subscriber"}},
		{Login: "other", Roles: []string{"subscriber"}},
		{Login: "norole"},
	}
}

// site is an API over a store in memory, with users who have one application password each.
type site struct {
	store   *memory.Store
	svc     *sparekey.Service
	api     *rest.Handler
	users   map[string]sparekey.User
	secrets map[string]sparekey.Secret
	uuids   map[string]string
	log     *bytes.Buffer
}

// options are what sites differ in.
type options struct {
	service  sparekey.Config
	rest     rest.Config
	breaking bool // the store breaks down once everything is set up
	unlisted bool // the directory cannot list its users
}

func newSite(t testing.TB, o options) *site {
	t.Helper()
	s := &site{
		store: memory.New(),
		users: map[string]sparekey.User{}, secrets: map[string]sparekey.Secret{}, uuids: map[string]string{},
		log: &bytes.Buffer{},
	}
	o.service.Now = now
	if o.service.Allow == nil {
		o.service.Allow = sparekey.AllowAdministrators
	}
	setup := sparekey.New(s.store, s.store, sparekey.Config{Now: now})
	for _, u := range people() {
		u.Email, u.DisplayName, u.Registered = u.Login+"@example.org", strings.ToTitle(u.Login), now()
		s.add(t, setup, u)
	}
	if o.service.Bundles == nil {
		o.service.Bundles = scope.BuiltIn().WithWordPress("/wp-json")
	}
	s.svc = sparekey.New(backend(s.store, o), directory(s.store, o), o.service)
	if o.rest.BaseURL == "" {
		o.rest.BaseURL = "https://example.org/wp-json"
	}
	o.rest.Now = now
	o.rest.Log = slog.New(slog.NewTextHandler(s.log, nil))
	s.api = rest.New(s.svc, s.viewer, o.rest)
	return s
}

func (s *site) add(t testing.TB, svc *sparekey.Service, u sparekey.User) {
	t.Helper()
	created, err := s.store.CreateUser(t.Context(), u, "")
	if err != nil {
		t.Fatal(err)
	}
	secret, c, err := svc.AsOperator().Create(t.Context(), created.ID, sparekey.NewCredential{Name: "seed"})
	if err != nil {
		t.Fatal(err)
	}
	s.users[u.Login], s.secrets[u.Login], s.uuids[u.Login] = created, secret, c.UUID
}

// viewer is the site's session: a header in place of a cookie.
func (s *site) viewer(r *http.Request) (sparekey.User, bool, error) {
	if r.Header.Get("X-Session") == "broken" {
		return sparekey.User{}, false, errors.New("the store of sessions is down")
	}
	u, ok := s.users[r.Header.Get("X-Session")]
	return u, ok, nil
}

func backend(store *memory.Store, o options) sparekey.Store {
	if o.breaking {
		return brokenStore{}
	}
	return store
}

func directory(store *memory.Store, o options) sparekey.Directory {
	if o.unlisted {
		return struct{ sparekey.Directory }{store}
	}
	return store
}

var errDown = errors.New("the disk is gone")

// brokenStore is a store that cannot be asked.
type brokenStore struct{}

func (brokenStore) List(context.Context, string) ([]sparekey.Credential, error) { return nil, errDown }
func (brokenStore) Find(context.Context, string, string) (sparekey.Credential, error) {
	return sparekey.Credential{}, errDown
}

func (brokenStore) Legacy(context.Context, string) ([]sparekey.Credential, error) {
	return nil, errDown
}
func (brokenStore) Insert(context.Context, sparekey.Credential, sparekey.Check) error { return errDown }
func (brokenStore) Update(context.Context, string, string, sparekey.Change, sparekey.Check) (sparekey.Credential, error) {
	return sparekey.Credential{}, errDown
}

func (brokenStore) Delete(context.Context, string, string) (sparekey.Credential, error) {
	return sparekey.Credential{}, errDown
}

func (brokenStore) DeleteAll(context.Context, string) ([]sparekey.Credential, error) {
	return nil, errDown
}
func (brokenStore) InUse(context.Context) (bool, error) { return false, errDown }

// request makes a request from this machine; as is whose application password it
// carries, or "".
func (s *site) request(method, path, as string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, path, body)
	r.RemoteAddr = "127.0.0.1:50000"
	if as != "" {
		r.SetBasicAuth(as, s.secrets[as].Chunked())
	}
	return r
}

// send has the API answer a request.
func (s *site) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	return w
}

// do sends a request with a body of JSON, or "".
func (s *site) do(method, path, as, body string) *httptest.ResponseRecorder {
	r := s.request(method, path, as, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return s.send(r)
}

// names lists the names of a user's application passwords.
func (s *site) names(t testing.TB, login string) []string {
	t.Helper()
	list, err := s.store.List(t.Context(), s.users[login].ID)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	return names
}

// passwords is the path of a user's application passwords.
func (s *site) passwords(login string) string {
	return "/wp-json/wp/v2/users/" + s.users[login].ID + "/application-passwords"
}

// code returns the code of an error, having checked that it has an error's form.
func code(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var e struct {
		Code    string
		Message string
		Data    struct{ Status int }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		t.Fatalf("status %d with a body that is not a JSON object: %v\n%s", w.Code, err, w.Body)
	}
	if e.Code == "" || e.Message == "" || e.Data.Status != w.Code {
		t.Fatalf("status %d with a body that is not its error: %s", w.Code, w.Body)
	}
	return e.Code
}

func wantError(t testing.TB, w *httptest.ResponseRecorder, status int, want string) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("got status %d, want %d %s: %s", w.Code, status, want, w.Body)
	}
	if got := code(t, w); got != want {
		t.Fatalf("got code %s, want %s", got, want)
	}
}

func wantStatus(t testing.TB, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("got status %d, want %d: %s", w.Code, status, w.Body)
	}
}
