package gatewaytest

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
)

// harmless looks at how an attack came out: either it did not get through, or what
// the application got is no more than the credential allows, however the
// application reads it.
func (s *Site) harmless(t *testing.T, as, request string, a Answer) {
	t.Helper()
	if a.Seen == nil {
		if a.Status == http.StatusNoContent && a.Body == "" && a.Header.Get("Access-Control-Allow-Origin") != "" {
			return // the front-end's own answer to a preflight, which gives nothing away
		}
		if a.Status == http.StatusSwitchingProtocols || a.Status >= 200 && a.Status < 300 {
			t.Errorf("%s\nwas answered with %d %s", request, a.Status, a.Body)
		}
		return
	}
	problem := ""
	switch as {
	case "good":
	case "scoped":
		problem = beyondScope(*a.Seen)
	default:
		problem = "it should never have got there"
	}
	if problem == "" && len(a.Seen.values("Upgrade"))+len(a.Seen.values("HTTP2-Settings")) > 0 {
		problem = "it may switch protocols"
	}
	if problem != "" {
		t.Errorf("%s\nreached the application as %+v: %s", request, *a.Seen, problem)
		return
	}
	s.checkIdentity(t, as, a.Seen)
}

// beyondScope says why an application could take a request for another one than the
// scope allows, or nothing.
func beyondScope(seen Seen) string {
	if seen.Method != http.MethodGet && seen.Method != http.MethodHead {
		return "the method"
	}
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL"} {
		if len(seen.values(name)) > 0 {
			return name
		}
	}
	target := seen.Target
	if _, rest, ok := strings.Cut(target, "://"); ok {
		_, target, _ = strings.Cut(rest, "/")
		target = "/" + target
	}
	raw, query, _ := strings.Cut(target, "?")
	for _, p := range readings(raw) {
		if !strings.HasPrefix(p, "/api/posts") {
			return "the path, read as " + p
		}
	}
	for _, part := range strings.FieldsFunc(query, func(c rune) bool { return c == '&' || c == ';' }) {
		name, value, _ := strings.Cut(part, "=")
		name = strings.Trim(fold(decode(decode(name))), "_")
		if value != "" && (strings.HasPrefix(name, "REST_ROUTE") || strings.HasPrefix(name, "METHOD")) {
			return "the query"
		}
	}
	return ""
}

// readings are the ways in which programs read a path.
func readings(raw string) (all []string) {
	for _, p := range []string{raw, decode(raw), decode(decode(raw))} {
		p = strings.ReplaceAll(p, `\`, "/")
		p, _, _ = strings.Cut(p, "\x00")
		p, _, _ = strings.Cut(p, "#")
		var withoutParameters []string
		for segment := range strings.SplitSeq(p, "/") {
			segment, _, _ = strings.Cut(segment, ";")
			withoutParameters = append(withoutParameters, segment)
		}
		all = append(all, p, path.Clean("/"+p), path.Clean("/"+strings.Join(withoutParameters, "/")))
	}
	return all
}

// decode undoes percent-encoding as far as there is some.
func decode(text string) string {
	if decoded, err := url.PathUnescape(text); err == nil {
		return decoded
	}
	return text
}
