package wordpress_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/wordpress"
)

const users = `INSERT INTO {p}users (ID, user_login, user_pass, user_email, user_registered, display_name) VALUES
	(1, 'k_admin', '$P$Bhash', 'k_admin@example.com', '2026-03-04 05:06:07', 'K. Admin'),
	(2, 'other', '$wp$2y$10$hash', 'O''hara@example.com', '0000-00-00 00:00:00', ''),
	(3, 'shared@example.com', 'x', 'third@example.com', '2026-03-04 05:06:08', '100% Third_'),
	(4, 'fourth', 'x', 'shared@example.com', '2026-03-04 05:06:09', 'Fourth'),
	(5, 'no mail', 'x', '', '2026-03-04 05:06:10', '');
	INSERT INTO {p}usermeta (user_id, meta_key, meta_value) VALUES
	(1, '{p}capabilities', 'a:3:{s:13:"administrator";b:1;s:10:"edit_posts";b:1;s:6:"editor";b:0;}'),
	(2, '{p}capabilities', 'a:1:{s:6:"editor";b:1;}'),
	(3, '{p}capabilities', 'O:8:"stdClass":0:{}'),
	(4, 'wp_2_capabilities', 'a:1:{s:13:"administrator";b:1;}');`

func TestUserByLogin(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	w.exec(users)
	s := w.open(wordpress.Config{})
	for login, want := range map[string]string{
		"k_admin": "1", "K_ADMIN": "1", " k_admin": "1", "k_admin ": "1", "k_ádmin": "1", "<b>k_admin</b>": "1", "k_admin%20": "1",
		"K_ADMIN@EXAMPLE.COM": "1", "k_&amp;admin": "1", "\tk_admin\n": "1",
		"o'hara@example.com": "2", "shared@example.com": "3", "third@example.com": "3", "no  mail": "5", "fourth": "4",
		"": "", " ": "", "1": "", "K. Admin": "", "k_admi": "", "k_admin%": "", "k%": "", "%": "", "' OR 1=1 --": "", "@": "", "<b></b>": "",
		"kxadmin": "", "unknown@example.com": "", "\xff": "", strings.Repeat("a", 100000): "",
	} {
		u, err := s.UserByLogin(t.Context(), login)
		if want == "" {
			if !errors.Is(err, sparekey.ErrUserNotFound) || u.ID != "" {
				t.Errorf("%.40q: got %+v, %v, want ErrUserNotFound", login, u, err)
			}
		} else if err != nil || u.ID != want {
			t.Errorf("%.40q: got %+v, %v, want user %s", login, u, err, want)
		}
	}
}

// TestUserByLoginInEveryForm has a column in which each form of a letter is another text.
func TestUserByLoginInEveryForm(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	w.exec("ALTER TABLE {p}users MODIFY user_login varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;" +
		"INSERT INTO {p}users (ID, user_login, user_email, user_registered) VALUES " +
		"(1, 'jos\u00e9', 'one@example.com', '2026-03-04 05:06:07'), (2, 'mari\u0301a', 'two@example.com', '2026-03-04 05:06:07'), " +
		"(3, 'g\u00f6ran', 'three@example.com', '2026-03-04 05:06:07'), (4, 'go\u0308ran', 'four@example.com', '2026-03-04 05:06:07')," +
		"(5, 'strasse', 'five@example.com', '2026-03-04 05:06:07'), (6, 'soeren', 'six@example.com', '2026-03-04 05:06:07')," +
		"(7, 'soren', 'seven@example.com', '2026-03-04 05:06:07'), (8, 'mueller', 'eight@example.com', '2026-03-04 05:06:07')," +
		"(9, 'Lukasz', 'nine@example.com', '2026-03-04 05:06:07'), (10, '\u0438\u0439', 'ten@example.com', '2026-03-04 05:06:07')")
	s := w.open(wordpress.Config{})
	for login, want := range map[string]string{
		"jos\u00e9": "1", "jose\u0301": "1", "\ufeffjos\u00e9\u200b": "1", "<b>jose\u0301</b>\u200b": "1", "one@example.com\u200b": "1",
		"mar\u00eda": "2", "mari\u0301a": "2", "mar\u00eda\u00a0": "2",
		"g\u00f6ran": "3", "go\u0308ran": "3", // of both, the one in form C
		// As WordPress stores them, in several languages.
		"straße": "5", "s\u00f8ren": "7", "m\u00fcller": "8", "mu\u0308ller": "8", "\u0141ukasz": "9",
		"\u0438\u0439": "10", "\u0438\u0438\u0306": "10", "\u0438\u0438": "", "muller": "",
		"jose": "", "jos\u00e9\u0301": "", "jo\u200bs\u00e9": "",
	} {
		u, err := s.UserByLogin(t.Context(), login)
		if want == "" && errors.Is(err, sparekey.ErrUserNotFound) {
			continue
		}
		if err != nil || u.ID != want {
			t.Errorf("%+q: got %+v, %v, want user %s", login, u, err, want)
		}
	}
}

