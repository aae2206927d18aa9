package wordpress_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/phpserial"
	"github.com/sparekey-dev/sparekey/store/wordpress"
)

// php does to a user's row what a request of PHP does: it begins with what it read,
// which may be long ago.
type php struct {
	w    *site
	user string
	read string
}

func (w *site) php(user string) *php { return &php{w, user, w.row(user)} }

func (p *php) list() []phpserial.Pair {
	if p.read == "" {
		return nil
	}
	v, err := phpserial.Decode(p.read)
	if err != nil {
		p.w.tb.Error(err)
	}
	return v.Pairs()
}

func (p *php) write(list []phpserial.Pair) {
	p.w.setRow(p.user, phpserial.NewArray(list...).Encoding())
}

// create appends a record and returns its UUID.
func (p *php) create() string {
	uuid := fmt.Sprintf("0000%04x-0000-4000-8000-%012x", rand.IntN(1<<16), rand.Int64N(1<<48))
	next := int64(0)
	for _, pair := range p.list() {
		n, _ := pair.Key.Scalar()
		var i int64
		fmt.Sscan(n, &i)
		next = max(next, i+1)
	}
	p.write(append(slices.Clip(p.list()), phpserial.Pair{Key: phpserial.NewInt(next), Value: record(uuid, "by PHP")}))
	return uuid
}

func record(uuid, name string) phpserial.Value {
	v := phpserial.NewArray()
	for _, pair := range [][2]string{{"uuid", uuid}, {"app_id", ""}, {"name", name}, {"password", sparekey.NewSecret().Hash()}} {
		v = v.With(pair[0], phpserial.NewString(pair[1]))
	}
	return v.With("created", phpserial.NewInt(1795319925)).With("last_used", phpserial.Value{}).With("last_ip", phpserial.Value{})
}

func (p *php) delete(uuid string) {
	p.write(slices.DeleteFunc(slices.Clone(p.list()), func(pair phpserial.Pair) bool { return has(pair.Value, uuid) }))
}

func (p *php) change(uuid, key string, v phpserial.Value) {
	list := slices.Clone(p.list())
	for i := range list {
		if has(list[i].Value, uuid) {
			list[i].Value = list[i].Value.With(key, v)
		}
	}
	p.write(list)
}

func has(record phpserial.Value, uuid string) bool {
	v, _ := record.Get("uuid")
	text, _ := v.Text()
	return text == uuid
}

// runs has a store's Run run until the end of the test.
func runs(t *testing.T, s *wordpress.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	time.Sleep(50 * time.Millisecond) // until it does
}

func insert(tb testing.TB, s *wordpress.Store, user, name string) sparekey.Credential {
	tb.Helper()
	c := sparekey.Credential{
		UUID: fmt.Sprintf("1111%04x-0000-4000-8000-%012x", rand.IntN(1<<16), rand.Int64N(1<<48)), UserID: user, Name: name,
		Hash: sparekey.NewSecret().Hash(), Created: time.Unix(1795319925, 0).UTC(),
	}
	if err := s.Insert(tb.Context(), c, nil); err != nil {
		tb.Fatal(err)
	}
	return c
}

// user is whose row the tests reconcile.
const user = "7"

// settles waits until the row of user has exactly these UUIDs, in this order, and goes on
// having them.
func (w *site) settles(t *testing.T, want ...string) {
	t.Helper()
	eventually(func() bool { return slices.Equal(w.uuids(user), want) })
	if got := w.uuids(user); !slices.Equal(got, want) {
		t.Errorf("the row has %v, want %v", got, want)
	}
}

// eventually waits until something is so, and then for what might undo it.
func eventually(is func() bool) {
	for deadline := time.Now().Add(20 * time.Second); !is() && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(150 * time.Millisecond)
}

