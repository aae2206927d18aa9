//go:build unix

// Command guardbench measures what the guard costs: it serves an empty handler
// with and without it, from one process, on a SQLite file of 10,000 users with
// 100,000 credentials, and has wrk send the same requests to both in turn.
//
//	go run ./internal/guardbench
//
// The machine's speed cancels out in the ratio of two turns that follow one
// another. Turns are short and many, because other work on the machine comes and
// goes: what counts is the median of the ratios, and how sure that is.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

const (
	users       = 10_000
	perUser     = 10
	rounds      = 40   // each with a turn for both
	duration    = "1s" // wrk knows whole seconds only
	connections = "16"
)

// rotate has wrk send the next line of a file as the credential of each request, starting at
// the line BEGIN. It builds the requests beforehand, since wrk shares the processors with the
// server.
const rotate = `
local requests, n = {}, tonumber(os.getenv("BEGIN"))
for line in io.lines(os.getenv("CREDENTIALS")) do
  requests[#requests + 1] = "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: " .. line .. "\r\n\r\n"
end
local all = #requests
function request()
  n = n % all + 1
  return requests[n]
end
`

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return errors.New("wrk is needed: apt-get install wrk")
	}
	dir, err := os.MkdirTemp("", "guardbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, err := sqlite.Open(ctx, filepath.Join(dir, "bench.db"))
	if err != nil {
		return err
	}
	defer store.Close()
	headers, err := seed(ctx, store)
	if err != nil {
		return err
	}
	credentials := filepath.Join(dir, "credentials")
	if err := os.WriteFile(credentials, []byte(strings.Join(headers, "\n")), 0o600); err != nil {
		return err
	}
	script := filepath.Join(dir, "rotate.lua")
	if err := os.WriteFile(script, []byte(rotate), 0o600); err != nil {
		return err
	}

	empty := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	svc := sparekey.New(store, store, sparekey.Config{})
	bare, err := serve(empty)
	if err != nil {
		return err
	}
	guarded, err := serve(basicauth.New(svc, basicauth.Config{}).Require(empty))
	if err != nil {
		return err
	}
	before := heap()
	if err := use(ctx, svc, headers); err != nil {
		return err
	}
	fmt.Printf("memory held for 100,000 credentials that were used: %.0f MB\n", float64(heap()-before)/1e6)
	for _, m := range []struct {
		name string
		args []string
	}{
		{"one credential", []string{"-H", "Authorization: " + headers[0]}},
		{"100,000 credentials in turn", []string{"-s", script}},
	} {
		if err := compare(ctx, m.name, bare, guarded, credentials, m.args); err != nil {
			return err
		}
	}
	return nil
}

// use authenticates with each credential once, so that the service knows them.
func use(ctx context.Context, svc *sparekey.Service, headers []string) error {
	for _, header := range headers {
		login, secret, _, err := basicauth.Parse(header)
		if err != nil {
			return err
		}
		if _, err := svc.Authenticate(ctx, sparekey.Attempt{Login: login, Secret: secret, Secure: true}); err != nil {
			return err
		}
	}
	return nil
}

// compare prints the requests per second of both servers, their processor time for
// a request, and the ratios of turns that followed one another.
func compare(ctx context.Context, name, bare, guarded, credentials string, args []string) error {
	var without, with []turn
	for round := range rounds + 1 {
		begin := rand.IntN(users * perUser)
		first, second := bare, guarded
		if round%2 == 1 { // the machine may be in another state for the first one
			first, second = second, first
		}
		a, err := wrk(ctx, first, credentials, begin, args)
		if err != nil {
			return err
		}
		b, err := wrk(ctx, second, credentials, begin, args)
		if err != nil {
			return err
		}
		if round%2 == 1 {
			a, b = b, a
		}
		if round > 0 { // the first warms up
			without, with = append(without, a), append(with, b)
		}
	}
	rate := func(t turn) float64 { return t.perSecond }
	work := func(t turn) float64 { return t.processor }
	fmt.Printf("%s\n  requests/s    empty handler %6.0f   guarded %6.0f   ratio %s\n", name,
		median(each(without, rate)), median(each(with, rate)), spread(ratios(with, without, rate)))
	fmt.Printf("  processor ns  empty handler %6.0f   guarded %6.0f   ratio %s\n",
		median(each(without, work)), median(each(with, work)), spread(ratios(without, with, work)))
	return nil
}

