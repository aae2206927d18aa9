package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.SetBasicAuth(as.login, as.secret)
	r.Header.Set("X-Forwarded-For", addr)
	r.Header.Set("X-Forwarded-Proto", "https")
	return s.roundTrip(t, r)
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

// TestEntryPointsCountTogether fails at each entry point once, and is then turned
// away at all of them.
func TestEntryPointsCountTogether(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	application := httptest.NewServer(http.NotFoundHandler())
	defer application.Close()
	s := startServer(t, database, "--trusted-proxy=127.0.0.0/8", "--url=https://keys.example", "--upstream="+application.URL,
		"--throttle=on", "--throttle-per-login=4/1h")
	entries := map[string]func() *http.Request{
		"REST":         func() *http.Request { return httptest.NewRequest(http.MethodGet, mine, nil) },
		"proxy":        func() *http.Request { return httptest.NewRequest(http.MethodGet, "/posts", nil) },
		"forward-auth": func() *http.Request { return httptest.NewRequest(http.MethodGet, "/-/auth/traefik", nil) },
		"sign-in page": func() *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/sign-in", strings.NewReader("login=ann&password=wrong"))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return r
		},
	}
	for _, want := range []bool{false, true} {
		for name, request := range entries {
			r := request()
			if r.Method == http.MethodGet {
				r.SetBasicAuth("ann", "wrong")
			}
			for header, value := range map[string]string{
				"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "app.example",
				"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/posts",
			} {
				r.Header.Set(header, value)
			}
			if status := s.roundTrip(t, r).StatusCode; (status == http.StatusTooManyRequests) != want || !want && status != http.StatusUnauthorized && status != http.StatusForbidden {
				t.Errorf("%s: status %d, want to be turned away: %v", name, status, want)
			}
		}
	}
}

// roundTrip sends a request to the server, whatever host it is for.
func (s *server) roundTrip(t *testing.T, r *http.Request) *http.Response {
	t.Helper()
	r.URL.Scheme, r.URL.Host, r.RequestURI = "http", strings.TrimPrefix(s.url, "http://"), ""
	r.Host = "keys.example"
	res, err := http.DefaultTransport.RoundTrip(r.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res
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
