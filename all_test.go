package sparekey_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

func TestAll(t *testing.T) {
	t.Parallel()
	svc, d, _, _ := goneSite(t)
	owners := map[string]int{}
	for c, err := range svc.AsOperator().All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		owners[c.UserID]++
	}
	if owners["ann"] != 2 || owners["bob"] != 2 || len(owners) != 2 {
		t.Errorf("credentials by user: %v, want 2 of ann and 2 of bob", owners)
	}
	for range svc.AsOperator().All(t.Context()) {
		break // ends the iteration without a panic
	}
	refusals := 0
	for c, err := range svc.As(d.users["bob"]).All(t.Context()) {
		if refusals++; !errors.Is(err, sparekey.ErrForbidden) || c.UUID != "" {
			t.Errorf("to a user: %+v, %v, want ErrForbidden", c, err)
		}
	}
	if refusals != 1 {
		t.Errorf("a user gets %d answers, want one refusal", refusals)
	}
}

func TestExpiringAndUnlimited(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	store := memory.New()
	for name, c := range map[string]struct {
		limits              sparekey.Limits
		uses                int
		expiring, unlimited bool
	}{
		"without limits":      {unlimited: true},
		"with a scope":        {limits: sparekey.Limits{Scopes: "read"}},
		"with uses left":      {limits: sparekey.Limits{MaxUses: 2}, uses: 1},
		"expires in a day":    {limits: sparekey.Limits{Expires: now.AddDate(0, 0, 1)}, expiring: true},
		"expires in a year":   {limits: sparekey.Limits{Expires: now.AddDate(1, 0, 0)}},
		"expired":             {limits: sparekey.Limits{Expires: now.AddDate(0, 0, -1)}},
		"used up, and a day":  {limits: sparekey.Limits{Expires: now.AddDate(0, 0, 1), MaxUses: 2}, uses: 2},
		"at the notice's end": {limits: sparekey.Limits{Expires: now.Add(sparekey.ExpiryNotice)}, expiring: true},
	} {
		s := sparekey.New(store, store, sparekey.Config{Now: func() time.Time { return now }})
		credential := sparekey.Credential{UserID: "1", Created: now.AddDate(-1, 0, 0), Limits: c.limits, Uses: c.uses}
		if got := s.IsExpiring(credential); got != c.expiring {
			t.Errorf("%s: expiring %v, want %v", name, got, c.expiring)
		}
		if got := s.IsUnlimited(credential); got != c.unlimited {
			t.Errorf("%s: unlimited %v, want %v", name, got, c.unlimited)
		}
	}
}
