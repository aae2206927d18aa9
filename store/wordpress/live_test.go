package wordpress_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/wptest"
	"github.com/sparekey-dev/sparekey/store/wordpress"
)

// live is a running WordPress, and a Sparekey on its database that repairs.
type live struct {
	*wptest.Site
	store    *wordpress.Store
	service  *sparekey.Service
	recorder *recorder
	view     *site // the database, to look at
}

func newLive(t *testing.T, workers int) *live {
	t.Helper()
	l := &live{Site: wptest.Start(t, wptest.Config{Workers: workers}), recorder: &recorder{}}
	var err error
	l.store, err = wordpress.Open(t.Context(), l.DatabaseURL(), wordpress.Config{
		Observe: l.recorder.observe,
		Failed:  func(_ context.Context, err error) { t.Errorf("in the background: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	l.service = sparekey.New(l.store, l.store, sparekey.Config{DuplicateNames: true})
	server := &server{MariaDB: l.Database}
	l.view = &site{tb: t, server: server, db: server.connect(t, "sparekey"), prefix: wptest.Prefix}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { l.store.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if err := l.store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

func (l *live) id(login string) string { return strconv.Itoa(l.Users[login].ID) }

// create makes an application password through Sparekey.
func (l *live) create(t *testing.T, login, name string) (sparekey.Secret, sparekey.Credential) {
	t.Helper()
	secret, c, err := l.service.AsOperator().Create(t.Context(), l.id(login), sparekey.NewCredential{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return secret, c
}

// sparekeySays authenticates with Sparekey.
func (l *live) sparekeySays(t *testing.T, login string, secret sparekey.Secret) error {
	t.Helper()
	_, err := l.service.Authenticate(t.Context(), sparekey.Attempt{Login: login, Secret: secret, Secure: true})
	return err
}

// wordpressSays authenticates with WordPress.
func (l *live) wordpressSays(t *testing.T, login, secret string) int {
	t.Helper()
	return wptest.Send(t, l.URL, wptest.Call{Path: "/wp-json/wp/v2/users/me", Login: login, Secret: secret}).Status
}

const passwordsPath = "/wp-json/wp/v2/users/me/application-passwords"

// both runs one side's way to do something, and then the other's.
func TestEachSideKnowsWhatTheOtherDid(t *testing.T) {
	t.Parallel()
	l := newLive(t, 2)
	ctx, user := t.Context(), l.id(wptest.Editor)

	theirs, uuid := l.CreatePassword(t, wptest.Editor, `made by "WordPress" é`)
	ours, made := l.create(t, wptest.Editor, "made by Sparekey é")
	for name, secret := range map[string]string{"WordPress": theirs, "Sparekey": ours.Reveal()} {
		if err := l.sparekeySays(t, wptest.Editor, sparekey.ParseSecret(secret)); err != nil {
			t.Errorf("Sparekey about one made by %s: %v", name, err)
		}
		if status := l.wordpressSays(t, wptest.Editor, secret); status != http.StatusOK {
			t.Errorf("WordPress about one made by %s: %d", name, status)
		}
	}
	if inUse, err := l.store.InUse(ctx); err != nil || !inUse {
		t.Errorf("InUse: %v, %v", inUse, err)
	}
	var shown []struct {
		UUID, Name string
		LastUsed   *string `json:"last_used"`
		LastIP     *string `json:"last_ip"`
	}
	wptest.Send(t, l.URL, wptest.Call{Path: passwordsPath, Login: wptest.Editor, Secret: theirs}).Decode(t, &shown)
	list, err := l.store.List(ctx, user)
	if err != nil || len(list) != 2 || len(shown) != 2 {
		t.Fatalf("WordPress shows %d, Sparekey %d, %v", len(shown), len(list), err)
	}
	for i := range list {
		if shown[i].UUID != list[i].UUID || shown[i].Name != list[i].Name || shown[i].LastUsed == nil || list[i].LastUsed.IsZero() ||
			*shown[i].LastUsed != list[i].LastUsed.Format("2006-01-02T15:04:05") {
			t.Errorf("WordPress shows %+v, Sparekey %+v", shown[i], list[i])
		}
	}

	if _, err := l.service.AsOperator().Rename(ctx, user, uuid, "renamed by Sparekey"); err != nil {
		t.Fatal(err)
	}
	wptest.Send(t, l.URL, wptest.Call{
		Method: http.MethodPost, Path: passwordsPath + "/" + made.UUID, Login: wptest.Editor, Secret: theirs, JSON: `{"name":"renamed by WordPress"}`,
	})
	list, err = l.store.List(ctx, user)
	if err != nil || len(list) != 2 || list[0].Name != "renamed by Sparekey" || list[1].Name != "renamed by WordPress" {
		t.Errorf("renamed: %+v, %v", list, err)
	}

	answer := wptest.Send(t, l.URL, wptest.Call{Method: http.MethodDelete, Path: passwordsPath + "/" + made.UUID, Login: wptest.Editor, Secret: theirs})
	if err := l.sparekeySays(t, wptest.Editor, ours); answer.Status != http.StatusOK || !errors.Is(err, sparekey.ErrUnauthenticated) {
		t.Errorf("revoked by WordPress (%s), Sparekey says %v", answer, err)
	}
	if _, err := l.service.AsOperator().Revoke(ctx, user, uuid); err != nil {
		t.Fatal(err)
	}
	if status := l.wordpressSays(t, wptest.Editor, theirs); status != http.StatusUnauthorized {
		t.Errorf("revoked by Sparekey, WordPress says %d", status)
	}
	if got := l.recorder.kinds(); len(got) > 0 {
		t.Errorf("something was repaired, where nothing was lost: %v", got)
	}
}

// TestCreatesAtTheSameTime has both sides create at the same moment. WordPress
// loses some of its own; none of Sparekey's may be lost.
func TestCreatesAtTheSameTime(t *testing.T) {
	t.Parallel()
	l := newLive(t, 4)
	driver, _ := l.CreatePassword(t, wptest.Admin, "driver")
	rounds, theirsAlive, theirsMade, ours := 5, 0, 0, 0
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		secrets := make([]sparekey.Secret, 10)
		var made, all sync.WaitGroup
		var mu sync.Mutex
		var uuids []string
		for i := range secrets {
			made.Go(func() {
				time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
				secrets[i], _ = l.create(t, wptest.Admin, fmt.Sprint("Sparekey ", round, " ", i))
			})
			all.Go(func() {
				answer, err := wptest.TrySend(t, l.URL, wptest.Call{
					Method: http.MethodPost, Path: passwordsPath, Login: wptest.Admin, Secret: driver, JSON: fmt.Sprintf(`{"name":"WordPress %d %d"}`, round, i),
				})
				_, rest, _ := strings.Cut(answer.Body, `"uuid":"`)
				if err == nil && answer.Status == http.StatusCreated && len(rest) > 36 {
					mu.Lock()
					defer mu.Unlock()
					uuids = append(uuids, rest[:36])
				}
			})
		}
		made.Wait()
		all.Wait()
		time.Sleep(500 * time.Millisecond)
		row := l.view.row(l.id(wptest.Admin))
		for _, uuid := range uuids {
			if strings.Contains(row, uuid) {
				theirsAlive++
			}
		}
		theirsMade += len(uuids)
		for i, secret := range secrets {
			if err := l.sparekeySays(t, wptest.Admin, secret); err != nil {
				t.Errorf("round %d: number %d of Sparekey's is lost: %v", round, i, err)
				continue
			}
			ours++
		}
		if status := l.wordpressSays(t, wptest.Admin, secrets[0].Reveal()); status != http.StatusOK {
			t.Errorf("round %d: WordPress answers %d to one of Sparekey's", round, status)
		}
	}
	t.Logf("alive: %d of %d of Sparekey's, %d of %d of WordPress's; repairs: %v", ours, rounds*10, theirsAlive, theirsMade, count(l.recorder.kinds()))
}

func count(kinds []sparekey.Kind) map[sparekey.Kind]int {
	n := map[sparekey.Kind]int{}
	for _, k := range kinds {
		n[k]++
	}
	return n
}

// TestRevokeRacesWordPress revokes through Sparekey while WordPress creates, and
// uses others for the first time.
func TestRevokeRacesWordPress(t *testing.T) {
	t.Parallel()
	trials := 40
	if testing.Short() {
		trials = 10
	}
	revokeRaces(t, newLive(t, 4), trials)
}

func revokeRaces(t *testing.T, l *live, trials int) {
	t.Helper()
	user := l.id(wptest.Admin)
	driver, _ := l.CreatePassword(t, wptest.Admin, "driver")
	var longest time.Duration
	for range trials {
		revoked, c := l.create(t, wptest.Admin, "to be revoked")
		unused, _ := l.CreatePassword(t, wptest.Admin, "unused until now")
		var calls sync.WaitGroup
		for i := range 6 {
			call := wptest.Call{Method: http.MethodPost, Path: passwordsPath, Login: wptest.Admin, Secret: driver, JSON: `{"name":"another"}`}
			if i < 2 {
				call = wptest.Call{Path: "/wp-json/wp/v2/users/me", Login: wptest.Admin, Secret: unused}
			}
			calls.Go(func() {
				if _, err := wptest.TrySend(t, l.URL, call); err != nil {
					t.Errorf("WordPress: %v", err)
				}
			})
		}
		time.Sleep(time.Duration(rand.IntN(120)) * time.Millisecond)
		if _, err := l.service.AsOperator().Revoke(t.Context(), user, c.UUID); err != nil {
			t.Fatalf("revoke: %v", err)
		}
		done := make(chan struct{})
		go func() { calls.Wait(); close(done) }()
		longest = max(longest, l.watchRevoked(t, user, c.UUID, revoked, done))
		if _, err := l.service.AsOperator().RevokeAll(t.Context(), l.id(wptest.Editor)); err != nil {
			t.Fatal(err)
		}
		l.trim(t, user)
	}
	t.Logf("%d trials: longest time in WordPress's row after it was revoked: %v; repairs: %v", trials, longest, count(l.recorder.kinds()))
	if longest > time.Second {
		t.Errorf("a revoked one was in WordPress's row for %v", longest)
	}
}

// watchRevoked wants a revoked one never to be accepted, and returns for how long
// at a time it was in WordPress's row.
func (l *live) watchRevoked(t *testing.T, user, uuid string, secret sparekey.Secret, done <-chan struct{}) (longest time.Duration) {
	t.Helper()
	var since time.Time
	end := time.Time{}
	for end.IsZero() || time.Now().Before(end) {
		select {
		case <-done:
			if end.IsZero() {
				end = time.Now().Add(300 * time.Millisecond)
			}
		default:
		}
		if err := l.sparekeySays(t, wptest.Admin, secret); !errors.Is(err, sparekey.ErrUnauthenticated) {
			t.Fatalf("a revoked one: %v", err)
		}
		switch there := strings.Contains(l.view.row(user), uuid); {
		case there && since.IsZero():
			since = time.Now()
		case there:
			longest = max(longest, time.Since(since))
		default:
			since = time.Time{}
		}
		time.Sleep(2 * time.Millisecond)
	}
	if !since.IsZero() {
		t.Errorf("a revoked one is still in WordPress's row")
	}
	return longest
}

// trim keeps the user's row short.
func (l *live) trim(t *testing.T, user string) {
	t.Helper()
	list, err := l.store.List(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if slices.Contains([]string{"another", "unused until now"}, c.Name) {
			if _, err := l.store.Delete(t.Context(), user, c.UUID); err != nil {
				t.Fatal(err)
			}
		}
	}
}
