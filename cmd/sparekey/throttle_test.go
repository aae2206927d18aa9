package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/internal/testdb"
)

// knock asks for something with a credential, as a caller from an address that
// the trusted proxy names.
func (s *server) knock(t *testing.T, as account, addr, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(as.login, as.secret)
	r.Header.Set("X-Forwarded-For", addr)
	r.Header.Set("X-Forwarded-Proto", "https")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res
}

// wantStatus compares what knock is answered with.
func (s *server) wantStatus(t *testing.T, as account, addr string, want int) *http.Response {
	t.Helper()
	res := s.knock(t, as, addr, mine+"/introspect")
	if res.StatusCode != want {
		t.Errorf("%s from %s: status %d, want %d", as.login, addr, res.StatusCode, want)
	}
	return res
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--trusted-proxy=127.0.0.0/8", "--url=https://keys.example", "--throttle=on", "--throttle-per-login=3/1h")
	wrong := account{"ann", "wrong"}
	for range 3 {
		s.wantStatus(t, wrong, "192.0.2.1", http.StatusUnauthorized)
	}
	res := s.wantStatus(t, wrong, "192.0.2.1", http.StatusTooManyRequests)
	if wait, err := strconv.Atoi(res.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 1200 {
		t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
	}
	if got := res.Header.Get("WWW-Authenticate"); got != "" {
		t.Errorf("WWW-Authenticate %q", got)
	}
	s.wantStatus(t, ann, "192.0.2.1", http.StatusTooManyRequests)
	s.wantStatus(t, ann, "192.0.2.2", http.StatusOK)
	for range 4 { // behind ann's address
		s.knock(t, wrong, "192.0.2.2", mine)
	}
	s.wantStatus(t, wrong, "192.0.2.2", http.StatusTooManyRequests)
	s.wantStatus(t, ann, "192.0.2.2", http.StatusOK)
	if log := s.log.String(); strings.Count(log, "too many attempts fail") != 2 || strings.Contains(log, "reason=throttled") {
		t.Errorf("the log has a line for each who is turned away, or none:\n%s", log)
	}
}

// TestThrottleIsShared has two servers count in one Redis, which crashes and
// comes back.
func TestThrottleIsShared(t *testing.T) {
	t.Parallel()
	redis := testdb.StartRedis(t)
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	args := []string{"--trusted-proxy=127.0.0.0/8", "--url=https://keys.example", "--throttle=" + redis.URL, "--throttle-per-login=4/1h"}
	a, b := startServer(t, database, args...), startServer(t, database, args...)
	wrong := account{"ann", "wrong"}
	for range 2 {
		a.wantStatus(t, wrong, "192.0.2.1", http.StatusUnauthorized)
		b.wantStatus(t, wrong, "192.0.2.1", http.StatusUnauthorized)
	}
	a.wantStatus(t, wrong, "192.0.2.1", http.StatusTooManyRequests)
	b.wantStatus(t, wrong, "192.0.2.1", http.StatusTooManyRequests)
	redis.Kill()
	for range 4 { // each counts for itself
		b.wantStatus(t, wrong, "192.0.2.2", http.StatusUnauthorized)
	}
	b.wantStatus(t, wrong, "192.0.2.2", http.StatusTooManyRequests)
	b.wantStatus(t, ann, "192.0.2.3", http.StatusOK)
	if log := b.log.String(); strings.Count(log, "the shared throttle does not answer") != 1 {
		t.Errorf("the log is\n%s", log)
	}
	redis.Restart(t)
	for i := 0; !strings.Contains(b.log.String(), "answers again"); i++ {
		if i == 500 {
			t.Fatalf("the server does not go back to Redis:\n%s", b.log)
		}
		time.Sleep(10 * time.Millisecond)
		b.knock(t, account{"nobody", "x"}, fmt.Sprintf("198.51.%d.%d", i/250, i%250), "/wp-json/")
	}
}

// TestThrottleStartsWithoutRedis starts a server whose Redis is not there.
func TestThrottleStartsWithoutRedis(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--throttle=redis://user:hunter2@127.0.0.1:1/0")
	if ok, err := s.works(t.Context(), ann); !ok || err != nil {
		t.Errorf("works %v, %v", ok, err)
	}
	if log := s.log.String(); !strings.Contains(log, "does not answer") || strings.Contains(log, "hunter2") {
		t.Errorf("the log is\n%s", log)
	}
}
