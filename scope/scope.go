// Package scope has the rules of what a credential may be used for: rules about methods and
// paths, and names for bundles of them.
//
//	list, err := scope.Parse([]string{"read", "POST /posts*"})
//	rule, ok := list.Covers(scope.Access{Method: "GET", Path: "/posts/7"}, scope.BuiltIn())
//
// # Rules
//
// A rule is the name of a bundle, such as "read", or methods and a path:
//
//	GET /wp-json/wp/v2/posts          exactly this path
//	GET,POST /wp-json/wp/v2/posts*    every path that begins so
//	PUT /wp-json/wp/v2/posts/*/meta   any one segment, or a part of one, in the middle
//	* /files/*                        every method
//
// A "*" at the end of a path stands for any rest; one before it stands for anything except a
// slash. GET covers HEAD. Letters are compared exactly, and so are slashes at the end. Rules
// only ever allow: a request that none of them covers is denied, and an undefined bundle
// allows nothing.
//
// Creating, changing and revoking application passwords needs a rule that has
// "application-passwords" in its path: "* /*" is not enough. The other names of
// [Access.Named] need such a rule as well.
//
// An application can ask for scopes of its own by their names instead; see [Named].
//
// This package knows one method and one path. An application may take a request for
// other ones, too: package gateway/upstream knows which, and every one of them must be
// covered.
package scope

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// The bounds of a List.
const (
	MaxRules      = 64
	MaxRuleLength = 512 // bytes
)

// List is what a credential may be used for: rules, one a line, in the form that
// [Parse] gives them. The empty List narrows nothing. It is compared with ==, and
// safe for concurrent use.
type List string

// Parse makes a List of rules. Blanks around and within a rule do not matter, and
// neither does the case of methods. The error says which rule is wrong, and how it
// would be right.
func Parse(rules []string) (List, error) {
	var lines []string
	for _, text := range rules {
		rule, err := parseRule(text)
		if err != nil {
			return "", fmt.Errorf("%q %w", text, err)
		}
		if slices.Contains(lines, rule) {
			continue
		}
		if len(lines) == MaxRules { // before more are compared with one another
			return "", fmt.Errorf("there are too many rules: at most %d are possible", MaxRules)
		}
		lines = append(lines, rule)
	}
	return List(strings.Join(lines, "\n")), nil
}

var (
	errForm   = errors.New(`must be the name of a bundle, such as "read", or methods and a path, such as "GET /wp-json/wp/v2/posts*"`)
	errLength = fmt.Errorf("is too long: a rule has at most %d bytes", MaxRuleLength)
)

func parseRule(text string) (string, error) {
	if len(text) > MaxRuleLength {
		return "", errLength
	}
	fields := strings.Fields(text)
	switch {
	case len(fields) == 1 && IsName(fields[0]):
		return fields[0], nil
	case len(fields) == 2 && isMethods(strings.ToUpper(fields[0])):
		return strings.ToUpper(fields[0]) + " " + fields[1], checkPattern(fields[1])
	}
	return "", errForm
}

// IsName reports whether text can be the name of a bundle: lower-case letters,
// digits and ":_-", of which the first is a letter.
func IsName(text string) bool {
	for i := range len(text) {
		c := text[i]
		letter := 'a' <= c && c <= 'z'
		if !letter && (i == 0 || strings.IndexByte("0123456789:_-", c) < 0) {
			return false
		}
	}
	return text != "" && len(text) <= 64
}

func isMethods(text string) bool {
	if text == "*" {
		return true
	}
	for method := range strings.SplitSeq(text, ",") {
		if !isMethod(method) {
			return false
		}
	}
	return true
}

// isMethod reports whether text is a method as programs agree on: capital letters,
// perhaps with dashes.
func isMethod(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return text != "" && len(text) <= 32
}

func checkPattern(pattern string) error {
	if !strings.HasPrefix(pattern, "/") {
		return errors.New(`must have a path that begins with "/"`)
	}
	if strings.ContainsAny(pattern, "?#%") {
		return errors.New(`must have a path without "?", "#" and "%": write what an encoded character stands for`)
	}
	if !isPrintable(pattern) {
		return errors.New("must have a path of characters that can be seen, in UTF-8")
	}
	if rawpath.IsAmbiguous(pattern) {
		return errors.New(`must have a path without "//", "/./", "/../", "\" and control characters: requests with these are always denied`)
	}
	return nil
}

// isPrintable reports whether people see all of a text, so that none can be made to
// look like another.
func isPrintable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
}

// standardMethods are those of HTTP, WebDAV and CalDAV, and PURGE, which caches have.
const standardMethods = " GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT QUERY PURGE" +
	" PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK ACL REPORT SEARCH BIND UNBIND REBIND MKCALENDAR MKACTIVITY" +
	" CHECKIN CHECKOUT UNCHECKOUT VERSION-CONTROL UPDATE MERGE LABEL LINK UNLINK ORDERPATCH BASELINE-CONTROL MKWORKSPACE MKREDIRECTREF UPDATEREDIRECTREF PRI "

// UnusualMethods returns the methods in l that no standard has, each once. An
// application may have methods of its own, but most of these are misspelled, and
// such a rule covers nothing.
func (l List) UnusualMethods() (unusual []string) {
	for rule := range l.All() {
		methods, _, isRule := strings.Cut(rule, " ")
		for method := range strings.SplitSeq(methods, ",") {
			if isRule && method != "*" && !strings.Contains(standardMethods, " "+method+" ") && !slices.Contains(unusual, method) {
				unusual = append(unusual, method)
			}
		}
	}
	return unusual
}

// All goes through the rules.
func (l List) All() iter.Seq[string] {
	if l == "" {
		return func(func(string) bool) {}
	}
	return strings.SplitSeq(string(l), "\n")
}

// Rules returns the rules, or nil where nothing is narrowed.
func (l List) Rules() []string { return slices.Collect(l.All()) }

// String returns the rules in one line, for people.
func (l List) String() string { return strings.ReplaceAll(string(l), "\n", "; ") }
