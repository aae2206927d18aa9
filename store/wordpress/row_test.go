package wordpress_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/phpserial"
	"github.com/sparekey-dev/sparekey/internal/testdb"
	"github.com/sparekey-dev/sparekey/store/wordpress"
)

// The two records of a row that WordPress 7.1 wrote.
const (
	direct = `a:7:{s:4:"uuid";s:36:"f0ec248a-b1fb-4deb-a034-9dc03f1ac263";s:6:"app_id";s:0:"";s:4:"name";s:6:"direct";s:8:"password";s:49:"$generic$up-A_HhotQlaOcx3_p4zjSOpulaImcfNEMCjCiDD";s:7:"created";i:1795319925;s:9:"last_used";i:1795319926;s:7:"last_ip";s:9:"127.0.0.1";}`
	seed   = `a:7:{s:4:"uuid";s:36:"517fa197-9b5c-4cf1-a9af-e8bbff11faa6";s:6:"app_id";s:0:"";s:4:"name";s:4:"seed";s:8:"password";s:49:"$generic$a_SABDAqVti4ASRraaNv9DHkhcynJrVJuiYu3tQX";s:7:"created";i:1795319926;s:9:"last_used";N;s:7:"last_ip";N;}`
	// odd has everything that others may have put there.
	odd = `a:9:{s:5:"extra";a:2:{s:1:"x";d:1.50;i:7;b:1;}s:4:"uuid";s:36:"2b1c7a3e-5d4f-4a6b-8c9d-0e1f2a3b4c5d";s:8:"password";s:34:"$P$B5T6q5zW1.gRBxJ7VSTcHfVQ0S8YpB1";s:4:"name";s:5:"a\b"c";s:7:"created";s:10:"1795319927";s:9:"last_used";d:1795319928.7;s:7:"last_ip";s:0:"";s:4:"more";N;s:3:"neg";i:-00;}`
)

func row(elements ...string) string {
	return fmt.Sprintf("a:%d:{%s}", len(elements)/2, strings.Join(elements, ""))
}

