package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

func newCredential(userID, uuid string) sparekey.Credential {
	return sparekey.Credential{UUID: uuid, UserID: userID, Name: "app", Hash: sparekey.NewSecret().Hash()}
}

func insert(tb testing.TB, s *sqlite.Store, c sparekey.Credential) {
	tb.Helper()
	if err := s.Insert(tb.Context(), c, nil); err != nil {
		tb.Fatalf("Insert: %v", err)
	}
}

// rawDatabase opens a database as any other program would.
func rawDatabase(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return db
}

func execute(tb testing.TB, db *sql.DB, query string) {
	tb.Helper()
	if _, err := db.ExecContext(tb.Context(), query); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	u, err := s.CreateUser(t.Context(), sparekey.User{Login: "alice", Roles: []string{"editor"}}, "hash")
	if err != nil {
		t.Fatal(err)
	}
	c := newCredential(u.ID, "1")
	insert(t, s, c)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = openStore(t, path)
	if got, err := s.UserByLogin(t.Context(), "alice"); err != nil || got.ID != u.ID {
		t.Errorf("UserByLogin: got %+v, %v, want %+v", got, err, u)
	}
	if got, err := s.List(t.Context(), u.ID); err != nil || len(got) != 1 || got[0] != c {
		t.Errorf("List: got %+v, %v, want %+v", got, err, c)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}

// TestOpenPaths uses characters that mean something in a URI, or in SQL.
func TestOpenPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"a b.db", "what?.db", "what?mode=memory", "100%.db", "%41%00.db", "#1.db", "a&b=c;d.db", "it's \"quoted\".db", "Grüße.db",
		"+.db", "-", "back\\slash", "new\nline", "?", "x::y",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			s := openStore(t, path)
			c := newCredential("1", "1")
			insert(t, s, c)
			if _, ok := s.Revision(); !ok {
				t.Errorf("Version cannot be told")
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 1 || entries[0].Name() != name {
				t.Errorf("after Close, the directory has %v, %v, want only %q", entries, err, name)
			}
			if got, err := openStore(t, path).List(t.Context(), "1"); err != nil || len(got) != 1 || got[0] != c {
				t.Errorf("List: got %+v, %v, want %+v", got, err, c)
			}
		})
	}
}

func TestOpenRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	insert(t, openStore(t, "sparekey.db"), newCredential("1", "1"))
	if _, err := os.Stat("sparekey.db"); err != nil {
		t.Error(err)
	}
}

// TestOpenSymlink opens a database through a link: SQLite keeps its other files
// beside the file, not beside the link.
func TestOpenSymlink(t *testing.T) {
	t.Parallel()
	path, link := newPath(t), newPath(t)
	insert(t, openStore(t, path), newCredential("1", "1"))
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, link)
	before, ok := s.Revision()
	insert(t, s, newCredential("1", "2"))
	if after, _ := s.Revision(); !ok || after == before {
		t.Errorf("Version: got %d after %d, %v", after, before, ok)
	}
}

func TestOpenFileMode(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	insert(t, s, newCredential("1", "1"))
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		wantMode(t, file, 0o600)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil { // an administrator's choice
		t.Fatal(err)
	}
	openStore(t, path)
	wantMode(t, path, 0o640)
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != want {
		t.Errorf("%s has mode %v, want %v", filepath.Base(path), got, want)
	}
}

func TestOpenRefusesPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ path, want string }{
		"empty":          {"", "the path of a file is required"},
		"in memory":      {":memory:", "the path of a file is required"},
		"URI":            {"file:sparekey.db?mode=memory", "the path of a file is required"},
		"no directory":   {filepath.Join(dir, "missing", "sparekey.db"), "the folder is not there"},
		"a directory":    {dir, "not a regular file"},
		"dangling link":  {filepath.Join(dir, "dangling"), "no such file or directory"},
		"NUL in it":      {filepath.Join(dir, "a\x00b"), "invalid argument"},
		"not for us":     {"/proc/sparekey.db", "the folder is not there"},
		"file as folder": {filepath.Join(os.Args[0], "sparekey.db"), "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantOpenError(t, tt.path, tt.want)
		})
	}
}

