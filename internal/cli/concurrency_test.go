package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// TestCreatesAtOnce makes 64 application passwords at the same time, over HTTP
// and by other processes on the same file: none is lost.
func TestCreatesAtOnce(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database)
	secrets := make([]string, 64)
	var wg sync.WaitGroup
	for i := range secrets {
		name := fmt.Sprintf("app %d", i)
		wg.Go(func() {
			var err error
			if i%4 == 0 {
				secrets[i], err = cli(t.Context(), database, "user", "application-password", "create", "ann", name, "--porcelain")
			} else {
				var a answer
				a, err = s.send(t.Context(), ann, http.MethodPost, mine, fmt.Sprintf(`{"name":%q}`, name))
				secrets[i] = a.Password
			}
			if err != nil || secrets[i] == "" {
				t.Errorf("%s: %q, %v", name, secrets[i], err)
			}
		})
	}
	wg.Wait()
	for i, secret := range secrets {
		if ok, err := s.works(t.Context(), account{"ann", secret}); !ok || err != nil {
			t.Errorf("app %d: works %v, %v", i, ok, err)
		}
	}
	if got := mustCLI(t, database, "user", "application-password", "list", "ann", "--format=count"); got != "65" {
		t.Errorf("%s are left of 65", got)
	}
}

// TestRevokedNeverWorksAgain revokes an application password, over HTTP and from
// another process in turn, while others are created and it is used for the first
// time: from the acknowledgement on it never works.
func TestRevokedNeverWorksAgain(t *testing.T) {
	t.Parallel()
	const trials = 200
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--usage-interval=1ns")
	for trial := range trials {
		made, err := s.send(t.Context(), ann, http.MethodPost, mine, `{"name":"victim"}`)
		if err != nil || made.status != http.StatusCreated {
			t.Fatalf("create: %+v, %v", made, err)
		}
		victim := account{"ann", made.Password}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, disturb := range []func(){
			func() { _, _ = s.works(ctx, victim) },
			func() { _, _ = s.send(ctx, ann, http.MethodPost, mine, `{"name":"other"}`) },
		} {
			wg.Go(func() {
				for ctx.Err() == nil {
					disturb()
				}
			})
		}
		if trial%2 == 0 {
			_, err = cli(t.Context(), database, "user", "application-password", "delete", "ann", made.UUID)
		} else {
			var a answer
			a, err = s.send(t.Context(), ann, http.MethodDelete, mine+"/"+made.UUID, "")
			if err == nil && a.status != http.StatusOK {
				err = fmt.Errorf("status %d", a.status)
			}
		}
		if err != nil {
			t.Fatalf("revoke: %v", err)
		}
		for range 5 {
			if ok, err := s.works(t.Context(), victim); ok || err != nil {
				t.Fatalf("trial %d: revoked, and works: %v, %v", trial, ok, err)
			}
		}
		cancel()
		wg.Wait()
		if ok, err := s.works(t.Context(), victim); ok || err != nil {
			t.Fatalf("trial %d: works again: %v, %v", trial, ok, err)
		}
		if trial%50 == 0 {
			mustCLI(t, database, "user", "application-password", "list", "ann", "--format=count")
		}
	}
}

// TestRevokeInAFlood revokes from the command line while a client with a secret writes without
// a pause: the command never has to give up.
func TestRevokeInAFlood(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				_, _ = s.send(ctx, ann, http.MethodPost, mine, `{"name":"flood"}`)
			}
		})
	}
	for range 10 {
		made, err := s.send(ctx, ann, http.MethodPost, mine, `{"name":"victim"}`)
		if err != nil {
			t.Fatal(err)
		}
		mustCLI(t, database, "user", "application-password", "delete", "ann", made.UUID)
	}
	cancel()
	wg.Wait()
}

