package wplive_test

import (
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// TestInventedSession has a client with a limited application password invent the cookie
// and the nonce of a session. WordPress judges the Basic login then, so none that Sparekey
// does not accept may reach it.
func TestInventedSession(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{})
	key := serve(t, site, "--upstream="+site.URL, "--upstream-kind=wordpress")
	limited := key.cli(t, "user", "application-password", "create", wptest.Author, "limited", "--scope=GET /wp-json/wp/v2/posts", "--porcelain")
	for _, login := range []string{
		wptest.Author, wptest.Author + "<!-- x", "&;;" + wptest.Author, wptest.Author + "%41", "<b\x00>" + wptest.Author,
	} {
		call := func(base string) wptest.Answer {
			return wptest.Send(t, base, wptest.Call{Path: "/wp-json/wp/v2/users/me", Header: http.Header{
				"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(login+":"+limited))},
				"Cookie":        {"wordpress_logged_in_x=y"}, "X-Wp-Nonce": {"z"},
			}})
		}
		if answer := call(site.URL); answer.Status != http.StatusOK {
			t.Errorf("%q: WordPress does not accept it: %s", login, answer)
		}
		if answer := call(key.url); answer.Status == http.StatusOK {
			t.Errorf("%q: %s", login, answer)
		}
	}
}
