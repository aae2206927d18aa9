package login_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/passhash"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

// work is which hashes were computed, by cost. It leaves out what takes no time.
type work struct {
	mu    sync.Mutex
	costs []string
}

func (w *work) watch(hash, _ string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if cost := passhash.Cost(hash); cost != "" {
		w.costs = append(w.costs, cost)
	}
}

// taken returns the costs since the last call, in no order of their own.
func (w *work) taken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	costs := w.costs
	w.costs = nil
	slices.Sort(costs)
	return costs
}

// storedHashes are main passwords in every format, some with little work.
func storedHashes() map[string]string {
	return map[string]string{
		"argon2id":     passhash.Argon2id("x"),
		"oldargon2id":  passhash.Dummy("$argon2id$m=64,t=1,p=1"),
		"bcrypt":       passhash.Dummy("$2y$04$"),
		"wpbcrypt":     "$wp" + passhash.Dummy("$2y$04$"),
		"costlybcrypt": passhash.Dummy("$2y$05$"),
		"phpass":       passhash.Phpass("x"),
		"md5crypt":     passhash.Dummy("$1$"),
		"shacrypt":     passhash.Dummy("$5$rounds=1000$"),
		"md5":          "9dd4e461268c8034f5c8564e155c67a6",
		"generic":      passhash.Generic("x"),
		"none":         "",
		"disabled":     "*",
		"malformed":    strings.Repeat("!", 60),
		"impossible":   "$2y$31$" + strings.Repeat("a", 21) + "." + strings.Repeat("a", 31),
	}
}

