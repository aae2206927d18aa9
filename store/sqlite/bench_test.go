package sqlite_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// filled returns a store with 1,000 users, the first with so many credentials, and that user
// and one of these.
func filled(b *testing.B, credentials int) (*sqlite.Store, sparekey.User, sparekey.Credential, sparekey.Secret) {
	b.Helper()
	path := newPath(b)
	s := openStore(b, path)
	db := rawDatabase(b, path)
	execute(b, db, fmt.Sprintf(`
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 1000)
		INSERT INTO users (login, login_key, email, email_key, display_name, search, roles, password_hash)
		SELECT 'user'||i, 'user'||i, 'user'||i||'@example.com', 'user'||i||'@example.com', '', '', '["editor"]', '' FROM n;
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < %d)
		INSERT INTO credentials (uuid, user_id, app_id, name, search, hash, created, last_ip)
		SELECT hex(randomblob(16)), '1', '', 'app '||i, 'app '||i, '$generic$'||hex(randomblob(20)), 1, '' FROM n`, credentials))
	execute(b, db, `DELETE FROM credentials WHERE seq = 1`)
	secret := sparekey.NewSecret()
	c := sparekey.Credential{UUID: "the one", UserID: "1", Name: "app", Hash: secret.Hash()}
	insert(b, s, c)
	u, err := s.UserByID(b.Context(), "1")
	if err != nil {
		b.Fatal(err)
	}
	return s, u, c, secret
}

// sizes are how many credentials the user of a benchmark has.
var sizes = []int{1, 5000}

func BenchmarkFind(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s, _, c, _ := filled(b, size)
			for b.Loop() {
				if _, err := s.Find(b.Context(), c.UserID, c.Hash); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUserByLogin(b *testing.B) {
	s, _, _, _ := filled(b, 1)
	for name, login := range map[string]string{"login": "user1", "email": "user1@example.com", "unknown": "unknown"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.UserByLogin(b.Context(), login); err != nil && name != "unknown" {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkInsert(b *testing.B) {
	s := openStore(b, newPath(b))
	n := 0
	for b.Loop() {
		n++
		insert(b, s, newCredential("1", fmt.Sprint(n)))
	}
}

func BenchmarkVersion(b *testing.B) {
	s := openStore(b, newPath(b))
	for b.Loop() {
		if _, ok := s.Revision(); !ok {
			b.Fatal("Version cannot be told")
		}
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	for _, size := range sizes {
		s, u, _, secret := filled(b, size)
		svc := sparekey.New(s, s, sparekey.Config{})
		for name, tt := range map[string]struct {
			attempt sparekey.Attempt
			want    error
		}{
			"right":   {sparekey.Attempt{Login: u.Login, Secret: secret, Secure: true}, nil},
			"wrong":   {sparekey.Attempt{Login: u.Login, Secret: sparekey.NewSecret(), Secure: true}, sparekey.ErrUnauthenticated},
			"unknown": {sparekey.Attempt{Login: "unknown", Secret: secret, Secure: true}, sparekey.ErrUnauthenticated},
		} {
			b.Run(fmt.Sprint(size, "/", name), func(b *testing.B) {
				for b.Loop() {
					if _, err := svc.Authenticate(b.Context(), tt.attempt); !errors.Is(err, tt.want) {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
