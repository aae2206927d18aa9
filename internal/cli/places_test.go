package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// blogs is a stand-in for a WordPress: by the folders of its sites, where each says that the
// root of its API is. Its front pages have the index, as WordPress's have.
type blogs struct {
	sites map[string]string // the root behind the folder, such as "/index.php/wp-json/"
	files string            // where WordPress's own files are, behind the folder
	down  atomic.Bool
	asked atomic.Int32 // for an index
}

func (b *blogs) start(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.down.Load() {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		if r.URL.Query().Get("rest_route") != "/" {
			fmt.Fprintf(w, "application: %s %s", r.Method, r.RequestURI)
			return
		}
		b.asked.Add(1)
		folder := strings.TrimRight(r.URL.Path, "/")
		root, ok := b.sites[strings.ToLower(folder)]
		if !ok { // WordPress answers at any address below the site
			folder, root = "", b.sites[""]
		}
		if root == "" {
			http.NotFound(w, r)
			return
		}
		home := "http://" + r.Host + strings.ToLower(folder)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"home":%q,"url":%q,"routes":{"/":{"_links":{"self":[{"href":%q}]}}}}`, home, home+b.files, home+root)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const passwords = "/wp/v2/users/me/application-passwords"

// TestPlaces: the routes of application passwords work wherever the site's index says that
// the API is, with links to there, and nowhere else.
func TestPlaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		*blogs
		base, folder string   // of --url and --upstream
		works        []string // roots
		links        string   // where the links of the last one begin
		not          []string // roots without a route
	}{
		"usual": {
			blogs: &blogs{sites: map[string]string{"": "/wp-json/"}},
			works: []string{"/index.php/wp-json", "//index.php/wp-json", "/?rest_route=", "/index.php?rest_route=", "/wp-json"}, links: "/wp-json",
			not: []string{"/x/wp-json", "/x/index.php/wp-json", "/about?rest_route=", "/xwp-json", "/index.php/x/wp-json"},
		},
		"index.php": {
			blogs: &blogs{sites: map[string]string{"": "/index.php/wp-json/"}},
			works: []string{"/wp-json", "/?rest_route=", "/index.php/wp-json"}, links: "/index.php/wp-json",
		},
		"plain": {
			blogs: &blogs{sites: map[string]string{"": "/index.php?rest_route=/"}},
			works: []string{"/wp-json", "/index.php?rest_route=", "/?rest_route="}, links: "/?rest_route=",
			not: []string{"/x/wp-json"},
		},
		"another prefix": {
			blogs: &blogs{sites: map[string]string{"": "/\u00e4pi/v9/"}},
			works: []string{"/wp-json", "/?rest_route=", "/index.php/%C3%A4pi/v9", "/%C3%A4pi/v9"}, links: "/%C3%A4pi/v9",
			not: []string{"/x/%C3%A4pi/v9"},
		},
		"in a folder": {
			blogs: &blogs{sites: map[string]string{"/blog": "/wp-json/"}}, base: "/blog", folder: "/blog",
			works: []string{"/blog/index.php/wp-json", "/blog/?rest_route=", "/blog?rest_route=", "/blog//wp-json", "/blog/wp-json"}, links: "/blog/wp-json",
			not: []string{"/wp-json", "/blog/blog/wp-json", "/?rest_route="},
		},
		"in a folder, by index.php": {
			blogs: &blogs{sites: map[string]string{"/blog": "/index.php/wp-json/"}}, base: "/blog", folder: "/blog",
			works: []string{"/blog/wp-json", "/blog/index.php/wp-json"}, links: "/blog/index.php/wp-json",
		},
		"in a folder that clients do not see": {
			blogs: &blogs{sites: map[string]string{"/blog": "/index.php/wp-json/"}}, folder: "/blog",
			works: []string{"/wp-json", "/?rest_route=", "/index.php/wp-json"}, links: "/index.php/wp-json",
		},
		"in another folder than clients see": {
			blogs: &blogs{sites: map[string]string{"": "/index.php/wp-json/"}}, base: "/blog",
			works: []string{"/blog/wp-json", "/blog/?rest_route=", "/blog/index.php/wp-json"}, links: "/blog/index.php/wp-json",
		},
		"in a folder of which Sparekey is not told": {
			blogs: &blogs{sites: map[string]string{"/blog": "/wp-json/"}},
			works: []string{"/blog/index.php/wp-json", "/blog/?rest_route=", "/blog/wp-json"}, links: "/blog/wp-json",
			not: []string{"/news/wp-json", "/blog/x/wp-json"},
		},
		"a network": {
			blogs: &blogs{sites: map[string]string{"": "/wp-json/", "/one": "/wp-json/", "/two": "/index.php?rest_route=/", "/caf\u00e9": "/wp-json/"}},
			works: []string{"/wp-json", "/one/?rest_route=", "/two/?rest_route=", "/caf%C3%A9/wp-json", "/ONE/wp-json", "/one/wp-json"}, links: "/one/wp-json",
			not: []string{"/three/wp-json", "/one/two/wp-json", "/three/?rest_route="},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, ann := startMoved(t, c.base, "", "--upstream", c.start(t)+c.folder, "--upstream-kind=wordpress")
			for _, root := range c.works {
				status, body := m.s.ask(t, ann, root+passwords)
				if status != http.StatusOK || !strings.Contains(body, `"name":"main"`) {
					t.Errorf("%s: %d %s", root, status, body)
					continue
				}
				links := `"href":"` + "http://127.0.0.1"
				if c.base == "" {
					links = `"href":"` + m.s.url
				}
				if body = strings.ReplaceAll(body, `\/`, "/"); root == c.works[len(c.works)-1] && !strings.Contains(body, links+c.links+"/wp/v2/users/") {
					t.Errorf("%s has the links %s", root, body)
				}
				if status, body := m.s.ask(t, account{"ann", "wrong"}, root+passwords); status != http.StatusUnauthorized || !strings.Contains(body, "incorrect_password") {
					t.Errorf("%s with a wrong password: %d %s", root, status, body)
				}
			}
			for _, root := range c.not {
				if status, body := m.s.ask(t, ann, root+passwords); status != http.StatusNotFound || strings.Contains(body, "application: ") {
					t.Errorf("%s: %d %s", root, status, body)
				}
			}
		})
	}
}

