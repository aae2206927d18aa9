package web_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/web"
)

// library stands for an application with its own users and sessions.
type library struct{ ann sparekey.User }

func (l library) UserByLogin(_ context.Context, login string) (sparekey.User, error) {
	if login != l.ann.Login {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return l.ann, nil
}

func (l library) UserByID(_ context.Context, id string) (sparekey.User, error) {
	if id != l.ann.ID {
		return sparekey.User{}, sparekey.ErrUserNotFound
	}
	return l.ann, nil
}

// Viewer returns the user who is signed in. A real application asks its session store.
func (l library) Viewer(r *http.Request) (sparekey.User, bool, error) {
	cookie, err := r.Cookie("session")
	return l.ann, err == nil && cookie.Value == "ann's", nil
}

// An application with its own users mounts the pages. Ann makes a password for
// her phone, which her account opens with from then on.
func ExampleNew() {
	app := library{ann: sparekey.User{ID: "7", Login: "ann", DisplayName: "Ann"}}
	svc := sparekey.New(memory.New(), app, sparekey.Config{})

	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.Handle("/account/passwords/", web.New(svc, app.Viewer, web.Config{
		BaseURL:   server.URL + "/account/passwords",
		SiteName:  "Library",
		SignInURL: "/login",
		Accent:    "#7a3e9d",
	}))

	form := strings.NewReader(url.Values{"name": {"Phone"}}.Encode())
	request, err := http.NewRequest(http.MethodPost, server.URL+"/account/passwords/new", form)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.AddCookie(&http.Cookie{Name: "session", Value: "ann's"})
	response, err := server.Client().Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), `id="new-application-password-value"`)
	_, rest, _ = strings.Cut(rest, `value="`)
	password, _, _ := strings.Cut(rest, `"`)

	id, err := svc.Authenticate(context.Background(), sparekey.Attempt{
		Login: "ann", Secret: sparekey.ParseSecret(password), Secure: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.Status)
	fmt.Println(id.User.DisplayName, "came with", id.Credential.Name)
	// Output:
	// 200 OK
	// Ann came with Phone
}
