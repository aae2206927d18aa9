package rest_test

import (
	"net/http"
	"testing"

	"github.com/sparekey-dev/sparekey"
)

// operation is something that can be done with application passwords.
type operation struct {
	name, method, path, body string // path goes on from the user's application passwords
	done                     int    // the status where it is permitted
	forbidden                string // the code where it is not
}

// operations are all there are, in an order in which one does not prevent another.
func operations() []operation {
	const rename = `{"name":"renamed"}`
	return []operation{
		{"list", "GET", "", "", 200, "rest_cannot_list_application_passwords"},
		{"head", "HEAD", "", "", 200, ""},
		{"create", "POST", "", `{"name":"new"}`, 201, "rest_cannot_create_application_passwords"},
		{"read", "GET", "/UUID", "", 200, "rest_cannot_read_application_password"},
		{"update", "PUT", "/UUID", rename, 200, "rest_cannot_edit_application_password"},
		{"patch", "PATCH", "/UUID", rename, 200, "rest_cannot_edit_application_password"},
		{"post", "POST", "/UUID", rename, 200, "rest_cannot_edit_application_password"},
		{"read what is not there", "GET", "/nope", "", 404, "rest_cannot_read_application_password"},
		{"update what is not there", "PUT", "/nope", rename, 404, "rest_cannot_edit_application_password"},
		{"delete what is not there", "DELETE", "/nope", "", 404, "rest_cannot_delete_application_password"},
		{"delete", "DELETE", "/UUID", "", 200, "rest_cannot_delete_application_password"},
		{"delete all", "DELETE", "", "", 200, "rest_cannot_delete_application_passwords"},
	}
}

// TestRoles goes through who may do what with whose application passwords.
func TestRoles(t *testing.T) {
	t.Parallel()
	actors := []string{"admin", "editor", "author", "contrib", "sub", "norole", ""}
	for _, actor := range actors {
		for _, target := range []string{actor, "other", "admin"} {
			if target == "" {
				continue
			}
			t.Run(actor+" to "+target, func(t *testing.T) {
				t.Parallel()
				testRole(t, actor, target)
			})
		}
	}
}

func testRole(t *testing.T, actor, target string) {
	t.Helper()
	s := newSite(t, options{service: sparekey.Config{}})
	setup := sparekey.New(s.store, s.store, sparekey.Config{})
	_, spare, err := setup.AsOperator().Create(t.Context(), s.users[target].ID, sparekey.NewCredential{Name: "spare"})
	if err != nil {
		t.Fatal(err)
	}
	permitted := actor == "admin" || actor == target
	for _, o := range operations() {
		path := s.passwords(target) + o.path
		if o.path == "/UUID" {
			path = s.passwords(target) + "/" + spare.UUID
		}
		w := s.do(o.method, path, actor, o.body)
		switch {
		case permitted && w.Code != o.done:
			t.Errorf("%s: got status %d, want %d: %s", o.name, w.Code, o.done, w.Body)
		case permitted:
			if w.Header().Get("Allow") == "" {
				t.Errorf("%s: no Allow", o.name)
			}
		default:
			refused := map[bool]int{true: http.StatusUnauthorized, false: http.StatusForbidden}[actor == ""]
			if w.Code != refused || o.method != "HEAD" && code(t, w) != o.forbidden {
				t.Errorf("%s: got status %d, want %d %s: %s", o.name, w.Code, refused, o.forbidden, w.Body)
			}
			if allow := w.Header().Get("Allow"); allow != "" {
				t.Errorf("%s: Allow: %s", o.name, allow)
			}
		}
	}
}

func TestNobodyIsFoundBeforeRights(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	for _, actor := range []string{"admin", "sub", ""} {
		for _, id := range []string{"99", "0", "000", "9223372036854775808"} {
			for _, o := range operations() {
				if o.method == "HEAD" {
					continue
				}
				w := s.do(o.method, "/wp-json/wp/v2/users/"+id+"/application-passwords"+o.path, actor, o.body)
				wantError(t, w, http.StatusNotFound, "rest_user_invalid_id")
			}
		}
	}
}

// TestAllowDecides has the application's own rule, not WordPress's roles, decide who may
// manage which user.
func TestAllowDecides(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{service: sparekey.Config{Allow: sparekey.AllowSelf}})
	wantError(t, s.do("GET", s.passwords("sub"), "admin", ""), http.StatusForbidden, "rest_cannot_list_application_passwords")
	wantError(t, s.do("GET", "/wp-json/wp/v2/users/5?context=edit", "admin", ""), http.StatusForbidden, "rest_forbidden_context")
	wantStatus(t, s.do("GET", "/wp-json/wp/v2/users/5", "admin", ""), http.StatusOK)
}
