package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	driversqlite "modernc.org/sqlite"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

func version(tb testing.TB, s *sqlite.Store) uint64 {
	tb.Helper()
	version, ok := s.Revision()
	if !ok {
		tb.Fatal("Version cannot be told")
	}
	return version
}

// TestVersionStays wants reads, writes that change nothing, and those of no interest not
// to count as changes: each costs every entry of the memo.
func TestVersionStays(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	c := newCredential("1", "1")
	insert(t, s, c)
	before := version(t, s)
	openStore(t, path)
	if _, err := s.List(t.Context(), "1"); err != nil {
		t.Error(err)
	}
	if _, err := s.Find(t.Context(), "1", c.Hash); err != nil {
		t.Error(err)
	}
	if _, err := s.Update(t.Context(), "1", "1", func(*sparekey.Credential) error { return nil }, nil); err != nil {
		t.Error(err)
	}
	if err := s.Insert(t.Context(), c, nil); !errors.Is(err, sparekey.ErrConflict) {
		t.Error(err)
	}
	if _, err := s.Update(t.Context(), "1", "1", func(c *sparekey.Credential) error {
		c.LastUsed, c.LastIP, c.Uses = time.Unix(1795319925, 0), "192.0.2.1", 1
		return nil
	}, nil); err != nil {
		t.Error(err)
	}
	if _, err := s.CompareAndSwapCheckpoint(t.Context(), time.Time{}, time.Unix(1795319925, 0)); err != nil {
		t.Error(err)
	}
	execute(t, rawDatabase(t, path), `INSERT INTO audit (seq, line) VALUES (1, '{}'); INSERT INTO uses VALUES ('1', 1);
		INSERT INTO sessions VALUES ('token', x'00', 1795319925)`)
	if after := version(t, s); after != before {
		t.Errorf("Version: got %d, want %d as before", after, before)
	}
}

// TestVersionOfOtherProcess wants another version after each of another
// process's writes, also where the log begins anew in between.
func TestVersionOfOtherProcess(t *testing.T) {
	t.Parallel()
	const rounds = 500
	path := newPath(t)
	s := openStore(t, path)
	p := openProcess(t, path)
	before := version(t, s)
	wantChange := func(round int, what string) {
		t.Helper()
		after := version(t, s)
		if after == before {
			t.Fatalf("round %d: Version is still %d after another process's %s", round, after, what)
		}
		before = after
	}
	for round := range rounds {
		uuid := fmt.Sprint(round)
		p.do("insert", "1", uuid)
		wantChange(round, "insert")
		if round%10 == 0 {
			p.do("checkpoint")
			before = version(t, s)
		}
		if round%3 == 0 {
			p.do("delete", "1", uuid)
			wantChange(round, "delete")
		}
		if again := version(t, s); again != before {
			t.Fatalf("round %d: Version is %d after %d without a write", round, again, before)
		}
	}
}

// TestVersionWhileWriting reads versions while others write: what it was after a
// write never comes back.
func TestVersionWhileWriting(t *testing.T) {
	t.Parallel()
	const writers, writes = 4, 50
	s := openStore(t, newPath(t))
	var running sync.WaitGroup
	for i := range writers {
		running.Go(func() {
			seen := map[uint64]bool{version(t, s): true}
			for n := range writes {
				insert(t, s, newCredential("1", fmt.Sprint(i, "-", n)))
				now := version(t, s)
				if seen[now] {
					t.Errorf("Version is %d after a write, as it was before", now)
				}
				seen[now] = true
			}
		})
	}
	running.Wait()
}

