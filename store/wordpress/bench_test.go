package wordpress_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/phpserial"
	"github.com/sparekey-dev/sparekey/store/wordpress"
)

// filled returns a site with a user who has so many application passwords, and the
// secret of the last.
func filled(b *testing.B, n int) (*site, sparekey.Secret) {
	b.Helper()
	w := newServer(b).newSite(b, singleSite)
	w.exec(users)
	secret := sparekey.NewSecret()
	pairs := make([]phpserial.Pair, n)
	for i := range pairs {
		v := record(fmt.Sprintf("00000000-0000-4000-8000-%012d", i), fmt.Sprint("app ", i))
		if i == n-1 {
			v = v.With("password", phpserial.NewString(secret.Hash()))
		}
		v = v.With("last_used", phpserial.NewInt(4102444800)).With("last_ip", phpserial.NewString("127.0.0.1"))
		pairs[i] = phpserial.Pair{Key: phpserial.NewInt(int64(i)), Value: v}
	}
	w.setRow("2", phpserial.NewArray(pairs...).Encoding())
	return w, secret
}

func BenchmarkAuthenticate(b *testing.B) {
	for _, n := range []int{1, 100, 5000} {
		w, secret := filled(b, n)
		s := w.open(wordpress.Config{})
		service := sparekey.New(s, s, sparekey.Config{})
		for _, tt := range []struct {
			name   string
			login  string
			secret sparekey.Secret
			want   error
		}{
			{"right", "other", secret, nil},
			{"wrong", "other", sparekey.NewSecret(), sparekey.ErrUnauthenticated},
			{"unknown", "unknown", secret, sparekey.ErrUnauthenticated},
		} {
			b.Run(fmt.Sprint(n, "/", tt.name), func(b *testing.B) {
				for b.Loop() {
					a := sparekey.Attempt{Login: tt.login, Secret: tt.secret, Secure: true}
					if _, err := service.Authenticate(b.Context(), a); !errors.Is(err, tt.want) {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkFindAfterAChange has WordPress change the row before each look-up.
func BenchmarkFindAfterAChange(b *testing.B) {
	for _, n := range []int{1, 100, 5000} {
		w, secret := filled(b, n)
		s := w.open(wordpress.Config{})
		states := []string{w.row("2"), strings.Replace(w.row("2"), "app 0", "App 0", 1)}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				w.setRow("2", states[i%2])
				b.StartTimer()
				if _, err := s.Find(b.Context(), "2", secret.Hash()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
