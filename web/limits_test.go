package web_test

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/explain"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/web"
)

const day = 24 * time.Hour

// only is the one credential of bob's.
func (s *site) only() sparekey.Credential {
	s.t.Helper()
	list, err := s.store.List(s.t.Context(), s.bob.ID)
	if err != nil || len(list) != 1 {
		s.t.Fatalf("got %v, %v, want one", list, err)
	}
	return list[0]
}

func rules(t *testing.T, rules ...string) scope.List {
	t.Helper()
	l, err := scope.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCreateLimited(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	form := s.as("bob").get(home+"new").form().set("name", "Agent").set("limit_expires", "7d").
		set("limit_rules", "POST /files/*\r\n\r\n").set("limit_networks", "10.0.0.0/8\n192.0.2.7").set("limit_max_uses", "3")
	form.fields.Add("limit_scope", "read")
	p := form.submit().want(http.StatusOK)
	if p.secret() == "" {
		t.Error("no password is shown")
	}
	want := sparekey.Limits{
		Expires: s.clock.Now().Add(7 * day), Scopes: rules(t, "read", "POST /files/*"), Networks: "10.0.0.0/8 192.0.2.7/32", MaxUses: 3,
	}
	if got := s.only().Limits; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, want := range []string{"It expires on 2026-11-29 10:00 UTC", "POST /files/*", "Used 0 of 3 times", "Address https://example.org", "User name bob"} {
		if text := asRead(p.text()); !strings.Contains(text, want) {
			t.Errorf("the new password comes without %q: %s", want, text)
		}
	}
	if text := s.as("bob").get(home).text(); !strings.Contains(text, "Expires soon: 2026-11-29 10:00 UTC") || !strings.Contains(text, "Limited") {
		t.Errorf("the list does not say that it is limited: %s", text)
	}
	if rules := s.as("bob").get(home + "new").id("limit-rules"); textOf(rules) != "" {
		t.Error("the next form begins with the limits of the last")
	}
}

func TestCreateUntilADay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.as("bob").get(home+"new").form().set("name", "App").set("limit_expires_on", "2026-12-24").submit().want(http.StatusOK)
	if got := s.only().Limits; got != (sparekey.Limits{Expires: time.Date(2026, 12, 24, 23, 59, 59, 0, time.UTC)}) {
		t.Errorf("got %+v", got)
	}
}

func TestLimitProblems(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, c := range map[string]struct{ field, typed, id, problem string }{
		"a day that is over": {"limit_expires_on", "2026-11-01", "limit-expires-on", "in the future"},
		"no day":             {"limit_expires_on", "soon", "limit-expires-on", "in the future"},
		"no time":            {"limit_expires", "soon", "limit-expires", "in the future"},
		"no rule":            {"limit_rules", "GET", "limit-rules", "such as GET /files/*"},
		"no bundle":          {"limit_scope", "nobodys", "", "from the list"},
		"no network":         {"limit_networks", "here", "limit-networks", "looks like"},
		"no number":          {"limit_max_uses", "some", "limit-max-uses", "whole number"},
		"less than nothing":  {"limit_max_uses", "-1", "limit-max-uses", "whole number"},
		"no use at all":      {"limit_max_uses", "0", "limit-max-uses", "whole number"},
	} {
		p := s.as("bob").get(home+"new").form().set("name", "App").set(c.field, c.typed).submit().want(http.StatusBadRequest)
		if got := textOf(p.id("problem")); !strings.Contains(got, c.problem) {
			t.Errorf("%s: %s", name, got)
		}
		if c.id != "" && valueOf(p.id(c.id), "aria-invalid") != "true" || valueOf(p.id("new_application_password_name"), "value") != "App" {
			t.Errorf("%s: the field is not marked, or what was typed is lost", name)
		}
		for n := p.id(cmp.Or(c.id, "limit-expires")); n != nil; n = n.Parent {
			if _, open := attribute(n, "open"); n.Data == "details" && !open {
				t.Errorf("%s: the field is not to be seen", name)
			}
		}
	}
	if got := s.names(s.bob); len(got) != 0 {
		t.Errorf("passwords: %q", got)
	}
}

