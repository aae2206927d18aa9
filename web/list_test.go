package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web"
)

func TestFirstPassword(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	empty := s.as("bob").get(home).want(http.StatusOK)
	if !strings.Contains(empty.text(), "What is an application password?") {
		t.Errorf("the empty list does not explain: %s", empty.text())
	}
	made := empty.get(empty.link("New application password")).form().set("name", "Phone").submit().want(http.StatusOK)
	secret := made.secret()
	if len(strings.Split(secret, " ")) != 6 || len(secret) != 29 {
		t.Errorf("the secret is not in six groups of four: %d characters", len(secret))
	}
	if _, readonly := attribute(made.id("new-application-password-value"), "readonly"); !readonly {
		t.Error("the secret can be edited")
	}
	if !strings.Contains(made.text(), "You will not see this again") {
		t.Errorf("nothing says that it is shown once: %s", made.text())
	}
	if !s.opens(secret) {
		t.Error("the secret does not open")
	}
	if got := made.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	if again := s.as("bob").get(home); strings.Contains(again.body, secret) || again.has("new-application-password-value") {
		t.Error("the secret is shown twice")
	}
}

func TestReloadMakesNoSecond(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	form := s.as("bob").get(home+"new").form().set("name", "Phone")
	form.submit().want(http.StatusOK)
	again := form.submit().want(http.StatusSeeOther).follow()
	if !strings.Contains(again.text(), "was sent before") || again.has("new-application-password-value") {
		t.Errorf("after a reload: %s", again.text())
	}
	if got := s.names(s.bob); len(got) != 1 {
		t.Errorf("passwords: %q", got)
	}
	s.as("bob").get(home+"new").form().set("name", "Phone").submit().want(http.StatusOK)
	if got := s.names(s.bob); len(got) != 2 {
		t.Errorf("passwords after a fresh form: %q", got)
	}
}

func TestFailedFormMaySentAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	form := s.as("bob").get(home+"new").form().set("name", "Phone")
	s.store.broken = true
	form.submit().want(http.StatusServiceUnavailable)
	s.store.broken = false
	form.submit().want(http.StatusOK)
}

func TestSentForms(t *testing.T) {
	t.Parallel()
	sent := web.NewIdempotency()
	if !sent.Claim("a") || sent.Claim("a") || !sent.Claim("b") {
		t.Error("a form is carried out twice, or not at all")
	}
	for range 2 {
		if !sent.Claim("") {
			t.Error("a form without a token is not carried out")
		}
	}
	sent.Release("a")
	if !sent.Claim("a") {
		t.Error("a form that failed cannot be sent again")
	}
	for i := range 10000 {
		sent.Claim(fmt.Sprint(i))
	}
	if got := sent.Size(); got > 5000 {
		t.Errorf("%d forms are remembered", got)
	}
	if sent.Claim("9999") || !sent.Claim("b") {
		t.Error("it is not the oldest that is forgotten")
	}
}

