package web_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/web"
)

func withAudit(o *options) { o.audit = true }

// linkTo is where a link with a label leads.
func (p *page) linkTo(label string) string {
	p.t.Helper()
	isolates := strings.NewReplacer("\u2068", "", "\u2069", "")
	for _, a := range p.all("a") {
		if isolates.Replace(valueOf(a, "aria-label")) == label || textOf(a) == label {
			return valueOf(a, "href")
		}
	}
	p.t.Fatalf("%s: no link %q", p.url, label)
	return ""
}

// rowsOf returns the text of the rows of the tables with a class.
func (p *page) rowsOf(class string) (rows []string) {
	for _, table := range p.all("table", "class", class) {
		for n := range table.Descendants() {
			if n.Type == html.ElementNode && n.Data == "tr" && n.Parent.Data == "tbody" {
				rows = append(rows, textOf(n))
			}
		}
	}
	return rows
}

func TestHistory(t *testing.T) {
	t.Parallel()
	s := newSite(t, withAudit)
	secret := s.as("bob").get(home+"new").form().set("name", "Phone").submit().want(http.StatusOK).secret()
	c, err := s.store.List(t.Context(), s.bob.ID)
	if err != nil {
		t.Fatal(err)
	}
	use := func(secret, addr string) {
		s.clock.Pass(time.Minute)
		_, _ = s.svc.Authenticate(t.Context(), sparekey.Attempt{
			Login: "bob", Secret: sparekey.ParseSecret(secret), Secure: true, Addr: netip.MustParseAddr(addr),
			Request: sparekey.Request{Method: "GET", Target: "/posts?token=query-secret"},
		})
	}
	use(secret, "192.0.2.1")
	use(secret, "192.0.2.1")
	if err := s.audit.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	networks, err := sparekey.ParseNetworks([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.svc.AsOperator().Limit(t.Context(), s.bob.ID, c[0].UUID, sparekey.Limits{Networks: networks}); err != nil {
		t.Fatal(err)
	}
	use(secret, "2001:db8::7")
	if err := s.audit.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := s.as("bob").get(s.as("bob").get(home).linkTo("History of Phone")).want(http.StatusOK)
	if got, want := p.rowsOf("sk-table sk-log"), []string{
		"Refused It may not be used from there. 2026-11-22 10:03 UTC – 2001:db8::7 GET /posts",
		"Limits changed 2026-11-22 10:02 UTC Administrator (command line) – –",
		"Used × 2 2026-11-22 10:01 UTC – 2026-11-22 10:02 UTC – 192.0.2.1 GET /posts",
		"Created Phone 2026-11-22 10:00 UTC bob 127.0.0.1 POST " + home + "new",
	}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := p.rowsOf("sk-table"), []string{"192.0.2.1 2026-11-22 10:01 UTC 2026-11-22 10:02 UTC"}; !slices.Equal(got, want) {
		t.Errorf("addresses: %q, want %q", got, want)
	}
	if !strings.Contains(p.text(), "Times used 2") || strings.Contains(p.body, "query-secret") || strings.Contains(p.body, secret) {
		t.Error(p.text())
	}
	if got := p.linkTo("Back to the list"); got != home {
		t.Errorf("back: %s", got)
	}
	limits := s.as("bob").get(p.linkTo("Limits")).want(http.StatusOK)
	if got := limits.linkTo("History"); !strings.HasPrefix(p.url, strings.SplitN(got, "?", 2)[0]) {
		t.Errorf("from the limits, the history is at %s", got)
	}
}

// TestHistoryOfOthers is for administrators alone.
func TestHistoryOfOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t, withAudit)
	c := s.make(s.bob, sparekey.NewCredential{Name: "Phone"})
	own := s.make(s.ann, sparekey.NewCredential{Name: "Admin's"})
	p := s.as("ann").get(s.as("ann").get(home + "users/" + s.bob.ID).linkTo("History of Phone")).want(http.StatusOK)
	if got := p.rowsOf("sk-table sk-log"); len(got) != 1 {
		t.Errorf("%q", got)
	}
	all := s.as("ann").get(home + "all").want(http.StatusOK)
	s.as("ann").get(all.linkTo("History of Phone")).want(http.StatusOK)
	for _, path := range []string{
		home + "users/" + s.ann.ID + "/history/" + own.UUID, // another user's
		home + "history/" + own.UUID,                        // that is not theirs
		home + "history/" + strings.ToUpper(c.UUID), home + "history/x",
	} {
		if p := s.as("bob").get(path).want(http.StatusNotFound); strings.Contains(p.body, "Admin") {
			t.Errorf("%s: %s", path, p.text())
		}
	}
	s.as("").get(home + "history/" + c.UUID).want(http.StatusFound)
	s.as("bob").post(home+"history/"+c.UUID, nil).want(http.StatusMethodNotAllowed)
	if _, err := s.svc.AsOperator().Revoke(t.Context(), s.bob.ID, c.UUID); err != nil {
		t.Fatal(err)
	}
	s.as("bob").get(home + "history/" + c.UUID).want(http.StatusNotFound)
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	s := newSite(t, withAudit)
	c := s.make(s.bob, sparekey.NewCredential{Name: "0th"})
	for i := range 60 {
		if _, err := s.svc.AsOperator().Rename(t.Context(), s.bob.ID, c.UUID, fmt.Sprint("Name ", i)); err != nil {
			t.Fatal(err)
		}
	}
	s.make(s.bob, sparekey.NewCredential{Name: "Other"})
	first := s.as("bob").get(home + "history/" + c.UUID)
	seen := first.rowsOf("sk-table sk-log")
	second := first.get(first.linkTo("Older"))
	seen = append(seen, second.rowsOf("sk-table sk-log")...)
	third := second.get(second.linkTo("Older"))
	seen = append(seen, third.rowsOf("sk-table sk-log")...)
	if len(seen) != 61 || !strings.HasPrefix(seen[0], "Renamed Name 59 ") || !strings.HasPrefix(seen[60], "Created 0th") || strings.Contains(third.text(), "Older") {
		t.Errorf("%d records: %q", len(seen), seen)
	}
	if got := third.get(third.linkTo("Newest")).rowsOf("sk-table sk-log"); !slices.Equal(got, seen[:25]) {
		t.Errorf("%q", got)
	}
	for _, before := range []string{"x", "-1", "0", "99999999999999999999", "18446744073709551615"} {
		s.as("bob").get(home + "history/" + c.UUID + "?before=" + before).want(http.StatusOK)
	}
}