func wantOpenError(t *testing.T, path, want string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err == nil {
		s.Close()
		t.Fatalf("Open(%q) succeeds", path)
	}
	if sparekey.Refused(err) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
		t.Errorf("Open(%q): got error %q, want one that says %q", path, err, want)
	}
}

// TestOpenRefusesFiles wants files that are not Sparekey's, or too new, left
// exactly as they are.
func TestOpenRefusesFiles(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		want string
		make func(t *testing.T, path string)
	}{
		"text":         {"not a database", writes("hello")},
		"longer text":  {"not a database", writes(strings.Repeat("hello\n", 10_000))},
		"zeros":        {"not a database", writes(strings.Repeat("\x00", 8192))},
		"half a magic": {"not a database", writes("SQLite format 2\x00")},
		"another program's": {"another program", func(t *testing.T, path string) {
			execute(t, rawDatabase(t, path), `CREATE TABLE users (id INTEGER PRIMARY KEY)`)
		}},
		"another program's, empty": {"another program", func(t *testing.T, path string) {
			execute(t, rawDatabase(t, path), `PRAGMA application_id = 1`)
		}},
		"another program's, with a log": {"another program", func(t *testing.T, path string) {
			execute(t, rawDatabase(t, path), `PRAGMA journal_mode = WAL; PRAGMA user_version = 1`)
		}},
		"newer": {"use a newer one", func(t *testing.T, path string) {
			if err := openStore(t, path).Close(); err != nil {
				t.Fatal(err)
			}
			execute(t, rawDatabase(t, path), `PRAGMA user_version = 99`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := newPath(t)
			t.Run("make", func(t *testing.T) { tt.make(t, path) })
			before := contents(t, path)
			wantOpenError(t, path, tt.want)
			if !bytes.Equal(contents(t, path), before) {
				t.Errorf("Open changed the file")
			}
			if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
				t.Errorf("Open left %v, %v beside the file", entries, err)
			}
		})
	}
}