func TestNameProblems(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) { o.service.UniqueNames = true })
	s.make(s.bob, sparekey.NewCredential{Name: "Phone"})
	for typed, want := range map[string]struct {
		status int
		text   string
	}{
		"":        {http.StatusBadRequest, "Enter a name"},
		"   ":     {http.StatusBadRequest, "Enter a name"},
		"<b></b>": {http.StatusBadRequest, "Enter a name"},
		"PHONE":   {http.StatusConflict, "Another application password has this name"},
	} {
		p := s.as("bob").get(home+"new").form().set("name", typed).submit().want(want.status)
		field := p.id("new_application_password_name")
		if valueOf(field, "value") != typed || valueOf(field, "aria-invalid") != "true" ||
			!strings.Contains(valueOf(field, "aria-describedby"), "problem") {
			t.Errorf("%q: the field does not keep what was typed, or the message is not tied to it", typed)
		}
		if got := textOf(p.id("problem")); !strings.Contains(got, want.text) {
			t.Errorf("%q: %s", typed, got)
		}
	}
	if got := s.names(s.bob); len(got) != 1 {
		t.Errorf("passwords: %q", got)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.make(s.bob, sparekey.NewCredential{Name: "Old"})
	s.clock.Pass(time.Hour)
	c := s.make(s.bob, sparekey.NewCredential{Name: "New"})
	s.clock.Pass(time.Hour)
	if _, err := s.svc.AsOperator().RecordUse(t.Context(), s.bob.ID, c.UUID, "2001:db8::7"); err != nil {
		t.Fatal(err)
	}
	p := s.as("bob").get(home)
	rows := p.all("tr")[1:]
	if len(rows) != 2 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, want := range []string{
		"New 2026-11-22 11:00 UTC 2026-11-22 12:00 UTC 2001:db8::7 Limits Replace Rename Revoke",
		"Old 2026-11-22 10:00 UTC Never – Limits Replace Rename Revoke",
	} {
		if got := textOf(rows[i]); got != want {
			t.Errorf("row %d: %q, want %q", i, got, want)
		}
	}
	times := p.all("time")
	if len(times) != 3 || valueOf(times[0], "datetime") != "2026-11-22T11:00:00Z" || valueOf(times[0], "title") != "2026-11-22 11:00:00 UTC" {
		t.Errorf("times: %d, %v", len(times), times[0].Attr)
	}
}

func TestRenameAndRevoke(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) { o.service.UniqueNames = true })
	for _, name := range []string{"One", "Two", "Three"} {
		s.make(s.bob, sparekey.NewCredential{Name: name})
	}
	bob := s.as("bob")

	rename := bob.get(bob.get(home).link("Rename Two")).want(http.StatusOK)
	if got := valueOf(rename.id("new-name"), "value"); got != "Two" {
		t.Errorf("the field begins with %q", got)
	}
	rename.form().set("name", "ONE").submit().want(http.StatusConflict)
	rename.form().set("name", "").submit().want(http.StatusBadRequest)
	renamed := rename.form().set("name", "Zwei").submit().follow()
	if !strings.Contains(renamed.text(), "is renamed") {
		t.Errorf("no notice: %s", renamed.text())
	}

	confirm := bob.get(bob.get(home).link("Revoke One")).want(http.StatusOK)
	if got := s.names(s.bob); len(got) != 3 {
		t.Fatalf("revoked without being asked: %q", got)
	}
	if !strings.Contains(confirm.text(), "cannot be undone") || confirm.link("Cancel") != home {
		t.Errorf("the question: %s", confirm.text())
	}
	revoked := confirm.form().submit().want(http.StatusSeeOther).follow()
	if !strings.Contains(revoked.text(), "is revoked") {
		t.Errorf("no notice: %s", revoked.text())
	}
	confirm.form().submit().want(http.StatusSeeOther) // already revoked is what the user wanted
	if got := s.names(s.bob); !slices.Equal(got, []string{"Zwei", "Three"}) {
		t.Errorf("left: %q", got)
	}

	all := bob.get(bob.get(home).link("Revoke all")).want(http.StatusOK)
	if !strings.Contains(all.text(), "Zwei") || !strings.Contains(all.text(), "Revoke all (2)") {
		t.Errorf("the question: %s", all.text())
	}
	all.form().submit().follow().want(http.StatusOK)
	if got := s.names(s.bob); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

func TestRevokeComesBackToTheSamePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 120 {
		s.make(s.bob, sparekey.NewCredential{Name: fmt.Sprintf("Script %03d", i)})
	}
	bob := s.as("bob")
	second := bob.get(home + "?q=script&page=2").want(http.StatusOK)
	back := bob.get(second.link("Revoke Script 080")).form().submit()
	if want := home + "?q=script&page=2&done=revoked"; back.location() != want {
		t.Errorf("back to %s, want %s", back.location(), want)
	}
	uuid := strings.TrimPrefix(strings.Split(second.link("Revoke Script 079"), "?")[0], base+"/revoke/")
	for _, evil := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", "/elsewhere", base + "/\n//evil.example"} {
		p := bob.get(base + "/revoke/" + uuid + "?back=" + url.QueryEscape(evil))
		if got := p.link("Cancel"); got != home {
			t.Errorf("back=%q: cancel leads to %q", evil, got)
		}
	}
}

func TestFiveThousand(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 5000 {
		s.make(s.bob, sparekey.NewCredential{Name: fmt.Sprintf("Script %04d", i)})
	}
	bob := s.as("bob")
	p := bob.get(home)
	if len(p.body) > 100<<10 {
		t.Errorf("the page has %d bytes", len(p.body))
	}
	if !strings.Contains(p.text(), "1 to 25 of 5000") || !strings.Contains(p.text(), "Script 4999") {
		t.Errorf("first page: %s", p.text())
	}
	seen := 25
	for next := p.all("a", "rel", "next"); len(next) == 1 && seen < 200; next = p.all("a", "rel", "next") {
		p = bob.get(valueOf(next[0], "href"))
		seen += len(p.all("tr")) - 1
	}
	if seen != 200 || !strings.Contains(p.text(), "176 to 200 of 5000") {
		t.Errorf("eighth page: %s", p.text())
	}
	for page, want := range map[string]string{"200": "4976 to 5000 of 5000", "201": "4976 to 5000 of 5000", "99999999999999999999": "4976 to 5000", "-3": "1 to 25", "x": "1 to 25"} {
		if got := bob.get(home + "?page=" + page).text(); !strings.Contains(got, want) {
			t.Errorf("page %s: %s", page, got)
		}
	}
	found := bob.get(home).formOf("q").set("q", "SCRIPT 123").submit().want(http.StatusOK)
	if len(found.all("tr")) != 1+10 || !strings.Contains(found.text(), "Script 1239") {
		t.Errorf("search: %s", found.text())
	}
	if got := bob.get(home + "?q=nothing").want(http.StatusOK).text(); !strings.Contains(got, "No name contains “nothing”") || strings.Contains(got, "Revoke all") {
		t.Errorf("search for what is not there: %s", got)
	}
}

