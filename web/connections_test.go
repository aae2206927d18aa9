package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
)

const otherAppID = "11111111-2222-4333-8444-555555555555"

// modes are the ways in which an application gets its password, by what it asks with.
var modes = map[string][]string{
	"query":     {"success_url", "https://app.example/cb"},
	"own app":   {"success_url", "my-app://done"},
	"form post": {"success_url", "https://app.example/cb", "success_format", "form_post"},
	"code": {
		"success_url", "https://app.example/cb", "response_type", "code",
		"code_challenge", challengeOf(verifier), "code_challenge_method", "S256",
	},
	"by hand": {"success_url", ""},
}

// secretOf is the secret that an application gets by an answer to the screen.
func (s *site) secretOf(mode string, p *page) string {
	s.t.Helper()
	switch mode {
	case "form post":
		return p.want(http.StatusOK).form().fields.Get("password")
	case "by hand":
		return p.want(http.StatusOK).secret()
	}
	p.want(http.StatusSeeOther)
	to, err := url.Parse(p.location())
	if err != nil {
		s.t.Fatal(err)
	}
	if mode == "code" {
		return s.exchange(url.Values{"code": {to.Query().Get("code")}, "code_verifier": {verifier}}).field("password")
	}
	return to.Query().Get("password")
}

// TestTheSameAppConnectsTwice connects an application three times under one name, whether
// or not the site wants names to be unique. Each connection works, and ends no other.
func TestTheSameAppConnectsTwice(t *testing.T) {
	t.Parallel()
	for mode, fields := range modes {
		for unique, want := range map[bool][]string{false: {"My App", "My App", "MY APP"}, true: {"My App", "My App (2)", "MY APP (3)"}} {
			s := newSite(t, func(o *options) { o.service.UniqueNames = unique })
			var secrets []string
			for _, name := range []string{"My App", "My App", "MY APP"} {
				form := s.as("bob").get(ask(fields...)).want(http.StatusOK).form()
				secrets = append(secrets, s.secretOf(mode, form.set("app_name", name).submit("approve")))
			}
			if got := s.names(s.bob); !slices.Equal(got, want) {
				t.Errorf("%s, unique %v: %q, want %q", mode, unique, got, want)
			}
			for i, secret := range secrets {
				if !s.opens(secret) {
					t.Errorf("%s, unique %v: password %d does not open", mode, unique, i)
				}
			}
		}
	}
}

// TestBackAndApproveAgain sends one and the same form twice, as who goes back does. Only
// where the password is shown, that is a reload, and makes none.
func TestBackAndApproveAgain(t *testing.T) {
	t.Parallel()
	for mode, fields := range modes {
		if mode == "by hand" {
			continue // TestAuthorizeByHand
		}
		s := newSite(t)
		form := s.as("bob").get(ask(fields...)).want(http.StatusOK).form()
		for range 2 {
			if secret := s.secretOf(mode, form.submit("approve")); !s.opens(secret) {
				t.Errorf("%s: the password does not open", mode)
			}
		}
	}
}

// TestTwoCodesOfOneName has the user agree twice before the application comes for either.
func TestTwoCodesOfOneName(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) { o.service.UniqueNames = true })
	s.make(s.bob, sparekey.NewCredential{Name: "Other"})
	var answers []*page
	for range 3 {
		answers = append(answers, s.as("bob").get(ask(modes["code"]...)).form().submit("approve"))
	}
	for _, p := range answers {
		if !s.opens(s.secretOf("code", p)) {
			t.Error("the password does not open")
		}
	}
	if got, want := s.names(s.bob), []string{"Other", "My App", "My App (2)", "My App (3)"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestReplace connects an application again in the place of an earlier connection.
func TestReplace(t *testing.T) {
	t.Parallel()
	for mode, fields := range modes {
		for name, policy := range map[string]sparekey.Policy{"no limit": {}, "as many as the policy allows": {MaxPerUser: 3}} {
			s := newSite(t, func(o *options) { o.service.UniqueNames, o.service.Policy = true, policy })
			old := s.make(s.bob, sparekey.NewCredential{Name: "My App", AppID: appID})
			kept := s.make(s.bob, sparekey.NewCredential{Name: "On the phone", AppID: appID})
			other := s.make(s.bob, sparekey.NewCredential{Name: "Backup", AppID: otherAppID})
			p := s.as("bob").get(ask(append(slices.Clone(fields), "replace", kept.UUID)...)).want(http.StatusOK)
			if text := textOf(p.id("connected-before")); !strings.Contains(text, "Replace My App connected before on 2026-11-22 10:00") ||
				strings.Contains(text, "Backup") {
				t.Errorf("%s: %s", mode, text)
			}
			form := p.form()
			if form.fields.Has("replace") {
				t.Errorf("%s: an address ticks a box", mode)
			}
			form.fields["replace"] = []string{old.UUID, other.UUID, "", "77"} // the last three count for nothing
			if secret := s.secretOf(mode, form.submit("approve")); !s.opens(secret) {
				t.Errorf("%s, %s: the password does not open", mode, name)
			}
			if got, want := s.names(s.bob), []string{"On the phone", "Backup", "My App"}; !slices.Equal(got, want) {
				t.Errorf("%s, %s: %q, want %q", mode, name, got, want)
			}
		}
	}
}

// TestReplaceTheOnlyOne replaces all that a user has, which is not the same as that they
// revoked everything since they agreed.
func TestReplaceTheOnlyOne(t *testing.T) {
	t.Parallel()
	for mode, fields := range modes {
		s := newSite(t)
		old := s.make(s.bob, sparekey.NewCredential{Name: "My App", AppID: appID})
		form := s.as("bob").get(ask(fields...)).form().set("replace", old.UUID)
		if secret := s.secretOf(mode, form.submit("approve")); !s.opens(secret) {
			t.Errorf("%s: the password does not open", mode)
		}
		if list, err := s.store.List(t.Context(), s.bob.ID); err != nil || len(list) != 1 || list[0].UUID == old.UUID {
			t.Errorf("%s: %v, %v", mode, list, err)
		}
	}
}

// TestConnectedBefore looks for what the screen says of earlier connections.
func TestConnectedBefore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.make(s.ann, sparekey.NewCredential{Name: "Ann's", AppID: appID})
	s.make(s.bob, sparekey.NewCredential{Name: "My App"})
	for _, fields := range [][]string{nil, {"app_id", ""}, {"app_id", otherAppID}} {
		if p := s.as("bob").get(ask(fields...)).want(http.StatusOK); p.has("connected-before") {
			t.Errorf("%q: %s", fields, textOf(p.id("connected-before")))
		}
	}
	for range 12 {
		s.make(s.bob, sparekey.NewCredential{Name: "My App", AppID: appID})
	}
	p := s.as("bob").get(ask()).want(http.StatusOK)
	if boxes := p.all("input", "name", "replace"); len(boxes) != 10 {
		t.Errorf("%d are shown, not the 10 newest", len(boxes))
	}
	list, err := s.store.List(t.Context(), s.bob.ID)
	if err != nil {
		t.Fatal(err)
	}
	newest := list[len(list)-1].UUID
	again := p.form().set("app_name", "").set("replace", newest).submit("approve").want(http.StatusBadRequest)
	if got := again.form().fields["replace"]; !slices.Equal(got, []string{newest}) {
		t.Errorf("after a problem with the form %q are ticked", got)
	}
}
