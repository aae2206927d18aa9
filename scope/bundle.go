package scope

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bundles are what names stand for. The methods return new Bundles and leave these unchanged.
type Bundles map[string]Bundle

// Bundle is what a name stands for: rules, or a scope that an application asks for by its name.
type Bundle struct {
	// Rules are what the bundle allows. They are empty for a scope that [Bundles.With] added.
	Rules List

	text     string // of such a scope, in the language in which the application defined it
	texts    map[string]string
	standard bool
}

// IsNamed reports whether this is a scope of the application's own: see [Named].
func (b Bundle) IsNamed() bool { return b.Rules == "" }

// IsStandard reports whether this is a bundle as Sparekey defines it: of [BuiltIn], or of
// [Bundles.WithWordPress].
func (b Bundle) IsStandard() bool { return b.standard }

// HasNamed reports whether b has a scope of the application's own with this name.
func (b Bundles) HasNamed(name string) bool {
	bundle, ok := b[name]
	return ok && bundle.IsNamed()
}

// Text returns what the application says of a scope of its own, in a language (BCP 47) if it
// has words for that. It is empty for a bundle of rules.
func (b Bundle) Text(language string) string {
	if text, ok := b.texts[language]; ok {
		return text
	}
	return b.text
}

// builtIn are the bundles that exist everywhere, in the form in which operators
// write theirs.
func builtIn() map[string][]string {
	return map[string][]string{
		"read":      {reading + " /*"},
		"write":     {reading + ",POST,PUT,PATCH,DELETE /*"},
		"dav:read":  {reading + " /*"},
		"dav:write": {reading + ",PUT,DELETE,MKCOL,MKCALENDAR,PROPPATCH,COPY,MOVE,LOCK,UNLOCK /*"},
		"git:read":  gitRules("GET /info/refs", "POST /git-upload-pack", "GET /info/lfs/*", "POST /info/lfs/objects/batch"),
		"git:write": gitRules("GET /info/refs", "POST /git-upload-pack", "GET,POST /git-receive-pack", "GET,POST,PUT /info/lfs/*"),
		"oci:pull":  {"GET /v2", "GET /v2/*"},
		"oci:push":  {"GET /v2", "GET,POST,PATCH,PUT /v2/*"},
	}
}

// wordPress are the bundles for a REST API in the form of WordPress's, at a path.
func wordPress(prefix string) map[string][]string {
	routes := prefix + "/wp/v2/"
	collection := func(name string) []string {
		return []string{"* " + routes + name, "* " + routes + name + "/*", "GET " + prefix + "/", "GET " + routes + "users/me"}
	}
	return map[string][]string{
		"wp:read":     {"GET,OPTIONS " + cmp.Or(prefix, "/"), "GET,OPTIONS " + prefix + "/*"},
		"wp:posts":    collection("posts"),
		"wp:pages":    collection("pages"),
		"wp:media":    collection("media"),
		"wp:comments": collection("comments"),
		NamePasswords: {
			"* " + routes + "users/*/" + NamePasswords,
			"* " + routes + "users/*/" + NamePasswords + "/*",
		},
	}
}

// reading are the methods that read: those of HTTP, and those of WebDAV and its kin
// (PROPFIND, RFC 4918; REPORT, RFC 3253; SEARCH, RFC 5323).
const reading = "GET,OPTIONS,PROPFIND,REPORT,SEARCH"

// gitDepth is how many segments the path of a repository may have in the bundles for git.
const gitDepth = 6

// gitRules are rules about what is below a repository, for each depth that the path of a
// repository may have: a star in the middle stays within its segment.
func gitRules(below ...string) (rules []string) {
	repository := ""
	for range gitDepth {
		repository += "/*"
		for _, rule := range below {
			methods, path, _ := strings.Cut(rule, " ")
			rules = append(rules, methods+" "+repository+path)
		}
	}
	return rules
}

// BuiltIn returns the bundles that exist everywhere: "read" (GET, HEAD, OPTIONS, PROPFIND,
// REPORT and SEARCH of everything), "write" (that, and POST, PUT, PATCH and DELETE),
// "dav:read" and "dav:write" (WebDAV, CalDAV and CardDAV), "git:read" and "git:write" (git
// over HTTP, with LFS), and "oci:pull" and "oci:push" (registries of container images).
func BuiltIn() Bundles { return Bundles{}.withStandard(builtIn()) }

// WithWordPress adds the bundles for a REST API in the form of WordPress's: "wp:read",
// "wp:posts", "wp:pages", "wp:media" and "wp:comments", and "application-passwords" (to manage
// those). prefix is the path of the API, such as "/wp-json": that of WordPress, or that under
// which package rest is mounted. It panics on a prefix that does not begin with a slash, ends
// in one or could not be in a rule. An empty prefix is for an API at the root.
func (b Bundles) WithWordPress(prefix string) Bundles { return b.withStandard(wordPress(prefix)) }

