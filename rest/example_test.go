package rest_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/rest"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// oneUser is an application's own directory of users.
type oneUser struct{ user sparekey.User }

func (d oneUser) UserByLogin(_ context.Context, login string) (sparekey.User, error) {
	if !strings.EqualFold(login, d.user.Login) {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return d.user, nil
}

func (d oneUser) UserByID(_ context.Context, id string) (sparekey.User, error) {
	if id != d.user.ID {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return d.user, nil
}

// viewer returns the user of the application's session cookie.
func (d oneUser) viewer(r *http.Request) (sparekey.User, bool, error) {
	cookie, err := r.Cookie("session")
	return d.user, err == nil && cookie.Value == "the session of ann", nil
}

// An application with its own users and sessions mounts the API next to its pages. Ann, who
// is signed in, creates an application password; her program then asks the API for its user.
func Example() {
	app := oneUser{sparekey.User{ID: "7", Login: "ann", DisplayName: "Ann"}}
	svc := sparekey.New(memory.New(), app, sparekey.Config{})
	api := rest.New(svc, app.viewer, rest.Config{BaseURL: "https://example.org/wp-json"})

	mux := http.NewServeMux()
	mux.Handle("/wp-json", api)
	mux.Handle("/wp-json/", api)
	mux.Handle("/", api.Discover(http.NotFoundHandler()))
	server := httptest.NewServer(mux)
	defer server.Close()

	signedIn := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "session", Value: "the session of ann"}) }
	answer := send(server, "POST", "/wp-json/wp/v2/users/me/application-passwords?name=Backup&_fields=name,password", signedIn)
	fmt.Println(strings.Count(answer, " ")+1, "groups of four")

	_, secret, _ := strings.Cut(strings.TrimSuffix(answer, `"}`), `"password":"`)
	withSecret := func(r *http.Request) { r.SetBasicAuth("ann", secret) }
	fmt.Println(send(server, "GET", "/wp-json/wp/v2/users/me?_fields=id,name", withSecret))
	fmt.Println(send(server, "GET", "/wp-json/wp/v2/users/me/application-passwords/introspect?_fields=name", withSecret))
	// Output:
	// 6 groups of four
	// {"id":7,"name":"Ann"}
	// {"name":"Backup"}
}

func send(server *httptest.Server, method, path string, sign func(*http.Request)) string {
	r, err := http.NewRequestWithContext(context.Background(), method, server.URL+path, nil)
	if err != nil {
		log.Fatal(err)
	}
	sign(r)
	answer, err := server.Client().Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Fatal(err)
	}
	return string(body)
}
