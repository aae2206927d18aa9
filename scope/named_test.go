package scope_test

import (
	"slices"
	"testing"

	"github.com/sparekey-dev/sparekey/scope"
)

// posts are the bundles of an application with scopes of its own, one of which takes the name
// of a built-in bundle, and with an operator's bundle that names one.
func posts(t *testing.T) scope.Bundles {
	t.Helper()
	b, err := scope.BuiltIn().With(
		scope.Named("posts:write", "Write and change posts").In("de", "Beiträge schreiben und ändern"),
		scope.Named("posts:read", "Read posts"),
		scope.Named("read", "Read whatever there is"),
	).Define(map[string][]string{"author": {"posts:write", "posts:read", "GET /feed"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNamedCovers(t *testing.T) {
	t.Parallel()
	b := posts(t)
	for _, c := range []struct {
		rules  []string
		access scope.Access
		rule   string // that covers it; "" covers nothing
	}{
		{[]string{"posts:write"}, scope.Access{Method: "POST", Path: "/posts", Scope: "posts:write"}, "posts:write"},
		{[]string{"posts:write"}, scope.Access{Method: "POST", Path: "/posts", Scope: "posts:read"}, ""},
		{[]string{"posts:write"}, scope.Access{Method: "POST", Path: "/posts"}, ""},
		{[]string{"posts:write", "POST /posts"}, scope.Access{Method: "POST", Path: "/posts"}, "POST /posts"},
		{[]string{"* /*"}, scope.Access{Method: "POST", Path: "/posts", Scope: "posts:write"}, ""},
		{[]string{"author"}, scope.Access{Method: "POST", Path: "/posts", Scope: "posts:write"}, "author"},
		{[]string{"author"}, scope.Access{Method: "GET", Path: "/feed"}, "author"},
		{[]string{"read"}, scope.Access{Method: "GET", Path: "/posts"}, ""},
		{[]string{"read"}, scope.Access{Method: "GET", Path: "/posts", Scope: "read"}, "read"},
		{[]string{"write"}, scope.Access{Method: "GET", Path: "/posts", Scope: "write"}, ""}, // is a bundle of rules
		{[]string{"gone"}, scope.Access{Method: "GET", Path: "/posts", Scope: "gone"}, ""},   // not defined
		{[]string{"posts:write"}, scope.Access{Method: "POST", Path: "/wp/v2/users", Named: scope.NameUsers, Scope: "posts:write"}, ""},
		{[]string{"posts:write", "* /wp/v2/users"}, scope.Access{Method: "POST", Path: "/wp/v2/users", Named: scope.NameUsers, Scope: "posts:write"}, "* /wp/v2/users"},
		{[]string{"* /wp/v2/users"}, scope.Access{Method: "POST", Path: "/wp/v2/users", Named: scope.NameUsers, Scope: "posts:write"}, ""},
		{[]string{"posts:write"}, scope.Access{Method: "DELETE", Path: "/users/me/application-passwords", Scope: "posts:write"}, ""},
	} {
		if rule, ok := parse(t, c.rules...).Covers(c.access, b); rule != c.rule || ok != (c.rule != "") {
			t.Errorf("%q, %+v: got %q, %v, want %q", c.rules, c.access, rule, ok, c.rule)
		}
	}
}

// TestNamedWithin checks that names without rules are not taken for rules that allow nothing,
// which would be within everything.
func TestNamedWithin(t *testing.T) {
	t.Parallel()
	b := posts(t)
	for _, c := range []struct {
		rules, parent string
		want          bool
	}{
		{"posts:write", "posts:write", true},
		{"posts:write", "posts:read", false},
		{"posts:write", "write", false},
		{"posts:write", "* /*", false},
		{"posts:write", "author", true},
		{"author", "posts:write", false},
		{"unknown", "write", false},
	} {
		if got := parse(t, c.rules).Within(parse(t, c.parent), b); got != c.want {
			t.Errorf("%q within %q: got %v", c.rules, c.parent, got)
		}
	}
}

func TestNamedTexts(t *testing.T) {
	t.Parallel()
	b := posts(t)
	for language, want := range map[string]string{"": "Write and change posts", "de": "Beiträge schreiben und ändern", "fr": "Write and change posts"} {
		if got := b["posts:write"].Text(language); got != want {
			t.Errorf("%q: got %q, want %q", language, got, want)
		}
	}
	if got := b.Unknown(parse(t, "posts:write", "posts:wrte")); !slices.Equal(got, []string{"posts:wrte"}) {
		t.Errorf("unknown: %q", got)
	}
	if _, changed := scope.BuiltIn()["posts:write"]; changed || scope.BuiltIn()["read"].IsNamed() {
		t.Error("the scopes of one application are in the bundles of all")
	}
}

func TestNamedPanics(t *testing.T) {
	t.Parallel()
	for _, n := range []scope.NamedScope{scope.Named("Posts", "x"), scope.Named("", "x"), scope.Named("application-passwords", "x"), scope.Named("posts", "")} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v was accepted", n)
				}
			}()
			scope.BuiltIn().With(n)
		}()
	}
}

