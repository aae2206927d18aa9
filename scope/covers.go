package scope

import (
	"strings"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// Access is what a rule is asked about: one method on one path.
type Access struct {
	// Method is a method as it is sent, or "*" for any method.
	Method string
	// Path is decoded. A "*" in it stands for an unknown part, as in a rule: a rule covers
	// the access only if it covers everything that may be there.
	Path string
	// Named, unless it is empty, is one of the names below. A rule covers the access only if
	// its path contains this name, ignoring case.
	Named string
	// Scope, unless it is empty, is the scope of the application's own that the access needs;
	// see [Named]. Only that name covers the access, in the list or in a bundle of it: rules
	// about methods and paths do not. With both Scope and Named, it takes that name and such a
	// rule.
	Scope string
}

// Names that a rule must have in its path to cover a change to what they stand for:
// with it, a credential could get more than its limits. Rules about everything, such
// as "* /*", do not cover it.
const (
	NamePasswords = "application-passwords"
	NameBatch     = "/batch/v1" // WordPress's list of requests, each with its own path
	NameUsers     = "/users"
	NamePlugins   = "/plugins"
	NameThemes    = "/themes"
	NameSettings  = "/settings"
)

// names are all of them.
var names = [...]string{NamePasswords, NameBatch, NameUsers, NamePlugins, NameThemes, NameSettings}

// Covers returns the first rule that covers an access, or the name of the bundle that
// has that rule. ok is false if none does. An empty list covers everything, and then
// rule is empty. It allocates nothing.
func (l List) Covers(a Access, b Bundles) (rule string, ok bool) {
	if l == "" {
		return "", true
	}
	if a.Method != "*" && !isMethod(a.Method) {
		return "", false
	}
	if isManaging(a.Method, a.Path) {
		a.Named = NamePasswords
	}
	if a.Scope != "" {
		if rule, ok = l.names(a.Scope, b); !ok || a.Named == "" {
			return rule, ok
		}
	}
	w := wanted{access: a}
	w.start, w.isOpen = strings.CutSuffix(a.Path, "*")
	for rule, rest := cut(string(l), '\n'); rule != ""; rule, rest = cut(rest, '\n') { // as All, which would allocate
		if space := strings.IndexByte(rule, ' '); space > 0 {
			if w.isCovered(rule, space) {
				return rule, true
			}
			continue
		}
		for inner, rest := cut(string(b[rule].Rules), '\n'); inner != ""; inner, rest = cut(rest, '\n') {
			if w.isCovered(inner, strings.IndexByte(inner, ' ')) {
				return rule, true
			}
		}
	}
	return "", false
}

// names returns the rule that is a name of a scope of the application's own, or the bundle that
// has it. ok is false if there is none, and for a name that b does not have as such a scope.
func (l List) names(name string, b Bundles) (rule string, ok bool) {
	if !b.HasNamed(name) {
		return "", false
	}
	for rule, rest := cut(string(l), '\n'); rule != ""; rule, rest = cut(rest, '\n') {
		if rule == name {
			return rule, true
		}
		for inner, rest := cut(string(b[rule].Rules), '\n'); inner != ""; inner, rest = cut(rest, '\n') {
			if inner == name {
				return rule, true
			}
		}
	}
	return "", false
}

// wanted is an access to which rule after rule is compared.
type wanted struct {
	access Access
	start  string // of the path, as patternWithin takes it
	isOpen bool
}

// isCovered reports whether a rule about methods and a path covers the access. space is
// where the methods end. The path is compared first: it is what most rules differ in.
func (w *wanted) isCovered(rule string, space int) bool {
	if space < 0 {
		return false
	}
	methods, pattern := rule[:space], rule[space+1:]
	return startWithin(w.start, w.isOpen, pattern) && hasMethod(methods, w.access.Method) &&
		(w.access.Named == "" || rawpath.ContainsFold(pattern, w.access.Named))
}

// isManaging reports whether a request would create, change or revoke application
// passwords. WordPress takes routes in any case.
func isManaging(method, path string) bool {
	return !IsSafe(method) && rawpath.ContainsFold(path, NamePasswords)
}

// IsSafe reports whether a method changes nothing (RFC 9110, section 9.2.1).
func IsSafe(method string) bool { return method == "GET" || method == "HEAD" || method == "OPTIONS" }

func hasMethod(methods, method string) bool {
	if methods == "*" {
		return true
	}
	for m, rest := cut(methods, ','); m != ""; m, rest = cut(rest, ',') {
		if m == method || m == "GET" && method == "HEAD" {
			return true
		}
	}
	return false
}

// cut returns what is before the first separator, and what is after it.
func cut(s string, separator byte) (first, rest string) {
	if at := strings.IndexByte(s, separator); at >= 0 {
		return s[:at], s[at+1:]
	}
	return s, ""
}

// match reports whether a path has the form of a pattern, in a time that grows with
// the length of the path alone. A star before the end stays within its segment, so
// the first place where what follows it stands is the only one to try: either that
// is in the same segment, where a later one would be no better, or it has a slash
// in it, which only fits in one place.
func match(pattern, path string) bool {
	for {
		star := strings.IndexByte(pattern, '*')
		if star < 0 {
			return pattern == path
		}
		if !strings.HasPrefix(path, pattern[:star]) {
			return false
		}
		pattern, path = pattern[star+1:], path[star:]
		if pattern == "" {
			return true
		}
		skipped := skip(path, pattern)
		if skipped < 0 || strings.IndexByte(path[:skipped], '/') >= 0 {
			return false
		}
		path = path[skipped:]
	}
}

// skip returns how much of a path a star takes, before what follows it in the
// pattern; -1 where that does not follow.
func skip(path, pattern string) int {
	if next := strings.IndexByte(pattern, '*'); next >= 0 {
		return strings.Index(path, pattern[:next])
	}
	if !strings.HasSuffix(path, pattern) {
		return -1
	}
	return len(path) - len(pattern)
}
