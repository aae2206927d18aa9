package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web"
)

const profile = "/account/profile"

// keeper has bob's account, with the main password "right".
type keeper struct {
	calls []string
	err   error // of a call with the right password
}

func (k *keeper) ChangeAccount(_ context.Context, present string, change sparekey.UserChange, addr netip.Addr) error {
	said := "from " + addr.String()
	for name, value := range map[string]*string{" name=": change.DisplayName, " email=": change.Email, " password=": change.Password} {
		if value != nil {
			said += name + *value
		}
	}
	needs := change.Password != nil || change.Email != nil && *change.Email != "bob@example.org"
	if needs && present != "right" {
		return &sparekey.AuthError{Reason: sparekey.ReasonWrongSecret}
	}
	k.calls = append(k.calls, said)
	return k.err
}

// newAccountSite returns a site whose users change their own accounts.
func newAccountSite(t *testing.T, change ...func(*options)) (*site, *keeper) {
	t.Helper()
	s := newSite(t, append([]func(*options){func(o *options) { o.web.AccountURL = profile }}, change...)...)
	k := &keeper{}
	s.mux.Handle(profile, s.pages.Account(k))
	return s, k
}

func TestAccount(t *testing.T) {
	t.Parallel()
	s, k := newAccountSite(t)
	if got := s.as("bob").get(home).link("Bob"); got != profile {
		t.Errorf("the name leads to %q", got)
	}
	page := s.as("bob").get(profile).want(http.StatusOK)
	details := page.formOf("email").fields
	if details.Get("email") != "bob@example.org" || details.Get("display_name") != "Bob" || details.Get("login") != "bob" {
		t.Fatalf("the form has %v", details)
	}
	details.Set("display_name", " Robert ")
	saved := s.as("bob").post(profile, details).want(http.StatusSeeOther)
	if text := saved.follow().text(); !strings.Contains(text, "Your account is changed.") {
		t.Errorf("after a change: %s", text)
	}
	details.Set("email", "new@example.org")
	refused := s.as("bob").post(profile, details).want(http.StatusForbidden)
	if valueOf(refused.id("email"), "value") != "new@example.org" || valueOf(refused.id("present-for-email"), "aria-invalid") != "true" {
		t.Errorf("without the password: %s", refused.body)
	}
	details.Set("present", "right")
	s.as("bob").post(profile, details).want(http.StatusSeeOther)
	password := page.formOf("present").fields
	password.Set("present", "wrong")
	password.Set("password", "battery staple")
	password.Set("repeat", "battery stable")
	if text := s.as("bob").post(profile, password).want(http.StatusBadRequest).text(); !strings.Contains(text, "are not the same") {
		t.Errorf("two passwords: %s", text)
	}
	password.Set("repeat", "battery staple")
	wrong := s.as("bob").post(profile, password).want(http.StatusForbidden)
	if strings.Contains(wrong.body, "battery staple") || valueOf(wrong.id("present"), "aria-invalid") != "true" {
		t.Errorf("with a wrong password: %s", wrong.body)
	}
	password.Set("present", "right")
	if text := s.as("bob").post(profile, password).want(http.StatusSeeOther).follow().text(); !strings.Contains(text, "Your other sessions have ended.") {
		t.Errorf("after the password was changed: %s", text)
	}
	if len(k.calls) != 3 || !strings.Contains(k.calls[0], "name=Robert") || !strings.HasPrefix(k.calls[2], "from 127.0.0.1 password=battery staple") {
		t.Errorf("calls: %q", k.calls)
	}
}