// TestAllLimitProblemsAtOnce has each of several mistakes named at its field.
func TestAllLimitProblemsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.make(s.bob, sparekey.NewCredential{Name: "App"})
	bob := s.as("bob")
	p := bob.get(bob.get(home).link("Limits of App")).formOf("limit-expires").
		set("limit_rules", "GET").set("limit_networks", "here").set("limit_max_uses", "0").set("limit_expires_on", "2026-11-21").
		submit().want(http.StatusBadRequest)
	for id, want := range map[string]string{
		"limit-rules": "such as GET /files/*", "limit-networks": "looks like", "limit-max-uses": "whole number", "limit-expires-on": "in the future",
	} {
		problem := map[string]string{"limit-rules": "limit-scopes-problem", "limit-expires-on": "limit-expires-problem"}[id]
		if problem == "" {
			problem = id + "-problem"
		}
		if !strings.Contains(textOf(p.id(problem)), want) || !strings.Contains(textOf(p.id("problem")), want) ||
			valueOf(p.id(id), "aria-invalid") != "true" || !strings.Contains(valueOf(p.id(id), "aria-describedby"), problem) {
			t.Errorf("%s: not said: %s", id, p.text())
		}
	}
	p = p.formOf("limit-expires").set("limit_expires_on", "").submit().want(http.StatusBadRequest)
	if valueOf(p.id("limit-expires"), "aria-invalid") != "" {
		t.Error("what is right is marked as wrong")
	}
}

// TestLimitsOfSomebodyElse speaks of the owner's account, not the viewer's.
func TestLimitsOfSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.make(s.bob, sparekey.NewCredential{Name: "App"})
	ann := s.as("ann")
	list := ann.get(base + "/users/" + s.bob.ID).want(http.StatusOK)
	for _, p := range []*page{ann.get(list.link("New application password")), ann.get(list.link("Limits of App"))} {
		if !strings.Contains(p.text(), "that the account of Bob can do") || strings.Contains(p.text(), "your account can do") {
			t.Errorf("it is about the viewer's account: %s", p.text())
		}
		p.link("All users")
	}
}

// TestFormOfWordPress sends what a form without the fields about limits has.
func TestFormOfWordPress(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.as("bob").post(home+"new", url.Values{"name": {"App"}}).want(http.StatusOK)
	if got := s.only().Limits; !got.IsZero() {
		t.Errorf("got %+v", got)
	}
}

