package proxy

import (
	"net/http"
	"slices"
	"strings"
)

// credentialHeaders decide about an answer without the application's knowledge: it does not
// receive all of them.
var credentialHeaders = []string{"Authorization", "Proxy-Authorization"}

// setCacheHeaders says in an answer of the application what caches between it and the client
// must know: that the answer depends on the credential (RFC 9110, section 12.5.5), and,
// where there was one and the application says nothing of caching, that it is for one
// user (RFC 9111, section 5.2.2.7). A 304 leaves the Cache-Control of the stored answer
// as it is.
func setCacheHeaders(res *http.Response, isAnonymous bool) {
	if res.StatusCode == http.StatusSwitchingProtocols {
		return
	}
	vary := slices.DeleteFunc(slices.Clone(res.Header["Vary"]), func(line string) bool { return strings.Trim(line, " \t,") == "" })
	listed := len(vary)
	for _, name := range credentialHeaders {
		if !varies(res.Header, name) {
			vary = append(vary, name)
		}
	}
	if len(vary) > listed { // in one line: nginx before 1.23 obeys the last one only
		res.Header.Set("Vary", strings.Join(vary, ", "))
	}
	if !isAnonymous && res.StatusCode != http.StatusNotModified && !hasItem(res.Header["Cache-Control"]) {
		res.Header.Set("Cache-Control", "private")
	}
}

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

// hasItem reports whether a header that is a list has an item.
func hasItem(values []string) bool {
	for _, value := range values {
		if strings.Trim(value, " \t,") != "" {
			return true
		}
	}
	return false
}