func TestAccountRefuses(t *testing.T) {
	t.Parallel()
	invalid := func(fields ...string) error {
		var all []error
		for _, field := range fields {
			all = append(all, &sparekey.InvalidError{Field: field, Problem: "is wrong"})
		}
		return errors.Join(all...)
	}
	s, k := newAccountSite(t)
	fields := s.as("bob").get(profile).formOf("email").fields
	for name, c := range map[string]struct {
		err    error
		status int
		says   string
		marked string
	}{
		"address":       {invalid("email"), http.StatusBadRequest, "Enter an e-mail address", "email"},
		"name":          {invalid("display name"), http.StatusBadRequest, "Enter a shorter name", "display_name"},
		"both":          {invalid("email", "display name"), http.StatusBadRequest, "Enter an e-mail address such as ann@example.com. Enter a shorter name", "email"},
		"password":      {invalid("password"), http.StatusBadRequest, "8 to 4096 characters", "new-password"},
		"taken":         {sparekey.ErrEmailTaken, http.StatusConflict, "Another account has this e-mail address", "email"},
		"too many":      {&sparekey.AuthError{Reason: sparekey.ReasonThrottled}, http.StatusTooManyRequests, "Too many tries", "present-for-email"},
		"no answer":     {errDown, http.StatusServiceUnavailable, "", ""},
		"session ended": {sparekey.ErrConflict, http.StatusSeeOther, "", ""},
	} {
		k.err = c.err
		p := s.as("bob").post(profile, fields).want(c.status)
		if !strings.Contains(p.text(), c.says) {
			t.Errorf("%s: %s", name, p.text())
		}
		if c.marked != "" && valueOf(p.id(c.marked), "aria-invalid") != "true" {
			t.Errorf("%s: %s is not marked", name, c.marked)
		}
	}
	calls := len(k.calls)
	ann := s.as("ann").get(profile).formOf("email").fields
	s.as("bob").post(profile, ann).want(http.StatusConflict)
	s.as("bob").with("Sec-Fetch-Site", "cross-site").post(profile, fields).want(http.StatusForbidden)
	s.as("").post(profile, fields).want(http.StatusSeeOther)
	s.as("bob").post(profile, url.Values{"what": {"roles"}}).want(http.StatusBadRequest)
	s.as("bob").post(profile, url.Values{}).want(http.StatusBadRequest)
	s.as("bob").get(profile + "?what=details&email=evil@example.org").want(http.StatusOK)
	if len(k.calls) != calls {
		t.Errorf("refused forms changed the account: %q", k.calls[calls:])
	}
}

// TestAccountLanguage has the reader choose a language. All pages then use it in this
// browser, whatever the browser prefers.
func TestAccountLanguage(t *testing.T) {
	t.Parallel()
	s, _ := newAccountSite(t)
	form := s.as("bob").get(profile).formOf("language").fields
	form.Set("language", "ar")
	cookie, _, _ := strings.Cut(s.as("bob").post(profile, form).want(http.StatusSeeOther).header.Get("Set-Cookie"), ";")
	for _, path := range []string{home, profile, authorizePath} {
		p := s.as("bob").with("Accept-Language", "de").with("Cookie", cookie).get(path).want(http.StatusOK)
		if root := p.all("html")[0]; valueOf(root, "lang") != "ar" || valueOf(root, "dir") != "rtl" {
			t.Errorf("%s is in %s", path, valueOf(root, "lang"))
		}
	}
	for _, bad := range []string{"sparekey_language=xx", "sparekey_language=", `sparekey_language="><script>`} {
		p := s.as("bob").with("Accept-Language", "de").with("Cookie", bad).get(home).want(http.StatusOK)
		if lang := valueOf(p.all("html")[0], "lang"); lang != "de" {
			t.Errorf("with %s the page is in %s", bad, lang)
		}
	}
	form.Set("language", "xx")
	s.as("bob").post(profile, form).want(http.StatusBadRequest)
	form.Set("language", "")
	if got := s.as("bob").post(profile, form).want(http.StatusSeeOther).header.Get("Set-Cookie"); !strings.Contains(got, "Max-Age=0") {
		t.Errorf("back to the browser's: %s", got)
	}
}

func TestAccountSaysWhatIsRevoked(t *testing.T) {
	t.Parallel()
	for revokes, want := range map[bool]string{true: "are revoked as well", false: "Your application passwords keep working. "} {
		s, _ := newAccountSite(t, func(o *options) { o.service.Policy.RevokeOnPasswordReset = revokes })
		if text := textOf(s.as("bob").get(profile).id("password-title").Parent) + " "; !strings.Contains(text, want) {
			t.Errorf("revokes %v: %s", revokes, text)
		}
	}
}

func TestAccountNeedsItsPath(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, k := range map[string]web.AccountKeeper{"no path": &keeper{}, "no keeper": nil} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			s.pages.Account(k)
		}()
	}
}