// TestVersionOfEveryColumn changes the database by other means than a Store: each column
// counts, also those that later versions add, unless it records a use.
func TestVersionOfEveryColumn(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	db := rawDatabase(t, path)
	insert(t, s, newCredential("1", "1"))
	if _, err := s.CreateUser(t.Context(), sparekey.User{Login: "ann"}, ""); err != nil {
		t.Fatal(err)
	}
	uses := []string{"last_used", "last_ip", "uses", "hash_unused"}
	for _, table := range []string{"credentials", "users"} {
		for _, column := range columns(t, db, table) {
			before := version(t, s)
			execute(t, db, fmt.Sprintf("UPDATE %s SET %[2]s = coalesce(%[2]s, 0) + 1", table, column))
			if changed := version(t, s) != before; changed == slices.Contains(uses, column) {
				t.Errorf("a change of %s.%s counts as one: %v", table, column, changed)
			}
		}
		for _, statement := range []string{"DELETE FROM " + table, "INSERT OR REPLACE INTO " + table + " SELECT * FROM copy"} {
			execute(t, db, "CREATE TABLE IF NOT EXISTS copy AS SELECT * FROM "+table)
			before := version(t, s)
			execute(t, db, statement)
			if version(t, s) == before {
				t.Errorf("%s does not count as a change", statement)
			}
		}
		execute(t, db, "DROP TABLE copy")
	}
}

func columns(t *testing.T, db *sql.DB, table string) (names []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM pragma_table_info(?)", table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil || len(names) == 0 {
		t.Fatalf("%v, %v", names, err)
	}
	return names
}

// TestVersionOfRestored restores an edited copy over a database that a Store has open, as
// ".restore" does. It has the generation that the database has.
func TestVersionOfRestored(t *testing.T) {
	t.Parallel()
	path, edited := newPath(t), newPath(t)
	s := openStore(t, path)
	c := newCredential("1", "1")
	insert(t, s, c)
	before := version(t, s)
	db := rawDatabase(t, path)
	execute(t, db, "VACUUM INTO '"+edited+"'")
	var generation int64
	if err := db.QueryRowContext(t.Context(), "SELECT number FROM generation").Scan(&generation); err != nil {
		t.Fatal(err)
	}
	execute(t, rawDatabase(t, edited), fmt.Sprintf("DELETE FROM credentials; UPDATE generation SET number = %d", generation))
	restore(t, db, edited)
	if _, err := s.Find(t.Context(), "1", c.Hash); !errors.Is(err, sparekey.ErrNotFound) {
		t.Fatalf("the copy was not restored: %v", err)
	}
	if after := version(t, s); after == before {
		t.Errorf("Version still is %d", after)
	}
}

// restore makes a database what a copy is.
func restore(t *testing.T, db *sql.DB, from string) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(driver any) error {
		backup, err := driver.(interface {
			NewRestore(from string) (*driversqlite.Backup, error)
		}).NewRestore(from)
		if err != nil {
			return err
		}
		_, err = backup.Step(-1)
		return errors.Join(err, backup.Finish())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestVersionCannotBeAsked has a database that can no longer report its state.
func TestVersionCannotBeAsked(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	version(t, s)
	for _, damage := range []string{"DELETE FROM generation", "DROP TRIGGER credentials_inserted; DROP TABLE generation"} {
		execute(t, rawDatabase(t, path), damage)
		if version, ok := s.Revision(); ok {
			t.Errorf("%s: Version is %d", damage, version)
		}
	}
}

// TestVersionAfterRestart wants a version before anybody writes.
func TestVersionAfterRestart(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	s := openStore(t, path)
	insert(t, s, newCredential("1", "1"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, path)
	before := version(t, s)
	if again := version(t, openStore(t, path)); again == 0 {
		t.Error("a second Store has no version")
	}
	if after := version(t, s); after != before {
		t.Errorf("Version: got %d, want %d as before: opening does not count as a change", after, before)
	}
}

// counting is a store that counts the look-ups by hash.
type counting struct {
	*sqlite.Store
	finds *atomic.Int64
}

// RevisionOf implements [sparekey.Revisioned]: counting changes no answer of the store.
func (s counting) RevisionOf() any { return s }

func (s counting) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	s.finds.Add(1)
	return s.Store.Find(ctx, userID, hash)
}

// TestUsesForgetNobody has many use their secrets for the first time, and then again:
// each is looked up once.
func TestUsesForgetNobody(t *testing.T) {
	t.Parallel()
	const apps, times = 20, 3
	store := counting{openStore(t, newPath(t)), new(atomic.Int64)}
	user, err := store.CreateUser(t.Context(), sparekey.User{Login: "alice"}, "")
	if err != nil {
		t.Fatal(err)
	}
	svc := sparekey.New(store, store, sparekey.Config{})
	var secrets []sparekey.Secret
	for n := range apps {
		secret, _, err := svc.As(user).Create(t.Context(), user.ID, sparekey.NewCredential{Name: fmt.Sprint("app ", n)})
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, secret)
	}
	for range times {
		for _, secret := range secrets {
			id, err := svc.Authenticate(t.Context(), sparekey.Attempt{Login: "alice", Secret: secret, Secure: true})
			if err != nil || id.Credential.LastUsed.IsZero() {
				t.Errorf("last used %v, %v", id.Credential.LastUsed, err)
			}
		}
	}
	if finds := store.finds.Load(); finds != apps {
		t.Errorf("%d credentials were looked up %d times", apps, finds)
	}
}

