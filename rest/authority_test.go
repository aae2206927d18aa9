package rest_test

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/rest"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// ruled is a directory with an access rule: only the editor may manage and list users.
type ruled struct {
	*memory.Store
	broken error
}

func (r ruled) CanManage(_ context.Context, actor, _ sparekey.User) (bool, error) {
	return actor.Login == "editor", r.broken
}

func (r ruled) CanSearch(context.Context, sparekey.User) (bool, error) { return false, r.broken }

func (r ruled) CanListUsers(_ context.Context, actor sparekey.User) (bool, error) {
	return actor.Login == "editor", r.broken
}

// TestAuthorityDecides: a directory that is an Authority says who may list and edit
// users, also where application passwords are switched off. Roles do not count.
func TestAuthorityDecides(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	for name, tt := range map[string]struct {
		off    bool // application passwords
		broken error
		actor  string
		want   [4]int // list, list with context=edit, one user, one with context=edit
	}{
		"by the directory":     {actor: "editor", want: [4]int{200, 200, 200, 200}},
		"by role alone":        {actor: "admin", want: [4]int{200, 403, 403, 403}},
		"neither":              {actor: "sub", want: [4]int{200, 403, 403, 403}},
		"anonymous":            {actor: "", want: [4]int{200, 401, 401, 401}},
		"broken":               {actor: "editor", broken: errDown, want: [4]int{503, 503, 503, 503}},
		"off, by directory":    {off: true, actor: "editor", want: [4]int{200, 200, 200, 200}},
		"off, by role alone":   {off: true, actor: "admin", want: [4]int{200, 403, 403, 403}},
		"off, broken":          {off: true, actor: "editor", broken: errDown, want: [4]int{503, 503, 503, 503}},
		"broken for strangers": {actor: "", broken: errDown, want: [4]int{200, 401, 401, 401}},
	} {
		svc := sparekey.New(s.store, ruled{s.store, tt.broken}, sparekey.Config{
			Available: func(context.Context) (bool, error) { return !tt.off, nil },
		})
		api := *s
		api.api = rest.New(svc, s.viewer, rest.Config{BaseURL: "https://example.org/wp-json"})
		other := "/wp-json/wp/v2/users/" + s.users["other"].ID
		for i, path := range []string{"/wp-json/wp/v2/users", "/wp-json/wp/v2/users?context=edit", other, other + "?context=edit"} {
			r := api.request(http.MethodGet, path, "", nil)
			r.Header.Set("X-Session", tt.actor)
			w := api.send(r)
			if w.Code != tt.want[i] {
				t.Errorf("%s: %s: status %d, want %d: %s", name, path, w.Code, tt.want[i], w.Body)
			}
			if i > 0 || w.Code != http.StatusOK {
				continue
			}
			want := 0
			if tt.actor == "editor" {
				want = len(people())
			}
			if total := w.Header().Get("X-Wp-Total"); total != strconv.Itoa(want) {
				t.Errorf("%s: %s users are listed, want %d", name, total, want)
			}
		}
	}
}

// lookups is a directory that counts the questions after one user.
type lookups struct {
	*memory.Store
	n atomic.Int32
}

func (l *lookups) UserByID(ctx context.Context, id string) (sparekey.User, error) {
	l.n.Add(1)
	return l.Store.UserByID(ctx, id)
}

// TestAllowAsksNothingAgain counts what a request asks the directory: once who the user in
// its path is, and once whether the caller may manage that user. The header Allow follows from
// that, whatever the answer is.
func TestAllowAsksNothingAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	directory := &lookups{Store: s.store}
	svc := sparekey.New(s.store, directory, sparekey.Config{Allow: sparekey.AllowAdministrators, Now: now})
	s.api = rest.New(svc, s.viewer, rest.Config{BaseURL: "https://example.org/wp-json", Now: now})
	user := "/wp-json/wp/v2/users/" + s.users["other"].ID
	for name, c := range map[string]struct {
		method, path, as string
		status           int
		allow            string
		most             int32
	}{
		"a user":              {"GET", user, "admin", 200, "GET, POST, PUT, PATCH, DELETE", 2},
		"a change of one":     {"POST", user, "admin", 501, "GET, POST, PUT, PATCH, DELETE", 2},
		"a deletion":          {"DELETE", user, "admin", 501, "GET, POST, PUT, PATCH, DELETE", 2},
		"what it may not see": {"GET", user, "sub", 403, "", 2},
		"an unknown user":     {"GET", "/wp-json/wp/v2/users/99", "admin", 404, "", 1},
		"anonymous":           {"GET", user, "", 401, "", 1},
		"a mistake":           {"GET", user + "?context=x", "admin", 400, "GET, POST, PUT, PATCH, DELETE", 2},
		"OPTIONS":             {"OPTIONS", user, "admin", 200, "GET, POST, PUT, PATCH, DELETE", 2},
		"oneself":             {"GET", "/wp-json/wp/v2/users/me", "admin", 200, "GET, POST, PUT, PATCH, DELETE", 0},
		"its passwords":       {"GET", user + "/application-passwords", "admin", 200, "GET, POST, DELETE", 2},
	} {
		directory.n.Store(0)
		w := s.do(c.method, c.path, c.as, "")
		if allow := w.Header().Get("Allow"); w.Code != c.status || allow != c.allow {
			t.Errorf("%s: %d with Allow %q, want %d with %q", name, w.Code, allow, c.status, c.allow)
		}
		if n := directory.n.Load(); n > c.most {
			t.Errorf("%s: %d look-ups, want at most %d", name, n, c.most)
		}
	}
}
