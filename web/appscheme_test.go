package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/web"
)

// TestSharedSchemeIsShownWhole asks for the password to be sent to applications by
// schemes that are theirs, and by others that any application may claim.
func TestSharedSchemeIsShownWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, c := range []struct {
		success, shown string
		warned         bool
	}{
		{"wordpress://app-authorization", "wordpress://app-authorization", true},
		{"jetpack://app-authorization?x=1#y", "jetpack://app-authorization?x=1#y", true},
		{"WooCommerce://done", "WooCommerce://done", true},
		{"a.b://done", "a.b://done", true},
		{"notes://done?" + strings.Repeat("x", 1000), "notes://done?" + strings.Repeat("x", 480), true},
		{"com.example.app://done/deeply?x=1", "com.example.app:", false},
		{"https://app.example/cb", "https://app.example", false},
		{"http://127.0.0.1:7777/cb", "http://127.0.0.1:7777", false},
		{"", "Only you", false},
	} {
		p := s.as("bob").get(ask("success_url", c.success)).want(http.StatusOK)
		if warned := p.has("shared-scheme"); warned != c.warned {
			t.Errorf("%s: warned: %v", c.success, warned)
		}
		if !strings.Contains(p.text(), "Gets the password "+c.shown) {
			t.Errorf("%s: it is not shown: %s", c.success, p.text())
		}
		if strings.Contains(p.text(), strings.Repeat("x", 501)) {
			t.Errorf("%s: it fills the page", c.success)
		}
		described := valueOf(p.id("approve"), "aria-describedby")
		if strings.Contains(described, "shared-scheme") != c.warned {
			t.Errorf("%s: the button is described by %q", c.success, described)
		}
		if strings.Contains(p.text(), "Takes you to the app for "+c.success) {
			t.Errorf("%s: the button's hint has the whole address", c.success)
		}
	}
}

// TestSharedSchemesStillWork sends the mobile applications of WordPress their password.
func TestSharedSchemesStillWork(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, scheme := range []string{"wordpress", "jetpack", "woocommerce"} {
		form := s.as("bob").get(ask("success_url", scheme+"://app-authorization")).form()
		got := form.set("app_name", scheme).submit("approve").want(http.StatusSeeOther).location()
		if !strings.HasPrefix(got, scheme+"://app-authorization?site_url=") ||
			!strings.Contains(got, "&password=") {
			t.Errorf("%s: sent to %s", scheme, got)
		}
	}
}

// TestBrowserSchemesAreRefused wants a page that leads nowhere for what would send the
// password to a page on the web, or send the user there who says no.
func TestBrowserSchemesAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, target := range []string{
		"googlechromes://evil.example", "firefox://open-url?url=https://evil.example",
		"web+evil://x", "notes://evil.example/",
	} {
		for _, parameter := range []string{"success_url", "reject_url"} {
			p := s.as("bob").get(ask(parameter, target)).want(http.StatusBadRequest)
			policy := p.header.Get("Content-Security-Policy")
			if p.has("approve") || strings.Contains(policy, "evil") ||
				strings.Contains(p.body, `href="`+target) {
				t.Errorf("%s=%s: %s", parameter, target, p.body)
			}
		}
	}
}

// TestCallbacksOfTheOperator shows a receiver that only the operator's rules allow whole,
// with a warning, and sends it the password. Without the rules, and beside them, it gets
// none.
func TestCallbacksOfTheOperator(t *testing.T) {
	t.Parallel()
	var rules []web.Callback
	for _, text := range []string{
		"chrome-extension://abcdefghijklmnopabcdefghijklmnop/connected", "moz-extension://0a1b2c3d-0000-4000-8000-0123456789ab/*",
		"http://192.168.1.5:8080/cb", "http://device.local/*", "http://[fd00::1]/*",
	} {
		rule, err := web.ParseCallback(text)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, rule)
	}
	allowing, usual := newSite(t, func(o *options) { o.web.AllowCallbacks = rules }), newSite(t)
	for target, warning := range map[string]string{
		"chrome-extension://abcdefghijklmnopabcdefghijklmnop/connected": "this extension of the browser",
		"moz-extension://0a1b2c3d-0000-4000-8000-0123456789ab/a?b=c":    "this extension of the browser",
		"http://192.168.1.5:8080/cb":                                    "to http://192.168.1.5:8080 without encryption",
		"http://device.local/deeply/a":                                  "to http://device.local without encryption",
		"http://[fd00::1]/":                                             "to http://[fd00::1] without encryption",
		"chrome-extension://abcdefghijklmnopabcdefghijklmnop/other":     "",
		"chrome-extension://abcdefghijklmnopabcdefghijklmnoq/connected": "",
		"http://192.168.1.5:8081/cb":                                    "",
		"http://user@192.168.1.5:8080/cb":                               "",
		"http://other.local/":                                           "",
	} {
		usual.as("bob").get(ask("success_url", target)).want(http.StatusBadRequest)
		if warning == "" {
			allowing.as("bob").get(ask("success_url", target)).want(http.StatusBadRequest)
			continue
		}
		p := allowing.as("bob").get(ask("success_url", target)).want(http.StatusOK)
		if text := p.text(); !strings.Contains(text, "Gets the password "+target) || !strings.Contains(text, warning) {
			t.Errorf("%s: %s", target, text)
		}
		if described := valueOf(p.id("approve"), "aria-describedby"); !strings.Contains(described, "shared-scheme") {
			t.Errorf("%s: the button is described by %q", target, described)
		}
		got := p.form().set("app_name", warning).submit("approve").want(http.StatusSeeOther).location()
		if !strings.HasPrefix(got, target) || !strings.Contains(got, "&password=") {
			t.Errorf("%s: sent to %s", target, got)
		}
	}
}
