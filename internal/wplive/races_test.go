package wplive_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the connection of database

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/testdb"
	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// raceWorkers is how many requests PHP answers at once where both sides write at
// the same time: as many as lost most in WordPress alone.
const raceWorkers = 8

// createBody is a body of POST that names an application password.
func createBody(name string) string { return `{"name":"` + name + `"}` }

// TestConcurrentCreates has both sides create application passwords of one user
// at the same moment. WordPress loses some of its own that way; what Sparekey has
// promised must live.
func TestConcurrentCreates(t *testing.T) {
	t.Parallel()
	const rounds, each = 10, 10 // twenty at a time
	r := newRace(t)
	lost := 0
	for range rounds {
		ours, theirs := r.createAtOnce(t, each)
		if len(ours) != each {
			t.Fatalf("Sparekey made %d of %d", len(ours), each)
		}
		waitUntil(t, "what Sparekey has promised is in WordPress's row", func() bool { return len(r.missing(t, ours)) == 0 })
		for _, made := range ours {
			for _, s := range []side{r.sparekey, r.wordpress} {
				s.call(t, http.StatusOK, wptest.Call{Path: introspect, Login: wptest.Author, Secret: made.Password})
			}
		}
		lost += len(r.missing(t, theirs))
		r.sparekey.call(t, http.StatusOK, r.byAdmin(http.MethodDelete, "", ""))
	}
	t.Logf("of %d that WordPress made, it lost %d; of %d that Sparekey made, none is lost", rounds*each, lost, rounds*each)
}

// createAtOnce sends so many requests to both sides and returns what each has said
// that it made.
func (r *race) createAtOnce(t *testing.T, each int) (ours, theirs []item) {
	t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range each * 2 {
		side, made := r.sparekey, &ours
		if i%2 == 1 {
			side, made = r.wordpress, &theirs
		}
		all.Go(func() {
			<-start
			answer, err := wptest.TrySend(t, side.url, r.byAdmin(http.MethodPost, "", createBody(fmt.Sprintf("number %d", i))))
			if err != nil || answer.Status != http.StatusCreated {
				t.Errorf("%s: %s, %v", side.name, answer, err)
				return
			}
			var one item
			if err := json.Unmarshal([]byte(answer.Body), &one); err != nil {
				t.Errorf("%s: %v", answer, err)
			}
			mu.Lock()
			defer mu.Unlock()
			*made = append(*made, one)
		})
	}
	close(start)
	all.Wait()
	return ours, theirs
}

// missing returns those of items that are not in WordPress's row.
func (r *race) missing(t *testing.T, items []item) (missing []item) {
	t.Helper()
	row := row(t, r.db, r.author)
	for _, one := range items {
		if !strings.Contains(row, one.UUID) {
			missing = append(missing, one)
		}
	}
	return missing
}