func TestChangeLimits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	expires := s.clock.Now().Add(100 * day)
	s.make(s.bob, sparekey.NewCredential{Name: "App", Limits: sparekey.Limits{
		Expires: expires, Scopes: rules(t, "read", "POST /files/*"), Networks: "10.0.0.0/8", MaxUses: 3,
	}})
	p := s.as("bob").get(home)
	if !strings.Contains(p.text(), "Until 2027-03-02") {
		t.Errorf("the list does not say until when: %s", p.text())
	}
	p = s.as("bob").get(p.link("Limits of App")).want(http.StatusOK)
	for _, want := range []string{
		"Active.", "read see everything, change nothing", "POST /files/* POST requests to everything that begins with /files/",
		"It may be used from here only: 10.0.0.0/8.", "It expires on 2027-03-02 10:00 UTC", "Used 0 of 3 times",
	} {
		if !strings.Contains(strings.NewReplacer("\u2068", "", "\u2069", "").Replace(p.text()), want) {
			t.Errorf("no %q in: %s", want, p.text())
		}
	}
	p.formOf("limit-expires").submit().want(http.StatusSeeOther).follow()
	if got := s.only().Limits; got.Expires != expires || got.Scopes != rules(t, "read", "POST /files/*") || got.Networks != "10.0.0.0/8" || got.MaxUses != 3 {
		t.Errorf("a form that was sent as it came changed the limits: %+v", got)
	}
	form := p.formOf("limit-expires").set("limit_expires", "never").set("limit_rules", "").set("limit_networks", "").set("limit_max_uses", "")
	form.fields["limit_scope"] = []string{"", "write"}
	done := form.submit().want(http.StatusSeeOther).follow()
	if got := s.only().Limits; got != (sparekey.Limits{Scopes: "write"}) || !strings.Contains(done.text(), "Limits saved.") {
		t.Errorf("got %+v, %s", got, done.text())
	}
	wrong := p.formOf("limit-expires").set("limit_networks", "here").submit().want(http.StatusBadRequest)
	if textOf(wrong.id("limit-networks")) != "here" {
		t.Error("what was typed is lost")
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.as("bob").get(home+"new").form().set("name", "App").submit()
	first := p.secret()
	before := s.only()
	page := s.as("bob").get(s.as("bob").get(home).link("Replace the password of App"))
	form := page.formOf("grace").set("grace", "1h")
	second := form.submit().want(http.StatusOK)
	if !s.opens(second.secret()) || !s.opens(first) {
		t.Error("the new password, or the old one, does not open")
	}
	again := form.submit().want(http.StatusSeeOther).follow()
	if !strings.Contains(again.text(), "was sent before") || !s.opens(second.secret()) {
		t.Errorf("a reload gave another password: %s", again.text())
	}
	if got := textOf(second.id("old-until")); asRead(got) != "The old password keeps working until 2026-11-22 11:00 UTC ." {
		t.Errorf("the answer says: %s", got)
	}
	list := s.as("bob").get(home)
	if !strings.Contains(list.text(), "Old password works until 2026-11-22 11:00 UTC") {
		t.Errorf("the list does not say that the old one works: %s", list.text())
	}
	if all := s.as("ann").get(base + "/all"); !strings.Contains(all.text(), "Old password works until 2026-11-22 11:00 UTC") {
		t.Errorf("the list of all does not say that the old one works: %s", all.text())
	}
	if got := s.as("bob").get(list.link("Limits of App")).text(); !strings.Contains(got, "the previous one works until") {
		t.Errorf("the page does not show until when the previous one works: %s", got)
	}
	s.clock.Pass(time.Hour)
	if s.opens(first) {
		t.Error("the old password opens after its time")
	}
	if text := s.as("bob").get(home).text(); strings.Contains(text, "Old password works") {
		t.Errorf("the list says that the old one works after its time: %s", text)
	}
	third := page.get(page.url).formOf("grace").submit().want(http.StatusOK)
	if third.has("old-until") {
		t.Error("the old password is said to work, and does not")
	}
	if s.opens(second.secret()) || !s.opens(third.secret()) {
		t.Error("without more time, the old password opens, or the new one does not")
	}
	if got := s.only(); got.UUID != before.UUID || got.Name != before.Name {
		t.Errorf("another record: %+v", got)
	}
	for _, grace := range []string{"-1h", "1000d", "soon"} {
		refused := page.get(page.url).formOf("grace").set("grace", grace).submit().want(http.StatusBadRequest)
		if !strings.Contains(refused.text(), "The form cannot be read") {
			t.Errorf("%s: %s", grace, refused.text())
		}
	}
	if !s.opens(third.secret()) {
		t.Error("a form that was refused gave another password")
	}
}

// TestRotateInactive wants no password to be handed out that does not open.
func TestRotateInactive(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.as("bob").get(home+"new").form().set("name", "App").set("limit_expires", "1d").submit()
	page := s.as("bob").get(s.as("bob").get(home).link("Replace the password of App"))
	before := s.only()
	s.clock.Pass(24 * time.Hour)
	refused := page.formOf("grace").submit().want(http.StatusConflict)
	if !strings.Contains(refused.text(), "No longer works") || s.only().Hash != before.Hash {
		t.Errorf("the answer is %s", refused.text())
	}
}

