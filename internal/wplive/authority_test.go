package wplive_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// A kind of user is a login: see authoritySite.
const (
	userEditor     = "usereditor"     // has a role of the site's own, with edit_users
	deniedAdmin    = "deniedadmin"    // an administrator without edit_users
	grantedReader  = "grantedreader"  // a subscriber with edit_users
	switchedOff    = "switchedoff"    // has the role of an administrator, with false beside it
	siteAdmin      = "siteadmin"      // an administrator of the main site, but not a super admin
	superOutsider  = "superoutsider"  // a super admin without a role on the main site
	networkManager = "networkmanager" // has a role with edit_users and manage_network_users
	networkOnly    = "networkonly"    // has a role with manage_network_users alone
	outsider       = "outsider"       // has no role on the main site
)

// makeKinds makes the users that a site does not have yet. Which site they are for
// makes no difference to most of them.
const makeKinds = `
	add_role( 'user_editor', 'User editor', array( 'read' => true, 'edit_users' => true ) );
	add_role( 'network_manager', 'Network manager', array( 'read' => true, 'edit_users' => true, 'manage_network_users' => true ) );
	add_role( 'network_only', 'Network only', array( 'read' => true, 'manage_network_users' => true ) );
	foreach ( array( 'usereditor' => 'user_editor', 'deniedadmin' => 'administrator', 'grantedreader' => 'subscriber',
		'switchedoff' => 'administrator', 'siteadmin' => 'administrator', 'superoutsider' => 'subscriber',
		'networkmanager' => 'network_manager', 'networkonly' => 'network_only', 'outsider' => 'subscriber' ) as $login => $role ) {
		$ids[ $login ] = wp_insert_user( array( 'user_login' => $login, 'user_email' => "$login@example.com", 'user_pass' => "$login-pass-1", 'role' => $role ) );
	}
	get_userdata( $ids['deniedadmin'] )->add_cap( 'edit_users', false );
	get_userdata( $ids['grantedreader'] )->add_cap( 'edit_users', true );
	get_userdata( $ids['switchedoff'] )->add_cap( 'administrator', false );
	if ( is_multisite() ) {
		grant_super_admin( $ids['superoutsider'] );
		remove_user_from_blog( $ids['superoutsider'], 1 );
		remove_user_from_blog( $ids['outsider'], 1 );
	}
	echo wp_json_encode( $ids );`

// authoritySite is a WordPress and a Sparekey on the same database, and users who can
// ask both about one another.
type authoritySite struct {
	*wptest.Site
	key                 *server
	wordpress, sparekey side
	secrets             map[string]string // of an application password, by login
	victims             map[string]string // UUID of another one
}

func newAuthoritySite(t *testing.T, config wptest.Config, kinds []string) *authoritySite {
	t.Helper()
	s := &authoritySite{Site: wptest.Start(t, config), secrets: map[string]string{}, victims: map[string]string{}}
	s.key = serve(t, s.Site)
	s.wordpress, s.sparekey = side{"WordPress", s.URL}, side{"Sparekey", s.key.url}
	ids := map[string]int{}
	wptest.Answer{Body: s.PHP(t, makeKinds)}.Decode(t, &ids)
	for login, id := range ids {
		s.Users[login] = wptest.User{ID: id, Login: login, Email: login + "@example.com", Password: login + "-pass-1"}
	}
	for _, login := range kinds {
		s.secrets[login], _ = s.CreatePassword(t, login, "asking")
		_, s.victims[login] = s.CreatePassword(t, login, "asked about")
	}
	return s
}

func (s *authoritySite) id(login string) string { return strconv.Itoa(s.Users[login].ID) }

// ask has actor list, create and delete application passwords of target, and returns
// the three statuses with the codes of errors.
func (s *authoritySite) ask(t *testing.T, at side, actor, target string) string {
	t.Helper()
	path := "/wp-json/wp/v2/users/" + s.id(target) + "/application-passwords"
	send := func(method, path, body string) (wptest.Answer, string) {
		answer := wptest.Send(t, at.url, wptest.Call{Method: method, Path: path, Login: actor, Secret: s.secrets[actor], JSON: body})
		if answer.Status < http.StatusBadRequest {
			return answer, strconv.Itoa(answer.Status)
		}
		var refusal struct{ Code string }
		answer.Decode(t, &refusal)
		return answer, fmt.Sprintf("%d %s", answer.Status, refusal.Code)
	}
	_, listed := send(http.MethodGet, path, "")
	answer, created := send(http.MethodPost, path, `{"name":"made"}`)
	uuid := s.victims[target]
	if answer.Status == http.StatusCreated {
		var made item
		answer.Decode(t, &made)
		uuid = made.UUID
	}
	_, deleted := send(http.MethodDelete, path+"/"+uuid, "")
	return strings.Join([]string{listed, created, deleted}, ", ")
}

