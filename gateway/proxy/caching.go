package proxy

import (
	"net/http"
	"slices"
	"strings"
)

// credentialHeaders are what an answer of the application depends on without its
// knowledge: it gets none of them, or not all.
var credentialHeaders = []string{"Authorization", "Proxy-Authorization"}

// tellCaches says in an answer of the application what caches between it and the client
// must know: that the answer depends on the credential (RFC 9110, section 12.5.5), and,
// where there was one and the application says nothing of caching, that it is for one
// user (RFC 9111, section 5.2.2.7). A 304 leaves the Cache-Control of the stored answer
// as it is.
func tellCaches(res *http.Response, isAnonymous bool) {
	if res.StatusCode == http.StatusSwitchingProtocols {
		return
	}
	vary := slices.DeleteFunc(slices.Clone(res.Header["Vary"]), func(line string) bool { return strings.Trim(line, " \t,") == "" })
	said := len(vary)
	for _, name := range credentialHeaders {
		if !varies(res.Header, name) {
			vary = append(vary, name)
		}
	}
	if len(vary) > said { // in one line: nginx before 1.23 obeys the last one only
		res.Header.Set("Vary", strings.Join(vary, ", "))
	}
	if !isAnonymous && res.StatusCode != http.StatusNotModified && !saysSomething(res.Header["Cache-Control"]) {
		res.Header.Set("Cache-Control", "private")
	}
}

// varies reports whether an answer says that it depends on a header.
func varies(h http.Header, name string) bool {
	for _, line := range h["Vary"] {
		for listed := range strings.SplitSeq(line, ",") {
			if listed = strings.TrimSpace(listed); listed == "*" || strings.EqualFold(listed, name) {
				return true
			}
		}
	}
	return false
}

// saysSomething reports whether the values of a header that is a list have an item.
func saysSomething(values []string) bool {
	for _, value := range values {
		if strings.Trim(value, " \t,") != "" {
			return true
		}
	}
	return false
}
