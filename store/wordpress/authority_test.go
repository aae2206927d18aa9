package wordpress_test

import (
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/wordpress"
)

// Rows for the rights of users: what they are named for stands in their capabilities.
const (
	rightsRoles = `a:5:{s:13:"administrator";a:2:{s:4:"name";s:1:"A";s:12:"capabilities";a:2:{s:10:"edit_users";b:1;s:10:"list_users";b:1;}}` +
		`s:5:"texts";a:2:{s:4:"name";s:1:"T";s:12:"capabilities";a:1:{s:10:"edit_users";s:1:"x";}}` +
		`s:5:"zeros";a:2:{s:4:"name";s:1:"Z";s:12:"capabilities";a:1:{s:10:"edit_users";s:1:"0";}}` +
		`s:8:"nameless";a:1:{s:12:"capabilities";a:1:{s:10:"edit_users";b:1;}}` +
		`s:7:"network";a:2:{s:4:"name";s:1:"N";s:12:"capabilities";a:2:{s:10:"edit_users";b:1;s:20:"manage_network_users";b:1;}}}`
	rightsUsers = `UPDATE {p}options SET option_value = '` + rightsRoles + `' WHERE option_name = '{p}user_roles';
		INSERT INTO {p}users (ID, user_login, user_pass, user_email, user_registered, display_name) VALUES
		(1, 'admin', 'x', '', '2026-03-04 05:06:07', ''), (2, 'nothing', 'x', '', '2026-03-04 05:06:07', ''),
		(3, 'texts', 'x', '', '2026-03-04 05:06:07', ''), (4, 'zeros', 'x', '', '2026-03-04 05:06:07', ''),
		(5, 'nameless', 'x', '', '2026-03-04 05:06:07', ''), (6, 'denied', 'x', '', '2026-03-04 05:06:07', ''),
		(7, 'laterzeros', 'x', '', '2026-03-04 05:06:07', ''), (8, 'laterrole', 'x', '', '2026-03-04 05:06:07', ''),
		(9, 'object', 'x', '', '2026-03-04 05:06:07', ''), (10, 'othercase', 'x', '', '2026-03-04 05:06:07', ''),
		(11, 'othersite', 'x', '', '2026-03-04 05:06:07', ''), (12, 'secondrow', 'x', '', '2026-03-04 05:06:07', ''),
		(13, 'network', 'x', '', '2026-03-04 05:06:07', ''), (14, 'Super', 'x', '', '2026-03-04 05:06:07', '');
		INSERT INTO {p}usermeta (user_id, meta_key, meta_value) VALUES
		(1, '{p}capabilities', 'a:1:{s:13:"administrator";b:1;}'), (3, '{p}capabilities', 'a:1:{s:5:"texts";b:1;}'),
		(4, '{p}capabilities', 'a:1:{s:5:"zeros";b:1;}'), (5, '{p}capabilities', 'a:1:{s:8:"nameless";b:1;}'),
		(6, '{p}capabilities', 'a:2:{s:13:"administrator";b:1;s:10:"edit_users";i:0;}'),
		(7, '{p}capabilities', 'a:2:{s:13:"administrator";b:1;s:5:"zeros";b:1;}'),
		(8, '{p}capabilities', 'a:2:{s:5:"zeros";b:1;s:13:"administrator";b:1;}'),
		(9, '{p}capabilities', 'a:2:{s:13:"administrator";b:1;s:1:"x";O:8:"stdClass":0:{}}'),
		(10, '{p}CAPABILITIES', 'a:1:{s:13:"administrator";b:1;}'), (11, '{p}2_capabilities', 'a:1:{s:13:"administrator";b:1;}'),
		(12, '{p}capabilities', 'a:0:{}'), (12, '{p}capabilities', 'a:1:{s:13:"administrator";b:1;}'),
		(13, '{p}capabilities', 'a:1:{s:7:"network";b:1;}');`
)

// id is a user of which only the ID is set: the rest must come from the database.
func id(id string) sparekey.User {
	return sparekey.User{ID: id, Login: "admin", Roles: []string{sparekey.RoleAdministrator}}
}