// The answers to allowed and forbidden requests.
const (
	allowed   = "200, 201, 200"
	forbidden = "403 rest_cannot_list_application_passwords, 403 rest_cannot_create_application_passwords, " +
		"403 rest_cannot_delete_application_password"
	unknownUser = "404 rest_user_invalid_id, 404 rest_user_invalid_id, 404 rest_user_invalid_id"
)

// TestAuthority: every kind of user may do with every kind what WordPress itself lets
// them do, on a single site and on a network.
func TestAuthority(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		config wptest.Config
		kinds  []string
		mighty []string // may manage every kind that is not in guarded
		supers []string // may manage every kind
	}{
		{
			name: "single site",
			kinds: []string{
				wptest.Subscriber, wptest.Editor, wptest.Admin, userEditor, deniedAdmin, wptest.Author, wptest.NoRole,
				grantedReader, switchedOff, networkManager, networkOnly,
			},
			supers: []string{wptest.Admin, userEditor, grantedReader, switchedOff, networkManager},
		},
		{
			name: "network", config: wptest.Config{Multisite: true},
			kinds: []string{
				wptest.Subscriber, wptest.Editor, siteAdmin, userEditor, deniedAdmin, wptest.Admin, superOutsider,
				grantedReader, switchedOff, networkManager, networkOnly,
			},
			supers: []string{wptest.Admin, superOutsider}, mighty: []string{networkManager},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				tt.kinds = tt.kinds[:7]
			}
			s := newAuthoritySite(t, tt.config, tt.kinds)
			for _, actor := range tt.kinds {
				for _, target := range tt.kinds {
					theirs, ours := s.ask(t, s.wordpress, actor, target), s.ask(t, s.sparekey, actor, target)
					if theirs != ours {
						t.Errorf("%s about %s:\nWordPress says %s\nSparekey says  %s", actor, target, theirs, ours)
					}
					want := forbidden
					if actor == target || slices.Contains(tt.supers, actor) ||
						slices.Contains(tt.mighty, actor) && !slices.Contains(tt.supers, target) {
						want = allowed
					}
					if theirs != want {
						t.Errorf("%s about %s: WordPress says %s, and this test expects %s", actor, target, theirs, want)
					}
				}
				s.testListUsers(t, actor, tt.supers, tt.config.Multisite)
			}
			if tt.config.Multisite {
				s.testOutsider(t, append(tt.kinds, outsider))
			}
		})
	}
}

// testListUsers: on a single site the same users may list all users as in WordPress.
// On a network Sparekey's list has the users of all sites, and is for super admins.
func (s *authoritySite) testListUsers(t *testing.T, actor string, supers []string, network bool) {
	t.Helper()
	c := wptest.Call{Path: "/wp-json/wp/v2/users?context=edit", Login: actor, Secret: s.secrets[actor]}
	theirs, ours := wptest.Send(t, s.wordpress.url, c), wptest.Send(t, s.sparekey.url, c)
	want := theirs.Status
	if network && !slices.Contains(supers, actor) {
		want = http.StatusForbidden
	}
	if ours.Status != want {
		t.Errorf("%s lists users: WordPress says %d, Sparekey %s, want %d", actor, theirs.Status, ours, want)
	}
}

// testOutsider: WordPress's API of the main site does not know users who have no role
// there, not even to themselves. Its network administration does, and Sparekey lets
// the same users manage them.
func (s *authoritySite) testOutsider(t *testing.T, kinds []string) {
	t.Helper()
	s.secrets[outsider], _ = s.CreatePassword(t, outsider, "asking")
	_, s.victims[outsider] = s.CreatePassword(t, outsider, "asked about")
	for _, actor := range kinds {
		if got := s.ask(t, s.wordpress, actor, outsider); got != unknownUser {
			t.Errorf("%s about the outsider: WordPress says %s", actor, got)
		}
		may := s.PHP(t, `echo user_can( (int) $args[0], 'edit_user', (int) $args[1] ) ? 'yes' : 'no';`, s.id(actor), s.id(outsider))
		want := map[string]string{"yes": allowed, "no": forbidden}[may]
		if got := s.ask(t, s.sparekey, actor, outsider); got != want {
			t.Errorf("%s about the outsider: Sparekey says %s, want %s", actor, got, want)
		}
		if actor == outsider {
			continue
		}
		theirs, ours := s.ask(t, s.wordpress, outsider, actor), s.ask(t, s.sparekey, outsider, actor)
		if theirs != ours || ours != forbidden {
			t.Errorf("the outsider about %s: WordPress says %s, Sparekey %s", actor, theirs, ours)
		}
	}
}