func TestUserByID(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	w.exec(users)
	s := w.open(wordpress.Config{})
	u, err := s.UserByID(t.Context(), "1")
	if err != nil || u.Login != "k_admin" || u.Email != "k_admin@example.com" || u.DisplayName != "K. Admin" ||
		!slices.Equal(u.Roles, []string{"administrator"}) || !u.Registered.Equal(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)) {
		t.Errorf("%+v, %v", u, err)
	}
	for id, roles := range map[string][]string{"2": {"editor"}, "3": nil, "4": nil} {
		if u, err := s.UserByID(t.Context(), id); err != nil || !slices.Equal(u.Roles, roles) || id == "2" && !u.Registered.IsZero() {
			t.Errorf("%s: %+v, %v", id, u, err)
		}
	}
	for _, id := range []string{"", "0", "01", "+1", "1 ", "-1", "9", "x", "1.0", "99999999999999999999"} {
		_, err := s.UserByID(t.Context(), id)
		_, hashErr := s.PasswordHash(t.Context(), id)
		_, epochErr := s.SessionEpoch(t.Context(), id)
		for _, err := range []error{err, hashErr, epochErr, s.EndSessions(t.Context(), id)} {
			if !errors.Is(err, sparekey.ErrUserNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	for n, want := range map[int][]string{0: nil, 1: {"$P$Bhash", "x"}, 100: {"$P$Bhash", "$wp$2y$10$hash", "x"}} {
		hashes, err := s.SamplePasswordHashes(t.Context(), n)
		if slices.Sort(hashes); err != nil || !slices.Equal(hashes, want) {
			t.Errorf("password hashes of %d oldest and newest users: %q, %v, want %q", n, hashes, err, want)
		}
	}
	if hash, err := s.PasswordHash(t.Context(), "2"); err != nil || hash != "$wp$2y$10$hash" {
		t.Errorf("hash: %q, %v", hash, err)
	}
}

func TestUserList(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	w.exec(users)
	s := w.open(wordpress.Config{})
	for name, tt := range map[string]struct {
		q     sparekey.UserQuery
		total int
		want  []string
	}{
		"all":               {sparekey.UserQuery{}, 5, []string{"1", "2", "3", "4", "5"}},
		"page":              {sparekey.UserQuery{Offset: 1, Limit: 2}, 5, []string{"2", "3"}},
		"beyond":            {sparekey.UserQuery{Offset: 9, Limit: 2}, 5, nil},
		"search":            {sparekey.UserQuery{Search: "SHARED"}, 2, []string{"3", "4"}},
		"search a sign":     {sparekey.UserQuery{Search: "%"}, 1, []string{"3"}},
		"role":              {sparekey.UserQuery{Role: "administrator"}, 1, []string{"1"}},
		"role that is off":  {sparekey.UserQuery{Role: "edit"}, 0, nil},
		"role and search":   {sparekey.UserQuery{Role: "editor", Search: "oth"}, 1, []string{"2"}},
		"role with a quote": {sparekey.UserQuery{Role: `x";b:1;`}, 0, nil},
	} {
		got, total, err := s.Users(t.Context(), tt.q)
		var ids []string
		for _, u := range got {
			ids = append(ids, u.ID)
		}
		if err != nil || total != tt.total || !slices.Equal(ids, tt.want) {
			t.Errorf("%s: got %v of %d, %v, want %v of %d", name, ids, total, err, tt.want, tt.total)
		}
	}
}

// TestMultisite has the mark in the network's table, and users who are spammers.
func TestMultisite(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, multiSite)
	w.exec(users)
	s := w.open(wordpress.Config{})
	for _, id := range []string{"1", "2", "4"} {
		insert(t, s, id, "of "+id)
	}
	wantExisting(t, s, map[string]bool{"1": true, "2": true, "4": true})
	w.exec(`UPDATE {p}users SET spam = 1 WHERE ID = 1; UPDATE {p}users SET deleted = 1 WHERE ID = 4;`)
	wantExisting(t, s, map[string]bool{"1": false, "2": true, "4": false})
	w.exec(`UPDATE {p}users SET spam = 0, deleted = 0`)
	wantExisting(t, s, map[string]bool{"1": true, "2": true, "4": true})
	if got := w.text(`SELECT CONCAT(COUNT(*), ' ', MIN(site_id), ' ', MIN(meta_value)) FROM {p}sitemeta WHERE meta_key = 'using_application_passwords'`); got != "1 1 1" {
		t.Errorf("the network's mark: %q", got)
	}
	if got := w.text(`SELECT COUNT(*) FROM {p}options WHERE option_name = 'using_application_passwords'`); got != "0" {
		t.Errorf("%s marks of a single site", got)
	}
}

// wantExisting looks for users of the table users in every place.
func wantExisting(t *testing.T, s *wordpress.Store, exist map[string]bool) {
	t.Helper()
	ctx := t.Context()
	logins := map[string][]string{"1": {"k_admin", "k_admin@example.com"}, "2": {"other"}, "4": {"fourth"}}
	listed, total, err := s.Users(ctx, sparekey.UserQuery{})
	found, _, searchErr := s.Search(ctx, sparekey.CredentialQuery{})
	if err := errors.Join(err, searchErr); err != nil || total != len(listed) {
		t.Errorf("%d of %d users, %v", len(listed), total, err)
	}
	for id, exists := range exist {
		want := sparekey.ErrUserNotFound
		if exists {
			want = nil
		}
		_, byID := s.UserByID(ctx, id)
		_, hash := s.PasswordHash(ctx, id)
		_, epoch := s.SessionEpoch(ctx, id)
		answers := map[string]error{"by ID": byID, "password": hash, "epoch": epoch, "end sessions": s.EndSessions(ctx, id)}
		for _, login := range logins[id] {
			_, answers[login] = s.UserByLogin(ctx, login)
		}
		for what, err := range answers {
			if !errors.Is(err, want) {
				t.Errorf("user %s, %s: %v, want %v", id, what, err, want)
			}
		}
		if slices.ContainsFunc(listed, func(u sparekey.User) bool { return u.ID == id }) != exists {
			t.Errorf("user %s is listed: %t", id, !exists)
		}
		if slices.ContainsFunc(found, func(c sparekey.Credential) bool { return c.UserID == id }) != exists {
			t.Errorf("credentials of user %s are found: %t", id, !exists)
		}
		if only, _, err := s.Search(ctx, sparekey.CredentialQuery{UserID: id}); err != nil || len(only) > 0 != exists {
			t.Errorf("credentials of user %s alone: %d, %v", id, len(only), err)
		}
		u := sparekey.User{ID: id}
		if ok, err := s.CanManage(ctx, u, u); err != nil || ok != exists {
			t.Errorf("user %s may manage their own: %t, %v", id, ok, err)
		}
	}
}

// TestRolesAreReadAnew: a role that the site gets or loses counts at the next look-up.
func TestRolesAreReadAnew(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	w.exec(users)
	s := w.open(wordpress.Config{})
	for _, step := range []struct {
		roles string
		want  []string
	}{
		{`a:2:{s:13:"administrator";a:0:{}s:6:"editor";a:0:{}}`, []string{"administrator"}},
		{`a:1:{s:6:"editor";a:0:{}}`, nil},
		{`a:1:{s:10:"edit_posts";a:0:{}}`, []string{"edit_posts"}},
		{`broken`, []string{"administrator", "edit_posts"}}, // every capability counts as a role
		{`a:1:{s:13:"administrator";a:0:{}}`, []string{"administrator"}},
	} {
		w.exec(`UPDATE {p}options SET option_value = ? WHERE option_name = '{p}user_roles'`, step.roles)
		one, err := s.UserByID(t.Context(), "1")
		byLogin, loginErr := s.UserByLogin(t.Context(), "k_admin")
		list, _, listErr := s.Users(t.Context(), sparekey.UserQuery{Limit: 1})
		if err := errors.Join(err, loginErr, listErr); err != nil || len(list) != 1 {
			t.Fatal(err)
		}
		for _, u := range []sparekey.User{one, byLogin, list[0]} {
			if !slices.Equal(u.Roles, step.want) {
				t.Errorf("with %s: roles %q, want %q", step.roles, u.Roles, step.want)
			}
		}
	}
}

func TestInUseMark(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	for version, autoload := range map[string]string{"53496": "no", "58975": "off", "60717": "off"} {
		w := server.newSite(t, singleSite)
		w.exec(`UPDATE {p}options SET option_value = ? WHERE option_name = 'db_version'`, version)
		w.exec(`INSERT INTO {p}options (option_name, option_value, autoload) VALUES ('something', 'else', 'yes')`)
		s := w.open(wordpress.Config{})
		insert(t, s, "7", "first")
		if got := w.text(`SELECT CONCAT(option_value, ' ', autoload) FROM {p}options WHERE option_name = 'using_application_passwords'`); got != "1 "+autoload {
			t.Errorf("%s: %q", version, got)
		}
		w.exec(`UPDATE {p}options SET option_value = '0' WHERE option_name = 'using_application_passwords'`)
		if inUse, err := s.InUse(t.Context()); err != nil || inUse {
			t.Errorf("taken back: %v, %v", inUse, err)
		}
		insert(t, s, "7", "second")
		if inUse, err := s.InUse(t.Context()); err != nil || !inUse {
			t.Errorf("again: %v, %v", inUse, err)
		}
	}
}

// TestHashesOfNewSecrets wants them in a format that the site's WordPress verifies,
// and found by $generic$ after the first use all the same.
func TestHashesOfNewSecrets(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	for version, prefix := range map[string]string{"53496": "$P$B", "58975": "$P$B", "": "$P$B", "60421": "$generic$", "70000": "$generic$"} {
		w := server.newSite(t, singleSite)
		w.exec(users)
		w.exec(`UPDATE {p}options SET option_value = ? WHERE option_name = 'db_version'`, version)
		s := w.open(wordpress.Config{})
		service := sparekey.New(s, s, sparekey.Config{})
		secret, c, err := service.AsOperator().Create(t.Context(), "2", sparekey.NewCredential{Name: "app"})
		if err != nil || !strings.HasPrefix(c.Hash, prefix) || !strings.Contains(w.row("2"), c.Hash) {
			t.Errorf("%s: %q, %v", version, c.Hash, err)
		}
		for range 2 {
			if _, err := service.Authenticate(t.Context(), sparekey.Attempt{Login: "other", Secret: secret, Secure: true}); err != nil {
				t.Errorf("%s: %v", version, err)
			}
		}
		if legacy, err := s.Legacy(t.Context(), "2"); err != nil || len(legacy) > 0 {
			t.Errorf("%s: %d are still tried one by one, %v", version, len(legacy), err)
		}
		if got, err := s.Find(t.Context(), "2", secret.Hash()); err != nil || got.UUID != c.UUID {
			t.Errorf("%s: %+v, %v", version, got, err)
		}
		if !strings.Contains(w.row("2"), c.Hash) {
			t.Errorf("%s: WordPress's row has another hash: %s", version, w.row("2"))
		}
		fresh, _, err := service.AsOperator().Rotate(t.Context(), "2", c.UUID, time.Hour)
		if err != nil || !strings.Contains(w.row("2"), prefix) || strings.Contains(w.row("2"), c.Hash) {
			t.Errorf("%s, rotated: %v, %s", version, err, w.row("2"))
		}
		for _, secret := range []sparekey.Secret{secret, fresh} {
			if _, err := service.Authenticate(t.Context(), sparekey.Attempt{Login: "other", Secret: secret, Secure: true}); err != nil {
				t.Errorf("%s, rotated: %v", version, err)
			}
		}
	}
}

func TestAccountsAreWordPresss(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	w.exec(users)
	s := w.open(wordpress.Config{})
	_, createErr := s.CreateUser(t.Context(), sparekey.User{Login: "new"}, "x")
	_, updateErr := s.UpdateUser(t.Context(), "1", func(u *sparekey.User) error { u.Login = "x"; return nil })
	_, deleteErr := s.DeleteUser(t.Context(), "1")
	for _, err := range []error{createErr, updateErr, deleteErr, s.SetPasswordHash(t.Context(), "1", "x")} {
		if !errors.Is(err, sparekey.ErrInvalid) || !strings.Contains(err.Error(), "wp user") {
			t.Errorf("%v", err)
		}
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	w.exec(users)
	now := time.Unix(1795319925, 0)
	s := w.open(wordpress.Config{Now: func() time.Time { return now }})
	ctx := t.Context()
	if _, _, found, err := s.FindSession(ctx, "none"); found || err != nil {
		t.Errorf("before there are tables: %v, %v", found, err)
	}
	if err := errors.Join(s.EndSession(ctx, "none"), s.SaveSession(ctx, "a", []byte("data"), now.Add(time.Hour)), s.SaveSession(ctx, "A", []byte("other"), now.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	data, expires, found, err := s.FindSession(ctx, "a")
	if string(data) != "data" || !expires.Equal(now.Add(time.Hour)) || !found || err != nil {
		t.Errorf("%q until %v, %v, %v", data, expires, found, err)
	}
	if err := errors.Join(s.EndSession(ctx, "a"), s.SaveSession(ctx, "a", []byte("back"), now.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if data, _, found, err := s.FindSession(ctx, "a"); found || err != nil {
		t.Errorf("an ended one came back: %q, %v", data, err)
	}
	now = now.Add(time.Hour + time.Minute) // past the expiry of both
	if err := errors.Join(s.SaveSession(ctx, "b", []byte("new"), now.Add(time.Hour)), s.SaveSession(ctx, "a", []byte("back"), now.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if data, _, found, err := s.FindSession(ctx, "a"); found || err != nil {
		t.Errorf("an ended one came back after its expiry: %q, %v", data, err)
	}
	if _, _, found, err := s.FindSession(ctx, "A"); found || err != nil {
		t.Errorf("an expired one: %v, %v", found, err)
	}
	before, err := s.SessionEpoch(ctx, "1")
	if err := errors.Join(err, s.EndSessions(ctx, "1")); err != nil {
		t.Fatal(err)
	}
	after, err := s.SessionEpoch(ctx, "1")
	other, otherErr := s.SessionEpoch(ctx, "2")
	if err != nil || otherErr != nil || before == after || other != before {
		t.Errorf("epochs %d, %d, of another %d; %v", before, after, other, errors.Join(err, otherErr))
	}
}