func TestCanManage(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	single, network := server.newSite(t, singleSite), server.newSite(t, multiSite)
	single.exec(rightsUsers)
	network.exec(rightsUsers + `INSERT INTO {p}sitemeta (site_id, meta_key, meta_value) VALUES
		(1, 'site_admins', 'a:2:{i:0;s:5:"Super";i:1;s:7:"NOTHING";}'), (2, 'site_admins', 'a:1:{i:0;s:5:"admin";}')`)
	one, several := single.open(wordpress.Config{}), network.open(wordpress.Config{})
	for actor, may := range map[string]bool{
		"1": true, "2": false, "3": true, "4": false, "5": false, "6": false, "7": false, "8": true, "9": false,
		"10": false, "11": false, "12": false, "13": true, "14": false, "99": false, "": false, "0": false, "01": false, "x": false,
	} {
		if ok, err := one.CanManage(t.Context(), id(actor), id("2")); err != nil || ok != (may || actor == "2") {
			t.Errorf("single site, %q: %t, %v", actor, ok, err)
		}
		for target, want := range map[string]bool{"1": actor == "13" || actor == "14", "14": actor == "14", "99": false, "": false} {
			want = want || actor != "" && actor != "99" && actor == target
			if ok, err := several.CanManage(t.Context(), id(actor), id(target)); err != nil || ok != want {
				t.Errorf("network, %q about %q: %t, %v", actor, target, ok, err)
			}
		}
	}
	for actor, want := range map[string][2]bool{ // search, list
		"1": {true, true}, "2": {}, "3": {}, "6": {false, true}, "13": {}, "14": {}, "99": {}, "": {},
	} {
		wantAll(t, one, actor, want)
	}
	for actor, want := range map[string][2]bool{"1": {}, "2": {}, "13": {}, "14": {true, true}, "99": {}, "": {}} {
		wantAll(t, several, actor, want)
	}
}

func wantAll(t *testing.T, s *wordpress.Store, actor string, want [2]bool) {
	t.Helper()
	search, err := s.CanSearch(t.Context(), id(actor))
	list, listErr := s.CanListUsers(t.Context(), id(actor))
	if got := [2]bool{search, list}; got != want || err != nil || listErr != nil {
		t.Errorf("%q: search and list %v, want %v; %v, %v", actor, got, want, err, listErr)
	}
}

// TestSuperAdminsThatCannotBeRead: without an answer users manage their own
// application passwords, and nothing else.
func TestSuperAdminsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	const insertAdmins = `INSERT INTO {p}sitemeta (site_id, meta_key, meta_value) VALUES (1, 'site_admins', `
	for name, tt := range map[string]struct{ change, problem string }{
		"broken":         {insertAdmins + `'a:1:{i:0;s:5:"admi')`, "cannot be read"},
		"an object":      {insertAdmins + `'O:8:"stdClass":0:{}')`, "cannot be read"},
		"a text":         {insertAdmins + `'s:5:"admin";')`, "cannot be read"},
		"null":           {insertAdmins + `NULL)`, "cannot be read"},
		"empty":          {insertAdmins + `'')`, "cannot be read"},
		"rows differ":    {insertAdmins + `'a:1:{i:0;s:5:"admin";}'), (1, 'site_admins', 'a:0:{}')`, "several rows"},
		"differ in case": {insertAdmins + `'a:1:{i:0;s:5:"admin";}'), (1, 'site_admins', 'a:1:{i:0;s:5:"ADMIN";}')`, "several rows"},
		"no network":     {`DELETE FROM {p}site`, "table of networks"},
		"no role at all": {`DELETE FROM {p}options WHERE option_name = '{p}user_roles'`, ""},
		"equal rows":     {insertAdmins + `'a:1:{i:0;s:5:"admin";}'), (1, 'site_admins', 'a:1:{i:0;s:5:"admin";}')`, ""},
		"no option":      {`SELECT 1`, ""},
	} {
		w := server.newSite(t, multiSite)
		w.exec(rightsUsers + tt.change)
		s := w.open(wordpress.Config{})
		ok, err := s.CanManage(t.Context(), id("1"), id("2"))
		search, searchErr := s.CanSearch(t.Context(), id("1"))
		for _, err := range []error{err, searchErr} {
			if tt.problem == "" && err != nil || tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)) {
				t.Errorf("%s: %v, want %q", name, err, tt.problem)
			}
		}
		if want := tt.problem == ""; ok != want || search != want {
			t.Errorf("%s: %t, %t", name, ok, search)
		}
		if ok, err := s.CanManage(t.Context(), id("2"), id("2")); !ok || err != nil {
			t.Errorf("%s, their own: %t, %v", name, ok, err)
		}
	}
}

// TestSiteBecomesNetwork: an administrator of a single site is not one of the network
// that it has become.
func TestSiteBecomesNetwork(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	w.exec(rightsUsers)
	s := w.open(wordpress.Config{})
	if ok, err := s.CanManage(t.Context(), id("1"), id("2")); !ok || err != nil {
		t.Fatalf("before: %t, %v", ok, err)
	}
	w.exec(strings.TrimPrefix(multiSite, singleSite))
	if ok, err := s.CanManage(t.Context(), id("1"), id("2")); ok || err == nil || !strings.Contains(err.Error(), "restart Sparekey") {
		t.Errorf("after: %t, %v", ok, err)
	}
}
