package login_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/store/sqlite"
	"github.com/sparekey-dev/sparekey/throttle"
)

// house is a server whose pages do what the Gate can do, for a user "ann".
type house struct {
	*httptest.Server
	accounts *login.Accounts
	gate     *login.Gate
	lasts    func(ctx context.Context) (bool, error) // of the session that asked for /hold
	log      *audit.Log
	store    store
	ann      sparekey.User
	clock    *time.Time
}

// store is what a Gate needs of one.
type store interface {
	login.Store
	login.SessionStore
	audit.Store
}

func newHouse(t *testing.T, s store, secure bool) *house {
	t.Helper()
	now := time.Now()
	limiter := throttle.New(throttle.Config{Now: func() time.Time { return now }})
	return newHouseWith(t, s, secure, &now, limiter)
}

// newHouseWith is newHouse with a clock and a limiter, or without a limiter.
func newHouseWith(t *testing.T, s store, secure bool, clock *time.Time, limiter *throttle.Limiter) *house {
	t.Helper()
	h := &house{clock: clock, store: s}
	h.log = audit.New(s, audit.Config{})
	h.accounts = login.New(s, h.log, func() time.Time { return *h.clock })
	var err error
	if h.ann, err = h.accounts.Create(t.Context(), ann()); err != nil {
		t.Fatal(err)
	}
	h.gate = login.NewGate(h.accounts, s, login.Cookie{Secure: secure}, limiter, slog.New(slog.DiscardHandler))
	mux := http.NewServeMux()
	mux.HandleFunc("/in", func(w http.ResponseWriter, r *http.Request) {
		report(w, h.gate.SignIn(r.Context(), r.FormValue("login"), r.FormValue("password"), netip.MustParseAddr(r.FormValue("from"))))
	})
	mux.HandleFunc("/confirm", func(w http.ResponseWriter, r *http.Request) {
		report(w, h.gate.Confirm(r.Context(), r.FormValue("password"), netip.MustParseAddr(r.FormValue("from"))))
	})
	mux.HandleFunc("/change", func(w http.ResponseWriter, r *http.Request) {
		var change sparekey.UserChange
		for name, field := range map[string]**string{
			"email": &change.Email, "display_name": &change.DisplayName, "password": &change.Password,
		} {
			if value := r.FormValue(name); r.Form.Has(name) {
				*field = &value
			}
		}
		ctx := context.WithValue(r.Context(), changing{}, true)
		_, err := h.gate.Change(ctx, r.FormValue("present"), change, netip.MustParseAddr("192.0.2.1"))
		report(w, err)
	})
	mux.HandleFunc("/out", func(w http.ResponseWriter, r *http.Request) {
		ctx := sparekey.WithCaller(r.Context(), netip.MustParseAddr("192.0.2.1"), r.Method, r.RequestURI)
		report(w, h.gate.SignOut(ctx))
	})
	mux.HandleFunc("/everywhere", func(w http.ResponseWriter, r *http.Request) { report(w, h.gate.SignOutEverywhere(r.Context())) })
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
		u, ok, _ := h.gate.Viewer(r)
		fmt.Fprintf(w, "%s %v %v", u.Login, ok, ok && h.gate.Confirmed(r))
	})
	mux.HandleFunc("/hold", func(_ http.ResponseWriter, r *http.Request) { h.lasts = h.gate.Session(r) })
	mux.HandleFunc("/lasts", func(w http.ResponseWriter, r *http.Request) {
		lasts, err := h.lasts(r.Context())
		fmt.Fprint(w, lasts, err)
	})
	h.Server = httptest.NewServer(h.gate.Load(mux))
	t.Cleanup(h.Close)
	return h
}

func report(w http.ResponseWriter, err error) {
	var refused *sparekey.AuthError
	var invalid *sparekey.InvalidError
	switch {
	case errors.As(err, &invalid):
		_, _ = io.WriteString(w, invalid.Field)
	case errors.Is(err, sparekey.ErrConflict):
		_, _ = io.WriteString(w, "conflict")
	case err == nil:
		_, _ = io.WriteString(w, "ok")
	case errors.As(err, &refused):
		_, _ = io.WriteString(w, string(refused.Reason))
	default:
		_, _ = io.WriteString(w, "broken: "+err.Error())
	}
}

// browser keeps cookies as a browser does.
type browser struct {
	t *testing.T
	h *house
	http.Client
}

func (h *house) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, h, http.Client{Jar: jar}}
}