func (w *site) uuids(user string) (uuids []string) {
	for _, pair := range w.php(user).list() {
		v, _ := pair.Value.Get("uuid")
		text, _ := v.Text()
		uuids = append(uuids, text)
	}
	return uuids
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	used := phpserial.NewInt(1795319999)
	for name, run := range map[string]func(t *testing.T, w *site, s *wordpress.Store) (want []sparekey.Kind){
		"created, and PHP creates from before": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			before := w.php(user)
			ours := insert(t, s, user, "ours")
			theirs := before.create()
			w.settles(t, theirs, ours.UUID)
			wantFound(t, s, ours)
			return []sparekey.Kind{sparekey.KindRestored}
		},
		"created, and PHP uses from before": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			theirs := w.php(user).create()
			before := w.php(user)
			ours := insert(t, s, user, "ours")
			before.change(theirs, "last_used", used)
			w.settles(t, theirs, ours.UUID)
			return []sparekey.Kind{sparekey.KindRestored}
		},
		"two created, and PHP creates from before": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			before := w.php(user)
			first, second := insert(t, s, user, "first"), insert(t, s, user, "second")
			theirs := before.create()
			w.settles(t, theirs, first.UUID, second.UUID)
			return []sparekey.Kind{sparekey.KindRestored, sparekey.KindRestored}
		},
		"created, and revoked in WordPress": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			theirs := w.php(user).create()
			ours := insert(t, s, user, "ours")
			w.php(user).delete(ours.UUID)
			w.settles(t, theirs)
			wantNotFound(t, s, ours)
			return nil
		},
		"created, revoked in WordPress, and something else after": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			ours := insert(t, s, user, "ours")
			w.php(user).delete(ours.UUID)
			time.Sleep(100 * time.Millisecond)
			theirs := w.php(user).create()
			w.settles(t, theirs)
			return nil
		},
		"created, and all revoked in WordPress": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			w.php(user).create()
			insert(t, s, user, "ours")
			insert(t, s, user, "ours as well")
			w.setRow(user, "a:0:{}")
			w.settles(t)
			return nil
		},
		"created while WordPress revokes another of ours": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			first := insert(t, s, user, "first")
			theirs := w.php(user).create()
			before := w.php(user)
			second := insert(t, s, user, "second")
			before.delete(first.UUID)
			w.settles(t, theirs, second.UUID)
			wantNotFound(t, s, first)
			return []sparekey.Kind{sparekey.KindRestored}
		},
		"revoked in WordPress, which loses backslashes of others": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			theirs := w.php(user).create()
			w.php(user).change(theirs, "name", phpserial.NewString(`C:\temp`))
			ours := insert(t, s, user, "ours")
			then := w.php(user)
			then.change(theirs, "name", phpserial.NewString(`C:\temp`))
			list := slices.DeleteFunc(slices.Clone(then.list()), func(p phpserial.Pair) bool { return has(p.Value, ours.UUID) })
			list[0].Value = list[0].Value.With("name", phpserial.NewString("C:temp"))
			then.write(list)
			w.settles(t, theirs)
			return nil
		},
		"revoked, and PHP creates from before": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			ours := insert(t, s, user, "ours")
			before := w.php(user)
			if _, err := s.Delete(t.Context(), user, ours.UUID); err != nil {
				t.Fatal(err)
			}
			theirs := before.create()
			wantNotFound(t, s, ours)
			w.settles(t, theirs)
			return []sparekey.Kind{sparekey.KindReRevoked}
		},
		"one of WordPress's revoked, and PHP uses it from before": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			theirs := w.php(user).create()
			before := w.php(user)
			if _, err := s.Delete(t.Context(), user, theirs); err != nil {
				t.Fatal(err)
			}
			before.change(theirs, "last_used", used)
			w.settles(t)
			return []sparekey.Kind{sparekey.KindReRevoked}
		},
		"revoked, and back under another UUID": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			ours := insert(t, s, user, "ours")
			before := w.php(user)
			if _, err := s.Delete(t.Context(), user, ours.UUID); err != nil {
				t.Fatal(err)
			}
			before.change(ours.UUID, "uuid", phpserial.NewString("f0ec248a-b1fb-4deb-a034-9dc03f1ac263"))
			wantNotFound(t, s, ours)
			w.settles(t)
			return []sparekey.Kind{sparekey.KindReRevoked}
		},
		"renamed, and PHP creates from before": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			theirs := w.php(user).create()
			before := w.php(user)
			rename(t, s, user, theirs, "renamed")
			other := before.create()
			w.settles(t, theirs, other)
			if list, err := s.List(t.Context(), user); err != nil || list[0].Name != "renamed" {
				t.Errorf("%+v, %v", list, err)
			}
			return []sparekey.Kind{sparekey.KindRestored}
		},
		"renamed, and renamed back in WordPress": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			theirs := w.php(user).create()
			rename(t, s, user, theirs, "renamed")
			w.php(user).change(theirs, "name", phpserial.NewString("by PHP"))
			w.settles(t, theirs)
			if list, err := s.List(t.Context(), user); err != nil || list[0].Name != "by PHP" {
				t.Errorf("%+v, %v", list, err)
			}
			return nil
		},
		"another secret, and PHP writes the old one": func(t *testing.T, w *site, s *wordpress.Store) []sparekey.Kind {
			ours := insert(t, s, user, "ours")
			before := w.php(user)
			fresh := ours
			fresh.Hash = sparekey.NewSecret().Hash()
			if _, err := s.Update(t.Context(), user, ours.UUID, func(c *sparekey.Credential) error { c.Hash = fresh.Hash; return nil }, nil); err != nil {
				t.Fatal(err)
			}
			before.change(ours.UUID, "last_used", used)
			wantNotFound(t, s, ours)
			eventually(func() bool { return strings.Contains(w.row(user), fresh.Hash) })
			if row := w.row(user); !strings.Contains(row, fresh.Hash) {
				t.Fatalf("the row still is %s", row)
			}
			if _, err := s.Find(t.Context(), user, fresh.Hash); err != nil {
				t.Errorf("the new secret: %v", err)
			}
			return []sparekey.Kind{sparekey.KindRestored}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := server.newSite(t, singleSite)
			observed := &recorder{}
			s := w.open(wordpress.Config{Observe: observed.observe})
			runs(t, s)
			if diff := cmp.Diff(run(t, w, s), observed.kinds()); diff != "" {
				t.Errorf("observed (-want +got): %s", diff)
			}
		})
	}
}

