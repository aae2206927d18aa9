package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/lifecycle"
)

func testCheckpoint(tb testing.TB, s sparekey.Store) {
	c, ok := s.(lifecycle.Checkpointer)
	if !ok {
		tb.Skip("the store is not a lifecycle.Checkpointer")
	}
	expect := func(want time.Time) {
		tb.Helper()
		if got, err := c.Checkpoint(tb.Context()); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			tb.Errorf("Checkpoint: got %v, %v, want %v", got, err, want)
		}
	}
	swap := func(from, to time.Time, want bool) {
		tb.Helper()
		if ok, err := c.CompareAndSwapCheckpoint(tb.Context(), from, to); err != nil || ok != want {
			tb.Errorf("CompareAndSwapCheckpoint from %v to %v: got %v, %v, want %v", from, to, ok, err, want)
		}
	}
	expect(time.Time{})
	swap(created, created.Add(time.Hour), false)
	expect(time.Time{})
	swap(time.Time{}, created, true)
	expect(created)
	swap(time.Time{}, created.Add(time.Hour), false)
	swap(created, created.Add(time.Hour), true)
	expect(created.Add(time.Hour))
}

func testSearch(tb testing.TB, s sparekey.Store) {
	searcher, ok := s.(sparekey.Searcher)
	if !ok {
		tb.Skip("the store is not a Searcher")
	}
	const app = "2b1c7a3e-5d4f-4a6b-8c9d-0e1f2a3b4c5d"
	used := func(c sparekey.Credential, days int) sparekey.Credential {
		c.LastUsed, c.LastIP = created.AddDate(0, 0, days), "192.0.2.1"
		return c
	}
	phone := used(credential(alice, "Phone"), 1)
	backup := credential(bob, "Grüße 100%")
	tablet := used(credential(alice, "TABLET phone"), 3)
	tablet.AppID = app
	other := used(credential(carol, "Tablet"), 2)
	other.AppID = app
	insert(tb, s, phone, backup, tablet, other)

	for _, c := range []struct {
		name  string
		query sparekey.CredentialQuery
		total int
		want  []sparekey.Credential
	}{
		{"all", sparekey.CredentialQuery{}, 4, []sparekey.Credential{other, tablet, backup, phone}},
		{"user", sparekey.CredentialQuery{UserID: alice}, 2, []sparekey.Credential{tablet, phone}},
		{"unknown user", sparekey.CredentialQuery{UserID: "3"}, 0, nil},
		{"name", sparekey.CredentialQuery{Name: "PHONE"}, 2, []sparekey.Credential{tablet, phone}},
		{"name beyond ASCII", sparekey.CredentialQuery{Name: "gRÜ"}, 1, []sparekey.Credential{backup}},
		{"name is not a pattern", sparekey.CredentialQuery{Name: "%"}, 1, []sparekey.Credential{backup}},
		{"name is not a pattern either", sparekey.CredentialQuery{Name: "_"}, 0, nil},
		{"UUID", sparekey.CredentialQuery{UUID: tablet.UUID}, 1, []sparekey.Credential{tablet}},
		{"UUID of another user's", sparekey.CredentialQuery{UUID: tablet.UUID, UserID: carol}, 0, nil},
		{"app", sparekey.CredentialQuery{AppID: app}, 2, []sparekey.Credential{other, tablet}},
		{"app and user", sparekey.CredentialQuery{AppID: app, UserID: carol}, 1, []sparekey.Credential{other}},
		{"never used", sparekey.CredentialQuery{NeverUsed: true}, 1, []sparekey.Credential{backup}},
		{"used before", sparekey.CredentialQuery{UsedBefore: created.AddDate(0, 0, 2).Add(time.Second)}, 2, []sparekey.Credential{other, phone}},
		{"used before, to the second", sparekey.CredentialQuery{UsedBefore: created.AddDate(0, 0, 2)}, 1, []sparekey.Credential{phone}},
		{"limit", sparekey.CredentialQuery{Limit: 2}, 4, []sparekey.Credential{other, tablet}},
		{"offset", sparekey.CredentialQuery{Offset: 3}, 4, []sparekey.Credential{phone}},
		{"offset and limit", sparekey.CredentialQuery{Offset: 1, Limit: 2}, 4, []sparekey.Credential{tablet, backup}},
		{"beyond the end", sparekey.CredentialQuery{Offset: 9, Limit: 2}, 4, nil},
	} {
		got, total, err := searcher.Search(tb.Context(), c.query)
		if err != nil || total != c.total || !sameList(got, c.want) {
			tb.Errorf("Search, %s:\ngot  %+v, %d, %v\nwant %+v, %d", c.name, got, total, err, c.want, c.total)
		}
	}
}

