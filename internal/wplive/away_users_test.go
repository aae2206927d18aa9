package wplive_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

const usersPath = "/wp-json/wp/v2/users"

// mark changes a column of a user's row as WordPress's network administration does.
const mark = `global $wpdb; $wpdb->update( $wpdb->users, array( $args[1] => $args[2] ), array( 'user_login' => $args[0] ) ); clean_user_cache( get_user_by( 'login', $args[0] ) );`

// TestMarkedUsers: on a network, a user who is marked as spam or deleted exists
// nowhere, from the next request on, and user_status makes no difference to either
// side.
func TestMarkedUsers(t *testing.T) {
	t.Parallel()
	s := newAuthoritySite(t, wptest.Config{Multisite: true}, []string{wptest.Admin, wptest.Author, siteAdmin})
	author := s.Users[wptest.Author]
	for _, tt := range []struct {
		column, value string
		exists        bool // in Sparekey
		signsIn       bool // in WordPress, whose API does not look at the marks
	}{
		{"user_status", "1", true, true},
		{"user_status", "2", true, true},
		{"spam", "1", false, false},
		{"deleted", "1", false, true},
	} {
		t.Run(tt.column+" "+tt.value, func(t *testing.T) {
			ann := newPerson(t, s.key.url)
			if !ann.signIn(wptest.Author, author.Password) {
				t.Fatal("cannot sign in")
			}
			s.PHP(t, mark, wptest.Author, tt.column, tt.value)
			defer s.PHP(t, mark, wptest.Author, tt.column, "0")
			if got := s.ask(t, s.wordpress, wptest.Admin, wptest.Author); got != allowed {
				t.Errorf("WordPress says %s of this user", got)
			}
			signsIn := s.PHP(t, `echo is_wp_error( wp_authenticate( $args[0], $args[1] ) ) ? 'no' : 'yes';`, wptest.Author, author.Password) == "yes"
			if signsIn != tt.signsIn {
				t.Errorf("signs in to WordPress: %t", signsIn)
			}
			s.testExists(t, ann, tt.exists)
		})
	}
}

// testExists looks for the author in every place. ann is the author, signed in before.
func (s *authoritySite) testExists(t *testing.T, ann *person, exists bool) {
	t.Helper()
	author := s.Users[wptest.Author]
	want := map[bool][3]string{
		true:  {allowed, allowed, forbidden},
		false: {"401 ", unknownUser, unknownUser},
	}[exists]
	for i, actor := range []string{wptest.Author, wptest.Admin, siteAdmin} {
		if got := s.ask(t, s.sparekey, actor, wptest.Author); !strings.HasPrefix(got, want[i]) {
			t.Errorf("%s about the author: %s, want %s", actor, got, want[i])
		}
	}
	listed := s.sparekey.call(t, http.StatusOK, wptest.Call{Path: usersPath + "?per_page=100&context=edit", Login: wptest.Admin, Secret: s.secrets[wptest.Admin]})
	for name, got := range map[string]bool{
		"REST list":        strings.Contains(listed.Body, author.Email),
		"REST search":      strings.Contains(wptest.Send(t, s.key.url, wptest.Call{Path: usersPath + "?search=" + wptest.Author, Login: wptest.Admin, Secret: s.secrets[wptest.Admin]}).Body, wptest.Author),
		"CLI list":         strings.Contains(s.key.cli(t, "user", "list"), author.Email),
		"CLI":              s.key.command(t, "user", "application-password", "list", wptest.Author).Run() == nil,
		"sign-in":          newPerson(t, s.key.url).signIn(wptest.Author, author.Password),
		"sign-in by email": newPerson(t, s.key.url).signIn(author.Email, author.Password),
		"session":          strings.Contains(ann.get(accountPath), "asked about"),
		"everyone's list":  strings.Contains(s.signedIn(t, wptest.Admin).get("/account/application-passwords/all"), "/"+s.id(wptest.Author)+"/"),
	} {
		if got != exists {
			t.Errorf("%s: exists: %t, want %t", name, got, exists)
		}
	}
}

func (s *authoritySite) signedIn(t *testing.T, login string) *person {
	t.Helper()
	p := newPerson(t, s.key.url)
	if !p.signIn(login, s.Users[login].Password) {
		t.Fatalf("%s cannot sign in", login)
	}
	return p
}

// get is the text of a page.
func (p *person) get(path string) string {
	p.t.Helper()
	_, body := p.do(http.MethodGet, path, nil)
	return body
}
