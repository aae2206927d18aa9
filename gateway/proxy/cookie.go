package proxy

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// dropCookies removes the cookies of these names, as net/http reads names, from a request's
// headers. The others stay byte for byte as they are.
func dropCookies(h http.Header, names []string) {
	lines := h["Cookie"]
	if !slices.ContainsFunc(lines, func(line string) bool { return hasCookie(line, names) }) {
		return
	}
	var kept []string // a new slice: the client's request shares the present one
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

func cookieName(cookie string) string {
	name, _, _ := strings.Cut(cookie, "=")
	return textproto.TrimString(name)
}
