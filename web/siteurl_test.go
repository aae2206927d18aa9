package web_test

import (
	"net/http"
	"net/url"
	"testing"
)

// TestSiteURLHasOneForm wants applications to get an address that they can use unchanged.
func TestSiteURLHasOneForm(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://bücher.example":        "https://xn--bcher-kva.example",
		"https://Bu\u0308cher.Example/": "https://xn--bcher-kva.example",
		"HTTPS://EXAMPLE.org:443":       "https://example.org",
		"https://b%C3%BCcher.example":   "https://xn--bcher-kva.example",
		"https://example.org:8443/":     "https://example.org:8443",
	} {
		s := newSite(t, func(o *options) { o.web.SiteURL = given })
		page := s.as("bob").get(ask("success_url", "https://app.example/cb")).form()
		to, err := url.Parse(page.submit("approve").want(http.StatusSeeOther).location())
		if err != nil || to.Query().Get("site_url") != want {
			t.Errorf("%s: site_url is %q, %v, want %q", given, to.Query().Get("site_url"), err, want)
		}
	}
}
