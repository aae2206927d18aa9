package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web"
)

// TestFormOfAnotherUser shows forms to bob, and sends them once ann is signed
// in in the same browser.
func TestFormOfAnotherUser(t *testing.T) {
	t.Parallel()
	g := &gate{}
	s := newSite(t).withGate(g)
	phone := s.make(s.ann, sparekey.NewCredential{Name: "Phone"})
	tablet := s.make(s.bob, sparekey.NewCredential{Name: "Tablet"})
	ofBob := base + "/users/" + s.bob.ID // which ann may see, too
	for _, c := range []struct {
		path, field string // of the form
		name        string
		button      []string
	}{
		{ask("success_url", "https://evil.example/cb"), "app_name", "Evil", []string{"approve"}},
		{ask("success_url", "https://evil.example/cb"), "app_name", "Evil", []string{"reject"}},
		{askForCode("https://evil.example/cb"), "app_name", "Evil", []string{"approve"}},
		{home + "new", "new_application_password_name", "Evil", nil},
		{ofBob + "/rename/" + tablet.UUID, "new-name", "Evil", nil},
		{ofBob + "/limits/" + tablet.UUID, "limit-max-uses", "", nil},
		{ofBob + "/rotate/" + tablet.UUID, "grace", "1h", nil},
		{ofBob + "/revoke/" + tablet.UUID, "", "", nil},
		{base + "/revoke-all", "", "", nil},
		{"/confirm", "password", "right", nil},
		{"/sign-out", "", "", []string{"everywhere"}},
	} {
		p := s.as("bob").get(c.path).want(http.StatusOK)
		form := p.newForm(p.all("form", "method", "post")[0])
		if c.field != "" {
			form = p.formOf(c.field)
			form.set(valueOf(p.id(c.field), "name"), c.name)
		}
		form.page = &page{browser: s.as("ann"), url: p.url}
		refused := form.submit(c.button...).want(http.StatusConflict)
		if !strings.Contains(refused.text(), "signed in as Ann now") {
			t.Errorf("%s: %s", c.path, refused.text())
		}
		again := s.as("ann").get(refused.link("Show this page again"))
		if got := again.want(http.StatusOK).all("input", "name", "shown_to"); len(got) == 0 || valueOf(got[0], "value") != s.ann.ID {
			t.Errorf("%s: the way on leads to %s: %s", c.path, again.url, again.text())
		}
		if app := again.all("input", "name", "success_url"); strings.HasPrefix(c.path, authorizePath) && len(app) != 1 {
			t.Errorf("the application's request is lost: %s", again.text())
		}
	}
	if got := s.names(s.ann); !slices.Equal(got, []string{"Phone"}) {
		t.Errorf("ann has %q", got)
	}
	if list, err := s.store.List(t.Context(), s.bob.ID); err != nil || len(list) != 1 || list[0] != tablet {
		t.Errorf("bob has %v, %v", list, err)
	}
	if got := s.pages.PendingCodes(); got != 0 || len(g.calls) != 0 {
		t.Errorf("%d codes wait; calls %q", got, g.calls)
	}
	// Forms from other programs are judged as before.
	s.as("ann").post(base+"/revoke/"+phone.UUID, url.Values{}).want(http.StatusSeeOther)
}

// TestApprovalSaysWhoWasAsked asks anew where it does not.
func TestApprovalSaysWhoWasAsked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	form := s.as("bob").get(ask("success_url", "https://app.example/")).form()
	form.fields.Del("shown_to")
	asked := form.submit("approve").want(http.StatusOK)
	if got := s.names(s.bob); len(got) != 0 {
		t.Fatalf("made: %q", got)
	}
	asked.form().submit("approve").want(http.StatusSeeOther)
}

// TestEveryFormSaysToWhom looks at the forms of every page.
func TestEveryFormSaysToWhom(t *testing.T) {
	t.Parallel()
	forms := 0
	for _, p := range everyPage(newSiteWithSignIn(t), "en") {
		who := map[string]string{"ann": "1", "bob": "2", "eve": "3"}[p.user]
		for _, f := range p.all("form", "method", "post") {
			var got []string
			for n := range f.Descendants() {
				if n.Type == html.ElementNode && valueOf(n, "name") == "shown_to" {
					got = append(got, valueOf(n, "value"))
				}
			}
			switch away := !strings.HasPrefix(valueOf(f, "action"), "/") && valueOf(f, "action") != "?"; {
			case away || who == "":
				if len(got) != 0 {
					t.Errorf("%s tells others who is signed in: %q", p.url, got)
				}
			case len(got) != 1 || got[0] != who:
				t.Errorf("%s %s: the form to %s was shown to %q, want %s", p.method, p.url, valueOf(f, "action"), got, who)
			default:
				forms++
			}
		}
	}
	if forms < 10 {
		t.Errorf("only %d forms were looked at", forms)
	}
}

// TestFormOwner keeps IDs apart that templates or browsers would make the same.
func TestFormOwner(t *testing.T) {
	t.Parallel()
	plain := regexp.MustCompile(`^[A-Za-z0-9._~%+-]+$`)
	of := map[string]string{}
	for _, id := range []string{"1", "a b", "a+b", "a%20b", "a\nb", "a\r\nb", "a\rb", "\x00", "\xff", "\ufffd", `"><b>`, "&lt;", "<"} {
		value := web.FormOwner(id)
		if other, taken := of[value]; taken || !plain.MatchString(value) {
			t.Errorf("%q becomes %q, as %q does", id, value, other)
		}
		of[value] = id
	}
}