// TestPlaceOfAuthorizing: the authorise screen is at the address that the site's index
// advertises, and tells applications the address of that site.
func TestPlaceOfAuthorizing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		*blogs
		works []string // folders
		not   []string
	}{
		"files of their own": {
			blogs: &blogs{sites: map[string]string{"": "/wp-json/"}, files: "/wordpress"},
			works: []string{"", "/wordpress"}, not: []string{"/x", "/wordpress/x"},
		},
		"a network": {
			blogs: &blogs{sites: map[string]string{"": "/wp-json/", "/one": "/wp-json/"}},
			works: []string{"", "/one"}, not: []string{"/two", "/one/x"},
		},
		"not told": {
			blogs: &blogs{sites: map[string]string{"/blog": "/wp-json/"}},
			works: []string{"", "/blog"}, not: []string{"/two"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, _ := startMoved(t, "", "/own", "--upstream", c.start(t), "--upstream-kind=wordpress")
			const asks = "?app_name=an+app&success_url=https%3A%2F%2Fapp.example%2F"
			for _, folder := range c.works {
				if at, body := m.page(folder + wpAuthorizePath + asks); at != "/own"+signInPath {
					t.Errorf("%s leads to %s: %s", folder, at, body)
				}
			}
			m.send("/own"+signInPath, url.Values{"login": {"ann"}, "password": {"correct horse"}})
			for _, folder := range c.works {
				var got string
				m.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
					got = r.URL.Query().Get("site_url")
					return http.ErrUseLastResponse
				}
				m.send(folder+wpAuthorizePath+asks, url.Values{"app_name": {"an app"}, "approve": {"1"}})
				if got != m.s.url+folder {
					t.Errorf("%s: the application gets %q", folder, got)
				}
			}
			for _, folder := range c.not {
				if _, body := m.page(folder + wpAuthorizePath); !strings.Contains(body, "application: ") {
					t.Errorf("%s: %s", folder, body)
				}
			}
		})
	}
}