// want asks for a page and compares what it says.
func (b *browser) want(page, want string) *http.Response {
	b.t.Helper()
	res, body := b.ask(page)
	if body != want {
		b.t.Errorf("%s says %q, want %q", page, body, want)
	}
	return res
}

// read asks for a page and returns what it says.
func (b *browser) read(page string) string {
	b.t.Helper()
	_, body := b.ask(page)
	return body
}

func (b *browser) ask(page string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.h.URL+page, nil)
	if err != nil {
		b.t.Error(err)
		return &http.Response{}, ""
	}
	res, err := b.Do(r)
	if err != nil {
		b.t.Error(err)
		return &http.Response{}, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Error(err)
	}
	return res, string(body)
}

const (
	right     = "/in?login=ann&password=correct+horse&from=192.0.2.1"
	wrong     = "/in?login=ann&password=wrong&from=192.0.2.1"
	anonymous = " false false"
	annHere   = "ann true true"
)

func onEveryStore(t *testing.T, test func(t *testing.T, s store)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, memory.New())
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		test(t, s)
	})
}

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		h := newHouse(t, s, false)
		b := h.browser(t)
		b.want("/who", anonymous)
		b.want(wrong, "wrong_secret")
		b.want("/who", anonymous)
		res := b.want(right, "ok")
		b.want("/who", annHere)
		stolen := res.Cookies()[0]
		if !stolen.HttpOnly || stolen.SameSite != http.SameSiteLaxMode || stolen.Path != "/" || len(stolen.Value) < 40 {
			t.Errorf("cookie %+v", stolen)
		}
		b.want("/out", "ok")
		b.want("/who", anonymous)
		thief := h.browser(t)
		thief.Jar.SetCookies(res.Request.URL, []*http.Cookie{stolen})
		thief.want("/who", anonymous)
	})
}

func TestSessionFixation(t *testing.T) {
	t.Parallel()
	h := newHouse(t, memory.New(), false)
	thief, victim := h.browser(t), h.browser(t)
	res := thief.want("/in?login=ann&password=correct+horse&from=192.0.2.1", "ok")
	planted := res.Cookies()[0]
	victim.Jar.SetCookies(res.Request.URL, []*http.Cookie{planted})
	res = victim.want(right, "ok")
	if res.Cookies()[0].Value == planted.Value {
		t.Error("the token stayed the same at sign-in")
	}
	thief.want("/who", anonymous)
	invented := h.browser(t)
	invented.Jar.SetCookies(res.Request.URL, []*http.Cookie{{Name: "sparekey", Value: strings.Repeat("A", 43)}})
	if got := invented.want(right, "ok").Cookies()[0].Value; got == strings.Repeat("A", 43) {
		t.Error("an invented token was taken")
	}
}

func TestSignOutEverywhere(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		h := newHouse(t, s, false)
		phone, laptop := h.browser(t), h.browser(t)
		phone.want(right, "ok")
		laptop.want(right, "ok")
		phone.want("/everywhere", "ok")
		phone.want("/who", anonymous)
		laptop.want("/who", anonymous)
		laptop.want(right, "ok")
		laptop.want("/who", annHere)
	})
}

