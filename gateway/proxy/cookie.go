package proxy

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// dropCookies takes the cookies of these names out of a request's headers, and
// leaves the others byte for byte as they are. A name is what net/http takes for it.
func dropCookies(h http.Header, names []string) {
	lines := h["Cookie"]
	if !slices.ContainsFunc(lines, func(line string) bool { return hasCookie(line, names) }) {
		return
	}
	var kept []string // another slice: the one at hand is the client's request's as well
	for _, line := range lines {
		if line = withoutCookies(line, names); line != "" {
			kept = append(kept, line)
		}
	}
	h["Cookie"] = kept
	if len(kept) == 0 {
		delete(h, "Cookie")
	}
}

func hasCookie(line string, names []string) bool {
	for cookie := range strings.SplitSeq(line, ";") {
		if slices.Contains(names, cookieName(cookie)) {
			return true
		}
	}
	return false
}

func withoutCookies(line string, names []string) string {
	if !hasCookie(line, names) {
		return line
	}
	cookies := slices.DeleteFunc(strings.Split(line, ";"), func(cookie string) bool {
		return slices.Contains(names, cookieName(cookie))
	})
	return strings.TrimLeft(strings.Join(cookies, ";"), " \t")
}

// cookieName is the name of one cookie of a line.
func cookieName(cookie string) string {
	name, _, _ := strings.Cut(cookie, "=")
	return textproto.TrimString(name)
}
