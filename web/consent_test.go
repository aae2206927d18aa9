package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/web"
)

// TestSignInSaysWhichAppAsks follows the detour from the screen to the sign-in page.
func TestSignInSaysWhichAppAsks(t *testing.T) {
	t.Parallel()
	g := &gate{}
	s := newSite(t).withGate(g)
	for query, want := range map[string]string{
		"app_name=Field+Notes&success_url=https://notes.example/": "An application that calls itself Field Notes wants to connect",
		"success_url=https://notes.example/":                      "An application wants to connect",
		"app_name=%3Cb%3EBold%3C/b%3E":                            "calls itself Bold wants",
		"app_name=" + strings.Repeat("x", 500):                    "calls itself " + strings.Repeat("x", 120) + "… wants",
		"app_name=a%E2%80%AEb":                                    "calls itself ab wants",
	} {
		page := s.as("").get(authorizePath + "?" + query).follow().want(http.StatusOK)
		if got := asRead(textOf(page.id("asks"))); !strings.Contains(got, want) {
			t.Errorf("%s: %s", query, got)
		}
		again := page.form().set("login", "bob").set("password", "wrong").submit().want(http.StatusForbidden)
		if got := asRead(textOf(again.id("asks"))); !strings.Contains(got, want) {
			t.Errorf("%s: after a wrong password: %s", query, got)
		}
	}
	for _, to := range []string{"", home, home + "?app_name=Evil", "//evil.example/authorize?app_name=Evil"} {
		if p := s.as("").get("/sign-in?redirect_to=" + url.QueryEscape(to)).want(http.StatusOK); p.has("asks") {
			t.Errorf("%q: %s", to, p.text())
		}
	}
}

// TestLabels keeps together what must be read as one.
func TestLabels(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][]string{
		"https://notes.example":                     {"https://", "notes.", "example"},
		"https://accounts.bank-of.example.org:8443": {"https://", "accounts.", "bank-of.", "example.", "org:8443"},
		"http://127.0.0.1:4711":                     {"http://", "127.", "0.", "0.", "1:4711"},
		"com.example.app:":                          {"com.", "example.", "app:"},
		"":                                          {""},
	} {
		var got []string
		for _, l := range web.Labels(address) {
			got = append(got, l.Text)
		}
		if !slices.Equal(got, want) || strings.Join(got, "") != address {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
	long := web.Labels("https://" + strings.Repeat("a", 63) + ".example")
	if small := web.Labels("https://" + strings.Repeat("a", 30) + ".example"); !small[1].Fits || !small[1].Long {
		t.Errorf("a label that fits in small letters: %+v", small)
	}
	if long[1].Fits || !long[2].Fits {
		t.Errorf("a label that fits no line is kept in one: %+v", long)
	}
}

// TestReceiverHasOneSize: no part of the receiving address stands out among the others.
func TestReceiverHasOneSize(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for host, want := range map[string]string{
		"accounts.bank.example": "sk-host", "accounts.bank.example." + strings.Repeat("x", 30) + ".example": "sk-host sk-long",
	} {
		p := s.as("bob").get(ask("success_url", "https://"+host+"/cb")).want(http.StatusOK)
		strong := p.all("strong", "class", want)
		if len(strong) != 1 || strings.ReplaceAll(textOf(strong[0]), " ", "") != "https://"+host {
			t.Errorf("%s: %s", host, p.body)
		}
		for n := range strong[0].Descendants() {
			if class := valueOf(n, "class"); class != "" && class != "sk-label" {
				t.Errorf("%s: a part of it has the class %s", host, class)
			}
		}
	}
}

// TestConsentSaysEverythingOnce wants one list of what the application can do, and one
// sentence about where each button leads.
func TestConsentSaysEverythingOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, query := range map[string]string{
		"everything": ask("success_url", "https://notes.example/cb"), "asked": wish("30d", "read", "wp:posts") + "&success_url=https://notes.example/cb",
	} {
		p := s.as("bob").get(query).want(http.StatusOK)
		text := asRead(p.text())
		if got := strings.Count(text, "Takes you to"); got != 1 {
			t.Errorf("%s: “Takes you to” is there %d times: %s", name, got, text)
		}
		if !strings.Contains(textOf(p.id("reject-to")), "Takes you back without a password") || strings.TrimSpace(textOf(p.id("reject"))) != "Cancel" {
			t.Errorf("%s: the way back is %s", name, text)
		}
		visible := 0
		for _, tag := range []string{"dt", "h2", "legend"} {
			for _, n := range p.all(tag) {
				if strings.Contains(textOf(n), "What it can do") && valueOf(n, "class") != "sk-hidden" {
					visible++
				}
			}
		}
		if visible != 1 || strings.Contains(text, "may do") {
			t.Errorf("%s: what it can do has %d headings: %s", name, visible, text)
		}
	}
	p := s.as("bob").get(ask("success_url", "https://notes.example/cb", "reject_url", "https://other.example/no"))
	if got := asRead(textOf(p.id("reject-to"))); got != "Takes you to https://other.example" {
		t.Errorf("the way to another site is %q", got)
	}
}