// TestAccountsAreOnRecord wants sign-ins, refused sign-ins and changes to users in the log,
// and nothing that a user typed.
func TestAccountsAreOnRecord(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		h := newHouse(t, s, false)
		b := h.browser(t)
		b.want("/in?login=ann@example.com&password=guessed-secret&from=192.0.2.7", "wrong_secret")
		b.want("/in?login=typed-secret&password=x&from=192.0.2.8", "wrong_secret")
		b.want(right, "ok")
		b.want("/out", "ok")
		b.want("/out", "ok") // of a browser that is not signed in
		b.want(right, "ok")
		b.want("/confirm?password=guessed-secret&from=192.0.2.9", "wrong_secret")
		b.want("/everywhere", "ok")
		if err := h.accounts.SetPassword(t.Context(), h.ann.ID, "new-secret"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.accounts.SetRole(t.Context(), h.ann.ID, "author"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.accounts.Delete(t.Context(), h.ann.ID); err != nil {
			t.Fatal(err)
		}
		if err := h.log.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []string
		err := audit.Each(t.Context(), s, audit.Query{}, func(line audit.Line) error {
			r, err := audit.ParseLine(line.Text)
			got = append(got, fmt.Sprint(r.Kind, " ", r.Login, " ", r.Addr, " ", r.Reason, " ", r.Roles, " ", r.ActorLogin, r.Operator))
			if strings.Contains(line.Text, "-secret") {
				t.Errorf("a line has what was typed: %s", line.Text)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		want := []string{
			"password_reset ann invalid IP  [] operator",
			"role_set ann invalid IP  [author] operator",
			"sign_in_refused  192.0.2.8 unknown_login [] ",
			"sign_in_refused ann 192.0.2.7 wrong_secret [] ",
			"sign_in_refused ann 192.0.2.9 wrong_secret [] ",
			"signed_in ann 192.0.2.1  [] ",
			"signed_out ann 192.0.2.1  [] ",
			"signed_out_everywhere ann invalid IP  [] ann",
			"user_created ann invalid IP  [editor] operator",
			"user_deleted ann invalid IP  [] operator",
		}
		if !slices.Equal(got, want) {
			t.Errorf("records:\ngot  %q\nwant %q", got, want)
		}
	})
}

// TestNoAccountWithoutRecord has a log that takes nothing: nothing changes, where
// the store can make one step of both.
func TestNoAccountWithoutRecord(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "sparekey.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	u, err := login.New(s, nil, time.Now).Create(t.Context(), ann())
	if err != nil {
		t.Fatal(err)
	}
	hash, err := s.PasswordHash(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	accounts := login.New(s, full{}, time.Now)
	bob := ann()
	bob.Login, bob.Email = "bob", "bob@example.com"
	_, created := accounts.Create(t.Context(), bob)
	_, set := accounts.SetRole(t.Context(), u.ID, "author")
	_, deleted := accounts.Delete(t.Context(), u.ID)
	for what, err := range map[string]error{
		"create": created, "set the role": set, "delete": deleted, "set the password": accounts.SetPassword(t.Context(), u.ID, "new"),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if users, _, err := s.Users(t.Context(), sparekey.UserQuery{}); err != nil || len(users) != 1 || users[0].Login != "ann" || !slices.Equal(users[0].Roles, u.Roles) {
		t.Errorf("users: %+v, %v", users, err)
	}
	if now, err := s.PasswordHash(t.Context(), u.ID); err != nil || now != hash {
		t.Errorf("the password was set: %v", err)
	}
}

var errFull = errors.New("the log is full")

// full is a log that takes nothing.
type full struct{}

func (full) Record(context.Context, sparekey.Event) error { return errFull }
func (full) Observe(context.Context, sparekey.Event)      {}

// TestSessionLasts asks about one browser's session in the requests of another browser, whose
// own session does not matter.
func TestSessionLasts(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		h := newHouse(t, s, false)
		bob := ann()
		bob.Login, bob.Email, bob.Password = "bob", "bob@example.com", "staple"
		if _, err := h.accounts.Create(t.Context(), bob); err != nil {
			t.Fatal(err)
		}
		anonymous, other := h.browser(t), h.browser(t)
		other.want(right, "ok")
		password := "correct horse"
		for _, c := range []struct {
			name string
			end  func(b *browser)
		}{
			{"sign-out", func(b *browser) { b.want("/out", "ok") }},
			{"everywhere", func(*browser) { other.want("/everywhere", "ok"); other.want(right, "ok") }},
			{"another-user", func(b *browser) { b.want("/in?login=bob&password=staple&from=192.0.2.1", "ok") }},
			{"password", func(*browser) {
				password = "battery"
				if err := h.accounts.SetPassword(t.Context(), h.ann.ID, password); err != nil {
					t.Fatal(err)
				}
			}},
			{"deletion", func(*browser) {
				if _, err := h.accounts.Delete(t.Context(), h.ann.ID); err != nil {
					t.Fatal(err)
				}
			}},
		} {
			b := h.browser(t)
			b.want("/in?login=ann&from=192.0.2.1&password="+url.QueryEscape(password), "ok")
			b.want("/hold", "")
			for range 2 {
				anonymous.want("/lasts", "true <nil>")
				other.want("/lasts", "true <nil>")
			}
			c.end(b)
			for _, asks := range []*browser{anonymous, other, b} {
				asks.want("/lasts?after="+c.name, "false <nil>")
			}
		}
		anonymous.want("/hold", "")
		other.want("/lasts", "false <nil>")
	})
}

func TestSessionEndsWithThePasswordAndTheUser(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		h := newHouse(t, s, false)
		b := h.browser(t)
		b.want(right, "ok")
		if err := h.accounts.SetPassword(t.Context(), h.ann.ID, "battery staple"); err != nil {
			t.Fatal(err)
		}
		b.want("/who", anonymous)
		b.want("/in?login=ann&password=battery+staple&from=192.0.2.1", "ok")
		b.want("/who", annHere)
		if _, err := h.accounts.Delete(t.Context(), h.ann.ID); err != nil {
			t.Fatal(err)
		}
		b.want("/who", anonymous)
	})
}

// sessionWrites counts what is written of sessions, and takes them to be older than they are.
type sessionWrites struct {
	store
	n   int
	age time.Duration
}

func (s *sessionWrites) FindSession(ctx context.Context, token string) (data []byte, expires time.Time, found bool, err error) {
	data, expires, found, err = s.store.FindSession(ctx, token)
	return data, expires.Add(-s.age), found, err
}

func (s *sessionWrites) SaveSession(ctx context.Context, token string, data []byte, expires time.Time) error {
	s.n++
	return s.store.SaveSession(ctx, token, data, expires)
}

// TestPagesWriteNoSession looks at pages: a session is written when it changes, and now and
// then to say that it is in use.
func TestPagesWriteNoSession(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		counted := &sessionWrites{store: s}
		h := newHouse(t, counted, false)
		b := h.browser(t)
		writes := func(want int, what string) {
			t.Helper()
			if counted.n != want {
				t.Errorf("%s: %d writes, want %d", what, counted.n, want)
			}
			counted.n = 0
		}
		b.want("/who", anonymous)
		writes(0, "an anonymous page")
		b.want(right, "ok")
		writes(1, "signing in")
		for range 3 {
			b.want("/who", annHere)
		}
		writes(0, "three pages")
		counted.age = 11 * time.Minute // of two hours
		b.want("/who", annHere)
		writes(0, "a page 11 minutes later")
		counted.age = 13 * time.Minute
		b.want("/who", annHere)
		writes(1, "a page 13 minutes later")
		counted.age = 0
		b.want("/confirm?password=correct+horse&from=192.0.2.1", "ok")
		writes(1, "a confirmation")
		b.want("/out", "ok")
		b.want("/who", anonymous)
		writes(0, "signing out")
	})
}

