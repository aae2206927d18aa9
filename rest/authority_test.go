package rest_test

import (
	"context"
	"net/http"
	"strconv"
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
