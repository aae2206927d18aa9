package scope_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/scope"
)

func parse(tb testing.TB, rules ...string) scope.List {
	tb.Helper()
	l, err := scope.Parse(rules)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rules []string
		want  string // of what, joined by "|"; "error: …" for a part of the error
	}{
		{nil, ""},
		{[]string{"read"}, "read"},
		{[]string{"  read ", "read"}, "read"},
		{[]string{"get,post   /a*"}, "GET,POST /a*"},
		{[]string{"* /a/*/b", "wp:posts"}, "* /a/*/b|wp:posts"},
		{[]string{"GET /é"}, "GET /é"},
		{[]string{""}, "error: name of a bundle"},
		{[]string{"Read"}, "error: name of a bundle"},
		{[]string{"GET"}, "error: name of a bundle"},
		{[]string{"GET /a /b"}, "error: name of a bundle"},
		{[]string{"GET,,POST /a"}, "error: name of a bundle"},
		{[]string{"G3T /a"}, "error: name of a bundle"},
		{[]string{"GET a"}, `error: begins with "/"`},
		{[]string{"GET /a?b"}, `error: without "?"`},
		{[]string{"GET /a%20"}, `error: without "?"`},
		{[]string{"GET //a"}, `error: without "//"`},
		{[]string{"GET /a/../b"}, `error: without "//"`},
		{[]string{`GET /a\b`}, `error: without "//"`},
		{[]string{"GET /a\u009b31m"}, "error: can be seen"},
		{[]string{"GET /a\u202elive"}, "error: can be seen"},
		{[]string{"GET /a\xff"}, "error: can be seen"},
		{[]string{"GET /" + strings.Repeat("a", 600)}, "error: too long"},
		{[]string{"read\nwrite"}, "error: begins with"},
	} {
		l, err := scope.Parse(c.rules)
		got := strings.Join(l.Rules(), "|")
		if err != nil {
			got = "error: " + err.Error()
			if want, isError := strings.CutPrefix(c.want, "error: "); isError && strings.Contains(got, want) {
				continue
			}
		}
		if got != c.want {
			t.Errorf("%q: got %s, want %s", c.rules, got, c.want)
		}
	}
	var many []string
	for i := range scope.MaxRules + 1 {
		many = append(many, "GET /"+strings.Repeat("a", i+1))
	}
	if _, err := scope.Parse(many); err == nil {
		t.Error("more rules than MaxRules were taken")
	}
	if _, err := scope.Parse(append(many[1:], many[1:]...)); err != nil {
		t.Errorf("MaxRules, each given twice: %v", err)
	}
}

// wordPress are the bundles of a site with WordPress's API at its usual path.
func wordPress() scope.Bundles { return scope.BuiltIn().WithWordPress("/wp-json") }

