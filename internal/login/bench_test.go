package login_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/passhash"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// BenchmarkFailure is a failed sign-in, from the request to the answer, for users with
// several formats and for an unknown one. All take the same time, a multiple of a
// quarter of a second.
func BenchmarkFailure(b *testing.B) {
	s := memory.New()
	hashes := map[string]string{
		"argon2id": passhash.Argon2id("x"), "phpass": passhash.Phpass("x"),
		"wpbcrypt": "$wp" + passhash.Dummy("$2y$10$"), "none": "",
	}
	names := []string{"unknown"}
	for name, hash := range hashes {
		if _, err := s.CreateUser(b.Context(), sparekey.User{Login: name}, hash); err != nil {
			b.Fatal(err)
		}
		names = append(names, name)
	}
	accounts := login.New(s, nil, time.Now)
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = accounts.Verify(b.Context(), name, "wrong")
			}
		})
	}
}

// BenchmarkSignInAmongStrangers is a sign-in from a known address while 300 others try
// passwords, each from another address, as fast as they are answered.
func BenchmarkSignInAmongStrangers(b *testing.B) {
	s := memory.New()
	accounts := login.New(s, nil, time.Now)
	if _, err := accounts.Create(b.Context(), ann()); err != nil {
		b.Fatal(err)
	}
	gate := login.NewGate(accounts, s, login.Cookie{}, nil, slog.New(slog.DiscardHandler))
	signIn := func(password string, from netip.Addr) (err error) {
		gate.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			err = gate.SignIn(r.Context(), "ann", password, from)
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
		return err
	}
	honest := netip.MustParseAddr("192.0.2.1")
	if err := signIn("correct horse", honest); err != nil {
		b.Fatal(err)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for n := range strangers {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(50 * time.Millisecond):
					_ = signIn("wrong", stranger(n))
				}
			}
		})
	}
	time.Sleep(time.Second) // until the queue is full
	for b.Loop() {
		if err := signIn("correct horse", honest); err != nil {
			b.Error(fmt.Errorf("the honest one: %w", err))
		}
	}
	close(stop)
	all.Wait()
}
