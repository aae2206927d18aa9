package login_test

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

func text(s string) *string { return &s }

func TestChange(t *testing.T) {
	t.Parallel()
	accounts := login.New(memory.New(), nil, time.Now)
	u, err := accounts.Create(t.Context(), ann())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.Create(t.Context(), login.NewAccount{Login: "bob", Email: "bob@example.com", Password: "x"}); err != nil {
		t.Fatal(err)
	}
	u, err = accounts.Change(t.Context(), u.ID, sparekey.UserChange{Email: text("new@example.com"), DisplayName: text("Ann A")}, sparekey.Identity{})
	if err != nil || u.Email != "new@example.com" || u.DisplayName != "Ann A" || u.Login != "ann" || !u.HasRole("editor") {
		t.Errorf("changed to %+v, %v", u, err)
	}
	if u, err = accounts.Change(t.Context(), u.ID, sparekey.UserChange{DisplayName: text("")}, sparekey.Identity{}); err != nil || u.DisplayName != "ann" {
		t.Errorf("an empty name leaves %q, %v", u.DisplayName, err)
	}
	if u, err = accounts.Change(t.Context(), u.ID, sparekey.UserChange{Email: text("jörg@grüße.example")}, sparekey.Identity{}); err != nil || u.Email != "jörg@grüße.example" {
		t.Errorf("an address that is not ASCII: %q, %v", u.Email, err)
	}
	for name, c := range map[string]struct {
		change sparekey.UserChange
		err    error
	}{
		"no address":           {sparekey.UserChange{Email: text("ann")}, sparekey.ErrInvalid},
		"empty address":        {sparekey.UserChange{Email: text("")}, sparekey.ErrInvalid},
		"long address":         {sparekey.UserChange{Email: text(strings.Repeat("a", 250) + "@example.com")}, sparekey.ErrInvalid},
		"bob's address":        {sparekey.UserChange{Email: text("BOB@example.com"), Password: text("battery staple")}, sparekey.ErrEmailTaken},
		"invisible character":  {sparekey.UserChange{Email: text("b\u200bob@example.com")}, sparekey.ErrInvalid},
		"invisible at its end": {sparekey.UserChange{Email: text("bob@example.com\u2060")}, sparekey.ErrInvalid},
		"soft hyphen":          {sparekey.UserChange{Email: text("bob@exam\u00adple.com")}, sparekey.ErrInvalid},
		"turned around":        {sparekey.UserChange{Email: text("\u202emoc@example.com")}, sparekey.ErrInvalid},
		"another blank":        {sparekey.UserChange{Email: text("bob\u00a0@example.com")}, sparekey.ErrInvalid},
		"control in the name":  {sparekey.UserChange{DisplayName: text("a\x1bb")}, sparekey.ErrInvalid},
		"long name":            {sparekey.UserChange{DisplayName: text(strings.Repeat("é", 251))}, sparekey.ErrInvalid},
		"empty password":       {sparekey.UserChange{Password: text("")}, sparekey.ErrInvalid},
		"password without end": {sparekey.UserChange{Password: text(strings.Repeat("x", 5000))}, sparekey.ErrInvalid},
	} {
		if _, err := accounts.Change(t.Context(), u.ID, c.change, sparekey.Identity{}); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
	if _, err := accounts.Verify(t.Context(), "ann", "correct horse"); err != nil {
		t.Errorf("the password after refused changes: %v", err)
	}
	if _, err := accounts.Change(t.Context(), "999", sparekey.UserChange{DisplayName: text("x")}, sparekey.Identity{}); !errors.Is(err, sparekey.ErrUserNotFound) {
		t.Errorf("unknown user: %v", err)
	}
}

// TestGateChange has ann change her account in one browser while she is signed in in
// another.
func TestGateChange(t *testing.T) {
	t.Parallel()
	file, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "sparekey.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	for name, s := range map[string]store{"memory": memory.New(), "sqlite": file} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, s, false)
			here, elsewhere, stranger := h.browser(t), h.browser(t), h.browser(t)
			here.want("/in?login=ann&password=correct+horse&from=192.0.2.1", "ok")
			elsewhere.want("/in?login=ann&password=correct+horse&from=192.0.2.2", "ok")
			change := func(b *browser, present, field, value, want string) {
				t.Helper()
				b.want("/change?"+url.Values{"present": {present}, field: {value}}.Encode(), want)
			}
			change(stranger, "correct horse", "password", "battery staple", "malformed")
			change(here, "wrong", "password", "battery staple", "wrong_secret")
			change(here, "", "email", "thief@example.com", "wrong_secret")
			change(here, "correct horse", "password", "seven 7", "password")
			change(here, "correct horse", "email", "ann", "email")
			here.want("/who", "ann true true")
			change(here, "", "display_name", "Ann A", "ok")
			change(here, "", "email", "ann@example.com", "ok") // as it is
			change(here, "correct horse", "email", "new@example.com", "ok")
			elsewhere.want("/who", "ann true true")
			before := tokenOf(t, here)
			change(here, "correct horse", "password", "battery staple", "ok")
			here.want("/who", "ann true true")
			elsewhere.want("/who", " false false")
			if after := tokenOf(t, here); after == before {
				t.Error("the session has the same token after the password was changed")
			}
			elsewhere.want("/in?login=new@example.com&password=battery+staple&from=192.0.2.2", "ok")
			elsewhere.want("/in?login=new@example.com&password=correct+horse&from=192.0.2.2", "wrong_secret")
			var kinds []string
			err := audit.Each(t.Context(), s, audit.Query{}, func(line audit.Line) error {
				r, err := audit.ParseLine(line.Text)
				if strings.HasSuffix(string(r.Kind), "_set") || r.Kind == audit.KindPasswordReset {
					kinds = append(kinds, string(r.Kind)+" "+r.Login+" by "+r.ActorLogin+r.Operator)
				}
				if strings.Contains(line.Text, "battery") {
					t.Errorf("a line has the password: %s", line.Text)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			want := "display_name_set ann by ann, email_set ann by ann, password_reset ann by ann"
			if got := strings.Join(kinds, ", "); got != want {
				t.Errorf("on record: %s, want %s", got, want)
			}
		})
	}
}

func tokenOf(t *testing.T, b *browser) string {
	t.Helper()
	u, err := url.Parse(b.h.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.Jar.Cookies(u) {
		return c.Value
	}
	t.Fatal("no session")
	return ""
}

// resettingStore has something happen once a password was found to be checked, which
// comes after that of the session.
type resettingStore struct {
	*memory.Store
	meanwhile func() error
	found     int
}

func (s *resettingStore) PasswordHash(ctx context.Context, id string) (string, error) {
	hash, err := s.Store.PasswordHash(ctx, id)
	if do := s.meanwhile; do != nil && ctx.Value(changing{}) != nil {
		if s.found++; s.found == 2 {
			s.meanwhile, s.found = nil, 0
			err = errors.Join(err, do())
		}
	}
	return hash, err
}

// changing marks the context of a request that changes an account.
type changing struct{}

// TestGateChangeMeanwhile has the operator set another main password while a thief, who
// knows the old one, is about to change it.
func TestGateChangeMeanwhile(t *testing.T) {
	t.Parallel()
	s := &resettingStore{Store: memory.New()}
	h := newHouse(t, s, false)
	thief := h.browser(t)
	thief.want("/in?login=ann&password=correct+horse&from=192.0.2.1", "ok")
	for name, meanwhile := range map[string]func() error{
		"another password":      func() error { return h.accounts.SetPassword(t.Context(), h.ann.ID, "from the operator") },
		"signed out everywhere": func() error { return s.EndSessions(t.Context(), h.ann.ID) },
	} {
		s.meanwhile = meanwhile
		thief.want("/change?present=correct+horse&password=battery+staple", "conflict")
		if _, err := h.accounts.Verify(t.Context(), "ann", "battery staple"); err == nil {
			t.Errorf("%s: the thief's password is the one that counts", name)
		}
		thief.want("/who", " false false")
		if err := h.accounts.SetPassword(t.Context(), h.ann.ID, "correct horse"); err != nil {
			t.Fatal(err)
		}
		thief.want("/in?login=ann&password=correct+horse&from=192.0.2.1", "ok")
	}
}
