package upstream_test

import (
	"path"
	"regexp"
	"strings"
)

// The expressions of the model of a WebDAV server. It takes what looks like an element for one.
var (
	hrefText    = regexp.MustCompile(`(?is)<(?:[\w-]+:)?href(?:\s[^>]*)?>([^<]*)<`)
	segmentText = regexp.MustCompile(`(?is)<(?:[\w-]+:)?segment(?:\s[^>]*)?>([^<]*)<`)
	noElement   = regexp.MustCompile(`(?s)<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>`)
	linkURI     = regexp.MustCompile(`<([^>]*)>`)
)

// davObjects are what a server of WebDAV and its kin does to objects that a body or a Link
// header names. It trims blanks as XML has them, and undoes what stands for characters
// itself. Like Xandikos, it takes a relative path from the root and does not look at hosts.
func davObjects(method string, s sent, env map[string][]string) (all []done) {
	base, _ := urlPath(s.target)
	base = strings.TrimSuffix(phpDecode(base), "/") + "/"
	find := func(element *regexp.Regexp) (texts []string) {
		body := noElement.ReplaceAllString(s.body, "<>")
		for _, found := range element.FindAllStringSubmatch(body, -1) {
			texts = append(texts, strings.Trim(found[1], " \t\r\n"))
		}
		return texts
	}
	add := func(method, p string) {
		for _, p := range cleanPaths(p) {
			all = append(all, done{method: method, path: p, byBody: true})
		}
	}
	resolve := func(href string) string {
		if scheme, rest, ok := strings.Cut(href, "://"); ok && !strings.Contains(scheme, "/") {
			_, p, _ := strings.Cut(rest, "/")
			return "/" + p
		}
		return "/" + strings.TrimPrefix(href, "/")
	}
	switch method {
	case "REPORT", "SEARCH", "BIND", "REBIND", "UPDATE", "VERSION-CONTROL", "MERGE":
		if !isWellFormed(s.body) {
			return nil
		}
		for _, href := range find(hrefText) {
			if strings.ContainsAny(href, "&?#\n") || href == "" {
				continue
			}
			add("GET", resolve(href))
			if !strings.HasPrefix(href, "/") && !strings.Contains(href, ":") {
				add("GET", path.Join("/", base, href)) // RFC 3986, section 5.2
			}
			if method == "REBIND" {
				add("DELETE", resolve(href))
			}
		}
	case "LINK", "UNLINK":
		for _, value := range env["LINK"] {
			for _, found := range linkURI.FindAllStringSubmatch(value, -1) {
				add(method, resolve(strings.TrimSpace(found[1])))
			}
		}
	}
	for _, segment := range find(segmentText) {
		if strings.ContainsAny(segment, "&?#\n") || segment == "" || !isWellFormed(s.body) {
			continue
		}
		switch method {
		case "BIND", "REBIND":
			add("PUT", base+segment)
		case "UNBIND":
			add("DELETE", base+segment)
		}
	}
	return all
}

// isWellFormed reports whether a body may be XML, by what an application would refuse first.
func isWellFormed(body string) bool {
	_, ok := objectsOf(body)
	return ok
}