// TestNoGrace is about a site that cannot accept the password from before.
func TestNoGrace(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) { o.service.NoGrace = true })
	p := s.as("bob").get(home+"new").form().set("name", "App").submit()
	first := p.secret()
	page := s.as("bob").get(s.as("bob").get(home).link("Replace the password of App"))
	if text := textOf(page.id("grace")); !strings.Contains(text, "Stops working now") || strings.Contains(text, "hour") {
		t.Errorf("the choices are %q", text)
	}
	page.formOf("grace").set("grace", "1h").submit().want(http.StatusBadRequest)
	if !s.opens(first) {
		t.Error("a form that was refused gave another password")
	}
	if second := page.formOf("grace").submit().want(http.StatusOK); s.opens(first) || !s.opens(second.secret()) {
		t.Error("without more time, the old password opens, or the new one does not")
	}
}

// TestLimitsAreTheOwners tries the pages of another user's application password.
func TestLimitsAreTheOwners(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.make(s.ann, sparekey.NewCredential{Name: "App"})
	for _, page := range []string{"/limits/", "/rotate/"} {
		for _, list := range []string{strings.TrimRight(home, "/"), base + "/users/" + s.ann.ID} {
			s.as("bob").post(list+page+c.UUID, url.Values{"grace": {"0s"}, "limit_scope": {"read"}}).want(http.StatusNotFound)
		}
	}
	if got, err := s.svc.AsOperator().Get(t.Context(), s.ann.ID, c.UUID); err != nil || got != c {
		t.Errorf("got %+v, %v", got, err)
	}
	if to := s.as("bob").get(base + "/rotate/" + c.UUID); to.status == http.StatusOK {
		t.Error("reading shows something")
	}
}

func TestExpiredIsSeen(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *options) {
		o.service.Policy = sparekey.Policy{RequireScopes: true}
	})
	s.make(s.bob, sparekey.NewCredential{Name: "App", Limits: sparekey.Limits{Scopes: "read", Expires: s.clock.Now().Add(time.Hour)}})
	s.clock.Pass(time.Hour)
	p := s.as("bob").get(home)
	if !strings.Contains(p.text(), "Expired") {
		t.Errorf("the list does not say that it expired: %s", p.text())
	}
	p = s.as("bob").get(home+"new").form().set("name", "Everything").set("limit_preset", "chosen").submit().want(http.StatusBadRequest)
	if got := textOf(p.id("problem")); !strings.Contains(got, "Tick at least one thing") {
		t.Errorf("got %s", got)
	}
	if got := s.as("ann").get(base + "/all").text(); !strings.Contains(got, "Expired") {
		t.Errorf("the list of all does not say that it expired: %s", got)
	}
}

func TestPolicyInTheForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy sparekey.Policy
		want   []string
	}{
		"none":     {sparekey.Policy{}, []string{"never", "1d", "7d", "30d", "90d", "365d"}},
		"lifetime": {sparekey.Policy{MaxLifetime: 30 * day}, []string{"never", "1d", "7d"}},
		"expiry":   {sparekey.Policy{RequireExpiry: true}, []string{"1d", "7d", "30d", "90d", "365d"}},
	} {
		s := newSite(t, func(o *options) { o.service.Policy = c.policy })
		p := s.as("bob").get(home + "new")
		var got []string
		for _, o := range p.all("option") {
			got = append(got, valueOf(o, "value"))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		p.form().set("name", "App").submit().want(http.StatusOK)
		if c := s.only(); name != "none" && c.Limits.Expires.IsZero() {
			t.Errorf("%s: it never expires", name)
		}
	}
}

// TestNothingTicked wants the page to ask for a tick, and not to complain about rules that
// the user did not type.
func TestNothingTicked(t *testing.T) {
	t.Parallel()
	for tag, language := range web.NewCatalogue() {
		s := newSite(t, func(o *options) { o.service.Policy = sparekey.Policy{RequireScopes: true} })
		c := s.make(s.bob, sparekey.NewCredential{Name: "App", Limits: sparekey.Limits{Scopes: "read"}})
		b := s.as("bob").with("Accept-Language", tag)
		for _, form := range []*form{
			b.get(home+"new").form().set("name", "New"), b.get(base + "/limits/" + c.UUID).formOf("limit-expires"),
			b.get(ask()).form().set("approve", "1"), b.get(wish("", "read")).form().set("approve", "1"),
		} {
			if form.fields.Has("limit_preset") {
				form.set("limit_preset", "chosen")
			}
			p := form.set("limit_scope", "").submit().want(http.StatusBadRequest)
			if got := textOf(p.id("limit-scopes-problem")); got != language.T("problem.scopes_none") {
				t.Errorf("%s: %s: %s", tag, p.url, got)
			}
			if p.has("limit-rules") && valueOf(p.id("limit-rules"), "aria-invalid") != "" {
				t.Errorf("%s: %s: the empty rules are said to be wrong", tag, p.url)
			}
		}
	}
}

