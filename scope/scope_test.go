package scope_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

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

func TestJudge(t *testing.T) {
	t.Parallel()
	own, err := scope.NewBundles(map[string][]string{"deploy": {"POST /hooks/*", "wp:read"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rules   string // separated by ";"
		request string // method, target and, after "!", overrides
		rule    string // that allows it; "" denies
	}{
		{"GET /a", "GET /a", "GET /a"},
		{"GET /a", "HEAD /a", "GET /a"},
		{"GET /a", "GET /a?x=1", "GET /a"},
		{"GET /a", "GET http://example.org?/a", ""},
		{"GET /a", "GET http://example.org#/a", ""},
		{"GET /a", "GET http://example.org/a?x=1", "GET /a"},
		{"GET /a", "GET https://example.org", ""},
		{"GET /a", "POST /a", ""},
		{"GET /a", "OPTIONS /a", ""},
		{"GET /a", "GET /a/", ""},
		{"GET /a", "GET /A", ""},
		{"GET /a", "get /a", ""},
		{"GET /a", "GET /%61", "GET /a"},
		{"GET /é", "GET /%C3%A9", "GET /é"},
		{"GET,POST /a", "POST /a", "GET,POST /a"},
		{"* /a", "PURGE /a", "* /a"},
		{"GET /a; POST /b", "POST /b", "POST /b"},
		{"GET /wp-json/wp/v2/posts*", "GET /wp-json/wp/v2/posts", "GET /wp-json/wp/v2/posts*"},
		{"GET /wp-json/wp/v2/posts*", "GET /wp-json/wp/v2/posts/7/revisions", "GET /wp-json/wp/v2/posts*"},
		{"GET /a/*/c", "GET /a/b/c", "GET /a/*/c"},
		{"GET /a/*/c", "GET /a//c", ""},
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
		{"nobody-defined-it", "GET /", ""},
		{"nobody-defined-it; GET /a", "GET /a", "GET /a"},

		// What programs read differently.
		{"GET /*", "GET //a", ""},
		{"GET /*", "GET /a//b", ""},
		{"GET /*", "GET /a/../b", ""},
		{"GET /*", "GET /a/..", ""},
		{"GET /*", "GET /a/..;x/b", ""},
		{"GET /*", "GET /./b", ""},
		{"GET /*", "GET /a/%2e%2e/b", ""},
		{"GET /*", "GET /a/.%2E/b", ""},
		{"GET /*", "GET /a%2Fb", ""},
		{"GET /*", "GET /a%5cb", ""},
		{"GET /*", `GET /a\b`, ""},
		{"GET /*", "GET /a%00b", ""},
		{"GET /*", "GET /a%0ab", ""},
		{"GET /*", "GET /a%252Fb", ""},
		{"GET /*", "GET /a/..%20/b", ""},
		{"GET /*", "GET /a/%20./b", ""},
		{"GET /*", "GET /a/%2e%20;x/b", ""},
		{"GET /*", "GET /a/..%20b", "GET /*"},
		{"GET /*", "GET /%c0%ae%c0%ae%c0%afa", ""},
		{"GET /*", "GET /gr%c3%bc%c3%9fe", "GET /*"},
		{"GET /*", "GET /a%3Fb", ""},
		{"GET /*", "GET /a#b", ""},
		{"GET /*", "GET /a%zz", ""},
		{"GET /*", "GET *", ""},
		{"GET /*", "GET example.org:443", ""},
		{"GET /*", "GET /...", "GET /*"},
		{"GET /*", "GET /.well-known/x", "GET /*"},
		{"GET /*", "GET ", ""},

		// Other methods and other paths than those on the request line.
		{"GET /*", "GET /a!DELETE", ""},
		{"GET /*", "GET /a!get", "GET /*"},
		{"GET /*", "GET /a! head , GET", ""},
		{"GET /*", "GET /a?_method=DELETE", ""},
		{"GET /*", "GET /a?_METHOD=delete", ""},
		{"GET /*", "GET /a?%5fmethod=DELETE", ""},
		{"GET /*", "GET /a?_method=GET&_method=DELETE", ""},
		{"GET /*", "GET /a?_method[]=DELETE", ""},
		{"GET /*", "GET /a?.method=DELETE", ""},
		{"GET /*", "GET /a?x=_method", "GET /*"},
		{"GET /*", "GET /a?" + strings.Repeat("_method=GET&", 7), "GET /*"},
		{"GET /*", "GET /a?" + strings.Repeat("_method=GET&", 8), ""},
		{"GET /*", "GET /a?" + strings.Repeat("rest_route=a&", 7), "GET /*"},
		{"GET /*", "GET /a?" + strings.Repeat("rest_route=a&", 8), ""},
		{"GET /*", "GET /a?" + strings.Repeat("_method=&", 100), "GET /*"},
		{"GET /wp-json/wp/v2/posts*", "GET /?rest_route=/wp/v2/posts/7", "GET /wp-json/wp/v2/posts*"},
		{"GET /wp-json/wp/v2/posts*", "GET /index.php?rest_route=wp/v2/posts", "GET /wp-json/wp/v2/posts*"},
		{"GET /wp-json/wp/v2/posts*", "GET /?rest_route=/wp/v2/users", ""},
		{"GET /wp-json/wp/v2/posts*", "GET /?rest_route=", ""},
		{"GET /wp-json/wp/v2/posts*", "GET /?rest_route=/wp/v2/posts&rest.route=/wp/v2/users", ""},
		{"GET /wp-json/wp/v2/posts*", "GET /?rest.route=/wp/v2/users&rest_route=/wp/v2/posts", ""},
		{"GET /wp-json/wp/v2/posts*", "GET /wp-json/wp/v2/posts?rest_route=/wp/v2/users", ""},
		{"GET /wp-json/wp/v2/posts*", "GET /wp-json/wp/v2/posts?rest%5Froute=/wp/v2/users", ""},
		{"GET /wp-json/wp/v2/posts*", "GET /wp-json/wp/v2/posts?rest+route=/wp/v2/users", ""},
		{"GET /wp-json/wp/v2/posts*", "GET /wp-json/wp/v2/posts?REST_ROUTE[x]=/wp/v2/users", ""},
		{"GET /wp-json/wp/v2/posts*", "GET /wp-json/wp/v2/posts?a;rest_route=/wp/v2/users", ""},
		{"GET /wp-json/wp/v2/posts*", "GET /?rest_route=/wp/v2/posts/../users", ""},
		{"GET /wp-json/wp/v2/posts*", "GET /?rest_route=/wp/v2/posts%2525", ""},
		{"GET /wp-json/wp/v2/posts*", "GET /other?rest_route=/wp/v2/posts", ""},

		// Lists of other requests.
		{"POST /wp-json/*", "POST /wp-json/batch/v1", ""},
		{"POST /wp-json/*", "POST /wp-json/BATCH/v1", ""},
		{"POST /wp-json/*", "POST /?rest_route=/batch/v1", ""},
		{"POST /wp-json/batch/v1", "POST /wp-json/batch/v1", "POST /wp-json/batch/v1"},
		{"* /wp-json/*", "POST /wp-json/batch/v1", "* /wp-json/*"},
		{"write", "POST /wp-json/batch/v1", "write"},
		{"POST /jobs/*", "POST /jobs/batch/v1", "POST /jobs/*"},

		// Other objects than the one in the path.
		{"POST /wp-json/wp/v2/users/6", "POST /wp-json/wp/v2/users/6?id=2", ""},
		{"POST /wp-json/wp/v2/users/6", "POST /wp-json/wp/v2/users/6?i%64=2", ""},
		{"POST /wp-json/wp/v2/users/6", "POST /wp-json/wp/v2/users/6?id=6", "POST /wp-json/wp/v2/users/6"},
		{"POST /wp-json/wp/v2/users/6", "POST /?rest_route=/wp/v2/users/6&id=2", ""},
		{"GET /wp-json/wp/v2/posts/6/*", "GET /wp-json/wp/v2/posts/6/revisions?parent=7", ""},
		{"GET /wp-json/wp/v2/pages", "GET /wp-json/wp/v2/pages?parent=7", "GET /wp-json/wp/v2/pages"},
		{"GET /shop/6", "GET /shop/6?id=2", "GET /shop/6"},

		// Application passwords take a rule that names them.
		{"* /*", "GET /wp-json/wp/v2/users/me/application-passwords", "* /*"},
		{"* /*", "POST /wp-json/wp/v2/users/me/application-passwords", ""},
		{"* /*", "DELETE /wp-json/wp/v2/users/me/Application-Passwords/x", ""},
		{"* /*", "POST /?rest_route=/wp/v2/users/me/application-passwords", ""},
		{"write", "POST /wp-json/wp/v2/users/me/application-passwords", ""},
		{"application-passwords", "POST /wp-json/wp/v2/users/me/application-passwords", "application-passwords"},
		{"application-passwords", "DELETE /wp-json/wp/v2/users/7/application-passwords/x", "application-passwords"},
		{"* /wp-json/wp/v2/users/me/application-passwords", "POST /wp-json/wp/v2/users/me/application-passwords", "* /wp-json/wp/v2/users/me/application-passwords"},
	} {
		rules := strings.Split(c.rules, "; ")
		request, override, overridden := strings.Cut(c.request, "!")
		r := scope.Request{}
		r.Method, r.Target, _ = strings.Cut(request, " ")
		if overridden {
			r.Overrides = []string{override}
		}
		v := parse(t, rules...).Judge(r, own)
		if v.Rule != c.rule || v.Allowed != (c.rule != "") || v.Allowed != (v.Why == "") {
			t.Errorf("%s: %s: got %+v, want rule %q", c.rules, c.request, v, c.rule)
		}
	}
}

func TestNotNarrowed(t *testing.T) {
	t.Parallel()
	if v := scope.List("").Judge(scope.Request{}, nil); !v.Allowed || v.Rule != "" {
		t.Errorf("a list without rules: %+v", v)
	}
	if v := parse(t, "* /*").Judge(scope.Request{}, nil); v.Allowed {
		t.Errorf("what is not HTTP: %+v", v)
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	posts, everything := parse(t, "POST /wp-json/wp/v2/posts"), parse(t, "POST /wp-json/*", "POST /upload")
	for _, c := range []struct {
		list   scope.List
		target string
		want   bool
	}{
		{posts, "/wp-json/wp/v2/posts", false},
		{everything, "/wp-json/wp/v2/posts", false},
		{everything, "/index.php", false},
		{everything, "/upload", true},
	} {
		r := scope.Request{Method: "POST", Target: c.target, Form: true}
		if v := c.list.Judge(r, nil); v.Allowed != c.want {
			t.Errorf("%s: a form to %s: %+v", c.list, c.target, v)
		}
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
		if got := l.Judge(scope.Request{Method: "GET", Target: path}, nil).Allowed; got != want {
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

func TestExplanationsAreBounded(t *testing.T) {
	t.Parallel()
	var rules []string
	for i := range scope.MaxRules {
		rules = append(rules, fmt.Sprintf("GET /%d%s", i, strings.Repeat("é", 200)))
	}
	for _, target := range []string{"/" + strings.Repeat("b", 50_000), "//" + strings.Repeat("b", 50_000), "/?rest_route=//" + strings.Repeat("b", 50_000)} {
		if v := parse(t, rules...).Judge(scope.Request{Method: "GET", Target: target}, nil); v.Allowed || len(v.Why) > 1000 || !utf8.ValidString(v.Why) {
			t.Errorf("%d bytes: %.80s", len(v.Why), v.Why)
		}
	}
}

func TestManages(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]bool{
		"GET /wp-json/wp/v2/users/me/application-passwords":              false,
		"POST /wp-json/wp/v2/users/me/application-passwords":             true,
		"DELETE /wp-json/wp/v2/users/me/APPLICATION-passwords/x":         true,
		"POST /wp-json/wp/v2/users/me/%61pplication-passwords":           true,
		"POST /?rest_route=/wp/v2/users/me/application-passwords":        true,
		"POST /any?rest.route=/wp/v2/users/me/application-passwords":     true,
		"GET /wp-json/wp/v2/users/me/application-passwords?_method=POST": true,
		"POST /wp-json/wp/v2/posts":                                      false,
		"POST /wp-json//wp/v2/users/me/application-passwords":            true,
		"GET /a//b%2Fc":               false,
		"POST /projects/a%2Fb/issues": false,
		"POST /wp-json/wp/v2/users/me/%2561pplication-passwords": true,
		"DELETE /x?a=%zz": true,
		"GET /a?" + strings.Repeat("_method=GET&", 7):  false,
		"GET /a?" + strings.Repeat("_method=GET&", 8):  true,
		"GET /a?" + strings.Repeat("rest_route=a&", 8): true,
	} {
		method, target, _ := strings.Cut(request, " ")
		r := scope.Request{Method: method, Target: target, Form: true}
		if got := r.Manages(); got != want {
			t.Errorf("%s: got %v", request, got)
		}
	}
}

func TestHidesRoute(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]bool{
		"/": true, "/index.php": true, "/wp-json/wp/v2/posts": true, "/%77p-json/wp/v2/posts": true, "https://example.org/wp-json/wp/v2/posts": true,
		"/upload": false,
	} {
		r := scope.Request{Method: "POST", Target: target, Form: true}
		if got := r.HidesRoute(); got != want {
			t.Errorf("a form to %s: got %v", target, got)
		}
		if r.Form = false; r.HidesRoute() {
			t.Errorf("no form to %s hides a route", target)
		}
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	b, err := scope.NewBundles(map[string][]string{"few": {"GET /a", "GET /b"}})
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
		"circle":          {"a": {"b"}, "b": {"a"}},
		"no bundle \"c\"": {"a": {"c"}},
		"no rules":        {"a": nil},
		"a name has":      {"A B": {"read"}},
		"must be":         {"a": {"GET"}},
	} {
		if _, err := scope.NewBundles(own); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", own, err, want)
		}
	}
	b, err := scope.NewBundles(map[string][]string{"read": {"GET /only"}, "mine": {"read", "POST /x"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := b["mine"].Rules(); !slices.Equal(got, []string{"GET /only", "POST /x"}) {
		t.Errorf("mine: %q", got)
	}
	if got := b.Unknown(parse(t, "mine", "his", "GET /a")); !slices.Equal(got, []string{"his"}) {
		t.Errorf("unknown: %q", got)
	}
}

// twenty is a list of which the last rule covers the last request.
func twenty(tb testing.TB) (scope.List, scope.Request) {
	var rules []string
	for i := range 19 {
		rules = append(rules, "GET,POST /wp-json/wp/v2/collection"+strings.Repeat("x", i)+"/*")
	}
	return parse(tb, append(rules, "GET /wp-json/wp/v2/posts*")...),
		scope.Request{Method: "GET", Target: "/wp-json/wp/v2/posts/7?per_page=1"}
}

func TestJudgeAllocatesNothing(t *testing.T) {
	l, r := twenty(t)
	b := scope.BuiltIn()
	if n := testing.AllocsPerRun(100, func() { l.Judge(r, b) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestManagesAllocatesNothing(t *testing.T) {
	r := scope.Request{Method: "POST", Target: "/wp-json/wp/v2/posts/7?per_page=1", Foreign: true}
	if n := testing.AllocsPerRun(100, func() { r.Manages() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkJudge20Rules(b *testing.B) {
	l, r := twenty(b)
	bundles := scope.BuiltIn()
	b.ReportAllocs()
	for b.Loop() {
		if !l.Judge(r, bundles).Allowed {
			b.Fatal("denied")
		}
	}
}

func FuzzJudge(f *testing.F) {
	f.Add("GET /wp-json/*", "GET", "/wp-json/wp/v2/posts?rest_route=/x")
	f.Add("* /a/*/b*", "POST", "http://h/a/%61/b;c")
	f.Add("read", "DELETE", "/?_method=get&rest.route=//")
	b := scope.BuiltIn()
	f.Fuzz(func(t *testing.T, rule, method, target string) {
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
		v := l.Judge(scope.Request{Method: method, Target: target}, b)
		path, _, _ := strings.Cut(target, "?")
		if v.Allowed && (strings.Contains(path, "/../") || strings.Contains(strings.TrimPrefix(strings.TrimPrefix(path, "http://"), "https://"), "//") && strings.HasPrefix(path, "/")) {
			t.Fatalf("%q allows %s %q", l, method, target)
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
