package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/rest"
	"github.com/sparekey-dev/sparekey/store/memory"
)

func TestNewNeedsAnAbsoluteURL(t *testing.T) {
	t.Parallel()
	store := memory.New()
	svc := sparekey.New(store, store, sparekey.Config{})
	for _, base := range []string{"", "/wp-json", "example.org/wp-json", "//example.org/wp-json", "https://", "https://example.org/?x=y", "https://example.org/#x", ":"} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if p := fmt.Sprint(recover()); !strings.Contains(p, "BaseURL") {
					t.Errorf("New panics with %q, which does not name the field", p)
				}
			}()
			rest.New(svc, nil, rest.Config{BaseURL: base})
		})
	}
}

func TestNewNeedsAService(t *testing.T) {
	t.Parallel()
	defer func() {
		if p := fmt.Sprint(recover()); !strings.Contains(p, "Service") {
			t.Errorf("New panics with %q", p)
		}
	}()
	rest.New(nil, nil, rest.Config{BaseURL: "https://example.org/wp-json"})
}

func TestURLs(t *testing.T) {
	t.Parallel()
	const want = `"home":"%s","authentication":{"application-passwords":{"endpoints":{"authorization":"%s"}}}`
	tests := map[string]struct {
		config          rest.Config
		home, authorize string
	}{
		"defaults":      {rest.Config{BaseURL: "https://example.org/wp-json"}, "https://example.org", "https://example.org/wp-admin/authorize-application.php"},
		"slash at end":  {rest.Config{BaseURL: "https://example.org/wp-json/"}, "https://example.org", "https://example.org/wp-admin/authorize-application.php"},
		"in a folder":   {rest.Config{BaseURL: "https://example.org/a b/wp-json"}, "https://example.org/a%20b", "https://example.org/a%20b/wp-admin/authorize-application.php"},
		"without paths": {rest.Config{BaseURL: "https://example.org/?rest_route=/"}, "https://example.org", "https://example.org/wp-admin/authorize-application.php"},
		"without paths, in a folder": {
			rest.Config{BaseURL: "https://example.org/blog/index.php?rest_route=/"},
			"https://example.org/blog", "https://example.org/blog/wp-admin/authorize-application.php",
		},
		"named": {
			rest.Config{BaseURL: "https://api.example.org", HomeURL: "https://example.org/", AuthorizeURL: "https://example.org/authorize"},
			"https://example.org", "https://example.org/authorize",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, options{rest: test.config})
			w := s.do("GET", "/?rest_route=/&_fields=home,authentication", "", "")
			got := strings.ReplaceAll(w.Body.String(), `\/`, "/")
			if got != "{"+fmt.Sprintf(want, test.home, test.authorize)+"}" {
				t.Errorf("got %s", got)
			}
		})
	}
}

// TestWithoutPaths is about an API that is found by the query alone: links and pages lead to
// addresses that work.
func TestWithoutPaths(t *testing.T) {
	t.Parallel()
	for base, path := range map[string]string{
		"https://example.org/?rest_route=/":              "/?rest_route=",
		"https://example.org/blog/index.php?rest_route=": "/blog/index.php?rest_route=",
	} {
		s := newSite(t, options{rest: rest.Config{BaseURL: base}})
		wantStatus(t, s.do("GET", "/wp-json/", "", ""), http.StatusNotFound)
		wantStatus(t, s.do("GET", "/blog/wp-json/", "", ""), http.StatusNotFound)
		w := s.do("GET", path+"/", "", "")
		wantStatus(t, w, http.StatusOK)
		root := "https://example.org" + path + "/"
		if link := w.Header().Get("Link"); link != "<"+root+`>; rel="https://api.w.org/"` {
			t.Errorf("%s: Link: %s", base, link)
		}
		if body := strings.ReplaceAll(w.Body.String(), `\/`, "/"); !strings.Contains(body, `"self":[{"href":"`+root+`wp/v2/users"}]`) {
			t.Errorf("%s: %s", base, body)
		}
	}
}

func TestEncodedBasePath(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{rest: rest.Config{BaseURL: "https://example.org/a b/wp-json"}})
	wantStatus(t, s.do("GET", "/a%20b/wp-json/", "", ""), http.StatusOK)
	wantStatus(t, s.do("GET", "/wp-json/", "", ""), http.StatusNotFound)
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	page := s.api.Discover(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusNotFound)
	}))
	for _, method := range []string{"GET", "HEAD"} {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest(method, "/about", nil))
		links := w.Header().Values("Link")
		if len(links) != 2 || links[0] != `<https://example.org/wp-json/>; rel="https://api.w.org/"` {
			t.Errorf("%s: links are %q", method, links)
		}
	}
}

