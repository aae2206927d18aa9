package explain_test

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/explain"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

const day = 24 * time.Hour

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func service(policy sparekey.Policy) *sparekey.Service {
	store := memory.New()
	return sparekey.New(store, store, sparekey.Config{Bundles: scope.BuiltIn().WithWordPress("/wp-json"), Policy: policy, Now: func() time.Time { return now }})
}

func text(svc *sparekey.Service, c sparekey.Credential) string {
	return textOf(svc, sparekey.User{Roles: []string{"author"}}, c)
}

func textOf(svc *sparekey.Service, owner sparekey.User, c sparekey.Credential) string {
	var lines []string
	for _, s := range explain.Credential(svc, owner, c) {
		lines = append(lines, explain.English(s))
	}
	return strings.Join(lines, "\n")
}

// TestScripts is about the users that WordPress lets publish scripts.
func TestScripts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		roles  []string
		limits sparekey.Limits
		want   bool
	}{
		"administrator":           {[]string{"administrator"}, sparekey.Limits{}, true},
		"editor":                  {[]string{"subscriber", "editor"}, sparekey.Limits{}, true},
		"editor, from one place":  {[]string{"editor"}, sparekey.Limits{Networks: "10.0.0.0/8", MaxUses: 3}, true},
		"editor, limited to read": {[]string{"editor"}, sparekey.Limits{Scopes: "read"}, false},
		"author":                  {[]string{"author"}, sparekey.Limits{}, false},
		"no role":                 {nil, sparekey.Limits{}, false},
	} {
		got := textOf(service(sparekey.Policy{}), sparekey.User{Roles: c.roles}, sparekey.Credential{Created: now, Limits: c.limits})
		if strings.Contains(got, "publish scripts that run in visitors' browsers") != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestUnnamed wants an explanation to tell of what a limit takes away in WordPress, and
// no scope gives back by its name.
func TestUnnamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits sparekey.Limits
		policy sparekey.Policy
		want   string // the names, or "" for no such sentence
	}{
		"without limits":          {},
		"expires":                 {limits: sparekey.Limits{Expires: now.Add(day)}, want: "/users, /plugins, /themes, /settings:"},
		"expires by the policy":   {policy: sparekey.Policy{MaxLifetime: day}, want: "/users, /plugins, /themes, /settings:"},
		"managing takes a scope":  {policy: sparekey.Policy{ManageNeedsScope: true}, want: "/users, /plugins, /themes, /settings:"},
		"networks":                {limits: sparekey.Limits{Networks: "10.0.0.0/8"}, want: "/users, /plugins, /themes, /settings:"},
		"uses":                    {limits: sparekey.Limits{MaxUses: 3}, want: "/users, /plugins, /themes, /settings:"},
		"write":                   {limits: sparekey.Limits{Scopes: "write"}, want: "/users, /plugins, /themes, /settings:"},
		"all, and users by name":  {limits: sparekey.Limits{Scopes: "* /*\n* /wp-json/wp/v2/users*"}, want: "with /plugins, /themes, /settings:"},
		"read":                    {limits: sparekey.Limits{Scopes: "read"}},
		"posts":                   {limits: sparekey.Limits{Scopes: "wp:posts"}},
		"users by name, no other": {limits: sparekey.Limits{Scopes: "POST /wp-json/wp/v2/users*"}},
	} {
		got := text(service(c.policy), sparekey.Credential{Created: now, Limits: c.limits})
		if strings.Contains(got, "it may change nothing at addresses") != (c.want != "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q is wanted in:\n%s", name, c.want, got)
		}
	}
}

