package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/rest"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/web"
)

// library is an application with its own users and sessions, which has the pages among its
// own.
type library struct {
	users  []sparekey.User
	proven atomic.Bool // that the main password was entered just now
}

const libraryPath = "/me/apps"

// libraryLayout is the frame of all pages of the application.
var libraryLayout = template.Must(template.New("").Parse(`<!doctype html>
<html lang="{{.Language}}" dir="{{.Direction}}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}} – {{.SiteName}}</title>
<link rel="icon" href="{{.LogoURL}}">{{.Head}}</head>
<body><header><p>The library welcomes {{.Viewer.DisplayName}}.</p></header>{{.Content}}</body>
</html>`))

// startLibrary starts the application, and returns its URL.
func startLibrary(t *testing.T) string {
	t.Helper()
	l := &library{users: []sparekey.User{
		{ID: "u-1", Login: "lea", Email: "lea@example.com", DisplayName: "Lea", Roles: []string{"librarian"}},
		{ID: "u/2", Login: "max", Email: "max@example.com", DisplayName: "Max"},
	}}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	svc := sparekey.New(memory.New(), l, sparekey.Config{Allow: l.mayEdit})
	pages := web.New(svc, l.viewer, web.Config{
		BaseURL: server.URL + libraryPath, SiteName: "Library", Layout: libraryLayout, Accent: "#7a1f6b",
		LogoURL: "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E", SignInURL: "/hello",
		Confirmed: func(*http.Request) bool { return l.proven.Load() }, ConfirmURL: "/prove",
	})
	mux.Handle(libraryPath+"/", pages)
	mux.Handle("/wp-json/", rest.New(svc, l.viewer, rest.Config{BaseURL: server.URL + "/wp-json"}))
	mux.HandleFunc("/hello", l.hello)
	mux.HandleFunc("/prove", l.prove)
	return server.URL
}

// hello stands for the sign-in page of the application, where every user is lea.
func (l *library) hello(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "library", Value: "lea", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, r.FormValue("redirect_to"), http.StatusFound)
}

// prove stands for the page on which the application asks for the main password.
func (l *library) prove(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		l.proven.Store(true)
		http.Redirect(w, r, r.FormValue("redirect_to"), http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><form method="post"><button>It is me</button></form>`)
}

func (l *library) viewer(r *http.Request) (sparekey.User, bool, error) {
	cookies := r.CookiesNamed("library")
	if len(cookies) == 0 {
		return sparekey.User{}, false, nil // an anonymous request
	}
	u, err := l.UserByLogin(r.Context(), cookies[0].Value)
	if errors.Is(err, sparekey.ErrUserNotFound) {
		return u, false, nil // the user was deleted
	}
	return u, err == nil, err
}

func (l *library) mayEdit(_ context.Context, actor, target sparekey.User) (bool, error) {
	return actor.ID == target.ID || actor.HasRole("librarian"), nil
}

func (l *library) UserByLogin(_ context.Context, login string) (sparekey.User, error) {
	return l.find(func(u sparekey.User) bool { return strings.EqualFold(u.Login, login) })
}

func (l *library) UserByID(_ context.Context, id string) (sparekey.User, error) {
	return l.find(func(u sparekey.User) bool { return u.ID == id })
}

func (l *library) find(is func(sparekey.User) bool) (sparekey.User, error) {
	for _, u := range l.users {
		if is(u) {
			return u, nil
		}
	}
	return sparekey.User{}, sparekey.ErrUserNotFound
}

// TestOwnUsers uses the pages in an application with its own users, session and
// looks.
func TestOwnUsers(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		lea := openTabAt(t, startLibrary(t), m)
		lea.open(libraryPath + "/")
		lea.sees("The library welcomes Lea.", "What is an application password?")
		if got := eval[string](lea, `getComputedStyle(document.querySelector('.sk-primary')).backgroundColor`); got != "rgb(122, 31, 107)" {
			t.Errorf("the accent is %s", got)
		}
		lea.follow("New application password")
		lea.fill("Name of the app or device", "Phone")
		lea.press("Add password")
		lea.secret()

		lea.open(libraryPath + "/authorize?app_name=Reader")
		lea.sees("Connect Reader to Library?")
		lea.press("Yes, connect")
		lea.secret()
		lea.follow("Back to the list")
		lea.row("Reader")
	})
}

// TestOwnConfirmation asks for the main password in the application's own way.
func TestOwnConfirmation(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		lea := openTabAt(t, startLibrary(t), m)
		lea.open(libraryPath + "/users/" + url.PathEscape("u/2"))
		lea.sees("Application passwords of Max")
		lea.follow("New application password")
		lea.fill("Name of the app or device", "Scanner")
		lea.press("Add password")
		lea.press("It is me")
		lea.press("Add password") // the name is still there
		lea.sees("Password for Scanner", "User name", "max")
	})
}
