package sparekey_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/scope"
)

// many are texts, made with a number each and joined.
func many(n int, format, between string) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return strings.Join(all, between)
}

// TestMalformedLimits makes and edits credentials with limits that no parser made. They
// are refused, with the field and the text at fault, and nothing is written.
func TestMalformedLimits(t *testing.T) {
	t.Parallel()
	const scopes, networks = "scopes", "networks"
	for name, c := range map[string]struct {
		limits    sparekey.Limits
		field, at string
	}{
		"several names in one rule": {sparekey.Limits{Scopes: "read, write"}, scopes, `"read, write"`},
		"no path":                   {sparekey.Limits{Scopes: "GET"}, scopes, `"GET"`},
		"a relative path":           {sparekey.Limits{Scopes: "GET x"}, scopes, `"GET x"`},
		"blank":                     {sparekey.Limits{Scopes: " "}, scopes, `" "`},
		"an empty line":             {sparekey.Limits{Scopes: "read\n\nGET /x"}, scopes, `""`},
		"line breaks alone":         {sparekey.Limits{Scopes: "\n"}, scopes, `""`},
		"CR between rules":          {sparekey.Limits{Scopes: "GET /x\rPOST /y"}, scopes, `"GET /x\rPOST /y"`},
		"a control character":       {sparekey.Limits{Scopes: "GET /x\x00"}, scopes, `"GET /x\x00"`},
		"an ambiguous path":         {sparekey.Limits{Scopes: "read\nGET /a/../b"}, scopes, `"GET /a/../b"`},
		"a query":                   {sparekey.Limits{Scopes: "GET /x?y"}, scopes, `"GET /x?y"`},
		"an unknown bundle":         {sparekey.Limits{Scopes: "moon"}, scopes, `"moon"`},
		"no UTF-8":                  {sparekey.Limits{Scopes: "GET /\xff"}, scopes, `"GET /\xff"`},
		"a long rule":               {sparekey.Limits{Scopes: scope.List("GET /" + strings.Repeat("x", scope.MaxRuleLength))}, scopes, "too long"},
		"too many rules":            {sparekey.Limits{Scopes: scope.List(many(scope.MaxRules+1, "GET /%d", "\n"))}, scopes, "too many rules"},
		"no network":                {sparekey.Limits{Networks: "banana"}, networks, `"banana"`},
		"one that is none":          {sparekey.Limits{Networks: "10.0.0.0/8 banana"}, networks, `"banana"`},
		"blank networks":            {sparekey.Limits{Networks: " "}, networks, `" "`},
		"commas":                    {sparekey.Limits{Networks: "10.0.0.0/8,192.0.2.0/24"}, networks, `"10.0.0.0/8,192.0.2.0/24"`},
		"too many bits":             {sparekey.Limits{Networks: "10.0.0.0/33"}, networks, `"10.0.0.0/33"`},
		"a zone":                    {sparekey.Limits{Networks: "fe80::1%eth0"}, networks, `"fe80::1%eth0"`},
		"IPv4 in IPv6":              {sparekey.Limits{Networks: "::ffff:10.0.0.0/104"}, networks, `"::ffff:10.0.0.0/104"`},
		"too many networks":         {sparekey.Limits{Networks: sparekey.Networks(many(sparekey.MaxNetworks+1, "10.0.0.%d", " "))}, networks, "at most 64"},
		"a year of five digits":     {sparekey.Limits{Expires: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "expires", "9999"},
		"negative uses":             {sparekey.Limits{MaxUses: -1}, "max_uses", "positive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, sparekey.Config{})
			_, before := s.limited(t, "before", sparekey.Limits{})
			m := s.AsOperator()
			_, _, createErr := m.Create(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "app", Limits: c.limits})
			_, editErr := m.Limit(t.Context(), s.ann.ID, before.UUID, c.limits)
			checkErr := m.CheckNew(t.Context(), s.ann.ID, sparekey.NewCredential{Name: "app", Limits: c.limits})
			for what, err := range map[string]error{"Create": createErr, "Limit": editErr, "CheckNew": checkErr} {
				var invalid *sparekey.InvalidError
				if !errors.As(err, &invalid) || invalid.Field != c.field || !strings.Contains(invalid.Problem, c.at) {
					t.Errorf("%s: got %v, want a problem of %s with %s", what, err, c.field, c.at)
				}
			}
			if list, err := m.List(t.Context(), s.ann.ID); err != nil || len(list) != 1 || list[0] != before {
				t.Errorf("there are %+v, %v", list, err)
			}
		})
	}
}

// TestLimitsInOtherSpellings are kept in the one form that the parsers give them.
func TestLimitsInOtherSpellings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ given, want sparekey.Limits }{
		"lower-case method":  {sparekey.Limits{Scopes: "get /x"}, sparekey.Limits{Scopes: "GET /x"}},
		"blanks":             {sparekey.Limits{Scopes: "  GET,post   /x \nread"}, sparekey.Limits{Scopes: "GET,POST /x\nread"}},
		"a rule twice":       {sparekey.Limits{Scopes: "GET /x\nget /x"}, sparekey.Limits{Scopes: "GET /x"}},
		"line breaks of DOS": {sparekey.Limits{Scopes: "GET /x\r\nPOST /y\r"}, sparekey.Limits{Scopes: "GET /x\nPOST /y"}},
		"an address":         {sparekey.Limits{Networks: "192.0.2.7"}, sparekey.Limits{Networks: "192.0.2.7/32"}},
		"host bits":          {sparekey.Limits{Networks: "10.1.2.3/8"}, sparekey.Limits{Networks: "10.0.0.0/8"}},
		"mapped address":     {sparekey.Limits{Networks: "::ffff:192.0.2.7"}, sparekey.Limits{Networks: "192.0.2.7/32"}},
		"other blanks":       {sparekey.Limits{Networks: " 10.0.0.0/8\t192.0.2.0/24\n"}, sparekey.Limits{Networks: "10.0.0.0/8 192.0.2.0/24"}},
		"upper-case IPv6":    {sparekey.Limits{Networks: "2001:DB8::/32"}, sparekey.Limits{Networks: "2001:db8::/32"}},
	} {
		s := newSite(t, sparekey.Config{})
		_, c1 := s.limited(t, "app", c.given)
		_, c2 := s.limited(t, "other", sparekey.Limits{})
		edited, err := s.AsOperator().Limit(t.Context(), s.ann.ID, c2.UUID, c.given)
		if err != nil || c1.Limits != c.want || edited.Limits != c.want {
			t.Errorf("%s: made with %+v, edited to %+v, %v, want %+v", name, c1.Limits, edited.Limits, err, c.want)
		}
	}
}

// TestMalformedLimitsOfOld has malformed limits in the store already: they deny, and another
// limit can still be narrowed.
func TestMalformedLimitsOfOld(t *testing.T) {
	t.Parallel()
	s := newSite(t, sparekey.Config{})
	secret, c := s.limited(t, "app", sparekey.Limits{})
	if _, err := s.store.Update(t.Context(), s.ann.ID, c.UUID, func(c *sparekey.Credential) error {
		c.Limits.Networks = "banana"
		return nil
	}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(t.Context(), attempt("ann", secret)); reason(err) != sparekey.ReasonOutOfNetwork {
		t.Errorf("got %v", err)
	}
	uses := 1
	if got, err := s.AsOperator().Edit(t.Context(), s.ann.ID, c.UUID, sparekey.Edit{MaxUses: &uses}); err != nil || got.Limits.MaxUses != 1 {
		t.Errorf("got %+v, %v", got.Limits, err)
	}
}