// TestLastAdministratorsAtOnce takes both of two administrators away, in two processes
// at the same moment: one of them stays, with their application passwords.
func TestLastAdministratorsAtOnce(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	store, err := sqlite.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for trial := range 50 {
		var made []sparekey.User
		for _, login := range []string{"a", "b"} {
			u, err := store.CreateUser(t.Context(), sparekey.User{Login: login, Roles: []string{sparekey.RoleAdministrator}}, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := store.Insert(t.Context(), sparekey.Credential{UUID: "of user " + u.ID, UserID: u.ID, Name: "x", Hash: "x"}, nil); err != nil {
				t.Fatal(err)
			}
			made = append(made, u)
		}
		var problems [2]error
		var wg sync.WaitGroup
		for i, args := range [][]string{{"delete", "a", "--yes"}, {"set-role", "b", "editor"}} {
			wg.Go(func() { _, problems[i] = cli(t.Context(), database, append([]string{"user"}, args...)...) })
		}
		wg.Wait()
		left, _, err := store.Users(t.Context(), sparekey.UserQuery{Role: sparekey.RoleAdministrator})
		if err != nil || len(left) != 1 || (problems[0] == nil) == (problems[1] == nil) ||
			!strings.Contains(fmt.Sprint(problems), "is the last administrator") {
			t.Fatalf("trial %d: %v, %v: the commands say %v", trial, left, err, problems)
		}
		if list, err := store.List(t.Context(), left[0].ID); err != nil || len(list) != 1 {
			t.Fatalf("trial %d: the last administrator has %v, %v", trial, list, err)
		}
		for _, u := range made {
			if _, err := store.DeleteUser(t.Context(), u.ID); err != nil && !errors.Is(err, sparekey.ErrUserNotFound) {
				t.Fatal(err)
			}
		}
	}
}

// TestKill kills the server without warning, again and again, while clients
// create and revoke: what was acknowledged stands, and the file opens.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	k := &killed{live: map[string]string{}, dead: map[string]string{}, acks: make(chan struct{}, 1000)}
	for round := range rounds {
		s := startServer(t, database)
		k.check(t, s, 20)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { k.client(ctx, s, ann) })
		}
		k.wait(ctx, 1+rand.IntN(20))
		s.kill()
		cancel()
		wg.Wait()
		if _, err := cli(t.Context(), database, "audit", "verify"); err != nil {
			t.Errorf("the chain after a kill: %v", err)
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	if len(k.live) < rounds/2 || len(k.dead) < rounds/2 {
		t.Fatalf("only %d created and %d revoked in %d rounds", len(k.live), len(k.dead), rounds)
	}
	k.checkAudit(t, database)
	t.Logf("%d acknowledged creations and %d acknowledged revocations in %d rounds", len(k.live)+len(k.dead), len(k.dead), rounds)
	k.checkAll(t, database)
}

// killed is what was acknowledged by a server that was killed. Both maps are from
// UUID to secret.
type killed struct {
	mu         sync.Mutex
	live, dead map[string]string
	acks       chan struct{} // one for each, as far as there is room
}

// note keeps what was acknowledged.
func (k *killed) note(acknowledged map[string]string, a answer, secret string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	acknowledged[a.UUID] = secret
	select {
	case k.acks <- struct{}{}:
	default:
	}
}

// wait returns after so many acknowledgements, wherever the clients are then.
func (k *killed) wait(ctx context.Context, acks int) {
	for range acks {
		select {
		case <-k.acks:
		case <-ctx.Done():
			return
		}
	}
}

// client creates application passwords and revokes every other one, until the
// server is gone.
func (k *killed) client(ctx context.Context, s *serverProcess, as account) {
	for i := 0; ctx.Err() == nil; i++ {
		made, err := s.send(ctx, as, http.MethodPost, mine, `{"name":"app"}`)
		if err != nil || made.status != http.StatusCreated {
			return
		}
		k.note(k.live, made, made.Password)
		if i%2 == 1 {
			continue
		}
		k.mu.Lock()
		delete(k.live, made.UUID) // from here on it may be either
		k.mu.Unlock()
		gone, err := s.send(ctx, as, http.MethodDelete, mine+"/"+made.UUID, "")
		if err != nil || gone.status != http.StatusOK {
			return
		}
		k.note(k.dead, made, made.Password)
	}
}

// check tries some of what was acknowledged.
func (k *killed) check(t *testing.T, s *serverProcess, some int) {
	t.Helper()
	for want, secrets := range map[bool]map[string]string{true: k.live, false: k.dead} {
		n := 0
		for uuid, secret := range secrets { // in random order
			if n++; n > some {
				break
			}
			if ok, err := s.works(t.Context(), account{"ann", secret}); ok != want || err != nil {
				t.Errorf("%s: works %v, want %v (%v)", uuid, ok, want, err)
			}
		}
	}
}

// checkAll compares all that was acknowledged with what is in the file.
func (k *killed) checkAll(t *testing.T, database string) {
	t.Helper()
	var stored []string
	uuids := mustCLI(t, database, "user", "application-password", "list", "ann", "--field=uuid", "--format=json")
	var rows []struct{ UUID string }
	if err := json.Unmarshal([]byte(uuids), &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		stored = append(stored, r.UUID)
	}
	for _, uuid := range stored {
		if _, revoked := k.dead[uuid]; revoked {
			t.Errorf("%s was revoked and is there", uuid)
		}
		delete(k.live, uuid)
	}
	for uuid := range k.live {
		t.Errorf("%s was created and is not there", uuid)
	}
}

// checkAudit wants every acknowledged creation and revocation on record.
func (k *killed) checkAudit(t *testing.T, database string) {
	t.Helper()
	recorded := map[sparekey.Kind]map[string]bool{sparekey.KindCreated: {}, sparekey.KindRevoked: {}}
	for line := range strings.Lines(mustCLI(t, database, "audit", "export", "--kind=created", "--kind=revoked")) {
		r, err := audit.ParseLine(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		recorded[r.Kind][r.Credential] = true
	}
	for _, acknowledged := range []map[string]string{k.live, k.dead} {
		for uuid := range acknowledged {
			if !recorded[sparekey.KindCreated][uuid] {
				t.Errorf("%s was created, and that is not on record", uuid)
			}
		}
	}
	for uuid := range k.dead {
		if !recorded[sparekey.KindRevoked][uuid] {
			t.Errorf("%s was revoked, and that is not on record", uuid)
		}
	}
}
