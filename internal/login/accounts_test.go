package login_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/login"
	"github.com/sparekey-dev/sparekey/store/memory"
)

func ann() login.NewAccount {
	return login.NewAccount{Login: "ann", Email: "ann@example.com", Role: "editor", Password: "correct horse"}
}

func TestCreateAndVerify(t *testing.T) {
	t.Parallel()
	accounts := login.New(memory.New(), nil, time.Now)
	u, err := accounts.Create(t.Context(), ann())
	if err != nil {
		t.Fatal(err)
	}
	if u.ID == "" || u.DisplayName != "ann" || !u.HasRole("editor") || u.Registered.IsZero() {
		t.Errorf("created %+v", u)
	}
	for _, name := range []string{"ann", "ANN", "ann@example.com"} {
		got, err := accounts.Verify(t.Context(), name, "correct horse")
		if err != nil || got.ID != u.ID {
			t.Errorf("sign in as %q: %v, %v", name, got, err)
		}
	}
	for _, attempt := range [][2]string{{"ann", "wrong"}, {"ann", ""}, {"unknown", "correct horse"}, {"", ""}, {"ann", strings.Repeat("x", 5000)}} {
		if _, err := accounts.Verify(t.Context(), attempt[0], attempt[1]); !errors.Is(err, sparekey.ErrUnauthenticated) {
			t.Errorf("sign in as %q with %d bytes: %v", attempt[0], len(attempt[1]), err)
		}
	}
}

func TestLoginsThatAreNotASCII(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, s store) {
		accounts := login.New(s, nil, time.Now)
		n := ann()
		n.Login = "Jose\u0301"
		u, err := accounts.Create(t.Context(), n)
		if err != nil || u.Login != "Jos\u00e9" {
			t.Fatalf("created %+q, %v, want the login in form C", u.Login, err)
		}
		for _, name := range []string{"Jos\u00e9", "jose\u0301", "JOSE\u0301", "\ufeffjosé", "josé\u200b", " josé\u00a0", "\u202ajosé\u202c"} {
			if got, err := accounts.Verify(t.Context(), name, n.Password); err != nil || got.ID != u.ID {
				t.Errorf("sign in as %+q: %v, %v", name, got, err)
			}
		}
		for _, name := range []string{"jose", "jo\u200bsé", "josé\u0301", "Jos\xe9"} {
			if _, err := accounts.Verify(t.Context(), name, n.Password); !errors.Is(err, sparekey.ErrUnauthenticated) {
				t.Errorf("sign in as %+q: %v", name, err)
			}
		}
		n.Login, n.Email = "JOSÉ", "other@example.com"
		if _, err := accounts.Create(t.Context(), n); !errors.Is(err, sparekey.ErrLoginTaken) {
			t.Errorf("create the same login in another form: %v", err)
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*login.NewAccount){
		"no login":                func(n *login.NewAccount) { n.Login = "" },
		"colon in the login":      func(n *login.NewAccount) { n.Login = "a:b" },
		"control in the login":    func(n *login.NewAccount) { n.Login = "a\nb" },
		"markup in the login":     func(n *login.NewAccount) { n.Login = "<b>" },
		"blank around":            func(n *login.NewAccount) { n.Login = " ann" },
		"BOM before":              func(n *login.NewAccount) { n.Login = "\ufeffann" },
		"invisible after":         func(n *login.NewAccount) { n.Login = "ann\u200b" },
		"filler after":            func(n *login.NewAccount) { n.Login = "ann\u3164" },
		"nothing to see":          func(n *login.NewAccount) { n.Login = "\u3164" },
		"long login":              func(n *login.NewAccount) { n.Login = strings.Repeat("a", 61) },
		"number":                  func(n *login.NewAccount) { n.Login = "42" },
		"an address as the login": func(n *login.NewAccount) { n.Login = "bob@example.com" },
		"no address":              func(n *login.NewAccount) { n.Email = "ann" },
		"address with a name":     func(n *login.NewAccount) { n.Email = "Ann <ann@example.com>" },
		"unknown role":            func(n *login.NewAccount) { n.Role = "root" },
		"control in the name":     func(n *login.NewAccount) { n.DisplayName = "a\x00" },
		"no password":             func(n *login.NewAccount) { n.Password = "" },
		"password without end":    func(n *login.NewAccount) { n.Password = strings.Repeat("x", 5000) },
		"invalid UTF-8 in name":   func(n *login.NewAccount) { n.DisplayName = "\xff" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := ann()
			change(&n)
			if _, err := login.New(memory.New(), nil, time.Now).Create(t.Context(), n); !errors.Is(err, sparekey.ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
		})
	}
}

func TestSetRoleSetPasswordDelete(t *testing.T) {
	t.Parallel()
	accounts := login.New(memory.New(), nil, time.Now)
	u, err := accounts.Create(t.Context(), ann())
	if err != nil {
		t.Fatal(err)
	}
	if u, err = accounts.SetRole(t.Context(), u.ID, "author"); err != nil || len(u.Roles) != 1 || !u.HasRole("author") {
		t.Errorf("set role: %v, %v", u.Roles, err)
	}
	if u, err = accounts.SetRole(t.Context(), u.ID, ""); err != nil || len(u.Roles) != 0 {
		t.Errorf("take the role: %v, %v", u.Roles, err)
	}
	if _, err := accounts.SetRole(t.Context(), u.ID, "root"); !errors.Is(err, sparekey.ErrInvalid) {
		t.Errorf("unknown role: %v", err)
	}
	if err := accounts.SetPassword(t.Context(), u.ID, "battery staple"); err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.Verify(t.Context(), "ann", "correct horse"); !errors.Is(err, sparekey.ErrUnauthenticated) {
		t.Errorf("old password: %v", err)
	}
	if _, err := accounts.Verify(t.Context(), "ann", "battery staple"); err != nil {
		t.Errorf("new password: %v", err)
	}
	if _, err := accounts.Delete(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.Delete(t.Context(), u.ID); !errors.Is(err, sparekey.ErrUserNotFound) {
		t.Errorf("delete again: %v", err)
	}
}