func TestCredential(t *testing.T) {
	t.Parallel()
	made := func(l sparekey.Limits) sparekey.Credential { return sparekey.Credential{Created: now, Limits: l} }
	for name, c := range map[string]struct {
		credential sparekey.Credential
		policy     sparekey.Policy
		want       []string
	}{
		"without limits": {made(sparekey.Limits{}), sparekey.Policy{}, []string{"Active.", "everything that its user may do", "It may make, change", "from everywhere", "does not expire"}},
		"bundles":        {made(sparekey.Limits{Scopes: "read\nwp:posts"}), sparekey.Policy{}, []string{"only this:\n  - read: see everything, change nothing\n  - wp:posts: see, write", "may not make, change"}},
		"rules": {
			made(sparekey.Limits{Scopes: "GET,POST /a*\n* /b\nPUT /c/*/d\n* /e/*"}), sparekey.Policy{},
			[]string{"GET, POST requests to everything that begins with /a\n", "all requests to /b\n", "PUT requests to /c/*/d\n", "all requests to everything that begins with /e/"},
		},
		"an undefined bundle":   {made(sparekey.Limits{Scopes: "unknown"}), sparekey.Policy{}, []string{"unknown: nothing, since it is not defined here"}},
		"that manages":          {made(sparekey.Limits{Scopes: "application-passwords"}), sparekey.Policy{}, []string{"It may make, change"}},
		"networks":              {made(sparekey.Limits{Networks: "10.0.0.0/8 ::1/128"}), sparekey.Policy{}, []string{"from here only: 10.0.0.0/8, ::1/128"}},
		"expires":               {made(sparekey.Limits{Expires: now.Add(day)}), sparekey.Policy{}, []string{"Active.", "expires on 2026-03-05 05:06 UTC."}},
		"expires by the policy": {made(sparekey.Limits{}), sparekey.Policy{MaxLifetime: 2 * day}, []string{"expires on 2026-03-06 05:06 UTC, because an application password lasts at most 2d here"}},
		"expired":               {made(sparekey.Limits{Expires: now}), sparekey.Policy{}, []string{"No longer works: it expired on 2026-03-04 05:06 UTC"}},
		"uses":                  {sparekey.Credential{Uses: 2, Limits: sparekey.Limits{MaxUses: 3}}, sparekey.Policy{}, []string{"Active.", "Used 2 of 3 times."}},
		"used up":               {sparekey.Credential{Uses: 3, Limits: sparekey.Limits{MaxUses: 3}}, sparekey.Policy{}, []string{"the maximum number of uses (3) is reached"}},
		"unused":                {sparekey.Credential{Created: now.Add(-day)}, sparekey.Policy{RevokeUnused: day}, []string{"it was not used for 1d", "is revoked when"}},
		"rotated":               {sparekey.Credential{OldHash: "x", OldUntil: now.Add(day)}, sparekey.Policy{}, []string{"the previous one works until 2026-03-05"}},
		"scopes are required":   {made(sparekey.Limits{}), sparekey.Policy{RequireScopes: true}, []string{"requires every application password to be limited"}},
	} {
		got := text(service(c.policy), c.credential)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is missing in:\n%s", name, want, got)
			}
		}
		if strings.ContainsAny(got, "{}") {
			t.Errorf("%s: a placeholder is left in:\n%s", name, got)
		}
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		credential sparekey.Credential
		allowed    bool
		want       string
	}{
		"nothing narrows it": {sparekey.Credential{}, true, "Yes: nothing limits it."},
		"in scope":           {sparekey.Credential{Limits: sparekey.Limits{Scopes: "read"}}, true, "Yes: read covers GET /a."},
		"out of scope":       {sparekey.Credential{Limits: sparekey.Limits{Scopes: "POST /a"}}, false, "No: This application password may not do that: no scope covers GET /a; it has: POST /a."},
		"out of network":     {sparekey.Credential{Limits: sparekey.Limits{Networks: "10.0.0.0/8"}}, false, "No: This application password is not to be used from 192.0.2.1"},
		"expired":            {sparekey.Credential{Limits: sparekey.Limits{Expires: now}}, false, "No: This application password expired"},
		"used up":            {sparekey.Credential{Uses: 1, Limits: sparekey.Limits{MaxUses: 1}}, false, "No longer works: the maximum number of uses (1) is reached"},
	} {
		allowed, s := explain.Request(service(sparekey.Policy{}), c.credential, sparekey.Attempt{
			Request: sparekey.Request{Method: "GET", Target: "/a?b=c"}, Addr: netip.MustParseAddr("192.0.2.1"),
		})
		if got := explain.English(s); allowed != c.allowed || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %v, %q, want %v, %q", name, allowed, got, c.allowed, c.want)
		}
	}
}

// TestCatalogues holds the languages to the same keys and placeholders, and every
// built-in bundle to an explanation.
func TestCatalogues(t *testing.T) {
	t.Parallel()
	placeholder := regexp.MustCompile(`\{\w+\}`)
	english := explain.Texts("en")
	for name := range scope.BuiltIn().WithWordPress("/wp-json") {
		if english["bundle."+name] == "" {
			t.Errorf("bundle %q is not explained", name)
		}
	}
	for _, tag := range []string{"de", "fr", "es", "ar"} {
		texts := explain.Texts(tag)
		if got, want := slices.Sorted(maps.Keys(texts)), slices.Sorted(maps.Keys(english)); !slices.Equal(got, want) {
			t.Errorf("%s: has the keys %q, want %q", tag, got, want)
		}
		for key, text := range texts {
			got, want := placeholder.FindAllString(text, -1), placeholder.FindAllString(english[key], -1)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) || text == "" {
				t.Errorf("%s: %s has the placeholders %q, want %q", tag, key, got, want)
			}
			if text == english[key] && key != "bundle_own" {
				t.Errorf("%s: %s is in English", tag, key)
			}
		}
	}
	if explain.Texts("xx") != nil {
		t.Error("there are texts of a language that there is none of")
	}
}