func writes(contents string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(contents), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpenReadOnly(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	path := newPath(t)
	if err := openStore(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, path, "may not read and write")
}

func TestOpenCancelled(t *testing.T) {
	t.Parallel()
	ctx := cancelledContext(t)
	if s, err := sqlite.Open(ctx, newPath(t)); err == nil {
		s.Close()
		t.Error("Open succeeds after the caller gave up")
	}
}

// TestOpenAtOnce opens, uses and closes one new database many times at once.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			s, err := sqlite.Open(t.Context(), path)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			_, err = s.CreateUser(t.Context(), sparekey.User{Login: sparekey.NewSecret().Hash()}, "")
			if err != nil {
				t.Errorf("CreateUser: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	running.Wait()
	if _, total, err := openStore(t, path).Users(t.Context(), sparekey.UserQuery{}); err != nil || total != 8 {
		t.Errorf("Users: got %d, %v, want 8", total, err)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	insert(t, s, newCredential("1", "1"))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	_, errList := s.List(t.Context(), "1")
	_, errFind := s.Find(t.Context(), "1", "hash")
	for name, err := range map[string]error{
		"Ping": s.Ping(t.Context()), "List": errList, "Find": errFind,
		"Insert": s.Insert(t.Context(), newCredential("1", "2"), nil),
	} {
		if err == nil || sparekey.Refused(err) {
			t.Errorf("%s after Close: got error %v, want one that is not a refusal", name, err)
		}
	}
	if _, ok := s.Revision(); ok {
		t.Errorf("Version can be told after Close")
	}
}

// TestCloseInUse closes a store under load: nothing hangs, breaks or is lost.
func TestCloseInUse(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	done := make([]int, 4)
	started := make(chan struct{}, len(done))
	var running sync.WaitGroup
	for i := range done {
		running.Go(func() {
			for s.Insert(t.Context(), newCredential("1", sparekey.NewSecret().Hash()), nil) == nil {
				done[i]++
				if _, err := s.List(t.Context(), "1"); err != nil {
					break
				}
				if done[i] == 5 {
					started <- struct{}{}
				}
			}
		})
	}
	for range done {
		<-started
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	running.Wait()
	want := 0
	for _, n := range done {
		want += n
	}
	if got, err := openStore(t, path).List(t.Context(), "1"); err != nil || len(got) != want {
		t.Errorf("List: got %d, %v, want the %d that were acknowledged", len(got), err, want)
	}
}

// TestCancelledMidway gives up on writes while they run: those that were acknowledged are
// there, and the store still works.
func TestCancelledMidway(t *testing.T) {
	t.Parallel()
	s := openStore(t, newPath(t))
	acknowledged := map[string]bool{}
	for i := range 300 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*2*time.Microsecond)
		uuid := fmt.Sprint(i)
		err := s.Insert(ctx, newCredential("1", uuid), nil)
		cancel()
		switch {
		case err == nil:
			acknowledged[uuid] = true
		case sparekey.Refused(err):
			t.Errorf("Insert: got the refusal %v", err)
		}
	}
	insert(t, s, newCredential("1", "last"))
	list, err := s.List(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		delete(acknowledged, c.UUID)
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged credentials are not there", len(acknowledged))
	}
}

// TestDamaged wants a database that cannot be read to be broken: never an
// answer, such as that a credential is not there.
func TestDamaged(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	c := newCredential("1", "0")
	insert(t, s, c)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	pages := rootPages(t, path) // of everything but the schema, without which the database cannot be opened
	damaged := contents(t, path)
	const size = 4096
	for _, page := range pages {
		for i := (page - 1) * size; i < page*size; i++ {
			damaged[i] ^= 0xff
		}
	}
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}

	s = openStore(t, path)
	_, errFind := s.Find(t.Context(), "1", c.Hash)
	_, errList := s.List(t.Context(), "1")
	_, errDelete := s.Delete(t.Context(), "1", "0")
	_, errUser := s.UserByLogin(t.Context(), "alice")
	for name, err := range map[string]error{
		"Find": errFind, "List": errList, "Delete": errDelete, "UserByLogin": errUser,
		"Insert": s.Insert(t.Context(), newCredential("1", "1"), nil),
	} {
		if err == nil || sparekey.Refused(err) {
			t.Errorf("%s: got error %v, want one that is not a refusal", name, err)
		}
	}
}

// rootPages returns the numbers of the pages at which tables and indexes begin.
func rootPages(tb testing.TB, path string) (pages []int) {
	tb.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(tb.Context(), "SELECT rootpage FROM sqlite_schema WHERE rootpage > 0")
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var page int
		if err := rows.Scan(&page); err != nil {
			tb.Fatal(err)
		}
		pages = append(pages, page)
	}
	if err := rows.Err(); err != nil || len(pages) == 0 {
		tb.Fatalf("no pages: %v", err)
	}
	return pages
}

// TestBackup makes a copy while the database is open, and opens the copy.
func TestBackup(t *testing.T) {
	t.Parallel()
	path, backup := newPath(t), newPath(t)
	s := openStore(t, path)
	c := newCredential("1", "1")
	insert(t, s, c)
	execute(t, rawDatabase(t, path), "VACUUM INTO '"+backup+"'")
	if _, err := s.DeleteAll(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, backup)
	if got, err := s.List(t.Context(), "1"); err != nil || len(got) != 1 || got[0] != c {
		t.Errorf("List: got %+v, %v, want %+v", got, err, c)
	}
	if inUse, err := s.InUse(t.Context()); err != nil || !inUse {
		t.Errorf("InUse: got %v, %v, want true", inUse, err)
	}
}