// TestMethodsThatNobodyKnows: who may have mistyped a method is asked, once, before
// anything is made or changed.
func TestMethodsThatNobodyKnows(t *testing.T) {
	t.Parallel()
	for tag, language := range web.NewCatalogue() {
		s := newSite(t)
		c := s.make(s.bob, sparekey.NewCredential{Name: "App", Limits: sparekey.Limits{Scopes: rules(t, "BREW /pot")}})
		b := s.as("bob").with("Accept-Language", tag)
		for _, form := range []*form{
			b.get(home+"new").form().set("name", "New"), b.get(base + "/limits/" + c.UUID).formOf("limit-expires"),
			b.get(ask()).form().set("app_name", "Connected").set("approve", "1"),
		} {
			p := form.set("limit_rules", "BREW /pot\nGRT,GET /foo").submit().want(http.StatusBadRequest)
			mistyped := "GRT"
			if !strings.Contains(form.page.url, c.UUID) { // which has the other one already
				mistyped = "BREW, GRT"
			}
			if got := textOf(p.id("limit-scopes-problem")); got != asRead(language.T("problem.method", "methods", mistyped)) {
				t.Errorf("%s: %s: %s", tag, p.url, got)
			}
			if got := s.names(s.bob); slices.Contains(got, form.fields.Get("name")) || slices.Contains(got, "Connected") {
				t.Errorf("%s: made before the answer: %q", tag, got)
			}
			more := p.formOf("limit-expires").set("limit_rules", "BREW /pot\nGRT,GET /foo\nPSOT /bar").set("approve", "1").submit().want(http.StatusBadRequest)
			if got := textOf(more.id("limit-scopes-problem")); !strings.Contains(got, "PSOT") || strings.Contains(got, "GRT") {
				t.Errorf("%s: %s: %s", tag, p.url, got)
			}
			if p = p.formOf("limit-expires").set("approve", "1").submit(); p.status != http.StatusOK && p.status != http.StatusSeeOther {
				t.Errorf("%s: %s: status %d after the answer: %s", tag, p.url, p.status, p.text())
			}
		}
		list, err := s.store.List(t.Context(), s.bob.ID)
		if err != nil || len(list) != 3 {
			t.Fatalf("%s: %v, %v", tag, list, err)
		}
		for _, c := range list {
			if c.Limits.Scopes != rules(t, "BREW /pot", "GRT,GET /foo") {
				t.Errorf("%s: %s has %q", tag, c.Name, c.Limits.Scopes)
			}
		}
	}
}

// TestPolicyInWords: no page has durations as settings have them.
func TestPolicyInWords(t *testing.T) {
	t.Parallel()
	for tag, language := range web.NewCatalogue() {
		s := newSite(t, func(o *options) { o.service.Policy = sparekey.Policy{MaxLifetime: 30 * day, RevokeUnused: 60 * day} })
		c := s.make(s.bob, sparekey.NewCredential{Name: "App"})
		b := s.as("bob").with("Accept-Language", tag)
		longest := asRead(language.T("expires.longest", "time", explain.Duration{Duration: 30 * day}))
		if got := textOf(b.get(home + "new").all("option")[0]); got != longest || strings.Contains(got, "30d") {
			t.Errorf("%s: the option is %q", tag, got)
		}
		text := b.get(base + "/limits/" + c.UUID).text()
		unused := asRead(language.T("explain.revoked_unused", "time", explain.Duration{Duration: 60 * day}))
		if !strings.Contains(text, unused) || strings.Contains(text, "30d") || strings.Contains(text, "60d") {
			t.Errorf("%s: no %q in: %s", tag, unused, text)
		}
	}
}

