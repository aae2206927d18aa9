package sparekey_test

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// fill sets everything in v to something that is nowhere else.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(int64(*n), int64(*n)).UTC()))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(*n))
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(t, v.Index(i), n)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() { // the others are not the identity's own
				fill(t, v.Field(i), n)
			}
		}
	default:
		t.Fatalf("this test cannot fill a %s: teach it to", v.Type())
	}
}

// TestMemoKeepsEverything fails when a field is added to Identity and not to
// records. Identities that have it are then looked up each time, which is right
// but slow.
func TestMemoKeepsEverything(t *testing.T) {
	t.Parallel()
	var full sparekey.Identity
	n := 0
	fill(t, reflect.ValueOf(&full).Elem(), &n)
	local := sparekey.Identity{User: sparekey.User{Registered: time.Unix(5, 7).In(time.FixedZone("", 3600))}}
	for name, tt := range map[string]struct{ id, want sparekey.Identity }{
		"every field":      {full, full},
		"none":             {},
		"roles, but none":  {sparekey.Identity{User: sparekey.User{Roles: []string{}}}, sparekey.Identity{User: sparekey.User{Roles: []string{}}}},
		"an empty role":    {sparekey.Identity{User: sparekey.User{Roles: []string{""}}}, sparekey.Identity{User: sparekey.User{Roles: []string{""}}}},
		"another time":     {local, sparekey.Identity{User: sparekey.User{Registered: time.Unix(5, 7).UTC()}}},
		"another expiry":   {expires(time.Unix(5, 0).In(time.FixedZone("", 3600))), expires(time.Unix(5, 0).UTC())},
		"the longest name": {named(sparekey.MaxNameLength), named(sparekey.MaxNameLength)},
	} {
		got, ok := sparekey.Remembered(tt.id)
		if !ok {
			t.Errorf("%s: is not kept: every field of Identity must be in a record, see memorecord.go", name)
		}
		if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(sparekey.Identity{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func expires(at time.Time) sparekey.Identity {
	return sparekey.Identity{Credential: sparekey.Credential{Limits: sparekey.Limits{Expires: at}}}
}

func named(length int) sparekey.Identity {
	return sparekey.Identity{Credential: sparekey.Credential{Name: strings.Repeat("n", length)}}
}

// TestMemoKeepsOutWhatIsTooLong has an identity whose size a stranger chose.
func TestMemoKeepsOutWhatIsTooLong(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1 << 14, 1<<16 - 1, 1 << 16, 1 << 20} {
		if _, ok := sparekey.Remembered(named(length)); ok {
			t.Errorf("%d bytes are kept", length)
		}
		roles := sparekey.Identity{User: sparekey.User{Roles: make([]string, length)}}
		if _, ok := sparekey.Remembered(roles); ok {
			t.Errorf("%d roles are kept", length)
		}
	}
}

// version is a source of which a test says when it changes.
type version struct{ atomic.Uint64 }

func (v *version) VersionOf() any { return v }

func (v *version) Version() (uint64, bool) { return v.Load(), true }

func attemptOf(n int) sparekey.Attempt {
	return sparekey.Attempt{Login: fmt.Sprint("user", n), Secret: sparekey.ParseSecret(fmt.Sprint("secret", n))}
}

func identityOf(n int) sparekey.Identity {
	return sparekey.Identity{User: sparekey.User{ID: fmt.Sprint(n)}, Credential: sparekey.Credential{Name: strings.Repeat("n", n%300)}}
}

func wantRemembered(t *testing.T, m sparekey.Memo, version uint64, n int, want bool) {
	t.Helper()
	got, ok := m.Get(attemptOf(n), version)
	if ok != want {
		t.Errorf("number %d at version %d: got %v, want %v", n, version, ok, want)
	}
	if ok && !reflect.DeepEqual(got, identityOf(n)) {
		t.Errorf("number %d: got %+v", n, got)
	}
}

func TestMemoForgetsOnChange(t *testing.T) {
	t.Parallel()
	source := &version{}
	m := sparekey.NewMemo(source)
	m.Put(attemptOf(1), 0, identityOf(1))
	wantRemembered(t, m, 0, 1, true)
	wantRemembered(t, m, 1, 1, false)

	source.Store(1)
	m.Put(attemptOf(2), 1, identityOf(2))
	wantRemembered(t, m, 1, 2, true)
	wantRemembered(t, m, 1, 1, false)

	m.Put(attemptOf(3), 0, identityOf(3)) // of a look-up that began before the change
	wantRemembered(t, m, 1, 3, false)
	wantRemembered(t, m, 1, 2, true)
}

// TestMemoTellsApart has what looks alike when it is put together.
func TestMemoTellsApart(t *testing.T) {
	t.Parallel()
	m := sparekey.NewMemo(&version{})
	known := sparekey.Attempt{Login: "bob", Secret: sparekey.ParseSecret("abc")}
	m.Put(known, 0, identityOf(1))
	for _, a := range []sparekey.Attempt{
		{Login: "ob", Secret: sparekey.ParseSecret("abcb")},
		{Login: "cbob", Secret: sparekey.ParseSecret("ab")},
		{Login: "abc", Secret: sparekey.ParseSecret("bob")},
		{Login: "Bob", Secret: known.Secret},
		{Login: "bob"},
		{Secret: known.Secret},
	} {
		if _, ok := m.Get(a, 0); ok {
			t.Errorf("%q with another secret is taken for bob", a.Login)
		}
	}
}

// TestWhatIsKeptOfTheMemo keeps one identity of each of many versions, among which the
// others would stay.
func TestWhatIsKeptOfTheMemo(t *testing.T) {
	const versions, entries, most = 200, 200, 20 << 10
	source := &version{}
	m := sparekey.NewMemo(source)
	var kept []sparekey.Identity
	before := heap()
	for v := range uint64(versions) {
		source.Store(v)
		for n := range entries {
			m.Put(attemptOf(n), v, named(sparekey.MaxNameLength))
		}
		id, ok := m.Get(attemptOf(entries-1), v)
		if !ok {
			t.Fatal("nothing is remembered")
		}
		kept = append(kept, id)
	}
	if each := (heap() - before) / versions; each > most {
		t.Errorf("keeping an identity keeps %d bytes", each)
	}
	runtime.KeepAlive(kept)
}

// heap is how many bytes are in use once the garbage is collected.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// incomparable is a store that cannot be compared, though its type can.
type incomparable struct {
	*memory.Store
	with any
}

func TestStoreThatCannotBeCompared(t *testing.T) {
	t.Parallel()
	store := incomparable{memory.New(), map[string]int{}}
	sparekey.New(store, store, sparekey.Config{})
}

// TestMemoIsBounded fills it more than once.
func TestMemoIsBounded(t *testing.T) {
	t.Parallel()
	m := sparekey.NewMemo(&version{})
	const all = sparekey.MemoSize + sparekey.MemoSize/2
	for n := range all {
		m.Put(attemptOf(n), 0, identityOf(n))
		if n == sparekey.MemoSize-1 {
			for n := range sparekey.MemoSize {
				wantRemembered(t, m, 0, n, true)
			}
		}
	}
	kept := 0
	for n := range all {
		if _, ok := m.Get(attemptOf(n), 0); ok {
			kept++
		}
	}
	if kept != sparekey.MemoSize/2 {
		t.Errorf("%d entries after %d were put, want those since it was full: %d", kept, all, sparekey.MemoSize/2)
	}
}

// TestMemoIsBoundedInBytes fills the cache with names of the greatest length.
func TestMemoIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	m := sparekey.NewMemo(&version{})
	most := sparekey.MemoText / sparekey.MaxNameLength
	for n := range most {
		m.Put(attemptOf(n), 0, named(sparekey.MaxNameLength))
	}
	if _, ok := m.Get(attemptOf(0), 0); ok {
		t.Errorf("%d long names are kept", most)
	}
	if _, ok := m.Get(attemptOf(most-1), 0); !ok {
		t.Error("the last one is not kept")
	}
}

// TestMemoAtTheSameTime reads while others put and the source changes.
func TestMemoAtTheSameTime(t *testing.T) {
	t.Parallel()
	const putters, entries = 4, 2000
	source := &version{}
	m := sparekey.NewMemo(source)
	var running sync.WaitGroup
	for range putters {
		running.Go(func() {
			for n := range entries {
				at := source.Load()
				m.Put(attemptOf(n), at, identityOf(n))
				for _, other := range []int{n, n / 2, entries - n} {
					if got, ok := m.Get(attemptOf(other), at); ok && !reflect.DeepEqual(got, identityOf(other)) {
						t.Errorf("number %d: got %+v", other, got)
					}
				}
				if n%700 == 0 {
					source.Add(1)
				}
			}
		})
	}
	running.Wait()
	m.Put(attemptOf(entries), source.Load(), identityOf(entries))
	wantRemembered(t, m, source.Load(), entries, true)
}