// TestEndedSessionStaysEnded saves a session as a request does that began before
// it was ended and finishes after.
func TestEndedSessionStaysEnded(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		later := time.Now().Add(time.Hour).Truncate(time.Second)
		steps := []error{
			s.SaveSession(t.Context(), "token", []byte("a"), later),
			s.SaveSession(t.Context(), "token", []byte("b"), later),
		}
		data, expires, found, err := s.FindSession(t.Context(), "token")
		if string(data) != "b" || !expires.Equal(later) || !found || err != nil {
			t.Errorf("%q until %v, %v, %v", data, expires, found, err)
		}
		steps = append(steps,
			s.EndSession(t.Context(), "token"),
			s.SaveSession(t.Context(), "token", []byte("c"), later),
			s.EndSession(t.Context(), "unknown"),
			s.SaveSession(t.Context(), "old", []byte("d"), time.Now().Add(-time.Hour)),
			s.SaveSession(t.Context(), "late", []byte("e"), time.Now().Add(-time.Minute)), // its request still runs
			s.EndSession(t.Context(), "late"),
			s.SaveSession(t.Context(), "another", []byte("f"), later),
			s.SaveSession(t.Context(), "late", []byte("g"), later))
		if err := errors.Join(steps...); err != nil {
			t.Error(err)
		}
		for _, token := range []string{"token", "old", "unknown", "late"} {
			if data, _, found, err := s.FindSession(t.Context(), token); found || err != nil {
				t.Errorf("%s: %q, %v", token, data, err)
			}
		}
	})
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	h := newHouse(t, memory.New(), false)
	b := h.browser(t)
	b.want("/confirm?password=correct+horse&from=192.0.2.1", "malformed")
	b.want(right, "ok")
	*h.clock = h.clock.Add(6 * time.Minute)
	b.want("/who", "ann true false")
	b.want("/confirm?password=wrong&from=192.0.2.1", "wrong_secret")
	b.want("/who", "ann true false")
	b.want("/confirm?password=correct+horse&from=192.0.2.1", "ok")
	b.want("/who", annHere)
}

