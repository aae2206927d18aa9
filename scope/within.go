package scope

import (
	"strings"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// Within reports whether l allows nothing that parent does not. In doubt it says
// no.
func (l List) Within(parent List, b Bundles) bool {
	if parent == "" || l == parent {
		return true
	}
	if l == "" {
		return false
	}
	for rule := range l.All() {
		if !parent.includes(rule, b) {
			return false
		}
	}
	return true
}

// includes reports whether one rule, or all of a bundle, is within l.
func (l List) includes(rule string, b Bundles) bool {
	if IsName(rule) {
		for own := range l.All() {
			if own == rule { // as much as ever the other one allows
				return true
			}
		}
		bundle, known := b[rule]
		if bundle.IsNamed() { // or unknown, and may become anything
			_, ok := l.names(rule, b)
			return ok
		}
		for inner := range bundle.Rules.All() {
			ok := false
			if IsName(inner) { // a scope of the application's own, or what was one when the bundle was defined
				_, ok = l.names(inner, b)
			} else {
				ok = l.includes(inner, b)
			}
			if !ok {
				return false
			}
		}
		return known
	}
	for own := range l.All() {
		if ruleWithin(rule, own) {
			return true
		}
		for inner := range b[own].Rules.All() {
			if ruleWithin(rule, inner) {
				return true
			}
		}
	}
	return false
}

// ruleWithin reports whether a rule allows nothing that another does not.
func ruleWithin(rule, other string) bool {
	methods, pattern, ok := strings.Cut(rule, " ")
	otherMethods, otherPattern, otherOK := strings.Cut(other, " ")
	if !ok || !otherOK {
		return false
	}
	for m := range strings.SplitSeq(methods, ",") {
		if m == "*" && otherMethods != "*" || !hasMethod(otherMethods, m) || !IsSafe(m) && namesMore(pattern, otherPattern) {
			return false
		}
	}
	return patternWithin(pattern, otherPattern)
}

// namesMore reports whether a pattern has one of the names that the other does not
// have, and so allows changes that the other does not.
func namesMore(pattern, other string) bool {
	for _, name := range names {
		if rawpath.ContainsFold(pattern, name) && !rawpath.ContainsFold(other, name) {
			return true
		}
	}
	return false
}

// patternWithin reports whether every path that matches pattern also matches other. It reads
// a star in pattern as a character that only a star in other matches; a star at the end,
// which stands for slashes as well, only matches one at the end.
func patternWithin(pattern, other string) bool {
	start, isOpen := strings.CutSuffix(pattern, "*")
	return startWithin(start, isOpen, other)
}

// startWithin is patternWithin for a pattern whose star at its end, if it is open, was cut
// off.
func startWithin(start string, isOpen bool, other string) bool {
	return match(other, start) && (!isOpen || strings.HasSuffix(other, "*"))
}

// Names reports whether any rule, or a rule of one of the bundles, has a text in its
// path, such as "application-passwords".
func (l List) Names(text string, b Bundles) bool {
	has := func(rule string) bool { return strings.Contains(rule, text) && !IsName(rule) }
	for rule := range l.All() {
		if has(rule) {
			return true
		}
		for inner := range b[rule].Rules.All() {
			if has(inner) {
				return true
			}
		}
	}
	return false
}
