package authcache_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/authcache"
)

// source is a source of which a test says when it changes.
type source struct{ atomic.Uint64 }

func (s *source) Revision() (uint64, bool) { return s.Load(), true }

func keyOf(c *authcache.Cache, n int) authcache.Key {
	return c.Key(fmt.Sprint("user", n), fmt.Sprint("secret", n))
}

func entryOf(n int) authcache.Entry {
	return authcache.Entry{Record: fmt.Sprint(n, strings.Repeat("n", n%300))}
}

func long(length int) authcache.Entry {
	return authcache.Entry{Record: strings.Repeat("n", length)}
}

func put(c *authcache.Cache, n int, at uint64) {
	c.Put(keyOf(c, n), authcache.Revision{at}, entryOf(n))
}

func wantEntry(t *testing.T, c *authcache.Cache, n int, at uint64, want bool) {
	t.Helper()
	got, ok := c.Get(keyOf(c, n), authcache.Revision{at})
	if ok != want {
		t.Errorf("number %d at revision %d: got %v, want %v", n, at, ok, want)
	}
	if ok && got != entryOf(n) {
		t.Errorf("number %d: got %+v", n, got)
	}
}

func TestChangeInvalidates(t *testing.T) {
	t.Parallel()
	s := &source{}
	c := authcache.New(s)
	put(c, 1, 0)
	wantEntry(t, c, 1, 0, true)
	wantEntry(t, c, 1, 1, false)

	s.Store(1)
	put(c, 2, 1)
	wantEntry(t, c, 2, 1, true)
	wantEntry(t, c, 1, 1, false)

	put(c, 3, 0) // of a look-up that began before the change
	wantEntry(t, c, 3, 1, false)
	wantEntry(t, c, 2, 1, true)
}

// TestSources has caches with none, one and two sources.
func TestSources(t *testing.T) {
	t.Parallel()
	a, b := &source{}, &source{}
	a.Store(3)
	b.Store(4)
	for name, c := range map[string]struct {
		cache *authcache.Cache
		want  authcache.Revision
		ok    bool
	}{
		"none":       {authcache.New(), authcache.Revision{}, false},
		"one":        {authcache.New(a), authcache.Revision{3}, true},
		"two":        {authcache.New(a, b), authcache.Revision{3, 4}, true},
		"same twice": {authcache.New(a, a), authcache.Revision{3}, true},
		"unknown":    {authcache.New(a, unknown{}), authcache.Revision{3}, false},
	} {
		got, ok := c.cache.Revision()
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: got %v, %v", name, got, ok)
		}
		c.cache.Put(keyOf(c.cache, 1), got, entryOf(1))
		if _, hit := c.cache.Get(keyOf(c.cache, 1), got); hit != c.ok {
			t.Errorf("%s: got hit %v", name, hit)
		}
	}
}

// unknown is a source that does not know its revision.
type unknown struct{}

func (unknown) Revision() (uint64, bool) { return 0, false }

// TestKeys has logins and secrets that are alike when they are put together.
func TestKeys(t *testing.T) {
	t.Parallel()
	c := authcache.New(&source{})
	want := c.Key("bob", "abc")
	for _, other := range [][2]string{{"ob", "abcb"}, {"cbob", "ab"}, {"abc", "bob"}, {"Bob", "abc"}, {"bob", ""}, {"", "abc"}} {
		if c.Key(other[0], other[1]) == want {
			t.Errorf("%q has the key of another login and secret", other)
		}
	}
	if c.Key("bob", "abc") != want {
		t.Error("one login and secret have two keys")
	}
	if authcache.New(&source{}).Key("bob", "abc") == want {
		t.Error("two caches have the same salt")
	}
}

