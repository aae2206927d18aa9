package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
)

func start(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = app{users: []sparekey.User{{ID: "1", Login: "ann", DisplayName: "Ann"}}}.
		handler("http://" + server.Listener.Addr().String())
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func TestSignedInUserMakesOneAndAScriptUsesIt(t *testing.T) {
	t.Parallel()
	server := start(t)
	send := func(r *http.Request, err error) (int, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}

	const route = "/wp-json/wp/v2/users/me/application-passwords"
	create, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+route, strings.NewReader("name=Script"))
	create.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	create.AddCookie(&http.Cookie{Name: "session", Value: "ann"})
	status, body := send(create, err)
	var made struct{ Password string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusCreated {
		t.Fatalf("create: %d %s", status, body)
	}

	use, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/", nil)
	use.SetBasicAuth("ann", made.Password)
	if status, body := send(use, err); status != http.StatusOK || body != "Hello Ann.\n" {
		t.Errorf("use: %d %s", status, body)
	}

	forged, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+route, strings.NewReader("name=Evil"))
	forged.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	forged.Header.Set("Sec-Fetch-Site", "cross-site")
	forged.AddCookie(&http.Cookie{Name: "session", Value: "ann"})
	if status, body := send(forged, err); status != http.StatusForbidden {
		t.Errorf("another site's page used the session: %d %s", status, body)
	}
}

// TestApplicationFindsTheWay goes from a page to the API to the authorise screen, as an
// application does.
func TestApplicationFindsTheWay(t *testing.T) {
	t.Parallel()
	server := start(t)
	get := func(url string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: "session", Value: "ann"})
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s, %v", url, res.StatusCode, body, err)
		}
		return res, string(body)
	}
	page, _ := get(server.URL + "/passwords/")
	api, _, found := strings.Cut(strings.TrimPrefix(page.Header.Get("Link"), "<"), ">")
	if !found {
		t.Fatalf("the page does not say where the API is: %v", page.Header)
	}
	_, index := get(api)
	var said struct {
		Authentication struct {
			ApplicationPasswords struct {
				Endpoints struct{ Authorization string }
			} `json:"application-passwords"`
		}
	}
	if err := json.Unmarshal([]byte(index), &said); err != nil {
		t.Fatal(err)
	}
	if _, screen := get(said.Authentication.ApplicationPasswords.Endpoints.Authorization + "?app_name=Phone"); !strings.Contains(screen, "Phone") {
		t.Errorf("the authorise screen does not name the application:\n%s", screen)
	}
}