func TestGuessesAreThrottled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, memory.New(), false)
	b := h.browser(t)
	for range 10 {
		b.want(wrong, "wrong_secret")
	}
	b.want(wrong, "throttled")
	b.want(right, "throttled")                                                 // from where the guesses came
	b.want(strings.ReplaceAll(right, "login=ann", "login=+ANN+"), "throttled") // whatever the spelling
	b.want(strings.ReplaceAll(right, "192.0.2.1", "192.0.2.2"), "ok")          // never from elsewhere
	*h.clock = h.clock.Add(time.Minute)
	b.want(right, "ok")
}

// TestGuessesOfThoseWhoHangUpCount has a client that hangs up while its password is checked,
// because a right one would be answered before a wrong one. Its guesses count and are
// recorded like others.
func TestGuessesOfThoseWhoHangUpCount(t *testing.T) {
	t.Parallel()
	h := newHouse(t, memory.New(), false)
	hangUp := func() {}
	login.Watch(h.accounts, func(string, string) { hangUp() })
	for n := range 11 {
		var got error
		h.gate.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			hangUp = cancel
			got = h.gate.SignIn(ctx, "ann", "wrong", netip.MustParseAddr("192.0.2.1"))
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
		want := sparekey.ReasonWrongSecret
		if n == 10 {
			want = sparekey.ReasonThrottled
		}
		if outcomeOf(got) != string(want) {
			t.Errorf("attempt %d: %v, want %s", n, got, want)
		}
	}
	h.browser(t).want(right, "throttled")
	if err := h.log.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	counts := map[sparekey.Reason]int{}
	for _, r := range recordsOf(t, h.store) {
		if r.Kind == audit.KindSignInRefused {
			counts[r.Reason] += max(1, r.Count)
		}
	}
	if counts[sparekey.ReasonWrongSecret] != 10 || counts[sparekey.ReasonThrottled] != 2 {
		t.Errorf("on record: %v", counts)
	}
}

func TestIPv6NeighboursCountTogether(t *testing.T) {
	t.Parallel()
	h := newHouse(t, memory.New(), false)
	b := h.browser(t)
	for i := range 10 {
		b.want(strings.ReplaceAll(wrong, "192.0.2.1", fmt.Sprintf("2001:db8::%x", i)), "wrong_secret")
	}
	b.want(strings.ReplaceAll(wrong, "192.0.2.1", "2001:db8::ffff"), "throttled")
	b.want(strings.ReplaceAll(right, "192.0.2.1", "2001:db8:0:1::1"), "ok")
}

func TestSuccessesAreNotThrottled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, memory.New(), false)
	for range 15 {
		h.browser(t).want(right, "ok")
	}
}

func TestSecureCookie(t *testing.T) {
	t.Parallel()
	h := newHouse(t, memory.New(), true)
	c := h.browser(t).want(right, "ok").Cookies()[0]
	if !c.Secure || c.Name != "__Host-sparekey" || c.Domain != "" || c.Path != "/" {
		t.Errorf("cookie %+v", c)
	}
}

// TestSessionEndsWhileAFormArrives takes its time with a form, and signs out
// meanwhile.
func TestSessionEndsWhileAFormArrives(t *testing.T) {
	t.Parallel()
	h := newHouse(t, memory.New(), false)
	b := h.browser(t)
	b.want(right, "ok")
	form, rest := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/who", form)
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		res, err := b.Do(r)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answer <- string(body)
	}()
	if _, err := io.WriteString(rest, "name="); err != nil { // which the server has begun to read
		t.Fatal(err)
	}
	b.want("/out", "ok")
	if _, err := io.WriteString(rest, "app"); err != nil {
		t.Fatal(err)
	}
	if err := rest.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-answer; got != anonymous {
		t.Errorf("the form came from %q, want no address", got)
	}
}

// endless is a body without an end. It counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	clear(p)
	return len(p), nil
}

// TestFormsAreBounded has a stranger send a form without an end. Little of it is kept before
// the page sees any, and the page learns that it is too long.
func TestFormsAreBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, memory.New(), false)
	form := &endless{}
	var tooLarge *http.MaxBytesError
	isCalled := false
	h.gate.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		isCalled = true
		if _, err := io.Copy(io.Discard, r.Body); !errors.As(err, &tooLarge) {
			t.Errorf("a form without an end: %v", err)
		}
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", form))
	if most := 256 << 10; !isCalled || form.read > most {
		t.Errorf("called %v, and %d bytes were read", isCalled, form.read)
	}
}