func TestAvatars(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{rest: rest.Config{Avatar: func(u sparekey.User, size int) string {
		return fmt.Sprintf("https://example.org/faces/%s?s=%d", u.ID, size)
	}}})
	w := s.do("GET", "/wp-json/wp/v2/users/me?_fields=avatar_urls", "sub", "")
	const want = `{"avatar_urls":{"24":"https:\/\/example.org\/faces\/5?s=24","48":"https:\/\/example.org\/faces\/5?s=48","96":"https:\/\/example.org\/faces\/5?s=96"}}`
	if got := w.Body.String(); got != want {
		t.Errorf("got %s", got)
	}
}

// TestOpaqueIDs has users whose IDs are not numbers.
func TestOpaqueIDs(t *testing.T) {
	t.Parallel()
	const id = "7a0c5b9e-8d1f-4b55-9a0e-2f6f3d9b1c11"
	user := sparekey.User{ID: id, Login: "Ann B. Lee"}
	store := memory.New()
	svc := sparekey.New(store, oneUser{user}, sparekey.Config{})
	secret, _, err := svc.As(user).Create(t.Context(), id, sparekey.NewCredential{Name: "app"})
	if err != nil {
		t.Fatal(err)
	}
	for opaque, status := range map[bool]int{true: http.StatusOK, false: http.StatusNotFound} {
		api := rest.New(svc, nil, rest.Config{BaseURL: "https://example.org/wp-json", OpaqueUserIDs: opaque})
		get := func(path string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("GET", "https://example.org/wp-json/wp/v2/users/"+path, nil)
			r.SetBasicAuth(user.Login, secret.Reveal())
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)
			return w
		}
		const want = `{"id":"` + id + `","slug":"ann-b-lee"}`
		if w := get("me?_fields=id,slug"); w.Body.String() != want {
			t.Errorf("got %s, want %s", w.Body, want)
		}
		wantStatus(t, get("me/application-passwords/introspect"), http.StatusOK)
		wantStatus(t, get(id+"/application-passwords"), status)
		wantStatus(t, get(id), status)
		wantLinksLead(t, api, get("me").Body.Bytes(), user.Login, secret)
		wantLinksLead(t, api, get("me/application-passwords/introspect").Body.Bytes(), user.Login, secret)
	}
}

// TestIDsOfAnyCharacters has users whose IDs cannot be part of a path, or would mean another
// user there. Links still lead to the right user.
func TestIDsOfAnyCharacters(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"u-2", "ann@example.com", "ü", "a/b", "..", "me", "ME", "007", "-1", "99999999999999999999"} {
		user := sparekey.User{ID: id, Login: "ann"}
		svc := sparekey.New(memory.New(), oneUser{user}, sparekey.Config{})
		secret, _, err := svc.As(user).Create(t.Context(), id, sparekey.NewCredential{Name: "app"})
		if err != nil {
			t.Fatal(err)
		}
		for _, opaque := range []bool{true, false} {
			api := rest.New(svc, nil, rest.Config{BaseURL: "https://example.org/wp-json", OpaqueUserIDs: opaque})
			for _, path := range []string{"me", "me/application-passwords/introspect"} {
				r := httptest.NewRequest("GET", "https://example.org/wp-json/wp/v2/users/"+path, nil)
				r.SetBasicAuth(user.Login, secret.Reveal())
				w := httptest.NewRecorder()
				api.ServeHTTP(w, r)
				wantStatus(t, w, http.StatusOK)
				wantLinksLead(t, api, w.Body.Bytes(), user.Login, secret)
			}
		}
	}
}

// wantLinksLead follows the link of an item to itself.
func wantLinksLead(t *testing.T, api http.Handler, body []byte, login string, secret sparekey.Secret) {
	t.Helper()
	var item struct {
		Links struct {
			Self []struct{ Href string }
		} `json:"_links"`
	}
	if err := json.Unmarshal(body, &item); err != nil || len(item.Links.Self) != 1 {
		t.Fatalf("%s has no link to itself (%v)", body, err)
	}
	r := httptest.NewRequest("GET", item.Links.Self[0].Href, nil)
	r.SetBasicAuth(login, secret.Reveal())
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("the link %s leads to %d", item.Links.Self[0].Href, w.Code)
	}
}

func TestQueryOnHTTPServer(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	mux := http.NewServeMux()
	mux.Handle("/wp-json", s.api)
	mux.Handle("/wp-json/", s.api)
	server := httptest.NewServer(mux)
	defer server.Close()
	for path, status := range map[string]int{
		"/wp-json":                            http.StatusOK,
		"/wp-json/":                           http.StatusOK,
		"/wp-json/wp/v2/":                     http.StatusOK,
		"/wp-json/wp/v2/%75sers/me":           http.StatusNotFound,
		"/wp-json/wp/v2/users/me?_envelope":   http.StatusOK,
		"/wp-json/?rest_route=/wp/v2/nothing": http.StatusNotFound,
	} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Error(err)
		}
		if answer.StatusCode != status {
			t.Errorf("GET %s: status %d, want %d", path, answer.StatusCode, status)
		}
	}
}