// TestLongRecords has records whose length a stranger chose.
func TestLongRecords(t *testing.T) {
	t.Parallel()
	c := authcache.New(&source{})
	for length, want := range map[int]bool{
		0: false, 1: true, authcache.MaxRecord: true, authcache.MaxRecord + 1: false,
		1<<16 - 1: false, 1 << 16: false, 1<<16 + 1: false, 1 << 20: false,
	} {
		k := keyOf(c, length)
		c.Put(k, authcache.Revision{}, long(length))
		if got, ok := c.Get(k, authcache.Revision{}); ok != want || ok && got != long(length) {
			t.Errorf("%d bytes: got %d bytes, %v", length, len(got.Record), ok)
		}
	}
}

// TestPutAgain replaces an entry.
func TestPutAgain(t *testing.T) {
	t.Parallel()
	c := authcache.New(&source{})
	k := keyOf(c, 1)
	for _, e := range []authcache.Entry{{"a", 1}, {"a", 1}, {"a", 2}, {"b", 2}} {
		c.Put(k, authcache.Revision{}, e)
		if got, ok := c.Get(k, authcache.Revision{}); !ok || got != e {
			t.Errorf("got %+v, %v, want %+v", got, ok, e)
		}
	}
}

// TestKeptRecord keeps one record of each of many revisions, and with it no more than a block.
func TestKeptRecord(t *testing.T) {
	const revisions, entries, length, most = 200, 200, 1020, 20 << 10
	s := &source{}
	c := authcache.New(s)
	var kept []string
	before := heap()
	for r := range uint64(revisions) {
		s.Store(r)
		for n := range entries {
			c.Put(keyOf(c, n), authcache.Revision{r}, long(length))
		}
		e, ok := c.Get(keyOf(c, entries-1), authcache.Revision{r})
		if !ok {
			t.Fatal("nothing is cached")
		}
		kept = append(kept, e.Record)
	}
	if each := (heap() - before) / revisions; each > most {
		t.Errorf("a record that is kept keeps %d bytes", each)
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

// TestMaxEntries fills the cache more than once.
func TestMaxEntries(t *testing.T) {
	t.Parallel()
	c := authcache.New(&source{})
	const all = authcache.MaxEntries + authcache.MaxEntries/2
	for n := range all {
		put(c, n, 0)
		if n == authcache.MaxEntries-1 {
			for n := range authcache.MaxEntries {
				wantEntry(t, c, n, 0, true)
			}
		}
	}
	cached := 0
	for n := range all {
		if _, ok := c.Get(keyOf(c, n), authcache.Revision{}); ok {
			cached++
		}
	}
	if cached != authcache.MaxEntries/2 {
		t.Errorf("%d entries after %d were put, want those since it was full: %d", cached, all, authcache.MaxEntries/2)
	}
}

// TestMaxBytes fills the cache with long records.
func TestMaxBytes(t *testing.T) {
	t.Parallel()
	c := authcache.New(&source{})
	const length = authcache.MaxRecord
	const most = authcache.MaxBytes / length
	for n := range most + 1 {
		c.Put(keyOf(c, n), authcache.Revision{}, long(length))
	}
	if _, ok := c.Get(keyOf(c, 0), authcache.Revision{}); ok {
		t.Errorf("%d long records are cached", most+1)
	}
	if _, ok := c.Get(keyOf(c, most), authcache.Revision{}); !ok {
		t.Error("the last one is not cached")
	}
}

// TestConcurrency reads while others put and the source changes.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	const writers, entries = 4, 2000
	s := &source{}
	c := authcache.New(s)
	var running sync.WaitGroup
	for range writers {
		running.Go(func() {
			for n := range entries {
				at := s.Load()
				put(c, n, at)
				for _, other := range []int{n, n / 2, entries - n} {
					if got, ok := c.Get(keyOf(c, other), authcache.Revision{at}); ok && got != entryOf(other) {
						t.Errorf("number %d: got %+v", other, got)
					}
				}
				if n%700 == 0 {
					s.Add(1)
				}
			}
		})
	}
	running.Wait()
	put(c, entries, s.Load())
	wantEntry(t, c, entries, s.Load(), true)
}
