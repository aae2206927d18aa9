package gatewaytest

import (
	"slices"
	"strings"
	"testing"
)

// caching looks at what answers of the application tell caches: that they depend on the
// credential, and, where there was one and the application says nothing, that they are
// private. as is the credential, or "".
func (s *Site) caching(t *testing.T, front Front, as string) {
	if front.LeavesCaching {
		t.Skip("this front-end cannot tell caches anything; its documentation says so")
	}
	var private []string
	if as != "" {
		private = []string{"private"}
	}
	for name, c := range map[string]struct{ says, cache []string }{
		"nothing":   {nil, private},
		"public":    {[]string{"Cache-Control: public, max-age=60"}, []string{"public, max-age=60"}},
		"an age":    {[]string{"Cache-Control: max-age=60"}, []string{"max-age=60"}},
		"a variant": {[]string{"Vary: Accept-Encoding"}, private},
	} {
		t.Run(name, func(t *testing.T) {
			lines := []string{}
			for _, line := range c.says {
				lines = append(lines, "X-Answer: "+line)
			}
			a := s.send(t, front, ask("GET", "/about", as, lines...))
			if a.Seen == nil {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			if got := a.Header.Values("Cache-Control"); !slices.Equal(got, c.cache) {
				t.Errorf("Cache-Control %q, want %q", got, c.cache)
			}
			vary := strings.ToLower(strings.ReplaceAll(strings.Join(a.Header.Values("Vary"), ","), " ", ""))
			for _, want := range []string{"authorization", "proxy-authorization"} {
				if !slices.Contains(strings.Split(vary, ","), want) {
					t.Errorf("Vary %q lacks %s", vary, want)
				}
			}
			if name == "a variant" && !slices.Contains(strings.Split(vary, ","), "accept-encoding") {
				t.Errorf("Vary %q lacks the application's", vary)
			}
		})
	}
}