// readPages reads all pages, and calls between after each of them but the last.
func readPages(tb testing.TB, s sparekey.Searcher, limit int, between func(page []sparekey.Credential)) (all []sparekey.Credential) {
	tb.Helper()
	var after sparekey.CredentialKey
	for range 200 {
		page, err := s.NextPage(tb.Context(), after, limit)
		if err != nil || len(page) > limit {
			tb.Fatalf("NextPage after %+v: got %d credentials of at most %d, %v", after, len(page), limit, err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = page[len(page)-1].Key()
		between(page)
	}
	tb.Fatalf("NextPage: the pages do not end after %d credentials", len(all))
	return nil
}

// wantPages wants all pages together to have these credentials, each once, in any order.
func wantPages(tb testing.TB, s sparekey.Store, limit int, want []sparekey.Credential) {
	tb.Helper()
	searcher, ok := s.(sparekey.Searcher)
	if !ok {
		return
	}
	got := readPages(tb, searcher, limit, func([]sparekey.Credential) {})
	byUUID := func(a, b sparekey.Credential) int { return strings.Compare(a.UUID, b.UUID) }
	slices.SortFunc(got, byUUID)
	slices.SortFunc(want, byUUID)
	if !sameList(got, want) {
		tb.Errorf("pages of %d: got %d credentials, want %d", limit, len(got), len(want))
	}
}

// testPages wants pages to have every credential once, even if others are inserted, changed
// and deleted between them.
func testPages(tb testing.TB, s sparekey.Store) {
	searcher, ok := s.(sparekey.Searcher)
	if !ok {
		tb.Skip("the store is not a Searcher")
	}
	if page, err := searcher.NextPage(tb.Context(), sparekey.CredentialKey{}, 3); err != nil || len(page) > 0 {
		tb.Errorf("NextPage of none: got %v, %v", page, err)
	}
	var all []sparekey.Credential
	for range 8 {
		for _, user := range []string{alice, bob, carol} {
			all = append(all, inserted(tb, s, user, "app")...)
		}
	}
	for _, limit := range []int{1, 7, len(all) - 1, len(all), len(all) + 1} {
		wantPages(tb, s, limit, slices.Clone(all))
	}

	seen := map[string]int{}
	var gone []string
	for _, c := range readPages(tb, searcher, 5, func(page []sparekey.Credential) {
		for _, user := range []string{alice, bob, carol} {
			inserted(tb, s, user, "meanwhile")
		}
		if _, err := s.Update(tb.Context(), page[0].UserID, page[0].UUID, touch, nil); err != nil {
			tb.Errorf("Update: %v", err)
		}
		for _, c := range []sparekey.Credential{page[len(page)-1], all[len(gone)%len(all)]} { // the page's last is the key of the next
			if _, err := s.Delete(tb.Context(), c.UserID, c.UUID); err == nil {
				gone = append(gone, c.UUID)
			}
		}
	}) {
		seen[c.UUID]++
	}
	for _, c := range all {
		if n := seen[c.UUID]; n > 1 || n == 0 && !slices.Contains(gone, c.UUID) {
			tb.Errorf("pages have a credential %d times that was there all along: %+v", n, c)
		}
	}
}
