package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// shownNames are those in the table of a page.
func (p *page) shownNames() []string {
	var names []string
	for _, td := range p.all("td", "class", "sk-name") {
		name, _, _ := strings.Cut(textOf(td), " "+appID)
		names = append(names, name)
	}
	return names
}

func newSiteWithMany(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.make(s.ann, sparekey.NewCredential{Name: "Ann phone"})
	used := s.make(s.bob, sparekey.NewCredential{Name: "Bob phone", AppID: appID})
	if _, err := s.svc.AsOperator().RecordUse(t.Context(), s.bob.ID, used.UUID, "203.0.113.7"); err != nil {
		t.Fatal(err)
	}
	s.clock.Pass(48 * time.Hour)
	recent := s.make(s.bob, sparekey.NewCredential{Name: "Bob script"})
	if _, err := s.svc.AsOperator().RecordUse(t.Context(), s.bob.ID, recent.UUID, "203.0.113.8"); err != nil {
		t.Fatal(err)
	}
	s.make(s.ann, sparekey.NewCredential{Name: "Ann app", AppID: appID})
	return s
}

func TestFilters(t *testing.T) {
	t.Parallel()
	s := newSiteWithMany(t)
	for _, c := range []struct {
		fields []string
		want   []string
	}{
		{nil, []string{"Ann app", "Bob script", "Bob phone", "Ann phone"}},
		{[]string{"user", "bob"}, []string{"Bob script", "Bob phone"}},
		{[]string{"user", " BOB@example.org "}, []string{"Bob script", "Bob phone"}},
		{[]string{"user", s.ann.ID}, []string{"Ann app", "Ann phone"}},
		{[]string{"user", "unknown"}, nil},
		{[]string{"name", "PHONE"}, []string{"Bob phone", "Ann phone"}},
		{[]string{"app_id", appID}, []string{"Ann app", "Bob phone"}},
		{[]string{"app_id", appID, "user", "bob"}, []string{"Bob phone"}},
		{[]string{"never", "1"}, []string{"Ann app", "Ann phone"}},
		{[]string{"used_before", "2026-11-23"}, []string{"Bob phone"}},
		{[]string{"used_before", "2026-11-22"}, nil},
		{[]string{"used_before", "2026-11-23", "never", "1"}, []string{"Ann app", "Ann phone"}},
		{[]string{"used_before", "yesterday"}, []string{"Ann app", "Bob script", "Bob phone", "Ann phone"}},
	} {
		form := s.as("ann").get(base + "/all").formOf("user")
		for i := 0; i < len(c.fields); i += 2 {
			form.set(c.fields[i], c.fields[i+1])
		}
		if got := form.submit().want(http.StatusOK).shownNames(); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.fields, got, c.want)
		}
	}
	p := s.as("ann").get(base + "/all?user=bob")
	if got := p.link("Manage the application passwords of Bob"); got != base+"/users/"+s.bob.ID {
		t.Errorf("the way to bob's list: %s", got)
	}
}

func TestRevokeSelected(t *testing.T) {
	t.Parallel()
	s := newSiteWithMany(t)
	ann := s.as("ann")
	table := ann.get(base + "/all").want(http.StatusOK)
	boxes := table.all("input", "name", "c")
	picked := url.Values{"back": {base + "/all"}, "c": {valueOf(boxes[0], "value"), valueOf(boxes[2], "value"), "77:none", "x", ""}}
	confirm := ann.get(base + "/all/revoke?" + picked.Encode()).want(http.StatusOK)
	if got := confirm.text(); !strings.Contains(got, "Revoke all (2)") || !strings.Contains(got, "Ann app") || !strings.Contains(got, "Bob phone") {
		t.Errorf("the question: %s", got)
	}
	if len(s.names(s.ann))+len(s.names(s.bob)) != 4 {
		t.Fatal("revoked without being asked")
	}
	p := confirm.form().submit().want(http.StatusSeeOther).follow().want(http.StatusOK)
	if got := p.shownNames(); !slices.Equal(got, []string{"Bob script", "Ann phone"}) || !strings.Contains(p.text(), "are revoked") {
		t.Errorf("left: %q, %s", got, p.text())
	}
	confirm.form().submit().want(http.StatusSeeOther) // already revoked is what the user wanted
	if p := ann.get(base + "/all/revoke").follow(); !strings.Contains(p.text(), "Nothing was selected") {
		t.Errorf("without a selection: %s", p.text())
	}
}

func TestRevokeAllOfAnApp(t *testing.T) {
	t.Parallel()
	s := newSiteWithMany(t)
	ann := s.as("ann")
	confirm := ann.get(ann.get(base + "/all?app_id=" + appID).link("Revoke all with this app ID")).want(http.StatusOK)
	if got := confirm.text(); !strings.Contains(got, "everything with the app ID "+appID) || !strings.Contains(got, "Revoke all (2)") {
		t.Errorf("the question: %s", got)
	}
	confirm.form().submit().follow().want(http.StatusOK)
	if !slices.Equal(s.names(s.ann), []string{"Ann phone"}) || !slices.Equal(s.names(s.bob), []string{"Bob script"}) {
		t.Errorf("left: %q, %q", s.names(s.ann), s.names(s.bob))
	}
	found, _, err := s.store.Search(t.Context(), sparekey.CredentialQuery{Name: "Bob script"})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	ann.get(ann.get(base + "/all").link("Revoke Bob script")).form().submit().follow().want(http.StatusOK)
	if got := s.names(s.bob); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

func TestAllIsPaged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 120 {
		u := s.user(fmt.Sprintf("user%03d", i))
		s.make(u, sparekey.NewCredential{Name: "Phone"})
	}
	if _, err := s.store.DeleteUser(t.Context(), s.bob.ID); err != nil {
		t.Fatal(err)
	}
	p := s.as("ann").get(base + "/all?name=phone")
	seen := len(p.shownNames())
	for next := p.all("a", "rel", "next"); len(next) == 1; next = p.all("a", "rel", "next") {
		p = s.as("ann").get(valueOf(next[0], "href"))
		seen += len(p.shownNames())
	}
	if seen != 120 || !strings.Contains(p.text(), "101 to 120 of 120") {
		t.Errorf("%d seen; %s", seen, p.text())
	}
	if len(p.body) > 100<<10 {
		t.Errorf("%d bytes", len(p.body))
	}
	beyond := s.as("ann").get(base + "/all?name=phone&page=99").want(http.StatusFound)
	if beyond.location() != base+"/all?name=phone&page=5" {
		t.Errorf("a page beyond the last leads to %s", beyond.location())
	}
}

// plain is a store that cannot search.
type plain struct{ sparekey.Store }

func TestStoreThatCannotSearch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.make(s.ann, sparekey.NewCredential{Name: "Phone"})
	svc := sparekey.New(plain{s.store.Store}, s.store, sparekey.Config{AllowAll: func(context.Context, sparekey.User) (bool, error) { return true, nil }})
	s.mux = http.NewServeMux()
	s.mux.Handle(home, newPages(svc, s))
	p := s.as("ann").get(home + "?q=pho").want(http.StatusOK)
	if got := p.shownNames(); !slices.Equal(got, []string{"Phone"}) || strings.Contains(p.text(), "All users") {
		t.Errorf("own list: %s", p.text())
	}
	s.as("ann").get(base + "/all").want(http.StatusNotImplemented)
}