func TestCovers(t *testing.T) {
	t.Parallel()
	own, err := wordPress().Define(map[string][]string{"deploy": {"POST /hooks/*", "wp:read"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rules  string // separated by ";"
		access string // method, path and perhaps a name
		rule   string // that covers it; "" covers nothing
	}{
		{"GET /a", "GET /a", "GET /a"},
		{"GET /a", "HEAD /a", "GET /a"},
		{"GET /a", "POST /a", ""},
		{"GET /a", "OPTIONS /a", ""},
		{"GET /a", "GET /a/", ""},
		{"GET /a", "GET /A", ""},
		{"GET /a", "get /a", ""},
		{"* /a", "g,t /a", ""},
		{"GET /é", "GET /é", "GET /é"},
		{"GET,POST /a", "POST /a", "GET,POST /a"},
		{"* /a", "PURGE /a", "* /a"},
		{"GET /a; POST /b", "POST /b", "POST /b"},
		{"GET /wp-json/wp/v2/posts*", "GET /wp-json/wp/v2/posts", "GET /wp-json/wp/v2/posts*"},
		{"GET /wp-json/wp/v2/posts*", "GET /wp-json/wp/v2/posts/7/revisions", "GET /wp-json/wp/v2/posts*"},
		{"GET /a/*/c", "GET /a/b/c", "GET /a/*/c"},
		{"GET /a/*/c", "GET /a/b/b/c", ""},
		{"GET /a/x*y*z/c", "GET /a/xyyzz/c", "GET /a/x*y*z/c"},
		{"GET /a/x*y*z/c", "GET /a/xyyz/zc", ""},
		{"GET /*/*/c*", "GET /a/b/c/d", "GET /*/*/c*"},
		{"read", "GET /x/y", "read"},
		{"read", "POST /x/y", ""},
		{"write", "DELETE /x", "write"},
		{"write", "PURGE /x", ""},
		{"wp:posts", "POST /wp-json/wp/v2/posts", "wp:posts"},
		{"wp:posts", "PUT /wp-json/wp/v2/posts/7", "wp:posts"},
		{"wp:posts", "PUT /wp-json/wp/v2/postsecrets", ""},
		{"deploy", "POST /hooks/x", "deploy"},
		{"deploy", "GET /wp-json/", "deploy"},
		{"not-defined", "GET /", ""},
		{"not-defined; GET /a", "GET /a", "GET /a"},

		// Unknown methods and paths.
		{"* /a", "* /a", "* /a"},
		{"GET,POST,PUT,PATCH,DELETE /a", "* /a", ""},
		{"POST /a/*/c", "POST /a/*/c", "POST /a/*/c"},
		{"POST /a/7/c", "POST /a/*/c", ""},
		{"POST /a/*", "POST /a/*/c", "POST /a/*"},
		{"POST /a/*/c", "POST /a/*", ""},
		{"POST /a/*", "POST /a/*", "POST /a/*"},
		{"POST /a*", "POST /*", ""},
		{"POST /a/x*", "POST /a/x", "POST /a/x*"},

		// These need a rule with the name.
		{"* /*", "POST /users/7 /users", ""},
		{"write", "POST /users/7 /users", ""},
		{"* /*/users/*", "POST /wp-json/users/7 /users", "* /*/users/*"},
		{"* /wp-json/wp/v2/USERS/*", "POST /wp-json/wp/v2/USERS/7 /users", "* /wp-json/wp/v2/USERS/*"},
		{"* /wp-json/wp/v2/us*", "POST /wp-json/wp/v2/users/7 /users", ""},
		{"* /*", "GET /wp-json/wp/v2/users/me/application-passwords", "* /*"},
		{"* /*", "POST /wp-json/wp/v2/users/me/application-passwords", ""},
		{"* /*", "* /wp-json/wp/v2/users/me/application-passwords", ""},
		{"* /*", "DELETE /wp-json/wp/v2/users/me/Application-Passwords/x", ""},
		{"write", "POST /wp-json/wp/v2/users/me/application-passwords", ""},
		{"application-passwords", "POST /wp-json/wp/v2/users/me/application-passwords", "application-passwords"},
		{"application-passwords", "DELETE /wp-json/wp/v2/users/7/application-passwords/x", "application-passwords"},
		{"* /wp-json/wp/v2/users/me/application-passwords", "POST /wp-json/wp/v2/users/me/application-passwords", "* /wp-json/wp/v2/users/me/application-passwords"},
	} {
		method, path, _ := strings.Cut(c.access, " ")
		a := scope.Access{Method: method}
		a.Path, a.Named, _ = strings.Cut(path, " ")
		rule, ok := parse(t, strings.Split(c.rules, "; ")...).Covers(a, own)
		if rule != c.rule || ok != (c.rule != "") {
			t.Errorf("%s: %s: got %q, %v, want %q", c.rules, c.access, rule, ok, c.rule)
		}
	}
}

func TestNotNarrowed(t *testing.T) {
	t.Parallel()
	if rule, ok := scope.List("").Covers(scope.Access{}, nil); !ok || rule != "" {
		t.Errorf("a list without rules: %q, %v", rule, ok)
	}
	if _, ok := parse(t, "* /*").Covers(scope.Access{}, nil); ok {
		t.Error("no access at all is covered")
	}
}

// TestMatch compares with regular expressions, on short texts of few letters.
func TestMatch(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	text := func(letters string) string {
		b := []byte{'/'}
		for range random.IntN(9) {
			b = append(b, letters[random.IntN(len(letters))])
		}
		return string(b)
	}
	allowed := 0
	for range 50_000 {
		pattern, path := text("ab/**"), text("ab/")
		l, err := scope.Parse([]string{"GET " + pattern})
		if err != nil || strings.Contains(path, "//") {
			continue
		}
		start, open := strings.CutSuffix(pattern, "*")
		expr := "^" + strings.ReplaceAll(start, "*", "[^/]*")
		if !open {
			expr += "$"
		}
		want := regexp.MustCompile(expr).MatchString(path)
		if _, got := l.Covers(scope.Access{Method: "GET", Path: path}, nil); got != want {
			t.Fatalf("%s covers %s: got %v", pattern, path, got)
		}
		if want {
			allowed++
		}
	}
	if allowed < 1000 {
		t.Errorf("only %d were allowed", allowed)
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	b, err := scope.BuiltIn().Define(map[string][]string{"few": {"GET /a", "GET /b"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rules, parent string
		want          bool
	}{
		{"read", "", true},
		{"", "read", false},
		{"read", "read", true},
		{"read", "write", true},
		{"write", "read", false},
		{"GET /a", "read", true},
		{"HEAD /a", "read", true},
		{"POST /a", "read", false},
		{"* /a", "write", false},
		{"few", "GET /a; GET /b", true},
		{"few", "GET /a", false},
		{"GET /a; GET /b", "few", true},
		{"GET /a; GET /c", "few", false},
		{"unknown", "* /*", false},
		{"unknown", "unknown", true},
		{"GET /a", "unknown", false},
		{"GET /a*", "GET /a*", true},
		{"GET /a*", "GET /a/*", false},
		{"GET /a/*", "GET /a*", true},
		{"GET /ab*", "GET /a*", true},
		{"GET /a/*/c", "GET /a/*", true},
		{"GET /a/*/c", "GET /*/*/c", true},
		{"GET /a/*/c", "GET /a/b/c", false},
		{"GET /a/*", "GET /*/*", true},
		{"GET /*/b", "GET /a/b", false},
		{"GET /a/*", "GET /*/b", false},
		{"GET /a*", "GET /a", false},
		{"* /wp-json/wp/v2/users/me/application-passwords", "* /*", false},
		{"application-passwords", "* /*", false},
		{"POST /wp-json/wp/v2/users/*", "* /*", false},
		{"GET /wp-json/wp/v2/users/*", "* /*", true},
		{"POST /wp-json/wp/v2/plugins", "* /wp-json/wp/v2/*", false},
		{"POST /wp-json/batch/v1", "write", false},
		{"POST /wp-json/wp/v2/users/7", "POST /wp-json/wp/v2/users*", true},
		{"POST /wp-json/wp/v2/posts/*", "* /*", true},
		{"* /*", "* /*; application-passwords", true},
		{"application-passwords", "* /*; application-passwords", true},
	} {
		split := func(s string) scope.List {
			if s == "" {
				return ""
			}
			return parse(t, strings.Split(s, "; ")...)
		}
		if got := split(c.rules).Within(split(c.parent), b); got != c.want {
			t.Errorf("%q within %q: got %v", c.rules, c.parent, got)
		}
	}
}

func TestBundles(t *testing.T) {
	t.Parallel()
	for want, own := range map[string]map[string][]string{
		"circle":               {"a": {"b"}, "b": {"a"}},
		"unknown bundle \"c\"": {"a": {"c"}},
		"no rules":             {"a": nil},
		"a name has":           {"A B": {"read"}},
		"must be":              {"a": {"GET"}},
	} {
		if _, err := scope.BuiltIn().Define(own); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", own, err, want)
		}
	}
	b, err := scope.BuiltIn().Define(map[string][]string{"read": {"GET /only"}, "mine": {"read", "POST /x"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := b["mine"].Rules.Rules(); !slices.Equal(got, []string{"GET /only", "POST /x"}) {
		t.Errorf("mine: %q", got)
	}
	if got := b.Unknown(parse(t, "mine", "his", "GET /a")); !slices.Equal(got, []string{"his"}) {
		t.Errorf("unknown: %q", got)
	}
}

// twenty is a list of which the last rule covers the last request.
func twenty(tb testing.TB) (scope.List, scope.Access) {
	var rules []string
	for i := range 19 {
		rules = append(rules, "GET,POST /wp-json/wp/v2/collection"+strings.Repeat("x", i)+"/*")
	}
	return parse(tb, append(rules, "GET /wp-json/wp/v2/posts*")...),
		scope.Access{Method: "GET", Path: "/wp-json/wp/v2/posts/7"}
}

func TestCoversAllocatesNothing(t *testing.T) {
	l, a := twenty(t)
	b := scope.BuiltIn()
	if n := testing.AllocsPerRun(100, func() { l.Covers(a, b) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCovers20Rules(b *testing.B) {
	l, a := twenty(b)
	bundles := scope.BuiltIn()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := l.Covers(a, bundles); !ok {
			b.Fatal("not covered")
		}
	}
}

func FuzzCovers(f *testing.F) {
	f.Add("GET /wp-json/*", "GET", "/wp-json/wp/v2/posts")
	f.Add("* /a/*/b*", "POST", "/a/x/b;c")
	f.Add("application-passwords", "DELETE", "/wp-json/wp/v2/users/*/application-passwords/*")
	b := wordPress()
	f.Fuzz(func(t *testing.T, rule, method, path string) {
		l, err := scope.Parse([]string{rule})
		if err != nil || l == "" {
			return
		}
		again, err := scope.Parse(l.Rules())
		if err != nil || again != l {
			t.Fatalf("%q becomes %q: %v", l, again, err)
		}
		if !l.Within(l, b) || !l.Within("", b) {
			t.Fatalf("%q is not within itself", l)
		}
		a := scope.Access{Method: method, Path: path}
		if _, ok := l.Covers(a, b); !ok {
			return
		}
		for _, name := range []string{scope.NamePasswords, scope.NameUsers} {
			a.Named = name
			if rule, ok := l.Covers(a, b); ok && !l.Names(name, b) && !strings.Contains(strings.ToLower(string(l)), name) {
				t.Fatalf("%q covers %s %q by %q, and does not name %s", l, method, path, rule, name)
			}
		}
	})
}

func TestUnusualMethods(t *testing.T) {
	t.Parallel()
	list, err := scope.Parse([]string{"read", "* /a", "GETT,GET /b", "post,PURGE,gett /c", "VERSION-CONTROL,VERSION /d"})
	if err != nil {
		t.Fatal(err)
	}
	if got := list.UnusualMethods(); !slices.Equal(got, []string{"GETT", "VERSION"}) {
		t.Errorf("got %q", got)
	}
}