func TestNamesWithMarkup(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	evil := `<img src=x onerror=alert(1)>"'` + "`{{.}}\u202Egpj.exe\u2069"
	s.user("eve")
	eve, err := s.store.UserByLogin(t.Context(), "eve")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.UpdateUser(t.Context(), eve.ID, func(u *sparekey.User) error {
		u.DisplayName = evil
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c := s.make(eve, sparekey.NewCredential{Name: "x"})
	if _, err := s.store.Update(t.Context(), eve.ID, c.UUID, func(c *sparekey.Credential) error {
		c.Name, c.LastIP, c.AppID, c.LastUsed = evil, evil, evil, s.clock.Now()
		return nil
	}, nil); err != nil {
		t.Fatal(err)
	}
	ann, own := s.as("ann"), s.as("eve")
	for _, p := range []*page{
		own.get(home), own.get(home + "?q=" + url.QueryEscape(evil)), own.get(home + "?name=" + url.QueryEscape(evil)),
		own.get(base + "/rename/" + c.UUID), own.get(base + "/revoke/" + c.UUID), own.get(base + "/revoke-all"),
		own.get(home+"new").form().set("name", evil+"2").submit(), own.get(home+"new").form().set("name", "").submit(),
		ann.get(base + "/all"), ann.get(base + "/all?user=eve"), ann.get(base + "/all?user=" + url.QueryEscape(evil)),
		ann.get(base + "/all?app_id=" + url.QueryEscape(evil)), ann.get(base + "/all/revoke?app_id=" + url.QueryEscape(evil)),
		ann.get(base + "/users/" + eve.ID),
		own.get(authorizePath + "?app_name=" + url.QueryEscape(evil)),
		own.get(authorizePath + "?app_id=" + url.QueryEscape(evil)),
		own.get(authorizePath + "?success_url=" + url.QueryEscape(evil)),
		own.get(authorizePath + "?app_name=x&success_url=https://a.example/&state=" + url.QueryEscape(evil)),
		own.get(base + "/" + url.PathEscape(evil)),
	} {
		p.walk(func(n *html.Node) {
			if n.Data == "img" && valueOf(n, "src") == "x" || n.Data == "script" && valueOf(n, "src") == "" {
				t.Errorf("%s %s: markup has become an element", p.method, p.url)
			}
			for _, a := range n.Attr {
				if strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s %s: attribute %s", p.method, p.url, a.Key)
				}
			}
		})
		visible := strings.NewReplacer("\u2068", "", "\u2069", "").Replace(textOf(p.doc))
		if strings.ContainsRune(visible, '\u202e') {
			t.Errorf("%s %s: the text is reordered", p.method, p.url)
		}
	}
	if got := own.get(home).text(); !strings.Contains(got, `<img src=x onerror=alert(1)>"'`) {
		t.Errorf("the name is not shown as it is: %s", got)
	}
}

func TestLongNamesDoNotFillThePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 50 {
		s.make(s.bob, sparekey.NewCredential{Name: fmt.Sprint(i) + strings.Repeat("ü", 2000)})
	}
	p := s.as("bob").get(home).want(http.StatusOK)
	if len(p.body) > 100<<10 {
		t.Errorf("the page has %d bytes", len(p.body))
	}
	uuid := strings.Split(strings.TrimPrefix(valueOf(p.all("a", "data-dialog", "")[1], "href"), base+"/rename/"), "?")[0]
	if rename := s.as("bob").get(base + "/rename/" + uuid).want(http.StatusOK); len(rename.body) > 10<<10 {
		t.Errorf("the page to rename has %d bytes", len(rename.body))
	}
}

func TestOtherUsers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.make(s.bob, sparekey.NewCredential{Name: "Phone"})
	list := base + "/users/" + s.bob.ID

	s.user("eve")
	eve := s.as("eve")
	unknown := eve.get(base + "/users/777").want(http.StatusNotFound)
	for _, path := range []string{list, list + "/"} {
		if known := eve.get(path).want(http.StatusNotFound); known.text() != unknown.text() {
			t.Errorf("%s tells that there is such a user: %s", path, known.text())
		}
	}
	for _, path := range []string{list + "/new", list + "/revoke-all", list + "/rename/" + c.UUID, list + "/revoke/" + c.UUID} {
		known := eve.get(path).want(http.StatusNotFound)
		if known.text() != unknown.text() {
			t.Errorf("%s tells that there is such a user: %s", path, known.text())
		}
		eve.post(path, url.Values{"name": {"Evil"}}).want(http.StatusNotFound)
	}
	eve.get(base + "/revoke/" + c.UUID).want(http.StatusNotFound) // one's own list does not have it
	eve.post(base+"/revoke/"+c.UUID, url.Values{})
	eve.get(base + "/all").want(http.StatusForbidden)
	eve.get(base + "/all/revoke?c=" + s.bob.ID + ":" + c.UUID).want(http.StatusForbidden)
	eve.get(base + "/all/revoke?c=777:" + c.UUID).want(http.StatusForbidden) // this page does not reveal which users exist, either
	eve.post(base+"/all/revoke?c="+s.bob.ID+":"+c.UUID, url.Values{}).want(http.StatusForbidden)
	if got := s.names(s.bob); !slices.Equal(got, []string{"Phone"}) {
		t.Errorf("another user changed them: %q", got)
	}
	if strings.Contains(eve.get(home).text(), "All users") {
		t.Error("the way to all users is shown to who may not go it")
	}

	ann := s.as("ann")
	made := ann.get(ann.get(list).want(http.StatusOK).link("New application password")).form().set("name", "For Bob").submit().want(http.StatusOK)
	if !s.opens(made.secret()) {
		t.Error("the administrator's password for bob does not open")
	}
	if !strings.Contains(made.text(), "User name bob") {
		t.Errorf("whose they are is not shown: %s", made.text())
	}
	ann.get(ann.get(list).link("Revoke For Bob")).form().submit().follow().want(http.StatusOK)
	if got := s.names(s.bob); !slices.Equal(got, []string{"Phone"}) {
		t.Errorf("left: %q", got)
	}
	if got := ann.get(base + "/users/" + s.ann.ID).want(http.StatusOK).text(); strings.Contains(got, "Application passwords of Ann") {
		t.Errorf("one's own list is another's: %s", got)
	}
}

