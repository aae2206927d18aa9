//go:build unix

// Command proxybench measures what the gateway costs an application: requests per
// second through its proxy and through a bare httputil.ReverseProxy, and what a
// client with a right credential notices of a flood of wrong ones.
//
//	go run ./internal/proxybench
//
// All servers are in this process, and the store is a SQLite file. Turns are short
// and alternate, so that other work on the machine hits both sides: what counts are
// the ratios.
package main

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/gateway/proxy"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/sqlite"
	"github.com/sparekey-dev/sparekey/throttle"
)

func main() {
	onlyFlood := flag.Bool("flood", false, "measure only what a client notices of a flood")
	phases := flag.Int("phases", 15, "how many times, for two seconds each, the flood comes and goes")
	flag.Parse()
	if err := run(context.Background(), *onlyFlood, *phases); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, onlyFlood bool, phases int) error {
	dir, err := os.MkdirTemp("", "proxybench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, err := sqlite.Open(ctx, filepath.Join(dir, "bench.db"))
	if err != nil {
		return err
	}
	defer store.Close()
	authorization, err := seed(ctx, store)
	if err != nil {
		return err
	}
	application, err := serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"ok":true}`)) // a client that is gone needs no answer
	}))
	if err != nil {
		return err
	}
	limiter := throttle.New(throttle.Config{})
	svc := sparekey.New(store, store, limiter.Protect(sparekey.Config{}))
	guarded, err := serve(proxy.New(gateway.New(svc, gateway.Config{}), application, proxy.Config{
		Origin: clientip.FromForwardedFor(netip.MustParsePrefix("127.0.0.1/32")),
	}))
	if err != nil {
		return err
	}
	if onlyFlood {
		return floods(guarded, authorization, phases)
	}
	for _, than := range []struct {
		name string
		pool httputil.BufferPool
	}{
		{"bare ReverseProxy", nil}, // which makes a buffer for each answer
		{"ReverseProxy with a pool of buffers", proxy.BufferPool()},
	} {
		other, err := serve(&httputil.ReverseProxy{
			Rewrite:    func(pr *httputil.ProxyRequest) { pr.SetURL(application); pr.SetXForwarded() },
			ErrorLog:   log.New(io.Discard, "", 0), // wrk goes away in the middle of requests
			Transport:  proxy.Transport(),          // which keeps as many connections as there are clients, unlike the default
			BufferPool: than.pool,
		})
		if err != nil {
			return err
		}
		if err := compare(ctx, than.name, other, guarded, authorization); err != nil {
			return err
		}
	}
	return floods(guarded, authorization, phases)
}

// floods measures a flood from everywhere, and one from the good client's own address.
func floods(guarded *url.URL, authorization string, phases int) error {
	for _, addresses := range []int64{10_000, 1} {
		if err := flood(guarded, authorization, addresses, phases); err != nil {
			return err
		}
	}
	return nil
}

// seed makes a user with a credential that has 20 rules, and returns its header.
func seed(ctx context.Context, store *sqlite.Store) (authorization string, err error) {
	user, err := store.CreateUser(ctx, sparekey.User{Login: "ann", Email: "ann@example.org", Roles: []string{"editor"}}, "")
	if err != nil {
		return "", err
	}
	var rules []string
	for i := range 20 {
		rules = append(rules, fmt.Sprintf("GET,POST /wp-json/wp/v2/things%d/*/parts*", i))
	}
	scopes, err := scope.Parse(rules)
	if err != nil {
		return "", err
	}
	secret, now := sparekey.NewSecret(), time.Now().UTC().Truncate(time.Second)
	err = store.Insert(ctx, sparekey.Credential{
		UUID: "00000000-0000-4000-8000-000000000001", UserID: user.ID, Name: "bench", Hash: secret.Hash(),
		Created: now, LastUsed: now, LastIP: "127.0.0.1", Limits: sparekey.Limits{Scopes: scopes},
	}, nil)
	return basic("ann", secret.Reveal()), err
}

func basic(login, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(login+":"+secret))
}

// target is covered by the last of the rules.
const target = "/wp-json/wp/v2/things19/7/parts/3?context=edit"

func serve(h http.Handler) (*url.URL, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() { log.Fatal(http.Serve(l, h)) }()
	return &url.URL{Scheme: "http", Host: l.Addr().String()}, nil
}

func median[T ~float64 | ~int64](x []T) T {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}