// withHashes returns a store with a user for each format, whose login is the format's name.
func withHashes(t *testing.T, s store) map[string]string {
	t.Helper()
	all := storedHashes()
	for name, hash := range all {
		if _, err := s.CreateUser(t.Context(), sparekey.User{Login: name, Email: name + "@example.com"}, hash); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestFailuresAreTheSameWork has sign-ins fail for users with hashes in every format, without
// a hash and with one that cannot be checked, and for unknown users. The same hashes are
// computed for all of them.
func TestFailuresAreTheSameWork(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		password string
		hashes   int
	}{
		"plain":            {"wrong", 7},
		"empty":            {"", 7},
		"blanks around":    {" wrong\t", 14}, // with and without them, as WordPress does
		"longest":          {strings.Repeat("x", 4096), 7},
		"too long":         {strings.Repeat("x", 4097), 0},
		"NUL":              {"wro\x00ng", 14},
		"NUL around":       {"wrong\x00", 21},
		"quotes":           {`wro'ng "`, 14}, // and with backslashes, as WordPress does
		"backslash":        {`wro\ng`, 14},
		"all of it":        {` wro'ng\`, 14 + 7},
		"longest, slashed": {strings.Repeat("'", 4096), 14},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // in which nothing takes time
				s := memory.New()
				names := withHashes(t, s)
				accounts := login.New(s, nil, time.Now)
				var w work
				login.Count(accounts, w.watch)
				fails := func(name string) []string {
					if _, err := accounts.Verify(t.Context(), name, want.password); !errors.Is(err, sparekey.ErrUnauthenticated) {
						t.Errorf("sign in as %q: %v", name, err)
					}
					return w.taken()
				}
				unknown := fails("unknown")
				if len(unknown) != want.hashes {
					t.Errorf("a failure for an unknown login computes %q, want %d hashes", unknown, want.hashes)
				}
				logins := []string{"", "unknown@example.com", "ANOTHER", "bcrypt@example.com", "Phpass@Example.com", "none@example.com"}
				for name := range names {
					logins = append(logins, name, strings.ToUpper(name)+" ")
				}
				for _, name := range logins {
					if got := fails(name); !slices.Equal(got, unknown) {
						t.Errorf("a failure for %q computes %q, want %q", name, got, unknown)
					}
				}
			})
		})
	}
}

// onlyStore is a store of accounts without any further ability, as WordPress's cannot
// have its passwords rehashed.
type onlyStore struct{ login.Store }

// TestFormatsAreLearned has a store that cannot say which formats it has: those that
// were met are the work of all failures from then on.
func TestFormatsAreLearned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		withHashes(t, s)
		accounts := login.New(onlyStore{s}, nil, time.Now)
		var w work
		login.Count(accounts, w.watch)
		for _, name := range []string{"bcrypt", "phpass", "md5crypt"} {
			_, _ = accounts.Verify(t.Context(), name, "wrong")
		}
		w.taken()
		for _, name := range []string{"bcrypt", "phpass", "md5crypt", "argon2id", "md5", "unknown"} {
			_, _ = accounts.Verify(t.Context(), name, "wrong")
			if got := w.taken(); !slices.Equal(got, []string{"$1$", "$2y$04$", "$P$B", passhash.NewCost}) {
				t.Errorf("a failure for %s computes %q", name, got)
			}
		}
	})
}

// TestFormatsFollowTheStore has users change their formats: an hour later, failures no
// longer do the work of the old one.
func TestFormatsFollowTheStore(t *testing.T) {
	t.Parallel()
	s, now := memory.New(), time.Now()
	u, err := s.CreateUser(t.Context(), sparekey.User{Login: "ann"}, passhash.Phpass("right"))
	if err != nil {
		t.Fatal(err)
	}
	accounts := login.New(s, nil, func() time.Time { return now })
	var w work
	login.Watch(accounts, w.watch)
	fails := func(want ...string) {
		t.Helper()
		_, _ = accounts.Verify(t.Context(), "unknown", "wrong")
		if got := w.taken(); !slices.Equal(got, want) {
			t.Errorf("a failure computes %q, want %q", got, want)
		}
	}
	fails("$P$B")
	if _, err := accounts.Verify(t.Context(), "ann", "right"); err != nil {
		t.Fatal(err)
	}
	w.taken()
	fails("$P$B")
	now = now.Add(time.Hour)
	fails(passhash.NewCost)
	if err := s.SetPasswordHash(t.Context(), u.ID, ""); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	fails(passhash.NewCost) // of a store without passwords
}

// unevenStore takes longer for users that it knows.
type unevenStore struct{ *memory.Store }

func (s unevenStore) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	u, err := s.Store.UserByLogin(ctx, login)
	time.Sleep(10 * time.Millisecond)
	if err == nil {
		time.Sleep(120 * time.Millisecond)
	}
	return u, err
}

// TestFailuresAreAnsweredAtTheSameInstant has failures in a bubble, where only waiting
// takes time, in which a store takes longer for known users. No slot is held meanwhile.
func TestFailuresAreAnsweredAtTheSameInstant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		withHashes(t, s)
		accounts := login.New(unevenStore{s}, nil, time.Now)
		for _, password := range []string{"wrong", " wrong ", strings.Repeat("x", 5000)} {
			for _, name := range []string{"unknown", "phpass", "wpbcrypt", "none", "md5", "bcrypt@example.com"} {
				began, done := time.Now(), make(chan error)
				go func() {
					_, err := accounts.Verify(t.Context(), name, password)
					done <- err
				}()
				time.Sleep(login.AnswerEvery - time.Millisecond)
				if !login.Free(accounts) {
					t.Errorf("%s: a slot is held while the answer waits", name)
				}
				if err := <-done; !errors.Is(err, sparekey.ErrUnauthenticated) || time.Since(began) != login.AnswerEvery {
					t.Errorf("%s: %v after %v", name, err, time.Since(began))
				}
			}
		}
		// The server does not wait for a client that has left.
		ctx, cancel := context.WithTimeout(t.Context(), login.AnswerEvery/5)
		defer cancel()
		began := time.Now()
		if _, err := accounts.Verify(ctx, "unknown", "wrong"); !errors.Is(err, sparekey.ErrUnauthenticated) || time.Since(began) != login.AnswerEvery/5 {
			t.Errorf("a client that has gone: %v after %v", err, time.Since(began))
		}
	})
}

// importedHouse is a house whose ann has a password in a format of other programs.
func importedHouse(t *testing.T, s store, hash string) *house {
	t.Helper()
	h := newHouse(t, s, false)
	if err := s.SetPasswordHash(t.Context(), h.ann.ID, hash); err != nil {
		t.Fatal(err)
	}
	return h
}

func storedHash(t *testing.T, s login.Store, id string) string {
	t.Helper()
	hash, err := s.PasswordHash(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// TestPasswordsAreStoredAnew signs in with passwords in other formats and with weaker
// settings. They are argon2id then, the sessions stay, and it is not on record as a
// change of the password.
func TestPasswordsAreStoredAnew(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hash     string
		password string
	}{
		"phpass":   {passhash.Phpass("correct horse"), "correct horse"},
		"MD5":      {"3cb4e732631f47e6eb961f34554b7cde", "correct horse"},
		"argon2id": {argon2idOf("correct horse"), "correct horse"},
		"bcrypt":   {bcryptOf(t, "correct horse"), "correct horse"},
		"blanks":   {passhash.Phpass("correct horse"), " correct horse\n"},
		"quotes":   {passhash.Phpass(`it\'s \"correct\" \\ horse`), `it's "correct" \ horse`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEveryStore(t, func(t *testing.T, s store) {
				h := importedHouse(t, s, c.hash)
				in := "/in?login=ann&from=192.0.2.1&password=" + url.QueryEscape(c.password)
				first, second := h.browser(t), h.browser(t)
				first.want(in, "ok")
				anew := storedHash(t, s, h.ann.ID)
				if passhash.NeedsRehash(anew) || passhash.Cost(anew) != passhash.NewCost {
					t.Errorf("stored is %q", anew)
				}
				first.want("/who", annHere)
				second.want(in, "ok")
				first.want("/who", annHere)
				if again := storedHash(t, s, h.ann.ID); again != anew {
					t.Error("a hash that is good enough was replaced")
				}
				if err := h.log.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, r := range recordsOf(t, s) {
					if r.Kind == audit.KindPasswordReset {
						t.Errorf("on record as a change: %+v", r)
					}
				}
			})
		})
	}
}

// TestPasswordsThatWordPressSlashed has passwords that were typed into WordPress's pages,
// which hash them as PHP's addslashes and trim leave them, in every format.
func TestPasswordsThatWordPressSlashed(t *testing.T) {
	t.Parallel()
	md5Of := func(text string) string {
		sum := md5.Sum([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	wpOf := func(text string) string {
		mac := hmac.New(sha512.New384, []byte("wp-sha384"))
		mac.Write([]byte(text))
		return "$wp" + bcryptOf(t, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	for format, hash := range map[string]func(string) string{
		"phpass": passhash.Phpass, "MD5": md5Of, "bcrypt": func(text string) string { return bcryptOf(t, text) }, "wp": wpOf, "argon2id": argon2idOf,
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { signInSlashed(t, format, hash) }) // in which failures take no time
		})
	}
}

func signInSlashed(t *testing.T, format string, hash func(string) string) {
	t.Helper()
	s := memory.New()
	accounts := login.New(s, nil, time.Now)
	for i, c := range []struct{ typed, hashed string }{
		{`it's`, `it\'s`},
		{`say "x"`, `say \"x\"`},
		{`back\slash`, `back\\slash`},
		{` 'both' `, `\'both\'`},
		{`ends in \`, `ends in \\`},
		{"tab\t'", "tab\t\\'"},
		{"zero\x00", `zero\0`},
		{`it's`, `it's`}, // by wp-cli of some versions, which does not slash
		{`plain`, `plain`},
	} {
		if format == "bcrypt" && strings.Contains(c.typed, "\x00") {
			continue // of which bcrypt sees nothing more
		}
		name := fmt.Sprintf("user%d", i)
		if _, err := s.CreateUser(t.Context(), sparekey.User{Login: name}, hash(c.hashed)); err != nil {
			t.Fatal(err)
		}
		if _, err := accounts.Verify(t.Context(), name, c.typed); err != nil {
			t.Errorf("%s of %q: %q is refused: %v", format, c.hashed, c.typed, err)
		}
		for _, wrong := range []string{c.typed + "x", strings.ReplaceAll(c.typed, `\`, "") + "y", ""} {
			if _, err := accounts.Verify(t.Context(), name, wrong); !errors.Is(err, sparekey.ErrUnauthenticated) {
				t.Errorf("%s of %q: %q is accepted: %v", format, c.hashed, wrong, err)
			}
		}
		if _, err := accounts.Verify(t.Context(), name, c.typed); err != nil { // stored anew by now
			t.Errorf("%s of %q: %q is refused the second time: %v", format, c.hashed, c.typed, err)
		}
	}
}

// TestStoredAnewKeepsSessions has a session from before its password is rehashed.
func TestStoredAnewKeepsSessions(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		h := newHouse(t, s, false)
		b := h.browser(t)
		b.want(right, "ok")
		r, ok := s.(login.Rehasher)
		if !ok {
			t.Fatal("the store cannot rehash passwords")
		}
		if ok, err := r.ReplacePasswordHash(t.Context(), h.ann.ID, storedHash(t, s, h.ann.ID), passhash.Phpass("correct horse")); !ok || err != nil {
			t.Fatal(ok, err)
		}
		b.want("/who", annHere)
		b.want("/confirm?password=correct+horse&from=192.0.2.1", "ok")
		if passhash.NeedsRehash(storedHash(t, s, h.ann.ID)) {
			t.Error("confirming a password did not rehash it")
		}
		b.want("/who", annHere)
	})
}

// TestChangeDuringSignIn changes the password while the old one is being checked: the
// change stays, and the session that was begun with the old one is worth nothing.
func TestChangeDuringSignIn(t *testing.T) {
	t.Parallel()
	for _, format := range []string{passhash.Phpass("correct horse"), passhash.Argon2id("correct horse")} {
		onEveryStore(t, func(t *testing.T, s store) {
			h := importedHouse(t, s, format)
			changed := passhash.Argon2id("changed")
			var once sync.Once
			login.Watch(h.accounts, func(string, string) {
				once.Do(func() {
					if err := s.SetPasswordHash(t.Context(), h.ann.ID, changed); err != nil {
						t.Error(err)
					}
				})
			})
			b := h.browser(t)
			b.want(right, "ok")
			if got := storedHash(t, s, h.ann.ID); got != changed {
				t.Errorf("stored is %q, want the changed password", got)
			}
			b.want("/who", anonymous)
			b.want(strings.Replace(right, "correct+horse", "changed", 1), "ok")
			b.want("/who", annHere)
		})
	}
}

// readOnly is a store that cannot write.
type readOnly struct{ *memory.Store }

func (readOnly) ReplacePasswordHash(context.Context, string, string, string) (bool, error) {
	return false, errFull
}

// TestNotStoredAnew has what is never rehashed: wrong passwords, WordPress's,
// and those of a store that cannot write, where the sign-in stays
// right and the reason is logged.
func TestNotStoredAnew(t *testing.T) {
	t.Parallel()
	s := memory.New()
	u, err := s.CreateUser(t.Context(), sparekey.User{Login: "ann"}, passhash.Phpass("right"))
	if err != nil {
		t.Fatal(err)
	}
	before := storedHash(t, s, u.ID)
	_, wrong := login.New(s, nil, time.Now).Verify(t.Context(), "ann", "wrong")
	_, wordPress := login.New(onlyStore{s}, nil, time.Now).Verify(t.Context(), "ann", "right")
	_, full := login.New(readOnly{s}, nil, time.Now).Verify(t.Context(), "ann", "right")
	if !errors.Is(wrong, sparekey.ErrUnauthenticated) || wordPress != nil || full != nil {
		t.Errorf("got %v, %v, %v", wrong, wordPress, full)
	}
	if after := storedHash(t, s, u.ID); after != before {
		t.Errorf("stored is %q", after)
	}
	var log bytes.Buffer
	gate := login.NewGate(login.New(readOnly{s}, nil, time.Now), s, login.Cookie{}, nil, slog.New(slog.NewTextHandler(&log, nil)))
	gate.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := gate.SignIn(r.Context(), "ann", "right", stranger(1)); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	if text := log.String(); !strings.Contains(text, "could not be rehashed") || strings.Contains(text, "$") {
		t.Errorf("logged: %s", text)
	}
}

// argon2idOf is a hash with settings of little work.
func argon2idOf(password string) string {
	salt := []byte("1234567812345678")
	encode := base64.RawStdEncoding.EncodeToString
	return "$argon2id$v=19$m=64,t=1,p=1$" + encode(salt) + "$" + encode(argon2.IDKey([]byte(password), salt, 1, 64, 1, 32))
}

func bcryptOf(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func recordsOf(t *testing.T, s audit.Store) (all []audit.Record) {
	t.Helper()
	err := audit.Each(t.Context(), s, audit.Query{}, func(line audit.Line) error {
		r, err := audit.ParseLine(line.Text)
		all = append(all, r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSampleOfManyUsers has more users than are looked at: the formats of the oldest and
// the newest are known.
func TestSampleOfManyUsers(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i, hash := range []string{"old", "", "new"} {
		if _, err := s.CreateUser(t.Context(), sparekey.User{Login: "u" + string(rune('a'+i))}, hash); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.SamplePasswordHashes(t.Context(), 1)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, []string{"new", "old"}) {
		t.Errorf("got %q, %v", got, err)
	}
	m := memory.New()
	for i, hash := range []string{"old", "", "new"} {
		if _, err := m.CreateUser(t.Context(), sparekey.User{Login: "u" + string(rune('a'+i))}, hash); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := m.SamplePasswordHashes(t.Context(), 1); err != nil || !slices.Equal(got, []string{"old", "new"}) {
		t.Errorf("got %q, %v", got, err)
	}
}