func TestConfirmation(t *testing.T) {
	t.Parallel()
	confirmed := false
	s := newSite(t, func(o *options) { o.web.Confirmed = func(*http.Request) bool { return confirmed } })
	c := s.make(s.bob, sparekey.NewCredential{Name: "Phone"})
	list := base + "/users/" + s.bob.ID
	one := "?c=" + s.bob.ID + ":" + c.UUID
	ann := s.as("ann")
	for _, act := range []func() *page{
		func() *page { return ann.post(list+"/new", url.Values{"name": {"New"}}) },
		func() *page { return ann.get(list + "/revoke/" + c.UUID) },
		func() *page { return ann.post(list+"/revoke/"+c.UUID, url.Values{}) },
		func() *page { return ann.post(list+"/rename/"+c.UUID, url.Values{"name": {"New"}}) },
		func() *page { return ann.get(list + "/revoke-all") },
		func() *page { return ann.post(list+"/revoke-all", url.Values{}) },
		func() *page { return ann.get(base + "/all/revoke" + one) },
		func() *page { return ann.post(base+"/all/revoke"+one, url.Values{}) },
	} {
		p := act()
		to, err := url.Parse(p.location())
		if err != nil || to.Path != "/confirm" || !strings.HasPrefix(to.Query().Get("redirect_to"), base) {
			t.Errorf("%s %s: %d %s", p.method, p.url, p.status, p.location())
		}
	}
	if got := s.names(s.bob); !slices.Equal(got, []string{"Phone"}) {
		t.Fatalf("changed without the main password: %q", got)
	}
	s.as("bob").get(home+"new").form().set("name", "Own").submit().want(http.StatusOK)
	s.as("ann").get(base+"/users/"+s.ann.ID+"/new").form().set("name", "Own").submit().want(http.StatusOK)
	ann.get(list).want(http.StatusOK)

	to, _ := url.Parse(ann.post(list+"/new", url.Values{"name": {"New & more"}}).location())
	confirmed = true
	back := ann.get(to.Query().Get("redirect_to"))
	if got := valueOf(back.id("new_application_password_name"), "value"); got != "New & more" {
		t.Errorf("what was typed is lost: %q", got)
	}
	back.form().submit().want(http.StatusOK)
	ann.get(base + "/all/revoke" + one).form().submit().want(http.StatusSeeOther)
	if got := s.names(s.bob); !slices.Equal(got, []string{"Own", "New & more"}) {
		t.Errorf("left: %q", got)
	}
}

func TestBasicCredentialMakesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.as("bob").with("Authorization", "bAsIc YTpi")
	p := bob.get(home).want(http.StatusOK)
	if p.has("new_application_password_name") || !strings.Contains(p.text(), "Basic authentication") {
		t.Errorf("the form is offered: %s", p.text())
	}
	bob.post(home+"new", url.Values{"name": {"Phone"}}).want(http.StatusNotImplemented)
	if got := s.names(s.bob); len(got) != 0 {
		t.Errorf("passwords: %q", got)
	}
}