// row is what WordPress's database has for a user, not what anybody makes of it.
func row(t *testing.T, db *sql.DB, user wptest.User) string {
	t.Helper()
	var text string
	err := db.QueryRowContext(t.Context(), `SELECT COALESCE((SELECT meta_value FROM wp_usermeta
		WHERE user_id = ? AND meta_key = '_application_passwords' ORDER BY umeta_id LIMIT 1), '')`, user.ID).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// openDatabase connects to a site's database, until the end of the test.
func openDatabase(t *testing.T, site *wptest.Site) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/%s", testdb.User, testdb.Password, site.Database.Addr, testdb.Database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// waitUntil waits for what is to come about by itself.
func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestRevokeRaces has Sparekey revoke an application password while WordPress
// writes the same row: it creates others, and records the first use of others.
// From the moment that Sparekey has said yes, the revoked one never works through
// Sparekey; and it goes from WordPress's row by itself.
func TestRevokeRaces(t *testing.T) {
	t.Parallel()
	trials := 200
	if testing.Short() {
		trials = 20
	}
	r := newRace(t)
	var slowest time.Duration
	late := 0
	for trial := range trials {
		again, lasted := r.revoke(t, trial)
		slowest = max(slowest, lasted)
		if again {
			late++
		}
	}
	revived := r.key.logged(t, string(sparekey.KindReRevoked))
	t.Logf("%d trials: WordPress brought the revoked one back %d times; in %d of them it was in the row when all had their answers, for %s more at most",
		trials, revived, late, slowest.Round(time.Millisecond))
	if revived == 0 && !testing.Short() {
		t.Error("nothing ever came back, so nothing was tried")
	}
}

// race is a site that both sides write to.
type race struct {
	db                  *sql.DB
	key                 *server
	wordpress, sparekey side
	author              wptest.User
	path                string // of the author's application passwords
	admin               string // the secret of an administrator's, in another row
}

func newRace(t *testing.T) *race {
	t.Helper()
	site := wptest.Start(t, wptest.Config{Workers: raceWorkers})
	r := &race{db: openDatabase(t, site), key: serve(t, site), author: site.Users[wptest.Author]}
	r.wordpress, r.sparekey = side{"WordPress", site.URL}, side{"Sparekey", r.key.url}
	r.path = fmt.Sprintf("/wp-json/wp/v2/users/%d/application-passwords", r.author.ID)
	r.admin, _ = site.CreatePassword(t, wptest.Admin, "boot")
	return r
}

// byAdmin is a call of the administrator about the author's application passwords.
func (r *race) byAdmin(method, rest, json string) wptest.Call {
	return wptest.Call{Method: method, Path: r.path + rest, Login: wptest.Admin, Secret: r.admin, JSON: json}
}

func (r *race) create(t *testing.T, name string) (made item) {
	t.Helper()
	r.wordpress.call(t, http.StatusCreated, r.byAdmin(http.MethodPost, "", createBody(name))).Decode(t, &made)
	return made
}

// revoke is one trial. It returns whether the revoked one was in WordPress's row when
// everybody was done, and for how long after that.
func (r *race) revoke(t *testing.T, trial int) (again bool, lasted time.Duration) {
	t.Helper()
	const creates, uses = 4, 4
	victim := r.create(t, "victim")
	var all sync.WaitGroup
	start := make(chan struct{})
	send := func(c wptest.Call) {
		all.Go(func() {
			<-start
			if answer, err := wptest.TrySend(t, r.wordpress.url, c); err != nil || answer.Status >= http.StatusInternalServerError {
				t.Errorf("%s, %v", answer, err)
			}
		})
	}
	for i := range uses {
		fresh := r.create(t, fmt.Sprintf("unused %d", i))
		send(wptest.Call{Path: introspect, Login: wptest.Author, Secret: fresh.Password})
	}
	for i := range creates {
		send(r.byAdmin(http.MethodPost, "", createBody(fmt.Sprintf("another %d", i))))
	}
	revoked := make(chan struct{})
	all.Go(func() {
		defer close(revoked)
		<-start
		time.Sleep(time.Duration(trial*7%200) * time.Millisecond) // so that it falls everywhere
		answer, err := wptest.TrySend(t, r.sparekey.url, r.byAdmin(http.MethodDelete, "/"+victim.UUID, ""))
		if err != nil || answer.Status != http.StatusOK {
			t.Errorf("trial %d: revoke: %s, %v", trial, answer, err)
		}
	})
	stop := r.watch(t, victim, revoked)
	close(start)
	all.Wait()
	done := time.Now()
	again = strings.Contains(row(t, r.db, r.author), victim.UUID)
	waitUntil(t, "the revoked one is gone from WordPress's row", func() bool {
		return !strings.Contains(row(t, r.db, r.author), victim.UUID)
	})
	lasted = time.Since(done)
	stop()
	r.wordpress.call(t, http.StatusUnauthorized, wptest.Call{Path: introspect, Login: wptest.Author, Secret: victim.Password})
	r.sparekey.call(t, http.StatusOK, r.byAdmin(http.MethodDelete, "", ""))
	return again, lasted
}

// watch asks Sparekey all the time whether the victim works, once it is revoked,
// until stop.
func (r *race) watch(t *testing.T, victim item, revoked <-chan struct{}) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		<-revoked
		for first := true; first || ctx.Err() == nil; first = false {
			answer, err := wptest.TrySend(t, r.sparekey.url, wptest.Call{Path: introspect, Login: wptest.Author, Secret: victim.Password})
			if err != nil || answer.Status != http.StatusUnauthorized {
				t.Errorf("the revoked one: %s, %v", answer, err)
				return
			}
		}
	})
	return func() {
		cancel()
		watching.Wait()
	}
}