// TestHistoryWithoutLog wants neither links nor pages where the site has no log.
func TestHistoryWithoutLog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := s.make(s.bob, sparekey.NewCredential{Name: "Phone"})
	if p := s.as("bob").get(home); strings.Contains(p.body, "/history/") {
		t.Error(p.text())
	}
	s.as("bob").get(home + "history/" + c.UUID).want(http.StatusNotFound)
}

func TestHistoryBroken(t *testing.T) {
	t.Parallel()
	s := newSite(t, withAudit)
	c := s.make(s.bob, sparekey.NewCredential{Name: "Phone"})
	s.store.broken = true
	s.as("bob").get(home + "history/" + c.UUID).want(http.StatusServiceUnavailable)
}

// TestHistoryHasTexts wants a text for every kind of event of a credential.
func TestHistoryHasTexts(t *testing.T) {
	t.Parallel()
	english := web.NewCatalogue()["en"].Texts
	for _, kind := range []sparekey.Kind{
		sparekey.KindCreated, sparekey.KindRenamed, sparekey.KindLimited, sparekey.KindRotated, sparekey.KindRevoked, sparekey.KindRefused, audit.KindUsed,
		sparekey.KindReRevoked, sparekey.KindRestored, sparekey.KindConflict,
	} {
		if english["history.kind."+string(kind)] == "" {
			t.Errorf("no text for %s", kind)
		}
	}
	nobodys := []sparekey.Reason{ // before it is known which credential it is
		sparekey.ReasonMalformed, sparekey.ReasonUnknownLogin, sparekey.ReasonUnknownEmail, sparekey.ReasonWrongSecret,
		sparekey.ReasonInsecure, sparekey.ReasonDisabled, sparekey.ReasonThrottled,
	}
	for _, reason := range sparekey.Reasons() {
		if english["history.reason."+string(reason)] == "" && !slices.Contains(nobodys, reason) {
			t.Errorf("no text for %s", reason)
		}
	}
}
