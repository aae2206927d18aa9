//go:build unix

package gateway_test

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// BenchmarkDecide compares a credential with 20 rules, of which the last fits, to
// one with none. It tells the processor's time as well, which is the same while
// others use the machine.
func BenchmarkDecide(b *testing.B) {
	rules := make([]string, 20)
	for i := range rules {
		rules[i] = fmt.Sprintf("GET,POST /wp-json/wp/v2/things%d/*/parts*", i)
	}
	twenty, err := scope.Parse(rules)
	if err != nil {
		b.Fatal(err)
	}
	for name, scopes := range map[string]scope.List{"unlimited": "", "20 rules": twenty} {
		b.Run(name, func(b *testing.B) {
			store := memory.New()
			user, err := store.CreateUser(b.Context(), sparekey.User{Login: "ann", Roles: []string{"editor"}}, "")
			if err != nil {
				b.Fatal(err)
			}
			svc := sparekey.New(store, store, sparekey.Config{})
			secret, _, err := svc.AsOperator().Create(b.Context(), user.ID, sparekey.NewCredential{
				Name: "Script", Limits: sparekey.Limits{Scopes: scopes, Networks: "10.0.0.0/8 127.0.0.0/8", Expires: time.Now().Add(time.Hour)},
			})
			if err != nil {
				b.Fatal(err)
			}
			g := gateway.New(svc, gateway.Config{})
			r := request(http.MethodGet, "/wp-json/wp/v2/things19/7/parts/3?context=edit&page=2", "Accept", "*/*", "User-Agent", "bench", "Content-Type", "application/json")
			r.SetBasicAuth("ann", secret.Reveal())
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				if d := g.Decide(r, loopback); d.Outcome != gateway.Allowed {
					b.Fatal(d.Err)
				}
			}
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// processorTime is how long this process has kept processors busy.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
