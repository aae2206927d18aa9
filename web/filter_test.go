package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web"
)

// newSiteWithStates has one application password in every state.
func newSiteWithStates(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	soon, later := s.clock.Now().Add(48*time.Hour), s.clock.Now().Add(300*day)
	s.make(s.bob, sparekey.NewCredential{Name: "over", Limits: sparekey.Limits{Expires: s.clock.Now().Add(time.Hour)}})
	secret, _, err := s.svc.AsOperator().Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "Used up", Limits: sparekey.Limits{MaxUses: 1}})
	if err == nil {
		_, err = s.svc.Authenticate(t.Context(), sparekey.Attempt{Login: "ann", Secret: secret, Secure: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	s.clock.Pass(time.Hour)
	s.make(s.bob, sparekey.NewCredential{Name: "soon", Limits: sparekey.Limits{Expires: soon}})
	s.make(s.ann, sparekey.NewCredential{Name: "later", Limits: sparekey.Limits{Expires: later}})
	s.clock.Pass(time.Hour)
	free := s.make(s.bob, sparekey.NewCredential{Name: "Free"})
	if _, err := s.svc.AsOperator().RecordUse(t.Context(), s.bob.ID, free.UUID, "203.0.113.7"); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStatesAndOrders(t *testing.T) {
	t.Parallel()
	s := newSiteWithStates(t)
	newest := []string{"Free", "later", "soon", "Used up", "over"}
	for query, want := range map[string][]string{
		"":                        newest,
		"state=expiring":          {"soon"},
		"state=unlimited":         {"Free"},
		"state=unlimited&never=1": nil,
		"state=expiring&user=ann": nil,
		"state=nonsense":          newest,
		"sort=nonsense&size=7":    newest,
		"sort=oldest":             {"over", "Used up", "soon", "later", "Free"},
		"sort=name":               {"Free", "later", "over", "soon", "Used up"},
		"sort=used":               {"Free", "Used up", "later", "soon", "over"},
		"sort=unused":             {"later", "soon", "over", "Used up", "Free"},
		"sort=name&never=1":       {"later", "over", "soon"},
		"state=expired&sort=name": {"over", "Used up"},
	} {
		var got []string
		for _, cell := range s.as("ann").get(base+"/all?"+query).want(http.StatusOK).all("td", "class", "sk-name") {
			got = append(got, strings.TrimSpace(textOf(cell.FirstChild)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	p := s.as("ann").get(base + "/all?state=expiring&sort=name&size=50")
	form := p.formOf("user")
	for field, want := range map[string]string{"state": "expiring", "sort": "name", "size": "50"} {
		if got := form.fields.Get(field); got != want {
			t.Errorf("the form says %s is %q, want %q", field, got, want)
		}
	}
}

func TestPageSizes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 120 {
		s.make(s.bob, sparekey.NewCredential{Name: fmt.Sprintf("App %03d", i)})
	}
	for query, want := range map[string]int{"": 25, "size=50": 50, "size=100": 100, "size=100000": 25, "size=-1": 25, "size=50&sort=name": 50, "size=100&state=unlimited": 100} {
		p := s.as("ann").get(base + "/all?" + query).want(http.StatusOK)
		seen := map[string]bool{}
		for {
			rows := p.shownNames()
			if len(seen) == 0 && len(rows) != want {
				t.Errorf("%s: %d rows, want %d", query, len(rows), want)
			}
			for _, name := range rows {
				seen[name] = true
			}
			next := p.all("a", "rel", "next")
			if len(next) == 0 {
				break
			}
			p = s.as("ann").get(valueOf(next[0], "href")).want(http.StatusOK)
		}
		if len(seen) != 120 {
			t.Errorf("%s: %d of 120 seen", query, len(seen))
		}
	}
}

// TestRevokeAllThatMatch revokes what the filter selects, on every page of the list, and
// nothing that came to match after the question.
func TestRevokeAllThatMatch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 30 {
		s.make(s.bob, sparekey.NewCredential{Name: fmt.Sprintf("Agent %d", i)})
	}
	s.make(s.bob, sparekey.NewCredential{Name: "Phone"})
	s.make(s.ann, sparekey.NewCredential{Name: "Agent of Ann", Limits: sparekey.Limits{MaxUses: 9}})
	ann := s.as("ann")
	if text := ann.get(base + "/all").text(); strings.Contains(text, "that match") {
		t.Errorf("without a filter everything can be revoked at once: %s", text)
	}
	list := ann.get(base + "/all?name=agent&state=unlimited&sort=name&size=50")
	confirm := ann.get(list.link("Revoke all 30 that match")).want(http.StatusOK)
	if text := confirm.text(); !strings.Contains(text, "Revoke all (30)") || !strings.Contains(text, "and 5 more") {
		t.Errorf("the question: %s", text)
	}
	s.clock.Pass(time.Minute)
	s.make(s.bob, sparekey.NewCredential{Name: "Agent who came late"})
	left := confirm.form().submit().want(http.StatusSeeOther).follow().want(http.StatusOK)
	if text := left.text(); !strings.Contains(text, "30 application passwords are revoked.") {
		t.Errorf("how many were revoked is not said: %s", text)
	}
	if got := s.names(s.bob); !slices.Equal(got, []string{"Phone", "Agent who came late"}) {
		t.Errorf("bob has %q", got)
	}
	if got := s.names(s.ann); !slices.Equal(got, []string{"Agent of Ann"}) {
		t.Errorf("ann has %q", got)
	}
	for query, want := range map[string]string{"match=1": "Nothing was selected", "match=1&sort=name&size=50": "Nothing was selected", "match=1&user=unknown": "Nothing was selected"} {
		if p := ann.get(base + "/all/revoke?" + query).follow(); !strings.Contains(p.text(), want) {
			t.Errorf("%s: %s", query, p.text())
		}
	}
	for _, who := range []string{"bob", ""} {
		s.as(who).post(base+"/all/revoke?match=1&name=agent", url.Values{})
	}
	if got := s.names(s.bob); len(got) != 2 {
		t.Errorf("revoked by others: %q left", got)
	}
}

// TestCountsInWords has each language use the right form of the word.
func TestCountsInWords(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for tag, language := range web.NewCatalogue() {
		forms := strings.Split(language.Texts["done.revoked_many"], "|")
		for count, form := range map[int]int{1: 0, 3: min(2, len(forms)-1), 11: min(3, len(forms)-1)} {
			want := strings.ReplaceAll(forms[form], "#", fmt.Sprint(count))
			p := s.as("bob").with("Accept-Language", tag).get(fmt.Sprintf("%s?done=revoked_many&count=%d", home, count))
			if !strings.Contains(p.text(), want) {
				t.Errorf("%s: %d: no %q in %s", tag, count, want, p.text())
			}
		}
	}
	for _, query := range []string{"done=revoked_many", "done=revoked_many&count=-1", "done=revoked_many&count=<b>", "done=revoked_many&count=99999999999999999999"} {
		if p := s.as("bob").get(home + "?" + query); strings.Contains(p.text(), "revoked.") {
			t.Errorf("%s: %s", query, p.text())
		}
	}
}
