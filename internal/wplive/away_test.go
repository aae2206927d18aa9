package wplive_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// TestDatabaseAway stops the database, in every way that it can go, under load, and starts it
// again. While it is away Sparekey cannot tell: 503, for right and wrong credentials alike. No
// request ever gets a wrong answer, and Sparekey works again by itself when the database is
// back.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{})
	key := serve(t, site, "--upstream="+site.URL)
	secret, _ := site.CreatePassword(t, wptest.Author, "client")
	revoked, uuid := site.CreatePassword(t, wptest.Author, "revoked")
	side{"Sparekey", key.url}.call(t, http.StatusOK, wptest.Call{
		Method: http.MethodDelete, Path: minePath + "/" + uuid, Login: wptest.Author, Secret: secret,
	})

	// WordPress behind Sparekey gets a right credential as it is, and finds it right.
	var me struct{ Name string }
	side{"Sparekey", key.url}.call(t, http.StatusOK, wptest.Call{Path: mePath, Login: wptest.Author, Secret: secret}).Decode(t, &me)
	if me.Name != wptest.Author {
		t.Errorf("WordPress takes the caller for %+v", me)
	}

	load := startLoad(t, key, []asked{
		{wptest.Call{Path: introspect, Login: wptest.Author, Secret: secret}, http.StatusOK},
		{wptest.Call{Path: introspect, Login: wptest.Author, Secret: revoked}, http.StatusUnauthorized},
		{wptest.Call{Path: introspect, Login: wptest.Author, Secret: "wrong"}, http.StatusUnauthorized},
		{wptest.Call{Path: introspect, Login: "unknown", Secret: secret}, http.StatusUnauthorized},
		{wptest.Call{Path: "/readme.html", Login: wptest.Author, Secret: "wrong"}, http.StatusOK},
		{wptest.Call{Method: http.MethodPost, Path: minePath, Login: wptest.Author, Secret: secret, JSON: createBody("under load")}, http.StatusCreated},
	})
	restart := func() { site.Database.Restart(t) }
	for name, outage := range map[string]struct{ away, back func() }{
		"stopped": {func() { site.Database.Stop(t) }, restart},
		"crashed": {site.Database.Kill, restart},
		"frozen":  {site.Database.Freeze, site.Database.Thaw},
	} {
		load.waitFor(t, "answers", func(c counts) bool { return c.right > 50 })
		outage.away()
		load.waitFor(t, name+": 503 for every request", func(c counts) bool { return c.inARow > 12 })
		ready := wptest.Send(t, key.url, wptest.Call{Path: "/readyz"})
		if ready.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: ready: %s", name, ready)
		}
		if alive := wptest.Send(t, key.url, wptest.Call{Path: "/healthz"}); alive.Status != http.StatusOK {
			t.Errorf("%s: alive: %s", name, alive)
		}
		outage.back()
		load.reset()
	}
	load.waitFor(t, "recovered", func(c counts) bool { return c.right > 200 })
	load.stop()
	key.checkLog(t, secret, revoked)
}

// asked is a request and its right answer.
type asked struct {
	call wptest.Call
	want int
}

// counts are answers since the last reset.
type counts struct{ right, unavailable, inARow int64 }

// load is clients that ask all the time. Any answer but the right one and 503 is
// a failure.
type load struct {
	right, unavailable, inARow atomic.Int64
	stop                       func()
}

func startLoad(t *testing.T, key *server, requests []asked) *load {
	t.Helper()
	l := &load{}
	ended := make(chan struct{})
	var clients sync.WaitGroup
	for _, request := range requests {
		clients.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				answer, err := wptest.TrySend(t, key.url, request.call)
				switch {
				case err != nil:
					t.Errorf("%s: %v", request.call.Path, err)
					return
				case answer.Status == request.want:
					l.right.Add(1)
					l.inARow.Store(0)
				case answer.Status == http.StatusServiceUnavailable:
					l.unavailable.Add(1)
					l.inARow.Add(1)
				default:
					t.Errorf("%+v: %s, want %d or 503", request.call, answer, request.want)
					return
				}
			}
		})
	}
	l.stop = sync.OnceFunc(func() {
		close(ended)
		clients.Wait()
	})
	t.Cleanup(l.stop)
	return l
}

func (l *load) reset() {
	l.right.Store(0)
	l.unavailable.Store(0)
	l.inARow.Store(0)
}

func (l *load) waitFor(t *testing.T, what string, is func(counts) bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c := counts{l.right.Load(), l.unavailable.Load(), l.inARow.Load()}
		if is(c) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("never: %s: %+v", what, c)
		}
	}
}
