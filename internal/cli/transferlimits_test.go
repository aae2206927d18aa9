package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/server"
	"github.com/sparekey-dev/sparekey/scope"
)

// TestTransferOfLimits copies application passwords whose limits a database may hold, and
// refuses those that would deny everything there. None is lost where it was.
func TestTransferOfLimits(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		limits sparekey.Limits
		want   string // part of why it is refused, or ""
		as     sparekey.Limits
	}{
		"none":               {},
		"all":                {limits: sparekey.Limits{Scopes: "read\nGET /a*", Networks: "10.0.0.0/8", MaxUses: 3, Expires: time.Unix(4e9, 0).UTC()}, as: sparekey.Limits{Scopes: "read\nGET /a*", Networks: "10.0.0.0/8", MaxUses: 3, Expires: time.Unix(4e9, 0).UTC()}},
		"expired":            {limits: sparekey.Limits{Expires: time.Unix(1e9, 0).UTC()}, as: sparekey.Limits{Expires: time.Unix(1e9, 0).UTC()}},
		"a bare address":     {limits: sparekey.Limits{Networks: "10.1.2.3"}, want: "10.1.2.3/32"},
		"no network":         {limits: sparekey.Limits{Networks: "banana"}, want: "banana"},
		"a blank network":    {limits: sparekey.Limits{Networks: " "}, want: "networks"},
		"lower case":         {limits: sparekey.Limits{Scopes: "get /x"}, want: "GET /x"},
		"a list":             {limits: sparekey.Limits{Scopes: "read, write"}, want: "scopes"},
		"an unknown bundle":  {limits: sparekey.Limits{Scopes: "deploy-it"}, want: "deploy-it"},
		"less than none":     {limits: sparekey.Limits{MaxUses: -1}, want: "max_uses"},
		"a year of 5 digits": {limits: sparekey.Limits{Expires: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, want: "expires"},
	}
	for _, dryRun := range []bool{false, true} {
		for name, c := range cases {
			from, to := inMemory(t), inMemory(t)
			u, err := from.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := to.CreateUser(t.Context(), sparekey.User{Login: "ann"}, ""); err != nil {
				t.Fatal(err)
			}
			kept := sparekey.Credential{UUID: "00000000-0000-4000-8000-000000000001", UserID: u.ID, Name: "App", Hash: "$generic$x", Created: time.Unix(1e9, 0).UTC(), Limits: c.limits}
			if err := from.Insert(t.Context(), kept, nil); err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			x := &transfer{from: from, to: to, bundles: scope.BuiltIn().WithWordPress("/wp-json"), dryRun: dryRun, t: terminal{out: &said, err: &said}}
			if err := x.user(t.Context(), u); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			there, err := to.List(t.Context(), "1")
			if err != nil {
				t.Fatal(err)
			}
			isRefused := x.report.refused == 1 && len(there) == 0 && strings.Contains(said.String(), c.want) && strings.Contains(said.String(), kept.UUID)
			isCopied := x.report.passwordsMade == 1 && (dryRun || len(there) == 1 && there[0].Limits == c.as && there[0].Hash == kept.Hash)
			if isRefused != (c.want != "") || isCopied != (c.want == "") {
				t.Errorf("%s, dry run %v: %+v, %+v\n%s", name, dryRun, x.report, there, said.String())
			}
			if left, err := from.List(t.Context(), u.ID); err != nil || len(left) != 1 || left[0] != kept {
				t.Errorf("%s: where it was there is %+v, %v", name, left, err)
			}
		}
	}
}

// inMemory is a site without users.
func inMemory(t *testing.T) *site {
	t.Helper()
	s, err := (&commands{Site: config.Site{Database: "memory:"}}).open(t.Context(), server.Opening{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