// TestLatestTimeIsSaid: who chooses a time that is too late learns which one is not.
func TestLatestTimeIsSaid(t *testing.T) {
	t.Parallel()
	for tag, language := range web.NewCatalogue() {
		s := newSite(t, func(o *options) { o.service.Policy = sparekey.Policy{MaxLifetime: 30 * day} })
		c := s.make(s.bob, sparekey.NewCredential{Name: "Old", Limits: sparekey.Limits{Expires: newDay(5)}})
		s.clock.Pass(day)
		b := s.as("bob").with("Accept-Language", tag)
		for form, latest := range map[*form]string{
			b.get(home+"new").form().set("name", "New"):               "2026-12-23 10:00 UTC",
			b.get(base + "/limits/" + c.UUID).formOf("limit-expires"): "2026-12-22 10:00 UTC",
			b.get(ask()).form().set("approve", "1"):                   "2026-12-23 10:00 UTC",
			b.get(wish("7d", "read")).form().set("approve", "1"):      "2026-11-30 10:00 UTC",
		} {
			p := form.set("limit_expires_on", "2027-01-01").submit().want(http.StatusBadRequest)
			latest = strings.ReplaceAll(latest, "-", "\u2011") // at which no line ends
			want := asRead(language.T("problem.expires_latest", "time", latest))
			if got := textOf(p.id("limit-expires-problem")); got != want {
				t.Errorf("%s: %s: got %q, want %q", tag, p.url, got, want)
			}
		}
	}
}

// TestNoFormThatIsRefused has a user who can have no other application password. The page
// says so instead of showing a form, and refuses a form that is sent anyway.
func TestNoFormThatIsRefused(t *testing.T) {
	t.Parallel()
	for tag, language := range web.NewCatalogue() {
		for key, policy := range map[string]sparekey.Policy{
			"error.not_creator.text": {Creators: []string{"editor"}},
			"error.too_many.text":    {MaxPerUser: 1},
		} {
			before := newSite(t).as("bob").get(home+"new").form().set("name", "Another").fields
			s := newSite(t, func(o *options) { o.service.Policy = policy })
			if policy.MaxPerUser > 0 {
				s.make(s.bob, sparekey.NewCredential{Name: "App"})
			}
			for _, list := range []string{home, base + "/users/" + s.bob.ID} {
				b, id := s.as("ann"), s.ann.ID
				if list == home {
					b, id = s.as("bob"), s.bob.ID
				}
				before.Set("shown_to", id)
				b = b.with("Accept-Language", tag)
				p := b.get(list).want(http.StatusOK)
				if text := p.text(); !strings.Contains(text, language.T(key)) || p.has("new_application_password_name") || p.has("empty-title") {
					t.Errorf("%s: %s: %s", tag, key, text)
				}
				if p = b.post(strings.TrimRight(list, "/")+"/new", before); p.status != http.StatusForbidden && p.status != http.StatusConflict || !strings.Contains(p.text(), language.T(key)) {
					t.Errorf("%s: %s: status %d: %s", tag, key, p.status, p.text())
				}
			}
		}
	}
	s := newSite(t, func(o *options) { o.service.Policy = sparekey.Policy{Creators: []string{sparekey.RoleAdministrator}} })
	s.as("ann").get(home+"new").form().set("name", "App").submit().want(http.StatusOK)
}