func TestWhatIsNotTouchedStaysAsItIs(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	seedUUID, directUUID := "517fa197-9b5c-4cf1-a9af-e8bbff11faa6", "f0ec248a-b1fb-4deb-a034-9dc03f1ac263"
	for name, tt := range map[string]struct {
		row  string
		do   func(s *wordpress.Store, user string) error
		want string // {} is what was inserted
	}{
		"insert": {
			row("i:0;", direct, "i:1;", odd), nil, row("i:0;", direct, "i:1;", odd, "i:2;", "{}"),
		},
		"insert after a gap": {
			row("i:3;", odd, "s:1:\"7\";", direct), nil, row("i:3;", odd, "s:1:\"7\";", direct, "i:8;", "{}"),
		},
		"insert after text keys": {
			row(`s:3:"foo";`, odd), nil, row(`s:3:"foo";`, odd, "i:0;", "{}"),
		},
		"insert after negative keys": {
			row(`i:-5;`, odd), nil, row(`i:-5;`, odd, "i:0;", "{}"),
		},
		"insert next to an entry that is not a record": {
			row("i:0;", `s:5:"plain";`, "i:1;", direct), nil, row("i:0;", `s:5:"plain";`, "i:1;", direct, "i:2;", "{}"),
		},
		"insert into an empty list": {"a:0:{}", nil, row("i:0;", "{}")},
		"insert into nothing":       {"", nil, row("i:0;", "{}")},
		"delete": {
			row("i:0;", direct, "i:1;", seed, "i:2;", odd),
			func(s *wordpress.Store, user string) error {
				_, err := s.Delete(t.Context(), user, seedUUID)
				return err
			},
			row("i:0;", direct, "i:2;", odd),
		},
		"delete the last": {
			row("i:4;", seed),
			func(s *wordpress.Store, user string) error {
				_, err := s.Delete(t.Context(), user, seedUUID)
				return err
			},
			"a:0:{}",
		},
		"delete all": {
			row("i:0;", direct, "i:2;", odd),
			func(s *wordpress.Store, user string) error { _, err := s.DeleteAll(t.Context(), user); return err },
			"a:0:{}",
		},
		"rename": {
			row("i:0;", odd, "i:1;", direct),
			func(s *wordpress.Store, user string) error {
				_, err := s.Update(t.Context(), user, directUUID, func(c *sparekey.Credential) error { c.Name = `é\"`; return nil }, nil)
				return err
			},
			row("i:0;", odd, "i:1;", strings.Replace(direct, `s:6:"direct"`, `s:4:"é\""`, 1)),
		},
		"use for the first time": {
			row("i:0;", odd, "i:1;", seed),
			func(s *wordpress.Store, user string) error {
				_, err := s.Update(t.Context(), user, seedUUID, func(c *sparekey.Credential) error {
					c.LastUsed, c.LastIP = time.Unix(1795320000, 0), "::1"
					return nil
				}, nil)
				return err
			},
			row("i:0;", odd, "i:1;", strings.NewReplacer(`s:9:"last_used";N;`, `s:9:"last_used";i:1795320000;`, `s:7:"last_ip";N;`, `s:7:"last_ip";s:3:"::1";`).Replace(seed)),
		},
		"use what never had the keys": {
			row("i:0;", `a:3:{s:8:"password";s:1:"x";s:4:"uuid";s:36:"`+seedUUID+`";s:4:"name";s:1:"n";}`),
			func(s *wordpress.Store, user string) error {
				_, err := s.Update(t.Context(), user, seedUUID, func(c *sparekey.Credential) error {
					c.LastUsed = time.Unix(5, 0)
					return nil
				}, nil)
				return err
			},
			row("i:0;", `a:4:{s:8:"password";s:1:"x";s:4:"uuid";s:36:"`+seedUUID+`";s:4:"name";s:1:"n";s:9:"last_used";i:5;}`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := server.newSite(t, singleSite)
			s := w.open(wordpress.Config{})
			if tt.row != "" {
				w.setRow("7", tt.row)
			}
			inserted := ""
			if tt.do == nil {
				c := insert(t, s, "7", "in\"sert")
				inserted = fmt.Sprintf(`a:7:{s:4:"uuid";s:36:"%s";s:6:"app_id";s:0:"";s:4:"name";s:7:"in"sert";s:8:"password";s:49:"%s";s:7:"created";i:1795319925;s:9:"last_used";N;s:7:"last_ip";N;}`, c.UUID, c.Hash)
			} else if err := tt.do(s, "7"); err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(tt.want, "{}", inserted, 1)
			if tt.want == "a:0:{}" {
				want = tt.want
			}
			if got := w.row("7"); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestWhatOthersWroteIsRead(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	s := w.open(wordpress.Config{})
	w.setRow("7", row("i:0;", odd, "i:1;", `s:5:"plain";`, "i:5;", `a:1:{s:4:"uuid";s:1:"u";}`, `s:1:"x";`, direct, "i:6;", `a:0:{}`))
	list, err := s.List(t.Context(), "7")
	if err != nil || len(list) != 4 {
		t.Fatalf("%+v, %v", list, err)
	}
	want := sparekey.Credential{
		UUID: "2b1c7a3e-5d4f-4a6b-8c9d-0e1f2a3b4c5d", UserID: "7", Name: `a\b"c`, Hash: "$P$B5T6q5zW1.gRBxJ7VSTcHfVQ0S8YpB1",
		Created: time.Unix(1795319927, 0).UTC(), LastUsed: time.Unix(1795319928, 0).UTC(),
	}
	if list[0] != want {
		t.Errorf("got %+v, want %+v", list[0], want)
	}
	if list[1].UUID != "u" || list[1].Hash != "" || list[2].Name != "direct" {
		t.Errorf("got %+v", list[1:])
	}
	if legacy, err := s.Legacy(t.Context(), "7"); err != nil || len(legacy) != 1 || legacy[0] != want {
		t.Errorf("Legacy: %+v, %v", legacy, err)
	}
	secret := sparekey.ParseSecret("abcdEFGH1234abcdEFGH1234")
	if c, err := s.Find(t.Context(), "7", secret.Hash()); err != nil || c.Name != "direct" {
		t.Errorf("one malformed record keeps others out: %+v, %v", c, err)
	}
	if c, err := s.Delete(t.Context(), "7", "u"); err != nil || c.UUID != "u" {
		t.Errorf("what has no hash cannot be revoked: %+v, %v", c, err)
	}
}

func TestRecordsGetUUIDs(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	s, other := w.open(wordpress.Config{}), w.open(wordpress.Config{})
	without := `a:2:{s:4:"name";s:1:"n";s:8:"password";s:49:"$generic$a_SABDAqVti4ASRraaNv9DHkhcynJrVJuiYu3tQX";}`
	null := `a:3:{s:4:"uuid";N;s:4:"name";s:1:"n";s:8:"password";s:1:"x";}`
	empty := `a:3:{s:4:"uuid";s:0:"";s:4:"name";s:1:"n";s:8:"password";s:1:"y";}`
	w.setRow("7", row("i:0;", without, "i:1;", null, "i:2;", empty, "i:3;", direct))

	uuids := make([][]string, 2)
	done := make(chan error, 2)
	for i, store := range []*wordpress.Store{s, other} { // at the same time
		go func() {
			list, err := store.List(t.Context(), "7")
			for _, c := range list {
				uuids[i] = append(uuids[i], c.UUID)
			}
			done <- err
		}()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	if len(uuids[0]) != 4 || strings.Join(uuids[0], " ") != strings.Join(uuids[1], " ") || len(uuids[0][0]) != 36 {
		t.Fatalf("UUIDs: %q", uuids)
	}
	want := row("i:0;", `a:3:{s:4:"name";s:1:"n";s:8:"password";s:49:"$generic$a_SABDAqVti4ASRraaNv9DHkhcynJrVJuiYu3tQX";s:4:"uuid";s:36:"`+uuids[0][0]+`";}`,
		"i:1;", strings.Replace(null, "N;", `s:36:"`+uuids[0][1]+`";`, 1), "i:2;", strings.Replace(empty, `s:0:""`, `s:36:"`+uuids[0][2]+`"`, 1), "i:3;", direct)
	if got := w.row("7"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := w.text(`SELECT COUNT(*) FROM {p}usermeta`); got != "1" {
		t.Errorf("%s rows", got)
	}
}

func TestUnreadableRowsAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	s := w.open(wordpress.Config{})
	good := insert(t, s, "8", "another user's")
	for name, value := range map[string]string{
		"object":            `a:1:{i:0;O:8:"stdClass":1:{s:4:"uuid";s:1:"u";}}`,
		"object as a whole": `O:8:"stdClass":0:{}`,
		"cut off":           strings.TrimSuffix(row("i:0;", direct), "}"),
		"text":              "hello",
		"serialised twice":  phpserial.NewString(row("i:0;", direct)).Encoding(),
		"wrong lengths":     strings.Replace(row("i:0;", direct), "s:6:", "s:5:", 1),
		"number":            "i:5;",
	} {
		w.setRow("7", value)
		secret := sparekey.ParseSecret("abcdEFGH1234abcdEFGH1234")
		calls := map[string]func() error{
			"List":      func() error { _, err := s.List(t.Context(), "7"); return err },
			"Find":      func() error { _, err := s.Find(t.Context(), "7", secret.Hash()); return err },
			"Legacy":    func() error { _, err := s.Legacy(t.Context(), "7"); return err },
			"Delete":    func() error { _, err := s.Delete(t.Context(), "7", "f0ec248a-b1fb-4deb-a034-9dc03f1ac263"); return err },
			"DeleteAll": func() error { _, err := s.DeleteAll(t.Context(), "7"); return err },
			"Insert": func() error {
				c := good
				c.UserID, c.UUID = "7", "00000000-0000-4000-8000-000000000000"
				return s.Insert(t.Context(), c, nil)
			},
			"Update": func() error {
				_, err := s.Update(t.Context(), "7", "f0ec248a-b1fb-4deb-a034-9dc03f1ac263", func(*sparekey.Credential) error { return nil }, nil)
				return err
			},
		}
		for call, do := range calls {
			err := do()
			var unreadable *wordpress.RowError
			if !errors.As(err, &unreadable) || sparekey.Refused(err) || unreadable.UserID != "7" || unreadable.MetaID == 0 {
				t.Errorf("%s, %s: %v", name, call, err)
			}
			if err != nil && strings.Contains(err.Error(), "$generic$") {
				t.Errorf("%s, %s: the error has a hash in it: %v", name, call, err)
			}
		}
		if got := w.row("7"); got != value {
			t.Errorf("%s: the row became %s", name, got)
		}
		wantFound(t, s, good)
	}
	if _, _, err := s.Search(t.Context(), sparekey.CredentialQuery{}); err != nil {
		t.Errorf("Search: %v", err)
	}
}

func TestSeveralRows(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	s := w.open(wordpress.Config{})
	for _, r := range []string{row("i:0;", direct), row("i:0;", seed)} {
		w.exec(`INSERT INTO {p}usermeta (user_id, meta_key, meta_value) VALUES (7, '_application_passwords', ?)`, r)
	}
	w.exec(`INSERT INTO {p}usermeta (user_id, meta_key, meta_value) VALUES (7, '_APPLICATION_PASSWORDS', 'another key'), (7, 'nickname', 'x'), (8, '_application_passwords', ?)`, row("i:0;", seed))
	list, err := s.List(t.Context(), "7")
	if err != nil || len(list) != 1 || list[0].Name != "direct" {
		t.Fatalf("%+v, %v", list, err)
	}
	insert(t, s, "7", "new")
	if got := w.text(`SELECT COUNT(DISTINCT meta_value) FROM {p}usermeta WHERE user_id = 7 AND BINARY meta_key = '_application_passwords'`); got != "1" {
		t.Errorf("the user's rows have %s values", got)
	}
	if got := w.text(`SELECT meta_value FROM {p}usermeta WHERE user_id = 7 AND BINARY meta_key = '_APPLICATION_PASSWORDS'`); got != "another key" {
		t.Errorf("another key's value became %q", got)
	}
	if got := w.row("8"); got != row("i:0;", seed) {
		t.Errorf("another user's row became %s", got)
	}
}

// TestSameUUIDTwice wants a revoked UUID to be gone wherever it was.
func TestSameUUIDTwice(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	s := w.open(wordpress.Config{})
	twin := strings.Replace(seed, "517fa197-9b5c-4cf1-a9af-e8bbff11faa6", "f0ec248a-b1fb-4deb-a034-9dc03f1ac263", 1)
	w.setRow("7", row("i:0;", direct, "i:1;", twin, "i:2;", odd))
	if c, err := s.Delete(t.Context(), "7", "f0ec248a-b1fb-4deb-a034-9dc03f1ac263"); err != nil || c.Name != "direct" {
		t.Errorf("%+v, %v", c, err)
	}
	if got, want := w.row("7"), row("i:2;", odd); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestStoppedDatabase wants broken answers while the database is away, and right
// ones after, from the same store.
func TestStoppedDatabase(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	w := server.newSite(t, singleSite)
	w.exec("SET GLOBAL innodb_flush_log_at_trx_commit = 1") // as servers have it
	s := w.open(wordpress.Config{})
	c := insert(t, s, "7", "ours")
	wantFound(t, s, c)
	server.Kill()
	for range 3 {
		_, err := s.Find(t.Context(), "7", c.Hash)
		_, userErr := s.UserByLogin(t.Context(), "login")
		insertErr := s.Insert(t.Context(), sparekey.Credential{UUID: "u", UserID: "7"}, nil)
		for _, err := range []error{err, userErr, insertErr, s.Ping(t.Context())} {
			if err == nil || sparekey.Refused(err) {
				t.Errorf("without a database: %v", err)
			}
		}
	}
	server.Restart(t)
	wantFound(t, s, c)
	insert(t, s, "7", "after")
	if _, err := s.Delete(t.Context(), "7", c.UUID); err != nil {
		t.Error(err)
	}
	wantNotFound(t, s, c)
}

// TestSilentDatabase wants an end to waiting for a server that accepts connections
// and says nothing.
func TestSilentDatabase(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	began := time.Now()
	_, err = wordpress.Open(t.Context(), "wordpress://u:sesame@"+listener.Addr().String()+"/db", wordpress.Config{})
	if err == nil || time.Since(began) > 30*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	if err != nil && strings.Contains(err.Error(), "sesame") {
		t.Errorf("the error has the password in it: %v", err)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"wordpress:", "wordpress://", "wordpress://h", "wordpress://h/", "wordpress://h/a/b", "mysql://u:sesame@h/db",
		"wordpress://u:sesame@h/db?prefix=wp_`;DROP", "wordpress://u:sesame@h/db?prefix=a%20b", "wordpress://u:sesame@h/db?prefix=wp-",
		"wordpress://u:sesame@h/db?allowAllFiles=true", "wordpress://u:sesame@h/db?multiStatements=true", "wordpress://u:sesame@h/db?tls=maybe",
		"wordpress://u:sesame@h/db?charset=utf16", "wordpress://u:sesame@h/db?pool=0", "wordpress://u:sesame@h/db?pool=x",
		"wordpress://u:sesame@h/db?hashes=md5", "wordpress://u:sesame@h:port/db", "wordpress://u:ses%ame@h/db", "wordpress:///db",
	} {
		_, err := wordpress.Open(t.Context(), bad, wordpress.Config{})
		if err == nil || strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "ses%ame") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestNoWordPress(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	w.prefix = "other_"
	if _, err := wordpress.Open(t.Context(), w.url(), wordpress.Config{}); err == nil || !strings.Contains(err.Error(), "other_") {
		t.Errorf("another prefix: %v", err)
	}
	w.prefix = "wp_"
	s := w.open(wordpress.Config{})
	if list, err := s.List(t.Context(), "7"); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	if got := w.text(`SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'wp\\_sparekey%'`); got != "0" {
		t.Errorf("reading made %s tables", got)
	}
}

// TestNotAdmitted says where the right user and database are written down.
func TestNotAdmitted(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	for url, advice := range map[string]string{
		"wordpress://unknown:sesame@" + w.server.Addr + "/" + w.name:                       "DB_USER and DB_PASSWORD of wp-config.php",
		"wordpress://" + testdb.User + ":sesame@" + w.server.Addr + "/" + w.name:           "DB_USER and DB_PASSWORD of wp-config.php",
		"wordpress://" + testdb.User + ":" + testdb.Password + "@" + w.server.Addr + "/no": "DB_NAME of wp-config.php",
	} {
		_, err := wordpress.Open(t.Context(), url, wordpress.Config{})
		if err == nil || !strings.Contains(err.Error(), advice) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("got %v, want advice about %s", err, advice)
		}
	}
}

// TestWithoutTheRightToMakeTables reads all the same, and says what is missing.
func TestWithoutTheRightToMakeTables(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	w := server.newSite(t, singleSite)
	w.setRow("7", row("i:0;", direct))
	root := server.connectAs(t, "root", "", w.name)
	if _, err := root.Exec(`CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'sesame'; GRANT SELECT, INSERT, UPDATE, DELETE ON ` + w.name + `.* TO reader@'127.0.0.1'`); err != nil {
		t.Fatal(err)
	}
	s, err := wordpress.Open(t.Context(), "wordpress://reader:sesame@"+server.Addr+"/"+w.name, wordpress.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	secret := sparekey.ParseSecret("abcdEFGH1234abcdEFGH1234")
	if c, err := s.Find(t.Context(), "7", secret.Hash()); err != nil || c.Name != "direct" {
		t.Errorf("%+v, %v", c, err)
	}
	c := sparekey.Credential{UUID: "u", UserID: "7", Name: "n", Hash: "x"}
	if err := s.Insert(t.Context(), c, nil); err == nil || sparekey.Refused(err) || !strings.Contains(err.Error(), "CREATE") {
		t.Errorf("Insert: %v", err)
	}
	statements, err := wordpress.Schema("wordpress://host/database")
	if err != nil {
		t.Fatal(err)
	}
	w.exec(statements)
	if err := s.Insert(t.Context(), c, nil); err != nil {
		t.Errorf("Insert into tables that an administrator made: %v", err)
	}
}

// FuzzRow wants a write to change only what it means to change, whatever is in the row.
func FuzzRow(f *testing.F) {
	for _, r := range []string{row("i:0;", direct, "i:1;", seed, "i:2;", odd), "a:0:{}", "", row("i:0;", "N;", `s:1:"9";`, direct)} {
		f.Add(r)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		appended, again, err := wordpress.Append(raw, sparekey.Credential{UUID: "u", Name: "n", Hash: "h"})
		if err != nil {
			return
		}
		if raw != "" && again != raw && !strings.HasPrefix(raw, "a:0") {
			t.Fatalf("%q became %q", raw, again)
		}
		_, inside, _ := strings.Cut(raw, "{")
		if inside = strings.TrimSuffix(inside, "}"); !strings.Contains(appended, inside) {
			t.Fatalf("%q became %q", raw, appended)
		}
		if _, err := phpserial.Decode(appended); err != nil {
			t.Fatalf("%q became %q, which cannot be read: %v", raw, appended, err)
		}
	})
}

func TestREADMEHasTheSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("README.md"))
	if err != nil {
		t.Fatal(err)
	}
	statements, err := wordpress.Schema("wordpress://host/database")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(statements, "\n") {
		if field, _, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(line, "\t") && !strings.Contains("PRIMARY UNIQUE KEY", field) {
			if !strings.Contains(string(text), "`"+field+"`") {
				t.Errorf("README.md does not have the column %s", field)
			}
		}
	}
}
