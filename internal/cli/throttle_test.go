package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/internal/testdb"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// knock asks for something with a credential, as a caller from an address that
// the trusted proxy names.
func (s *serverProcess) knock(t *testing.T, as account, addr, path string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.SetBasicAuth(as.login, as.secret)
	r.Header.Set("X-Forwarded-For", addr)
	r.Header.Set("X-Forwarded-Proto", "https")
	return s.roundTrip(t, r)
}

// wantStatus compares what knock is answered with.
func (s *serverProcess) wantStatus(t *testing.T, as account, addr string, want int) *http.Response {
	t.Helper()
	res := s.knock(t, as, addr, mine+"/introspect")
	if res.StatusCode != want {
		t.Errorf("%s from %s: status %d, want %d", as.login, addr, res.StatusCode, want)
	}
	return res
}

// guesses makes each wrong secret another one.
var guesses atomic.Int64

// guess is a wrong application password of ann's that was not tried before.
func guess() account { return account{"ann", fmt.Sprint("wrong", guesses.Add(1))} }

func TestThrottle(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	s := startServer(t, database, "--trusted-proxy=127.0.0.0/8", "--url=https://keys.example", "--throttle=on", "--throttle-per-login=3/1h")
	for range 3 {
		s.wantStatus(t, guess(), "192.0.2.1", http.StatusUnauthorized)
	}
	res := s.wantStatus(t, guess(), "192.0.2.1", http.StatusTooManyRequests)
	if wait, err := strconv.Atoi(res.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 1200 {
		t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
	}
	if got := res.Header.Get("WWW-Authenticate"); got != "" {
		t.Errorf("WWW-Authenticate %q", got)
	}
	s.wantStatus(t, ann, "192.0.2.1", http.StatusOK) // what is right always passes
	s.wantStatus(t, ann, "192.0.2.2", http.StatusOK)
	for range 4 { // behind ann's address
		s.knock(t, guess(), "192.0.2.2", mine)
	}
	s.wantStatus(t, guess(), "192.0.2.2", http.StatusTooManyRequests)
	s.wantStatus(t, ann, "192.0.2.2", http.StatusOK)
	if log := s.log.String(); strings.Count(log, "too many attempts fail") != 2 || strings.Contains(log, "reason=throttled") {
		t.Errorf("the log has a line for each that is throttled, or none:\n%s", log)
	}
}

// TestEntryPointsCountTogether fails at each entry point for application passwords once, and is then
// throttled at all of them. The sign-in page has counts of its own.
func TestEntryPointsCountTogether(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	application := httptest.NewServer(http.NotFoundHandler())
	defer application.Close()
	s := startServer(t, database, "--trusted-proxy=127.0.0.0/8", "--url=https://keys.example", "--upstream="+application.URL,
		"--throttle=on", "--throttle-per-login=3/1h")
	status := func(r *http.Request) int {
		if r.Method == http.MethodGet {
			as := guess()
			r.SetBasicAuth(as.login, as.secret)
		}
		for header, value := range map[string]string{
			"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "app.example",
			"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/posts",
		} {
			r.Header.Set(header, value)
		}
		return s.roundTrip(t, r).StatusCode
	}
	signIn := func() int {
		r := httptest.NewRequest(http.MethodPost, "/sign-in", strings.NewReader("login=ann&password="+guess().secret))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return status(r)
	}
	for _, want := range []int{http.StatusUnauthorized, http.StatusTooManyRequests} {
		for name, target := range map[string]string{"REST": mine, "proxy": "/posts", "forward-auth": "/-/auth/traefik"} {
			if got := status(httptest.NewRequest(http.MethodGet, target, nil)); got != want {
				t.Errorf("%s: status %d, want %d", name, got, want)
			}
		}
	}
	for i := range 4 {
		if got := signIn(); (got == http.StatusTooManyRequests) != (i == 3) {
			t.Errorf("sign-in %d: status %d", i, got)
		}
	}
}

// TestRightBesideRevoked has a device with a revoked password and one with a right one ask from the
// same address, over a restart of the server, while others there guess.
func TestRightBesideRevoked(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	revoked := account{"ann", mustCLI(t, database, "user", "application-password", "create", "ann", "tablet", "--porcelain")}
	args := []string{"--trusted-proxy=127.0.0.0/8", "--url=https://keys.example", "--throttle=on", "--throttle-per-login=3/1h", "--throttle-per-address=5/1h"}
	s := startServer(t, database, args...)
	s.wantStatus(t, revoked, "192.0.2.1", http.StatusOK)
	tablet := mustCLI(t, database, "user", "application-password", "list", "ann", "--name=tablet", "--field=uuid")
	mustCLI(t, database, "user", "application-password", "delete", "ann", tablet)
	for run := range 2 {
		for range 50 {
			s.wantStatus(t, revoked, "192.0.2.1", http.StatusUnauthorized) // one guess, however often
			s.wantStatus(t, ann, "192.0.2.1", http.StatusOK)
		}
		for range 10 {
			s.knock(t, guess(), "192.0.2.1", mine)
		}
		s.wantStatus(t, revoked, "192.0.2.1", http.StatusTooManyRequests)
		s.wantStatus(t, ann, "192.0.2.1", http.StatusOK)
		if err := s.stop(); err != nil {
			t.Fatalf("run %d: %v", run, err)
		}
		if n := sightings(t, database); n != 2 { // the network, and ann's login there
			t.Errorf("run %d: %d sightings are kept", run, n)
		}
		s = startServer(t, database, args...)
	}
	s.wantStatus(t, ann, "192.0.2.1", http.StatusOK)
}

// sightings is how many the database has of what was right from where.
func sightings(t *testing.T, database string) int {
	t.Helper()
	store, err := sqlite.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	_, seen, err := store.LoadSightings(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(seen)
}

// TestFloodRefusesNothingRight floods the server with wrong credentials, from one address and from
// many, while right ones come from the same ones and from another.
func TestFloodRefusesNothingRight(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	fresh := make([]account, 10)
	for i := range fresh {
		fresh[i] = account{"ann", mustCLI(t, database, "user", "application-password", "create", "ann", fmt.Sprint("fresh", i), "--porcelain")}
	}
	s := startServer(t, database, "--trusted-proxy=127.0.0.0/8", "--url=https://keys.example", "--throttle=on")
	var refused, throttled, right atomic.Int64
	enough := func() bool {
		return refused.Load() >= 100 && throttled.Load() >= 100 && right.Load() >= 10 || t.Failed()
	}
	var flood sync.WaitGroup
	for part := range 4 {
		flood.Go(func() {
			for i := 0; !enough(); i++ {
				addr := "192.0.2.1"
				if part%2 == 0 {
					addr = fmt.Sprintf("198.18.%d.%d", i>>8&0xff, i&0xff)
				}
				switch res := s.knock(t, guess(), addr, mine); res.StatusCode {
				case http.StatusUnauthorized:
					refused.Add(1)
				case http.StatusTooManyRequests:
					throttled.Add(1)
				default:
					t.Errorf("a wrong credential: status %d", res.StatusCode)
				}
			}
		})
	}
	defer flood.Wait()
	for i := 0; !enough(); i++ {
		s.wantStatus(t, ann, "192.0.2.1", http.StatusOK)
		s.wantStatus(t, fresh[i%len(fresh)], fmt.Sprintf("198.18.0.%d", i&0xff), http.StatusOK)
		s.wantStatus(t, ann, "203.0.113.1", http.StatusOK)
		right.Add(1)
	}
}

// TestThrottleCommands shows and clears what a running server throttles.
func TestThrottleCommands(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	newAccount(t, database)
	if out, err := cli(t.Context(), database, "throttle", "list"); err == nil || !strings.Contains(err.Error(), "no server answered") {
		t.Errorf("without a server: %s, %v", out, err)
	}
	s := startServer(t, database, "--trusted-proxy=127.0.0.0/8", "--url=https://keys.example", "--throttle=on", "--throttle-per-login=3/1h")
	fail := func() {
		for range 4 {
			s.knock(t, guess(), "192.0.2.1", mine)
			s.knock(t, account{"correct horse", guess().secret}, "2001:db8::1", mine)
		}
	}
	list := func() string {
		return mustCLI(t, database, "throttle", "list", "--format=csv", "--fields=kind,address,user")
	}
	const head, ann, unknown = "kind,address,user\n", "application password,192.0.2.1,ann", "application password,2001:db8::/64,(unknown)"
	fail()
	if got := list(); got != head+ann+"\n"+unknown && got != head+unknown+"\n"+ann {
		t.Errorf("throttled are %s", got)
	}
	for _, c := range []struct{ flag, left string }{
		{"--user=ann@example.com", "\n" + unknown},
		{"--address=2001:db8::7", "\n" + ann},
		{"--all", ""},
	} {
		fail()
		if got := mustCLI(t, database, "throttle", "clear", c.flag); !strings.Contains(got, "answered: 1.") {
			t.Errorf("clear %s: %s", c.flag, got)
		}
		if got := list(); got != strings.TrimSpace(head+strings.TrimSpace(c.left)) {
			t.Errorf("after clear %s, throttled are %s", c.flag, got)
		}
	}
	s.wantStatus(t, guess(), "192.0.2.1", http.StatusUnauthorized)
	for _, args := range [][]string{{"clear"}, {"clear", "--all", "--user=ann"}, {"clear", "--address=here"}, {"clear", "--user=eve"}} {
		if out, err := cli(t.Context(), database, append([]string{"throttle"}, args...)...); err == nil {
			t.Errorf("%q: %s", args, out)
		}
	}
	if _, err := cli(t.Context(), "memory:", "throttle", "list"); err == nil || !strings.Contains(err.Error(), "shares") {
		t.Errorf("in memory: %v", err)
	}
}

// roundTrip sends a request to the server, whatever host it is for.
func (s *serverProcess) roundTrip(t *testing.T, r *http.Request) *http.Response {
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
	for range 2 {
		a.wantStatus(t, guess(), "192.0.2.1", http.StatusUnauthorized)
		b.wantStatus(t, guess(), "192.0.2.1", http.StatusUnauthorized)
	}
	a.wantStatus(t, guess(), "192.0.2.1", http.StatusTooManyRequests)
	b.wantStatus(t, guess(), "192.0.2.1", http.StatusTooManyRequests)
	redis.Kill()
	for range 4 { // each counts for itself
		b.wantStatus(t, guess(), "192.0.2.2", http.StatusUnauthorized)
	}
	b.wantStatus(t, guess(), "192.0.2.2", http.StatusTooManyRequests)
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
		b.knock(t, account{"eve", "x"}, fmt.Sprintf("198.51.%d.%d", i/250, i%250), "/wp-json/")
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
