package wplive_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// TestMultisite: on a network, the flag without which WordPress takes no
// application password is another one, and users can be marked as spam.
func TestMultisite(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{Multisite: true})
	key := serve(t, site)
	wordpress, sparekey := side{"WordPress", site.URL}, side{"Sparekey", key.url}
	if network := site.PHP(t, `echo is_multisite() ? 'yes' : 'no', WP_Application_Passwords::is_in_use() ? ' used' : ' unused';`); network != "yes unused" {
		t.Fatalf("a network: %s", network)
	}

	// The first one of all is Sparekey's.
	author := strconv.Itoa(site.Users[wptest.Author].ID)
	secret := key.cli(t, "user", "application-password", "create", author, "first", "--porcelain")
	for _, s := range []side{wordpress, sparekey} {
		if items := s.list(t, wptest.Author, secret); len(items) != 1 || items[0].Name != "first" {
			t.Errorf("%s: %+v", s.name, items)
		}
	}
	if flag := site.PHP(t, `echo get_network_option( get_main_network_id(), 'using_application_passwords' ), '|', get_option( 'using_application_passwords', 'none' );`); flag != "1|none" {
		t.Errorf("flag of the network | of the site: %s", flag)
	}

	made := wordpress.create(t, secret, "of WordPress")
	sparekey.call(t, http.StatusOK, wptest.Call{Path: introspect, Login: wptest.Author, Secret: made.Password})
	sparekey.call(t, http.StatusOK, wptest.Call{Method: http.MethodDelete, Path: minePath + "/" + made.UUID, Login: wptest.Author, Secret: secret})
	wordpress.call(t, http.StatusUnauthorized, wptest.Call{Path: introspect, Login: wptest.Author, Secret: made.Password})

	site.PHP(t, `$user = get_userdata( (int) $args[0] ); wp_update_user( array( 'ID' => $user->ID, 'spam' => 1 ) );
		global $wpdb; $wpdb->update( $wpdb->users, array( 'spam' => 1 ), array( 'ID' => $user->ID ) );`, author)
	sparekey.call(t, http.StatusUnauthorized, wptest.Call{Path: introspect, Login: wptest.Author, Secret: secret})
}