// step is something that WordPress changes, and who may manage the subscriber's
// application passwords afterwards.
type step struct {
	name, php string
	want      map[string]string
}

// testSteps has both sides asked before and immediately after each change.
func (s *authoritySite) testSteps(t *testing.T, target string, steps []step) {
	t.Helper()
	for _, step := range steps {
		s.PHP(t, step.php)
		for actor, want := range step.want {
			got := map[string]string{"WordPress": s.ask(t, s.wordpress, actor, target), "Sparekey": s.ask(t, s.sparekey, actor, target)}
			if diff := cmp.Diff(map[string]string{"WordPress": want, "Sparekey": want}, got); diff != "" {
				t.Errorf("%s: %s about %s (-want +got):\n%s", step.name, actor, target, diff)
			}
		}
	}
}

// TestAuthorityChanges: what WordPress changes about roles, capabilities and super
// admins counts at the next request.
func TestAuthorityChanges(t *testing.T) {
	t.Parallel()
	t.Run("single site", func(t *testing.T) {
		t.Parallel()
		s := newAuthoritySite(t, wptest.Config{}, []string{wptest.Subscriber, wptest.Editor, userEditor, deniedAdmin, siteAdmin})
		user := func(login string) string { return `get_user_by( 'login', '` + login + `' )` }
		s.testSteps(t, wptest.Subscriber, []step{
			{"at first", ``, map[string]string{userEditor: allowed, wptest.Editor: forbidden, siteAdmin: allowed, deniedAdmin: forbidden}},
			{"a role loses the capability", `get_role( 'user_editor' )->remove_cap( 'edit_users' );`, map[string]string{userEditor: forbidden}},
			{"a role gets the capability", `get_role( 'editor' )->add_cap( 'edit_users' );`, map[string]string{wptest.Editor: allowed}},
			{"a role has the capability denied", `get_role( 'editor' )->add_cap( 'edit_users', false );`, map[string]string{wptest.Editor: forbidden}},
			{"a user gets it", user(wptest.Editor) + `->add_cap( 'edit_users' );`, map[string]string{wptest.Editor: allowed}},
			{"a user loses it", user(wptest.Editor) + `->remove_cap( 'edit_users' );`, map[string]string{wptest.Editor: forbidden}},
			{"the denial goes", user(deniedAdmin) + `->remove_cap( 'edit_users' );`, map[string]string{deniedAdmin: allowed}},
			{"another role", user(siteAdmin) + `->set_role( 'editor' );`, map[string]string{siteAdmin: forbidden}},
			{"the role is gone", user(siteAdmin) + `->set_role( 'administrator' ); remove_role( 'administrator' );`, map[string]string{siteAdmin: forbidden, deniedAdmin: forbidden}},
		})
	})
	t.Run("network", func(t *testing.T) {
		t.Parallel()
		s := newAuthoritySite(t, wptest.Config{Multisite: true}, []string{wptest.Admin, wptest.Subscriber, siteAdmin, superOutsider, networkManager})
		super := func(verb, login string) string {
			return verb + `_super_admin( get_user_by( 'login', '` + login + `' )->ID );`
		}
		s.testSteps(t, superOutsider, []step{
			{"at first", ``, map[string]string{wptest.Admin: allowed, siteAdmin: forbidden, networkManager: forbidden}},
			{"a super admin more", super("grant", siteAdmin), map[string]string{siteAdmin: allowed}},
			{"a super admin less", super("revoke", siteAdmin), map[string]string{siteAdmin: forbidden}},
			{"the target is none, and on the site", super("revoke", superOutsider) + `add_user_to_blog( 1, get_user_by( 'login', 'superoutsider' )->ID, 'subscriber' );`,
				map[string]string{wptest.Admin: allowed, siteAdmin: forbidden, networkManager: allowed}},
			{"in other letters", `update_site_option( 'site_admins', array( 'admin', 'SITEADMIN', ' siteadmin' ) );`, map[string]string{siteAdmin: forbidden, wptest.Admin: allowed}},
			{"no option", `global $wpdb; $wpdb->delete( $wpdb->sitemeta, array( 'meta_key' => 'site_admins' ) );`, map[string]string{wptest.Admin: allowed, siteAdmin: forbidden}},
			{"none at all", `global $wpdb; $wpdb->insert( $wpdb->sitemeta, array( 'site_id' => 1, 'meta_key' => 'site_admins', 'meta_value' => 'a:0:{}' ) );`,
				map[string]string{wptest.Admin: forbidden, networkManager: allowed}},
			{"of another network", `global $wpdb; $wpdb->insert( $wpdb->sitemeta, array( 'site_id' => 2, 'meta_key' => 'site_admins', 'meta_value' => serialize( array( 'siteadmin' ) ) ) );`,
				map[string]string{siteAdmin: forbidden}},
		})
	})
}
