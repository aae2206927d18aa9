package scope

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bundles are names for several rules. A List in it holds no names.
type Bundles map[string]List

// builtIn are the bundles that exist everywhere, in the form in which operators
// write theirs.
func builtIn() map[string][]string {
	collection := func(names ...string) (rules []string) {
		for _, name := range names {
			rules = append(rules, "* /wp-json/wp/v2/"+name, "* /wp-json/wp/v2/"+name+"/*")
		}
		return rules
	}
	return map[string][]string{
		"read":        {reading + " /*"},
		"write":       {reading + ",POST,PUT,PATCH,DELETE /*"},
		"dav:read":    {reading + " /*"},
		"dav:write":   {reading + ",PUT,DELETE,MKCOL,MKCALENDAR,PROPPATCH,COPY,MOVE,LOCK,UNLOCK /*"},
		"git:read":    gitRules("GET /info/refs", "POST /git-upload-pack", "GET /info/lfs/*", "POST /info/lfs/objects/batch"),
		"git:write":   gitRules("GET /info/refs", "POST /git-upload-pack", "GET,POST /git-receive-pack", "GET,POST,PUT /info/lfs/*"),
		"oci:pull":    {"GET /v2", "GET /v2/*"},
		"oci:push":    {"GET /v2", "GET,POST,PATCH,PUT /v2/*"},
		"wp:read":     {"GET,OPTIONS /wp-json", "GET,OPTIONS /wp-json/*"},
		"wp:posts":    append(collection("posts"), "GET /wp-json/", "GET /wp-json/wp/v2/users/me"),
		"wp:pages":    append(collection("pages"), "GET /wp-json/", "GET /wp-json/wp/v2/users/me"),
		"wp:media":    append(collection("media"), "GET /wp-json/", "GET /wp-json/wp/v2/users/me"),
		"wp:comments": append(collection("comments"), "GET /wp-json/", "GET /wp-json/wp/v2/users/me"),
		NamePasswords: {
			"* /wp-json/wp/v2/users/*/" + NamePasswords,
			"* /wp-json/wp/v2/users/*/" + NamePasswords + "/*",
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
// over HTTP, with LFS), "oci:pull" and "oci:push" (registries of container images), "wp:read",
// "wp:posts", "wp:pages", "wp:media" and "wp:comments" (parts of WordPress's REST
// API), and "application-passwords" (to manage those).
func BuiltIn() Bundles {
	b, err := NewBundles(nil)
	if err != nil {
		panic("scope: " + err.Error()) // only ever: builtIn is wrong
	}
	return b
}

// NewBundles returns the built-in bundles and an operator's, which take the place
// of a built-in one of the same name. They may name one another, though not in a
// circle. The error names every bundle that is wrong.
func NewBundles(own map[string][]string) (Bundles, error) {
	defined := builtIn()
	maps.Copy(defined, own)
	b := Bundles{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(defined)) {
		list, err := define(defined, name)
		if err != nil {
			problems = append(problems, fmt.Errorf("bundle %q: %w", name, err))
		}
		b[name] = list
	}
	if problems != nil {
		return nil, errors.Join(problems...)
	}
	return b, nil
}

// define returns what a bundle stands for.
func define(defined map[string][]string, name string) (List, error) {
	if !IsName(name) {
		return "", errors.New(`a name has lower-case letters, digits and ":_-" only`)
	}
	rules, err := expand(defined, name, nil)
	if err != nil {
		return "", err
	}
	return Parse(rules)
}

// expand returns the rules of a bundle with those of the bundles that it names.
func expand(defined map[string][]string, name string, within []string) ([]string, error) {
	if slices.Contains(within, name) {
		return nil, fmt.Errorf("%s lead in a circle", strings.Join(append(within, name), ", "))
	}
	rules, ok := defined[name]
	switch {
	case !ok:
		return nil, fmt.Errorf("unknown bundle %q", name)
	case len(rules) == 0:
		return nil, fmt.Errorf("%q has no rules", name)
	}
	var all []string
	for _, rule := range rules {
		if !IsName(rule) {
			all = append(all, rule)
			continue
		}
		more, err := expand(defined, rule, append(slices.Clip(within), name))
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