func (b Bundles) withStandard(defined map[string][]string) Bundles {
	all, err := b.Define(defined)
	if err != nil {
		panic("scope: " + err.Error()) // only ever: builtIn or the prefix is wrong
	}
	for name := range defined {
		bundle := all[name]
		bundle.standard = true
		all[name] = bundle
	}
	return all
}

// NamedScope is a scope that an application asks for by its name; see [Named].
type NamedScope struct {
	Name  string
	Text  string            // what it allows, for people: "Write and change posts"
	Texts map[string]string // the same in other languages, by their tags (BCP 47)
}

// Named defines a scope of the application's own: a name such as "posts:write", and what it
// allows, for people. The application adds it to its bundles with [Bundles.With], and asks for
// it around its handlers (RequireScope in package basicauth) and within them (Allows of
// sparekey.Identity). It covers only what is asked for by its name, and no path.
func Named(name, text string) NamedScope { return NamedScope{Name: name, Text: text} }

// In returns the scope with its text in one more language (BCP 47).
func (n NamedScope) In(language, text string) NamedScope {
	texts := maps.Clone(n.Texts)
	if texts == nil {
		texts = map[string]string{}
	}
	texts[language] = text
	n.Texts = texts
	return n
}

// With adds scopes of the application's own. One takes the place of a bundle of the same name,
// which is then asked for by its name alone. It panics on a name that [IsName] rejects, on
// "application-passwords", and on a scope without a text.
func (b Bundles) With(scopes ...NamedScope) Bundles {
	all := b.clone()
	for _, n := range scopes {
		switch {
		case !IsName(n.Name) || n.Name == NamePasswords:
			panic(fmt.Sprintf("scope: %q cannot be the name of a scope of the application's own", n.Name))
		case n.Text == "":
			panic(fmt.Sprintf("scope: %q needs a text that says what it allows", n.Name))
		}
		all[n.Name] = Bundle{text: n.Text, texts: maps.Clone(n.Texts)}
	}
	return all
}

func (b Bundles) clone() Bundles {
	if b == nil {
		return Bundles{}
	}
	return maps.Clone(b)
}

// Define adds an operator's bundles, by their names, to those in b. One takes the place of a
// bundle in b of the same name. They can name one another and those in b, though not in a
// circle. The error names every bundle that is wrong.
func (b Bundles) Define(own map[string][]string) (Bundles, error) {
	all := b.clone()
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(own)) {
		list, err := b.define(own, name)
		if err != nil {
			problems = append(problems, fmt.Errorf("bundle %q: %w", name, err))
		}
		all[name] = Bundle{Rules: list}
	}
	if problems != nil {
		return nil, errors.Join(problems...)
	}
	return all, nil
}

// define returns what a bundle stands for.
func (b Bundles) define(own map[string][]string, name string) (List, error) {
	if !IsName(name) {
		return "", errors.New(`a name has lower-case letters, digits and ":_-" only`)
	}
	rules, err := b.expand(own, name, nil)
	if err != nil {
		return "", err
	}
	return Parse(rules)
}

// expand returns the rules of a bundle with those of the bundles that it names. The names of
// an application's own scopes stay names.
func (b Bundles) expand(own map[string][]string, name string, within []string) ([]string, error) {
	if slices.Contains(within, name) {
		return nil, fmt.Errorf("%s lead in a circle", strings.Join(append(within, name), ", "))
	}
	rules, isOwn := own[name]
	defined, isKnown := b[name]
	switch {
	case !isOwn && !isKnown:
		return nil, fmt.Errorf("unknown bundle %q", name)
	case !isOwn && defined.IsNamed():
		return []string{name}, nil
	case !isOwn:
		return defined.Rules.Rules(), nil
	case len(rules) == 0:
		return nil, fmt.Errorf("%q has no rules", name)
	}
	var all []string
	for _, rule := range rules {
		if !IsName(rule) {
			all = append(all, rule)
			continue
		}
		more, err := b.expand(own, rule, append(slices.Clip(within), name))
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// Check returns an error about the first name in l that is not a bundle; it lists the
// bundles.
func (b Bundles) Check(l List) error {
	unknown := b.Unknown(l)
	if len(unknown) == 0 {
		return nil
	}
	return fmt.Errorf("must not name %q, which is not defined here: the bundles of this site are %s",
		unknown[0], strings.Join(slices.Sorted(maps.Keys(b)), ", "))
}

// Unknown returns the names in l that are not bundles, so that a mistake shows when it is
// made, and not later as a denial.
func (b Bundles) Unknown(l List) (names []string) {
	for rule := range l.All() {
		if _, ok := b[rule]; !ok && IsName(rule) {
			names = append(names, rule)
		}
	}
	return names
}