// TestMigrate takes steps of later versions: those that are missing, each once,
// and none if one of them fails.
func TestMigrate(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	c := newCredential("1", "1")
	insert(t, s, c)

	newest := sqlite.SchemaVersion(t)
	failing, known := fmt.Sprintf("version %d", newest+2), fmt.Sprintf("schema version %d, and this program knows those up to %d", newest+2, newest)
	const second, third = `ALTER TABLE users ADD COLUMN second TEXT`, `ALTER TABLE users ADD COLUMN third TEXT`
	if err := sqlite.Migrate(t.Context(), path, second, `not SQL`); err == nil || !strings.Contains(err.Error(), failing) {
		t.Errorf("Migrate: got error %v, want one about %s", err, failing)
	}
	if err := openStore(t, path).Ping(t.Context()); err != nil {
		t.Errorf("Ping after a failed migration: %v", err)
	}
	for _, later := range [][]string{{second}, {second, third}, {second, third}} {
		if err := sqlite.Migrate(t.Context(), path, later...); err != nil {
			t.Errorf("Migrate: %v", err)
		}
	}
	wantOpenError(t, path, known)
	if got, err := s.List(t.Context(), "1"); err != nil || len(got) != 1 || got[0] != c {
		t.Errorf("List: got %+v, %v, want %+v", got, err, c)
	}
}

// TestLoginsAreComparedAnew has the keys that an earlier version wrote.
func TestLoginsAreComparedAnew(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	for _, login := range []string{"Jose\u0301", "Jos\u00e9\u0323", "ann\u200b", "zo\u00eb", "x"} {
		if _, err := s.CreateUser(t.Context(), sparekey.User{Login: login, Email: login + "@example.com"}, ""); err != nil {
			t.Fatal(err)
		}
	}
	db := rawDatabase(t, path)
	execute(t, db, "UPDATE users SET login_key = lower(login), email_key = lower(email);"+
		"UPDATE users SET login = 'zoe\u0308', login_key = 'zoe\u0308' WHERE id = 5")
	steps, err := filepath.Glob("migrations/*_login_keys.sql")
	if err != nil || len(steps) != 1 {
		t.Fatal(steps, err)
	}
	step, err := os.ReadFile(steps[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Migrate(t.Context(), path, string(step)); err != nil {
		t.Fatal(err)
	}
	for login, want := range map[string]string{
		"jos\u00e9": "1", "JOSE\u0301": "1", "jose\u0323\u0301": "2", "ann": "3", "ann\u200b": "3", "zo\u00eb": "4",
		"zoe\u0308":             "4", // the older one keeps it
		"x@example.com":         "5",
		"jos\u00e9@example.com": "1", "\ufeffzo\u00eb@example.com": "4",
	} {
		if u, err := s.UserByLogin(t.Context(), login); err != nil || u.ID != want {
			t.Errorf("%+q: user %q, %v, want %s", login, u.ID, err, want)
		}
	}
}

// TestMigrationNames wants the files in an order that more of them will keep.
func TestMigrationNames(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("migrations/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("got %v, %v, want migrations", names, err)
	}
	pattern := regexp.MustCompile(`^migrations/\d{4}_[a-z_]+\.sql$`)
	for i, name := range names {
		if !pattern.MatchString(filepath.ToSlash(name)) || !strings.Contains(name, fmt.Sprintf("%04d_", i+1)) {
			t.Errorf("migration %d is %s", i+1, name)
		}
	}
}

// TestQueryPlans wants what is asked for one user or credential to be answered
// by an index, so that it costs the same however many others there are.
func TestQueryPlans(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	openStore(t, path)
	db := rawDatabase(t, path)
	scans := regexp.MustCompile(`SCAN (users|credentials)`)
	for name, query := range sqlite.PointQueries() {
		if plan := queryPlan(t, db, query); !strings.Contains(plan, "SEARCH") || scans.MatchString(plan) {
			t.Errorf("%s: %s", name, plan)
		}
	}
	if plan := queryPlan(t, db, sqlite.PointQueries()["Legacy"]); !strings.Contains(plan, "credentials_legacy") {
		t.Errorf("Legacy does not use its index: %s", plan)
	}
}

func queryPlan(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, "a", "b")
	if err != nil {
		rows, err = db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, "a")
	}
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(plan, "; ")
}