func rename(t *testing.T, s *wordpress.Store, user, uuid, name string) {
	t.Helper()
	if _, err := s.Update(t.Context(), user, uuid, func(c *sparekey.Credential) error { c.Name = name; return nil }, nil); err != nil {
		t.Fatal(err)
	}
}

func wantFound(t *testing.T, s *wordpress.Store, c sparekey.Credential) {
	t.Helper()
	if got, err := s.Find(t.Context(), c.UserID, c.Hash); err != nil || got != c {
		t.Errorf("Find: %+v, %v, want %+v", got, err, c)
	}
}

func wantNotFound(t *testing.T, s *wordpress.Store, c sparekey.Credential) {
	t.Helper()
	if got, err := s.Find(t.Context(), c.UserID, c.Hash); !errors.Is(err, sparekey.ErrNotFound) {
		t.Errorf("Find: %+v, %v, want ErrNotFound", got, err)
	}
	if list, err := s.List(t.Context(), c.UserID); err != nil || slices.Contains(list, c) {
		t.Errorf("List: %+v, %v", list, err)
	}
}

// TestRevokedIsRejectedWithoutRun has no Run that reconciles rows.
func TestRevokedIsRejectedWithoutRun(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	observed := &recorder{}
	s, other := w.open(wordpress.Config{Observe: observed.observe}), w.open(wordpress.Config{})
	c := insert(t, s, user, "ours")
	before := w.php(user)
	wantFound(t, other, c)
	if _, err := s.Delete(t.Context(), user, c.UUID); err != nil {
		t.Fatal(err)
	}
	theirs := before.create()
	for range 3 {
		wantNotFound(t, s, c)
		wantNotFound(t, other, c)
	}
	if _, err := s.Update(t.Context(), user, c.UUID, func(*sparekey.Credential) error { return nil }, nil); !errors.Is(err, sparekey.ErrNotFound) {
		t.Errorf("Update: %v", err)
	}
	if _, err := s.Delete(t.Context(), user, c.UUID); !errors.Is(err, sparekey.ErrNotFound) {
		t.Errorf("Delete: %v", err)
	}
	fresh := insert(t, s, user, "the next write")
	if got := w.uuids(user); !slices.Equal(got, []string{theirs, fresh.UUID}) {
		t.Errorf("after the next write the row has %v", got)
	}
	if !slices.Contains(observed.kinds(), sparekey.KindReRevoked) {
		t.Errorf("observed %v", observed.kinds())
	}
}