// TestRequiredScopesAreSaid: where something must be chosen, no page says that there
// need be no limits.
func TestRequiredScopesAreSaid(t *testing.T) {
	t.Parallel()
	for tag, language := range web.NewCatalogue() {
		for key, policy := range map[string]sparekey.Policy{
			"authorize.may_chosen":       {RequireScopes: true},
			"authorize.may_chosen_until": {RequireScopes: true, MaxLifetime: 30 * day},
		} {
			s := newSite(t, func(o *options) { o.service.Policy = policy })
			b := s.as("bob").with("Accept-Language", tag)
			screen := b.get(ask()).want(http.StatusOK)
			if text := screen.text(); !strings.Contains(text, language.T(key)) || strings.Contains(text, language.T("authorize.may")) {
				t.Errorf("%s: %s: %s", tag, key, text)
			}
			if got := textOf(screen.all("summary")[0]); got != language.T("limits.summary_required") || got == language.T("limits.summary") {
				t.Errorf("%s: the box says %q", tag, got)
			}
			for _, p := range []*page{screen, b.get(home + "new").want(http.StatusOK)} {
				if len(p.all("input", "name", "limit_preset", "value", "all")) > 0 || len(p.all("input", "name", "limit_preset", "value", "read")) != 1 {
					t.Errorf("%s: %s: the presets are wrong", tag, p.url)
				}
			}
		}
	}
}

// wish is the query of an application that asks for scopes and a time.
func wish(expires string, scopes ...string) string {
	return ask() + "&" + url.Values{"scope": scopes, "expires": {expires}}.Encode()
}

func TestAuthorizeWishes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.as("bob").get(wish("30d", "wp:posts", "POST /hooks/*")).want(http.StatusOK)
	for _, want := range []string{"can do only what stays ticked", "See, write, change and delete posts in WordPress wp:posts", "POST /hooks/*", "As the application asks: 2026-12-22", "until the password expires or you revoke it"} {
		if text := p.text(); !strings.Contains(text, want) {
			t.Errorf("no %q in: %s", want, text)
		}
	}
	if p.has("limit-rules") {
		t.Error("rules can be added to what was asked for")
	}
	p.form().submit("approve").want(http.StatusOK)
	if got, want := s.only().Limits, (sparekey.Limits{Expires: s.clock.Now().Add(30 * day), Scopes: rules(t, "wp:posts", "POST /hooks/*")}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestAuthorizeNeverMore has the answer to an application's request say more than
// that asked for, or less.
func TestAuthorizeNeverMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(f *form)
		want   sparekey.Limits // zero: a problem
	}{
		"fewer scopes, a shorter time": {func(f *form) { f.fields["limit_scope"] = []string{"", "read"}; f.set("limit_expires", "7d") }, sparekey.Limits{Scopes: "read", Expires: newDay(7)}},
		"no scopes at all":             {func(f *form) { f.fields["limit_scope"] = []string{""} }, sparekey.Limits{}},
		"another scope":                {func(f *form) { f.fields["limit_scope"] = []string{"write"} }, sparekey.Limits{}},
		"another rule":                 {func(f *form) { f.set("limit_rules", "* /*") }, sparekey.Limits{}},
		"a longer time":                {func(f *form) { f.set("limit_expires", "90d") }, sparekey.Limits{}},
		"a later day":                  {func(f *form) { f.set("limit_expires_on", "2030-01-01") }, sparekey.Limits{}},
		"no end":                       {func(f *form) { f.set("limit_expires", "never") }, sparekey.Limits{}},
		"a network":                    {func(f *form) { f.set("limit_networks", "192.0.2.0/24") }, sparekey.Limits{Scopes: "read\nwp:posts", Expires: newDay(30), Networks: "192.0.2.0/24"}},
		"none of these fields": {func(f *form) {
			for field := range f.fields {
				if strings.HasPrefix(field, "limit_") {
					f.fields.Del(field)
				}
			}
		}, sparekey.Limits{Scopes: "read\nwp:posts", Expires: newDay(30)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			form := s.as("bob").get(wish("30d", "read wp:posts")).form()
			c.change(form)
			p := form.submit("approve")
			if c.want.IsZero() {
				if p.want(http.StatusBadRequest); !p.has("problem") || len(s.names(s.bob)) > 0 {
					t.Errorf("no problem, or a password: %s", p.text())
				}
				return
			}
			p.want(http.StatusOK)
			if got := s.only().Limits; got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func newDay(days int) time.Time {
	return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).AddDate(0, 0, days)
}

func TestAuthorizeWishesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, path := range map[string]string{
		"unknown bundle": wish("", "nobodys"), "no rule": wish("", "GET"), "no time": wish("soon", "read"), "over": wish("-1h", "read"),
	} {
		if p := s.as("bob").get(path).want(http.StatusBadRequest); p.has("approve") {
			t.Errorf("%s: it can be approved", name)
		}
	}
	// Limits that exceed the policy are reduced rather than refused.
	s = newSite(t, func(o *options) { o.service.Policy = sparekey.Policy{MaxLifetime: 10 * day} })
	s.as("bob").get(wish("365d", "read")).form().submit("approve").want(http.StatusOK)
	if got := s.only().Limits.Expires; !got.Equal(newDay(10)) {
		t.Errorf("until %v", got)
	}
}

// TestWishesSurviveSigningIn follows the detour over signing in.
func TestWishesSurviveSigningIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.as("").get(wish("30d", "read", "POST /hooks/*")).want(http.StatusFound)
	to, err := url.Parse(p.location())
	if err != nil {
		t.Fatal(err)
	}
	back, err := url.Parse(to.Query().Get("redirect_to"))
	if err != nil || back.Query().Get("expires") != "30d" || !slices.Equal(back.Query()["scope"], []string{"read", "POST /hooks/*"}) {
		t.Errorf("leads back to %v, %v", back, err)
	}
}

