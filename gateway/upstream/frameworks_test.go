package upstream_test

import (
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/gateway/upstream"
)

// TestFrameworks is about applications that take other bodies for forms than those whose
// types say so, where the front-end does not see bodies.
func TestFrameworks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][3]string{ // for PHP, Rails and what is not known
		"POST /a" + jsonBody + "{}":                              {anyMethod, "POST /a", "POST /a"},
		"POST /a\nContent-Type: application/vnd.api+JSON\n\n{}":  {anyMethod, "POST /a", "POST /a"},
		"POST /a\nContent-Type: text/plain\n\n_method=PUT":       {"POST /a", "POST /a", "POST /a"},
		"POST /a\nContent-Type: application/x-ndjson\n\n{}":      {"POST /a", "POST /a", "POST /a"},
		"POST /a\n\n_method=PUT":                                 {"POST /a", anyMethod, "POST /a"},
		"POST /a\nContent-Type: \n\n_method=PUT":                 {"POST /a", anyMethod, "POST /a"},
		"PUT /a" + jsonBody + "{}":                               {"PUT /a", "PUT /a", "PUT /a"},
		"PUT /a\n\nx":                                            {"PUT /a", "PUT /a", "PUT /a"},
		"GET /a":                                                 {"GET /a", "GET /a", "GET /a"},
		"POST /a" + form + "x=1":                                 {anyMethod, anyMethod, anyMethod},
		"POST /a\nX-HTTP-Method-Override: PUT" + jsonBody + "{}": {anyMethod, "POST /a, PUT /a", "POST /a, PUT /a"},
	} {
		for i, profile := range []upstream.Profile{upstream.PHP(), upstream.Rails(), upstream.Generic()} {
			readings := read(t, profile, text, false)
			if got := lines(readings); got != want[i] {
				t.Errorf("profile %d, %q: got %q, want %q", i, text, got, want[i])
			}
			if says := strings.Contains(readings.Hint, "Sparekey does not see"); says != (want[i] == anyMethod) {
				t.Errorf("profile %d, %q: the hint is %q", i, text, readings.Hint)
			}
		}
	}
	for _, profile := range []upstream.Profile{upstream.PHP(), upstream.Rails()} { // what is seen counts as it is
		for text, want := range otherForms {
			if got := lines(read(t, profile, text, true)); got != want {
				t.Errorf("%.80q: got %q, want %q", text, got, want)
			}
		}
	}
}