// turn is what one run of wrk found.
type turn struct {
	perSecond float64
	processor float64 // nanoseconds of this process for each request
}

func each(turns []turn, of func(turn) float64) (x []float64) {
	for _, t := range turns {
		x = append(x, of(t))
	}
	return x
}

func ratios(above, below []turn, of func(turn) float64) (x []float64) {
	for i := range above {
		x = append(x, of(above[i])/of(below[i]))
	}
	return x
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// spread says where the median of x is, between which two it is with a confidence
// of 95 % (of which only the order of x is assumed to be by chance), and what the
// extremes are.
func spread(x []float64) string {
	x = slices.Sorted(slices.Values(x))
	n := float64(len(x))
	low := max(0, int(math.Floor(n/2-0.98*math.Sqrt(n)))-1)
	return fmt.Sprintf("%.3f (95 %% sure: %.3f to %.3f; all: %.3f to %.3f)",
		median(x), x[low], x[len(x)-1-low], x[0], x[len(x)-1])
}

var (
	result = regexp.MustCompile(`(\d+) requests in [^$]*Requests/sec:\s+([\d.]+)`)
	notOK  = regexp.MustCompile(`Non-2xx[^\n]*|Socket errors[^\n]*`)
)

func wrk(ctx context.Context, url, credentials string, begin int, args []string) (turn, error) {
	cmd := exec.CommandContext(ctx, "wrk", append([]string{"-t", "1", "-c", connections, "-d", duration, url}, args...)...)
	cmd.Env = append(os.Environ(), "CREDENTIALS="+credentials, fmt.Sprint("BEGIN=", begin))
	before := processorTime()
	out, err := cmd.CombinedOutput()
	after := processorTime()
	if err != nil {
		return turn{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	m := result.FindSubmatch(out)
	if m == nil || notOK.Match(out) {
		return turn{}, fmt.Errorf("wrk: %s", out)
	}
	requests, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		return turn{}, err
	}
	perSecond, err := strconv.ParseFloat(string(m[2]), 64)
	return turn{perSecond, float64(after-before) / requests}, err
}

// processorTime is how long this process has worked, wrk not included.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // only ever: the argument is wrong
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func serve(h http.Handler) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { log.Fatal(http.Serve(l, h)) }()
	return "http://" + l.Addr().String() + "/", nil
}

// seed fills the store with credentials that were used just now, so that nothing
// is written while it is measured, and returns their Authorization headers, in no
// order.
func seed(ctx context.Context, store *sqlite.Store) (headers []string, err error) {
	now := time.Now().UTC().Truncate(time.Second)
	for u := range users {
		login := fmt.Sprintf("user%d", u)
		user, err := store.CreateUser(ctx, sparekey.User{Login: login, Email: login + "@example.com"}, "")
		if err != nil {
			return nil, err
		}
		for n := range perUser {
			secret := sparekey.NewSecret()
			err := store.Insert(ctx, sparekey.Credential{
				UUID: fmt.Sprintf("%08x-0000-4000-8000-%012x", u, n), UserID: user.ID, Name: fmt.Sprintf("app %d", n),
				Hash: secret.Hash(), Created: now, LastUsed: now, LastIP: "127.0.0.1",
			}, nil)
			if err != nil {
				return nil, err
			}
			headers = append(headers, "Basic "+base64.StdEncoding.EncodeToString([]byte(login+":"+secret.Reveal())))
		}
	}
	rand.Shuffle(len(headers), func(i, j int) { headers[i], headers[j] = headers[j], headers[i] })
	return headers, nil
}

// heap is how many bytes are in use once the garbage is collected.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
