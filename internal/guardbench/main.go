// Command guardbench measures what the guard costs: it serves an empty handler
// with and without it, from one process, on a SQLite file of 10,000 users with
// 100,000 credentials, and has wrk send requests to both in turn.
//
//	go run ./internal/guardbench
//
// The machine's speed cancels out in the ratio of the two, which is what counts.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
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
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

const (
	users       = 10_000
	perUser     = 10
	rounds      = 9
	duration    = "3s"
	connections = "16"
)

// rotate has wrk send the next line of a file as the credential of each request.
const rotate = `
local headers, n = {}, 0
for line in io.lines(os.getenv("CREDENTIALS")) do headers[#headers + 1] = line end
function request()
  n = n % #headers + 1
  return "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: " .. headers[n] .. "\r\n\r\n"
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
	if err := os.WriteFile(credentials, headers, 0o600); err != nil {
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
	first, _, _ := strings.Cut(string(headers), "\n")
	before := heap()
	for _, m := range []struct {
		name string
		args []string
	}{
		{"one credential", []string{"-H", "Authorization: " + first}},
		{"100,000 credentials in turn", []string{"-s", script}},
	} {
		if err := compare(ctx, m.name, bare, guarded, credentials, m.args); err != nil {
			return err
		}
	}
	fmt.Printf("memory held for 100,000 credentials that were used: %.0f MB\n", float64(heap()-before)/1e6)
	return nil
}

// compare prints the requests per second of both servers, the medians of rounds
// that take turns, and their ratio.
func compare(ctx context.Context, name, bare, guarded, credentials string, args []string) error {
	var ratios, without, with []float64
	for round := range rounds + 1 {
		a, err := wrk(ctx, bare, credentials, args)
		if err != nil {
			return err
		}
		b, err := wrk(ctx, guarded, credentials, args)
		if err != nil {
			return err
		}
		if round == 0 { // warms up both, and the memory of the guard
			continue
		}
		without, with, ratios = append(without, a), append(with, b), append(ratios, b/a)
	}
	fmt.Printf("%-30s empty handler %.0f/s, guarded %.0f/s, ratio median %.3f (%.3f to %.3f)\n",
		name, median(without), median(with), median(ratios), slices.Min(ratios), slices.Max(ratios))
	return nil
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

var (
	perSecond = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	notOK     = regexp.MustCompile(`Non-2xx[^\n]*|Socket errors[^\n]*`)
)

func wrk(ctx context.Context, url, credentials string, args []string) (float64, error) {
	cmd := exec.CommandContext(ctx, "wrk", append([]string{"-t", "1", "-c", connections, "-d", duration, url}, args...)...)
	cmd.Env = append(os.Environ(), "CREDENTIALS="+credentials)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w: %s", err, out)
	}
	m := perSecond.FindSubmatch(out)
	if m == nil || notOK.Match(out) {
		return 0, fmt.Errorf("wrk: %s", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

func serve(h http.Handler) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { log.Fatal(http.Serve(l, h)) }() //nolint:gosec // on loopback, for the time of a benchmark
	return "http://" + l.Addr().String() + "/", nil
}

// seed fills the store with credentials that were used just now, so that nothing
// is written while it is measured, and returns their Authorization headers, a
// line each.
func seed(ctx context.Context, store *sqlite.Store) (headers []byte, err error) {
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
			headers = fmt.Appendf(headers, "Basic %s\n", base64.StdEncoding.EncodeToString([]byte(login+":"+secret.Reveal())))
		}
	}
	return headers, nil
}

// heap is how many bytes are in use once the garbage is collected.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
