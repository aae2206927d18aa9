// Command ownusers is an application with its own users and sessions that mounts WordPress's
// REST API of application passwords and the pages. Its signed-in users create them there,
// scripts use them, and applications find the way to ask for one.
//
//	go run ./examples/ownusers
//	curl -X POST 'http://localhost:8082/wp-json/wp/v2/users/me/application-passwords?name=Script' --cookie session=ann
//	curl http://localhost:8082/api/ -u 'ann:the password from that answer'
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/rest"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/web"
)

func main() {
	a := app{users: []sparekey.User{
		{ID: "1", Login: "ann", Email: "ann@example.com", DisplayName: "Ann"},
		{ID: "2", Login: "bob", Email: "bob@example.com", DisplayName: "Bob", Roles: []string{"manager"}},
	}}
	log.Print("serving on http://localhost:8082/api/")
	log.Fatal(http.ListenAndServe("localhost:8082", a.handler("http://localhost:8082")))
}

// app stands for an application that has its users already.
type app struct{ users []sparekey.User }

func (a app) handler(home string) http.Handler {
	svc := sparekey.New(memory.New(), a, sparekey.Config{Allow: mayEdit})
	guard := basicauth.New(svc, basicauth.Config{Realm: "Own users"})
	api := rest.New(svc, a.viewer, rest.Config{BaseURL: home + "/wp-json", AuthorizeURL: home + "/authorize"})
	pages := web.New(svc, a.viewer, web.Config{BaseURL: home + "/passwords"})
	mux := http.NewServeMux()
	mux.Handle("/wp-json/", api)
	mux.Handle("/passwords/", api.Discover(pages))
	mux.Handle("/authorize", pages.Authorize())
	mux.Handle("/api/", guard.Require(http.HandlerFunc(hello)))
	return mux
}

// UserByLogin and UserByID make the app a sparekey.Directory.
func (a app) UserByLogin(_ context.Context, login string) (sparekey.User, error) {
	return a.find(func(u sparekey.User) bool {
		return strings.EqualFold(u.Login, login) || strings.EqualFold(u.Email, login)
	})
}

func (a app) UserByID(_ context.Context, id string) (sparekey.User, error) {
	return a.find(func(u sparekey.User) bool { return u.ID == id })
}

func (a app) find(is func(sparekey.User) bool) (sparekey.User, error) {
	for _, u := range a.users {
		if is(u) {
			return u, nil
		}
	}
	return sparekey.User{}, sparekey.ErrUserNotFound
}

// viewer returns the user who is signed in. A real application asks its session store; this
// one trusts a cookie, so keep it on your machine.
func (a app) viewer(r *http.Request) (sparekey.User, bool, error) {
	cookies := r.CookiesNamed("session")
	if len(cookies) == 0 {
		return sparekey.User{}, false, nil // an anonymous request
	}
	u, err := a.UserByLogin(r.Context(), cookies[0].Value)
	if errors.Is(err, sparekey.ErrUserNotFound) {
		return u, false, nil // the user was deleted
	}
	return u, err == nil, err
}

// mayEdit lets managers manage all users, and other users only themselves.
func mayEdit(ctx context.Context, actor, target sparekey.User) (bool, error) {
	if actor.HasRole("manager") {
		return true, nil
	}
	return sparekey.AllowSelf(ctx, actor, target)
}

func hello(w http.ResponseWriter, r *http.Request) {
	id, _ := sparekey.FromContext(r.Context())
	fmt.Fprintf(w, "Hello %s.\n", id.User.DisplayName)
}