// TestPlacesWhileDown: while the site cannot be asked, its usual place works, and others
// are 503 unless they are known.
func TestPlacesWhileDown(t *testing.T) {
	t.Parallel()
	b := &blogs{sites: map[string]string{"": "/index.php/wp-json/", "/one": "/wp-json/"}}
	application := b.start(t)
	b.down.Store(true)
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--upstream", application, "--upstream-kind=wordpress")
	for root, want := range map[string]int{
		"/wp-json": http.StatusOK, "/?rest_route=": http.StatusOK, "/index.php/wp-json": http.StatusServiceUnavailable, "/one/wp-json": http.StatusServiceUnavailable,
	} {
		if status, body := s.ask(t, ann, root+passwords); status != want || want != http.StatusOK && !strings.Contains(body, `"code"`) {
			t.Errorf("%s: %d %s", root, status, body)
		}
	}
}

// TestPlacesAreAskedOnce: the index of a site is read once, however many requests there are,
// and only for requests about application passwords.
func TestPlacesAreAskedOnce(t *testing.T) {
	t.Parallel()
	b := &blogs{sites: map[string]string{"": "/wp-json/", "/one": "/wp-json/"}}
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--upstream", b.start(t), "--upstream-kind=wordpress")
	for range 5 {
		s.ask(t, ann, "/one/wp-json"+passwords)
		s.ask(t, ann, "/two/wp-json"+passwords)
		s.ask(t, ann, "/one/wp-json/wp/v2/posts")
		s.ask(t, ann, "/three/wp-admin/")
	}
	if asked := b.asked.Load(); asked != 3 { // the main site and the folders one and two
		t.Errorf("the site was asked %d times", asked)
	}
}

// TestPlacesOfLimited: rules for a route below "/wp-json" hold wherever the site has its API,
// and for no other site.
func TestPlacesOfLimited(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		*blogs
		base, folder string
		root         string   // of the API
		others       []string // roots of other sites
	}{
		"index.php":      {blogs: &blogs{sites: map[string]string{"": "/index.php/wp-json/", "/one": "/wp-json/"}}, root: "/index.php/wp-json", others: []string{"/one/wp-json"}},
		"in a folder":    {blogs: &blogs{sites: map[string]string{"/blog": "/wp-json/", "/blog/one": "/wp-json/"}}, base: "/blog", folder: "/blog", root: "/blog/wp-json", others: []string{"/blog/one/wp-json"}},
		"moved":          {blogs: &blogs{sites: map[string]string{"": "/wp-json/"}}, base: "/blog", root: "/blog/index.php/wp-json"},
		"plain":          {blogs: &blogs{sites: map[string]string{"/blog": "/?rest_route=/"}}, base: "/blog", folder: "/blog", root: "/blog/?rest_route="},
		"another prefix": {blogs: &blogs{sites: map[string]string{"": "/api/"}}, root: "/api"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, _ := startMoved(t, c.base, "", "--upstream", c.start(t)+c.folder, "--upstream-kind=wordpress")
			narrow := newNarrow(t, m.database)
			for route, want := range map[string]int{
				passwords + "/introspect": http.StatusOK, "/wp/v2/posts": http.StatusOK,
				passwords: http.StatusForbidden, "/wp/v2/pages": http.StatusForbidden, "/wp/v2/posts/": http.StatusForbidden, "/wp/v2/posts/7": http.StatusForbidden,
			} {
				if status, body := m.s.ask(t, narrow, c.root+route); status != want {
					t.Errorf("%s: %d %s, want %d", c.root+route, status, body, want)
				}
			}
			for _, root := range c.others {
				for _, route := range []string{passwords + "/introspect", "/wp/v2/posts"} {
					if status, body := m.s.ask(t, narrow, root+route); status != http.StatusForbidden {
						t.Errorf("%s: %d %s", root+route, status, body)
					}
				}
			}
		})
	}
}
