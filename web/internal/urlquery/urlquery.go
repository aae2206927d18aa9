// Package urlquery adds parameters to the query of a URL without changing the rest of it.
package urlquery

import (
	"net/url"
	"slices"
	"strings"
)

// Field is a parameter of a URL or a form.
type Field struct{ Name, Value string }

// Add returns a URL with fields in its query, replacing those of the same name.
// Everything else in the URL, including its fragment, does not change.
func Add(target string, fields ...Field) string {
	if len(fields) == 0 {
		return target
	}
	rest, fragment, hasFragment := strings.Cut(target, "#")
	base, query, _ := strings.Cut(rest, "?")
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); pair != "" && (err != nil || !hasField(fields, name)) {
			pairs = append(pairs, pair)
		}
	}
	for _, f := range fields {
		pairs = append(pairs, escape(f.Name)+"="+escape(f.Value))
	}
	out := base + "?" + strings.Join(pairs, "&")
	if hasFragment {
		out += "#" + fragment
	}
	return out
}

func hasField(fields []Field, name string) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name })
}

// escape writes a blank as %20, which every decoder of queries understands.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
