package siteurl_test

import (
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/siteurl"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://example.org":                "https://example.org",
		"https://bücher.example":             "https://xn--bcher-kva.example",
		"https://bu\u0308cher.example":       "https://xn--bcher-kva.example",
		"https://BÜCHER.Example/":            "https://xn--bcher-kva.example/",
		"https://b%C3%BCcher.example":        "https://xn--bcher-kva.example",
		"https://xn--bcher-kva.example":      "https://xn--bcher-kva.example",
		"https://XN--BCHER-KVA.example":      "https://xn--bcher-kva.example",
		"https://straße.example":             "https://xn--strae-oqa.example",
		"https://例え。テスト:8443":                "https://xn--r8jz45g.xn--zckzah:8443",
		"https://пример.рф":                  "https://xn--e1afmkfd.xn--p1ai",
		"https://ｅｘａｍｐｌｅ.org":                "https://example.org",
		"https://☕.example":                  "https://xn--53h.example",
		"HTTPS://Example.ORG:443/Blog/%C3BC": "https://example.org/Blog/%C3BC",
		"HTTP://LocalHost:80":                "http://localhost",
		"http://localhost:443":               "http://localhost:443",
		"https://example.org:0443":           "https://example.org",
		"https://example.org:":               "https://example.org",
		"https://my_app.internal:8443":       "https://my_app.internal:8443",
		"http://[2001:DB8:0:0::1]:80/x":      "http://[2001:db8::1]/x",
		"https://[::1]:8443":                 "https://[::1]:8443",
		"https://192.0.2.1:443":              "https://192.0.2.1",
		"https://example.org/a//b/?c=D#e":    "https://example.org/a//b/?c=D#e",
	} {
		got, err := siteurl.Parse(text)
		if err != nil || got.String() != want {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
			continue
		}
		if again, err := siteurl.Parse(got.String()); err != nil || again.String() != want {
			t.Errorf("%q again: %v, %v", want, again, err)
		}
	}
	for _, text := range []string{
		"", "example.org", "//example.org", "https://", "https:example.org", "https://example.org:99999", "https://example.org:0",
		"https://[::1", "https://[nope]", "https://a\u202eb.example", "https://ü\u200b\u2060.\u0000", "https://-ü-.example",
	} {
		if got, err := siteurl.Parse(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestParseBase: the path of a site has one form, and one that programs read in different
// ways is refused.
func TestParseBase(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://example.org":               "https://example.org",
		"https://example.org/":              "https://example.org",
		"https://example.org//":             "https://example.org",
		"HTTPS://Example.ORG:443/Blog/":     "https://example.org/Blog",
		"https://example.org/blog///":       "https://example.org/blog",
		"https://example.org/a/b":           "https://example.org/a/b",
		"https://example.org/café":          "https://example.org/caf%C3%A9",
		"https://example.org/caf%c3%a9/":    "https://example.org/caf%C3%A9",
		"https://example.org/a%20b":         "https://example.org/a%20b",
		"https://example.org/%7Eann":        "https://example.org/~ann",
		"https://example.org/%62log":        "https://example.org/blog",
		"https://example.org/.sparekey":     "https://example.org/.sparekey",
		"https://example.org/...":           "https://example.org/...",
		"https://bücher.example/straße/...": "https://xn--bcher-kva.example/stra%C3%9Fe/...",
	} {
		got, err := siteurl.ParseBase(text)
		if err != nil || got.String() != want {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
			continue
		}
		if again, err := siteurl.ParseBase(got.String()); err != nil || again.String() != want {
			t.Errorf("%q again: %v, %v", want, again, err)
		}
	}
	for text, why := range map[string]string{
		"https://example.org/a/../b":     "dot segments",
		"https://example.org/..":         "dot segments",
		"https://example.org/./a":        "dot segments",
		"https://example.org/%2e%2E/a":   "dot segments",
		"https://example.org/a//b":       "double slashes",
		"https://example.org/a%2Fb":      "special characters",
		"https://example.org/a%5Cb":      "special characters",
		"https://example.org/a\\b":       "special characters",
		"https://example.org/a;b":        "special characters",
		"https://example.org/a%00":       "special characters",
		"https://example.org/%FF":        "special characters",
		"https://example.org/blog?":      "query",
		"https://example.org/blog?x=y":   "query",
		"https://example.org?x":          "query",
		"https://example.org/blog#x":     "fragment",
		"https://example.org/blog#":      "fragment",
		"https://ann:x@example.org/blog": "login",
		"https:example.org/blog":         "no host",
	} {
		if got, err := siteurl.ParseBase(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, %v, want an error about %q", text, got, err, why)
		}
	}
}