func TestCodeHasTheLimits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	path := askForCode("https://app.example/cb") + "&" + url.Values{"scope": {"read"}, "expires": {"7d"}}.Encode()
	code := codeOf(s.as("bob").get(path).form().submit("approve").want(http.StatusSeeOther))
	r := s.exchange(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}})
	if r.Code != http.StatusOK {
		t.Fatalf("%d %s", r.Code, r.Body)
	}
	if got := s.only().Limits; got != (sparekey.Limits{Scopes: "read", Expires: newDay(7)}) {
		t.Errorf("got %+v", got)
	}
}

// TestLimitsSurviveConfirming has an administrator make one for another user, which
// asks who they are in between.
func TestLimitsSurviveConfirming(t *testing.T) {
	t.Parallel()
	confirmed := false
	s := newSite(t, func(o *options) { o.web.Confirmed = func(*http.Request) bool { return confirmed } })
	form := s.as("ann").get(base+"/users/"+s.bob.ID+"/new").form().set("name", "Agent").set("limit_expires", "7d").set("limit_networks", "10.0.0.0/8\n192.0.2.7")
	form.set("limit_preset", "chosen").fields["limit_scope"] = []string{"", "read", "wp:posts"}
	to, err := url.Parse(form.submit().want(http.StatusSeeOther).location())
	if err != nil || len(s.names(s.bob)) > 0 {
		t.Fatalf("%v, or made without asking", err)
	}
	confirmed = true
	p := s.as("ann").get(to.Query().Get("redirect_to")).want(http.StatusOK)
	if chosen := p.all("input", "name", "limit_preset", "checked", ""); len(chosen) != 1 || valueOf(chosen[0], "value") != "chosen" {
		t.Error("what was chosen is not to be seen")
	}
	p.form().submit().want(http.StatusOK)
	want := sparekey.Limits{Expires: newDay(7), Scopes: rules(t, "read", "wp:posts"), Networks: "10.0.0.0/8 192.0.2.7/32"}
	if got := s.only().Limits; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestAddressesChooseNothing has an application's address try to choose limits in the
// user's place.
func TestAddressesChooseNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.as("bob").get(wish("30d", "read wp:posts") + "&limit_scope=write&limit_rules=*+/*&limit_expires=never&limit_networks=0.0.0.0/0").want(http.StatusOK)
	p.form().submit("approve").want(http.StatusOK)
	if got := s.only().Limits; got != (sparekey.Limits{Scopes: rules(t, "read", "wp:posts"), Expires: newDay(30)}) {
		t.Errorf("got %+v", got)
	}
}