func TestWithWordPress(t *testing.T) {
	t.Parallel()
	if unknown := scope.BuiltIn().Unknown(parse(t, "wp:posts", "application-passwords")); len(unknown) != 2 {
		t.Errorf("everyone has the bundles of WordPress: only %q are unknown", unknown)
	}
	for _, prefix := range []string{"/api", "/wp-json", ""} {
		b := scope.BuiltIn().WithWordPress(prefix)
		for rule, access := range map[string]scope.Access{
			"application-passwords": {Method: "DELETE", Path: prefix + "/wp/v2/users/me/application-passwords/1"},
			"wp:posts":              {Method: "POST", Path: prefix + "/wp/v2/posts"},
			"wp:read":               {Method: "GET", Path: prefix + "/wp/v2/pages"},
		} {
			if got, ok := parse(t, rule).Covers(access, b); !ok {
				t.Errorf("%q: %q does not cover %+v: %q", prefix, rule, access, got)
			}
			access.Path = "/else" + access.Path
			if _, ok := parse(t, rule).Covers(access, b); ok && prefix != "" {
				t.Errorf("%q: %q covers %+v", prefix, rule, access)
			}
		}
		if !b["wp:posts"].IsStandard() {
			t.Errorf("%q: wp:posts counts as an operator's", prefix)
		}
	}
	for _, prefix := range []string{"api", "/api/", "/a b", "/a?b"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("the prefix %q was accepted", prefix)
				}
			}()
			scope.BuiltIn().WithWordPress(prefix)
		}()
	}
}

// TestNamedScopeIsNoPath has a scope of the application's own with "application-passwords" in its
// name: in a bundle, too, it is not a rule about that path.
func TestNamedScopeIsNoPath(t *testing.T) {
	t.Parallel()
	bundles, err := scope.Bundles{}.With(scope.Named("application-passwords:count", "Count application passwords")).
		Define(map[string][]string{"counter": {"application-passwords:count", "GET /count"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range []scope.List{"application-passwords:count", "counter"} {
		if list.Names(scope.NamePasswords, bundles) {
			t.Errorf("%s has a rule with the path", list)
		}
	}
}

// TestRedefinedNamedScope has an operator define a bundle with the name of a scope of the
// application's own, which another bundle has.
func TestRedefinedNamedScope(t *testing.T) {
	t.Parallel()
	bundles := scope.Bundles{}.With(scope.Named("posts", "Write posts"))
	for _, own := range []map[string][]string{{"editor": {"posts"}}, {"posts": {"editor"}}} {
		var err error
		if bundles, err = bundles.Define(own); err != nil {
			t.Fatal(err)
		}
	}
	if scope.List("posts").Within("GET /*", bundles) {
		t.Error("a name that stands for nothing is within rules")
	}
}