// TestRevokedWhileItIsLost revokes a credential that WordPress lost at that moment.
func TestRevokedWhileItIsLost(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	for name, revoke := range map[string]func(s *wordpress.Store, c sparekey.Credential) error{
		"one": func(s *wordpress.Store, c sparekey.Credential) error {
			if _, err := s.Delete(t.Context(), c.UserID, c.UUID); !errors.Is(err, sparekey.ErrNotFound) {
				return fmt.Errorf("Delete: %w", err)
			}
			return nil
		},
		"all": func(s *wordpress.Store, c sparekey.Credential) error {
			_, err := s.DeleteAll(t.Context(), c.UserID)
			return err
		},
	} {
		w := server.newSite(t, singleSite)
		s := w.open(wordpress.Config{})
		before := w.row(user)
		c := insert(t, s, user, "ours")
		with := w.row(user)
		w.setRow(user, withDefault(before, "a:0:{}"))
		if err := revoke(s, c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		w.setRow(user, with)
		wantNotFound(t, s, c)
	}
}

func withDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// TestLateReturnIsFound has a credential come back that was revoked before Run began.
func TestLateReturnIsFound(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	first := w.open(wordpress.Config{})
	c := insert(t, first, user, "ours")
	before := w.php(user)
	if _, err := first.Delete(t.Context(), user, c.UUID); err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE {p}sparekey_revoked SET revoked_at = revoked_at - 600000`)
	observed := &recorder{}
	runs(t, w.open(wordpress.Config{Observe: observed.observe}))
	time.Sleep(time.Second)
	before.w.setRow(user, before.read)
	began := time.Now()
	w.settles(t)
	t.Logf("it was gone %v after it came back, and stayed so", time.Since(began)-150*time.Millisecond)
	if diff := cmp.Diff([]sparekey.Kind{sparekey.KindReRevoked}, observed.kinds()); diff != "" {
		t.Errorf("observed (-want +got): %s", diff)
	}
}

// TestAnotherProgramsWriteIsRestored has the command line create a credential, and a server
// restore it.
func TestAnotherProgramsWriteIsRestored(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	commandLine := w.open(wordpress.Config{})
	runs(t, w.open(wordpress.Config{}))
	time.Sleep(300 * time.Millisecond)
	before := w.php(user)
	ours := insert(t, commandLine, user, "ours")
	time.Sleep(time.Second)
	theirs := before.create()
	w.settles(t, theirs, ours.UUID)
}

// TestAgainstAFloodOfStaleWrites has many requests of PHP write what they read up to
// a quarter of a second ago, while Sparekey creates and revokes.
func TestAgainstAFloodOfStaleWrites(t *testing.T) {
	t.Parallel()
	w := newServer(t).newSite(t, singleSite)
	observed := &recorder{}
	s := w.open(wordpress.Config{Observe: observed.observe})
	runs(t, s)
	w.php(user).create()
	stop := make(chan struct{})
	var flood sync.WaitGroup
	for range 4 {
		flood.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				p := w.php(user)
				time.Sleep(time.Duration(rand.IntN(250)) * time.Millisecond)
				if p.read != "" && len(p.list()) > 0 && rand.IntN(2) == 0 {
					p.change(first(p), "last_used", phpserial.NewInt(1795320000+rand.Int64N(1000)))
				} else {
					p.create()
				}
			}
		})
	}
	var kept, revoked []sparekey.Credential
	for i := range 40 {
		c := insert(t, s, user, fmt.Sprint("ours ", i))
		time.Sleep(time.Duration(rand.IntN(80)) * time.Millisecond)
		if i%2 == 0 {
			kept = append(kept, c)
			continue
		}
		_, err := s.Delete(t.Context(), user, c.UUID)
		if err != nil && !errors.Is(err, sparekey.ErrNotFound) {
			t.Fatal(err)
		}
		if err == nil {
			revoked = append(revoked, c)
		}
	}
	for _, c := range revoked {
		wantNotFound(t, s, c)
	}
	close(stop)
	flood.Wait()
	// On a machine so busy that the watcher does not look for half a second, any number of
	// credentials may be given up. They are reported then.
	wrong := func() (wrong []string) {
		lost := map[string]bool{}
		for _, e := range observed.all() {
			if e.Kind == sparekey.KindConflict {
				lost[e.Credential.UUID] = true
			}
		}
		row := w.row(user)
		for _, c := range kept {
			if there := strings.Contains(row, c.UUID); there == lost[c.UUID] {
				wrong = append(wrong, fmt.Sprintf("%s is in the row: %v, and reported as lost: %v", c.Name, there, lost[c.UUID]))
			}
		}
		for _, c := range revoked {
			if strings.Contains(row, c.UUID) {
				wrong = append(wrong, c.Name+" was revoked and is back")
			}
		}
		return wrong
	}
	eventually(func() bool { return wrong() == nil })
	for _, text := range wrong() {
		t.Error(text)
	}
	for _, c := range revoked {
		wantNotFound(t, s, c)
	}
	t.Logf("%d kept, %d revoked; reconciled: %v", len(kept), len(revoked), count(observed.kinds()))
}

func count(kinds []sparekey.Kind) map[sparekey.Kind]int {
	n := map[sparekey.Kind]int{}
	for _, k := range kinds {
		n[k]++
	}
	return n
}

func first(p *php) string {
	v, _ := p.list()[0].Value.Get("uuid")
	text, _ := v.Text()
	return text
}

func TestJudge(t *testing.T) {
	t.Parallel()
	type state = wordpress.State
	quick, slow := 20*time.Millisecond, time.Second
	for _, tt := range []struct {
		name                         string
		states                       []state
		ours                         []string
		now                          state
		gap                          time.Duration
		restore, accepted, ambiguous []string
	}{
		{name: "nothing is missing", states: []state{{}, {"a": "1"}}, ours: []string{"a"}, now: state{"a": "1", "x": "1"}, gap: quick},
		{name: "missing, with a new one", states: []state{{}, {"a": "1"}}, ours: []string{"a"}, now: state{"x": "1"}, gap: quick, restore: []string{"a"}},
		{name: "the same, seen too late", states: []state{{}, {"a": "1"}}, ours: []string{"a"}, now: state{"x": "1"}, gap: slow, ambiguous: []string{"a"}},
		{name: "missing, and nothing else", states: []state{{"x": "1"}, {"x": "1", "a": "1"}}, ours: []string{"a"}, now: state{"x": "1"}, gap: quick, accepted: []string{"a"}},
		{name: "the same, seen too late", states: []state{{"x": "1"}, {"x": "1", "a": "1"}}, ours: []string{"a"}, now: state{"x": "1"}, gap: slow, accepted: []string{"a"}},
		{name: "all missing", states: []state{{"x": "1"}, {"x": "1", "a": "1"}, {"x": "1", "a": "1", "b": "1"}}, ours: []string{"a", "b"}, now: state{}, gap: quick, accepted: []string{"a", "b"}},
		{name: "one revoked and one lost", states: []state{{"x": "1"}, {"x": "1", "a": "1"}, {"x": "1", "a": "1", "b": "1"}}, ours: []string{"a", "b"}, now: state{"x": "1"}, gap: quick, restore: []string{"b"}, accepted: []string{"a"}},
		{name: "another deleted from before", states: []state{{"x": "1", "y": "1"}, {"x": "1", "y": "1", "a": "1"}}, ours: []string{"a"}, now: state{"x": "1"}, gap: quick, restore: []string{"a"}},
		{name: "changed back, and nothing else", states: []state{{"x": "1"}, {"x": "2"}}, ours: []string{"x"}, now: state{"x": "1"}, gap: quick, accepted: []string{"x"}},
		{name: "changed back, with a new one", states: []state{{"x": "1"}, {"x": "2"}}, ours: []string{"x"}, now: state{"x": "1", "y": "1"}, gap: quick, restore: []string{"x"}},
		{name: "changed by both", states: []state{{"x": "1"}, {"x": "2"}}, ours: []string{"x"}, now: state{"x": "3"}, gap: quick},
		{name: "two requests one after the other", states: []state{{}, {"a": "1"}}, ours: []string{"a"}, now: state{"x": "1", "y": "1"}, gap: quick, restore: []string{"a"}},
		{name: "not ours", states: []state{{}, {"x": "1"}}, now: state{"y": "1"}, gap: quick},
	} {
		restore, accepted, ambiguous := wordpress.Judge(tt.states, tt.ours, tt.now, tt.gap)
		got := [][]string{restore, accepted, ambiguous}
		if diff := cmp.Diff([][]string{tt.restore, tt.accepted, tt.ambiguous}, got); diff != "" {
			t.Errorf("%s: restore, accepted, ambiguous (-want +got): %s", tt.name, diff)
		}
	}
}