// TestRevokedByOtherProcess authenticates as fast as it can with a secret that another process
// revokes: from the moment at which that process has said so, no attempt succeeds, although the
// service caches it.
func TestRevokedByOtherProcess(t *testing.T) {
	t.Parallel()
	const rounds = 200
	path := newPath(t)
	store := counting{openStore(t, path), new(atomic.Int64)}
	user, err := store.CreateUser(t.Context(), sparekey.User{Login: "alice"}, "")
	if err != nil {
		t.Fatal(err)
	}
	svc := sparekey.New(store, store, sparekey.Config{})
	p := openProcess(t, path)

	var attempts int64
	for round := range rounds {
		secret, c, err := svc.As(user).Create(t.Context(), user.ID, sparekey.NewCredential{Name: "app"})
		if err != nil {
			t.Fatal(err)
		}
		attempt := sparekey.Attempt{Login: "alice", Secret: secret, Secure: true}
		attempts += attack(t, svc, attempt, func() {
			p.do("delete", user.ID, c.UUID)
			if round%10 == 0 {
				p.do("checkpoint")
			}
		})
	}
	if finds := store.finds.Load(); finds > attempts/2 {
		t.Errorf("%d attempts made %d look-ups: the service does not remember, so this proves nothing", attempts, finds)
	}
}

// attack keeps authenticating until some time after revoke has returned, and
// returns how many attempts it made.
func attack(t *testing.T, svc *sparekey.Service, a sparekey.Attempt, revoke func()) int64 {
	t.Helper()
	const remembered, afterwards = 50, 20
	var revoked atomic.Bool
	var succeeded, attempts atomic.Int64
	warm := make(chan struct{})
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			for late := 0; late < afterwards; {
				wasRevoked := revoked.Load()
				attempts.Add(1)
				_, err := svc.Authenticate(t.Context(), a)
				switch {
				case err == nil && wasRevoked:
					t.Error("a revoked secret authenticates")
				case err == nil:
					if succeeded.Add(1) == remembered {
						close(warm)
					}
				case !errors.Is(err, sparekey.ErrUnauthenticated):
					t.Errorf("Authenticate: %v", err)
				}
				if wasRevoked {
					late++
				}
			}
		})
	}
	<-warm
	revoke()
	revoked.Store(true)
	running.Wait()
	return attempts.Load()
}

// TestVersionWhileClosing reads versions until the Store is closed, and its memory
// given back: from then on they cannot be told.
func TestVersionWhileClosing(t *testing.T) {
	t.Parallel()
	for range 20 {
		s := openStore(t, newPath(t))
		insert(t, s, newCredential("1", "1"))
		version(t, s)
		var running sync.WaitGroup
		for range 2 {
			running.Go(func() {
				for ok := true; ok; {
					_, ok = s.Revision()
				}
			})
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		runtime.GC()
		running.Wait()
		if _, ok := s.Revision(); ok {
			t.Error("a closed Store has a version")
		}
	}
}
