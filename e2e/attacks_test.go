package e2e_test

import (
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/wpname"
)

// startAttacker serves one page, from two origins: one that browsers take for
// the same site as ours, so that they send the session cookie along, and one of
// another site.
func startAttacker(t *testing.T, body string) (sameSite, otherSite string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>Prize</title><link rel="icon" href="data:,">%s`, body)
	}))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return server.URL, "http://localhost:" + port
}

// TestFraming lays our pages under another one, for clicks that are meant for
// something else.
func TestFraming(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	bob := signedIn(t, s, "bob")
	for _, path := range []string{accountPath, accountPath + "/revoke-all", authorizePath + "?app_name=Prize", "/sign-out", accountPath + "/no-such-page"} {
		sameSite, otherSite := startAttacker(t, fmt.Sprintf(`<iframe src="%s%s"></iframe>`, s.url, path))
		bob.allow(sameSite+"/", otherSite+"/")
		bob.expect("Framing '" + s.url)
		for _, attacker := range []string{sameSite, otherSite} {
			before := bob.refusals()
			bob.open(attacker)
			bob.until("the frame is refused", func() bool { return bob.refusals() > before })
		}
	}
}

// refusals is how often the browser has refused to show a page in a frame.
func (b *tab) refusals() int {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	count := 0
	for _, problem := range b.log.problems {
		if strings.Contains(problem, `"frame-ancestors 'none'"`) {
			count++
		}
	}
	return count
}

// TestCrossSitePost sends forms from another site's page, in the name of the signed-in user.
func TestCrossSitePost(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.addCredential("bob", "Phone")
	bob := signedIn(t, s, "bob")
	for target, fields := range map[string]string{
		accountPath:                 "name=Backdoor",
		accountPath + "/revoke-all": "",
		authorizePath:               "approve=1&app_name=Backdoor&success_url=https://evil.example/",
		"/sign-out":                 "everywhere=1",
		"/sign-in":                  "login=ann&password=" + mainPassword,
		"/confirm-password":         "password=" + mainPassword,
	} {
		sameSite, otherSite := startAttacker(t, form(s.url+target, fields))
		bob.allow(sameSite+"/", otherSite+"/")
		for _, attacker := range []string{sameSite, otherSite} {
			bob.open(attacker)
			bob.press("Get it")
			bob.sees("Sent by another site")
		}
	}
	bob.open(accountPath)
	bob.sees("Bob Bauer")
	if got := s.credentials("bob"); !slices.Equal(got, []string{"Phone"}) {
		t.Errorf("there are %q", got)
	}
}

// TestSomebodyElseSignsIn shows pages to bob, and has ann sign in in another tab of
// his browser before he presses their buttons.
func TestSomebodyElseSignsIn(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		for _, name := range []string{"ann", "bob"} {
			s.addCredential(name, "Phone")
		}
		bob := signedIn(t, s, "bob", m)
		screen, list, dialog := bob.another(m), bob.another(m), bob.another(m)
		screen.open(withQuery(authorizePath, "app_name", "Evil", "success_url", "https://evil.example/cb"))
		screen.sees("bob · Use another one")
		list.open(accountPath)
		list.sees("Bob Bauer")
		dialog.open(accountPath)
		dialog.follow("Revoke all")
		dialog.sees("Revoke all (1)")

		bob.open("/sign-out")
		bob.press("Sign out")
		bob.signIn("ann").sees("Ann Adler")

		dialog.press("Revoke all (1)")
		dialog.sees("You are signed in with another account now", "as Ann Adler now")
		dialog.follow("Show this page again")
		dialog.sees("Revoke all (1)", "Ann Adler")
		list.follow("Revoke all")
		list.sees("Ann Adler") // on a page that says so, rather than over bob's
		list.seesNot("Bob Bauer")
		screen.press("Yes, connect")
		screen.sees("as Ann Adler now")
		screen.follow("Show this page again")
		screen.sees("ann · Use another one", "calls itself Evil")
		for _, name := range []string{"ann", "bob"} {
			if got := s.credentials(name); !slices.Equal(got, []string{"Phone"}) {
				t.Errorf("%s has %q", name, got)
			}
		}
	})
}

// form is a form with hidden fields and a button.
func form(action, fields string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<form method="post" action="%s">`, html.EscapeString(action))
	for field := range strings.SplitSeq(fields, "&") {
		name, value, _ := strings.Cut(field, "=")
		fmt.Fprintf(&b, `<input type="hidden" name="%s" value="%s">`, html.EscapeString(name), html.EscapeString(value))
	}
	return b.String() + `<button>Get it</button></form>`
}

// hostile are names that want to be more than text. A store may hold any of
// them, for instance after an import.
var hostile = []string{
	`<img src=x onerror=alert(1)>`,
	`"><script>alert(2)</script>`,
	`' onmouseover='alert(3)`,
	`</title></textarea><svg onload=alert(4)>`,
	`javascript:alert(5)`,
	`{{.Secret}} ${alert(6)} {placeholder}`,
	`<a href="javascript:alert(7)" data-dialog>here</a>`,
}

// TestHostileNames shows such names wherever names are shown.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	var stored []sparekey.Credential
	for _, name := range hostile {
		stored = append(stored, sparekey.Credential{UserID: annID, Name: name, LastIP: name, LastUsed: time.Unix(1_700_000_000, 0)})
	}
	s.seed(stored...)
	s.addUser("mallory", hostile[0])
	ann := signedIn(t, s, "ann")
	ann.showsAsText(hostile...)
	for _, name := range hostile {
		ann.open(accountPath)
		ann.follow("Revoke " + name)
		ann.showsAsText("Revoke " + name + "?")
		ann.open(accountPath)
		ann.follow("Rename " + name)
		ann.showsAsText("Rename " + name)
		ann.open(withQuery(accountPath, "q", name))
		ann.showsAsText(name)
		ann.open(withQuery(accountPath, "q", name+"!"))
		ann.showsAsText("No name contains “" + name + "!”.")
		ann.open(withQuery(accountPath+"/all", "user", name))
		ann.showsAsText("Unknown user: " + name)
		ann.open(withQuery(authorizePath, "app_name", name))
		ann.showsAsText("Connect")
		if name = html.UnescapeString(wpname.Sanitize(name)); name != "" {
			ann.showsAsText("Connect "+name+" to Sparekey?", "calls itself "+name)
		}
	}
	ann.open(accountPath + "/all")
	ann.showsAsText(hostile...)
	ann.open(accountPath + "/revoke-all")
	ann.showsAsText(hostile...)

	mallory := openTab(t, s, withoutScript)
	mallory.open(accountPath)
	mallory.signIn("mallory")
	mallory.showsAsText(hostile[0])
}

// showsAsText fails if the page does not show texts as they are, or has made
// something of them. That no script ran is seen to when the tab closes.
func (b *tab) showsAsText(texts ...string) {
	b.t.Helper()
	b.sees(texts...)
	if made := eval[int](b, `document.querySelectorAll('img:not(.sk-brand img), svg, [onerror], [onload], [onmouseover], [href^="javascript:"], script:not([src])').length`); made != 0 {
		b.t.Errorf("%q became part of the page", texts)
	}
}

// TestHostileTargets asks for a password to be sent where none should go.
func TestHostileTargets(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	bob := signedIn(t, s, "bob")
	for _, target := range []string{
		"javascript:alert(1)//https://app.example/",
		"JavaScript://app.example/%0aalert(1)",
		"data:text/html,<script>alert(1)</script>",
		"HTTP://app.example/cb",
		"http://127.0.0.1.app.example/cb",
		"https://bank.example@app.example/cb",
		"https://bank.example\\@app.example/cb",
		"https://bänk.example/cb",
		"https:app.example",
		"//app.example/cb",
		" https://app.example/cb",
		"file:///etc/passwd",
		"about:blank",
	} {
		for _, field := range []string{"success_url", "reject_url"} {
			bob.open(withQuery(authorizePath, "app_name", "Prize", field, target))
			bob.sees("The application’s request cannot be followed")
			if links := eval[[]string](bob, `[...document.links].map(link => link.href)`); slices.ContainsFunc(links, func(href string) bool { return !strings.HasPrefix(href, s.url) && !strings.HasPrefix(href, "#") }) {
				t.Errorf("%s: links to %q", target, links)
			}
		}
	}
}

// TestChangedBetween changes the hidden fields of the authorise screen after it
// was shown.
func TestChangedBetween(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	bob := signedIn(t, s, "bob")
	for field, value := range map[string]string{
		"success_url": "javascript:alert(1)",
		"reject_url":  "http://app.example/",
		"app_id":      "not a UUID",
	} {
		for _, button := range []string{"Yes, connect", "Cancel"} {
			bob.open(withQuery(authorizePath, "app_name", "App", "app_id", appID, "success_url", "https://app.example/yes", "reject_url", "https://app.example/no"))
			bob.do("change a field", chromedp.SetValue(chromedp.CSS(`input[name="`+field+`"]`), value))
			bob.press(button)
			bob.sees("The application’s request cannot be followed")
		}
	}
	if got := s.credentials("bob"); len(got) != 0 {
		t.Errorf("there are %q", got)
	}
}

// TestSessionFixation gives the browser a session before its user signs in.
func TestSessionFixation(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	mallory := signedIn(t, s, "bob")
	known := sessionCookie(mallory).Value
	ann := openTab(t, s)
	for _, planted := range []string{known, "chosen"} {
		call(ann, network.SetCookie, network.SetCookieParams{Name: "sparekey", Value: planted, URL: s.url})
		ann.open("/sign-out")
		if strings.Contains(ann.text(), "Sign out?") {
			ann.press("Sign out")
		}
		ann.signIn("ann").sees("Ann Adler")
		cookie := sessionCookie(ann)
		if cookie.Value == planted || !cookie.HTTPOnly || cookie.SameSite != network.CookieSameSiteLax || !cookie.Session {
			t.Errorf("after signing in: %+v", cookie)
		}
		call(ann, network.ClearBrowserCookies, cdp.Empty{})
	}
}

// TestNoTrace follows a new password through the browser.
func TestNoTrace(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		bob := signedIn(t, s, "bob", m)
		bob.follow("New application password")
		bob.fill("Name of the app or device", "Phone")
		bob.press("Add password")
		secret := bob.secret()
		bob.follow("Back to the list")
		bob.follow("Rename Phone")
		bob.sees("Rename Phone")
		bob.open(withQuery(authorizePath, "app_name", "TV"))
		bob.press("Yes, connect")
		other := bob.secret()
		bob.follow("Back to the list")
		bob.sees("Your application passwords")
		leavesNoTrace(bob, s, secret)
		leavesNoTrace(bob, s, other)
	})
}

// TestBackAfterSignOut uses a browser whose last user has signed out.
func TestBackAfterSignOut(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		s.addCredential("bob", "Phone")
		bob := signedIn(t, s, "bob", m)
		bob.row("Phone")
		bob.follow("Sign out")
		bob.press("Sign out")
		bob.sees("You are signed out.")
		for range 2 {
			bob.do("go back", chromedp.NavigateBack())
		}
		bob.sees("Sign in to Sparekey")
		bob.seesNot("Phone")
	})
}

// TestWeight opens the heaviest pages with nothing in the cache.
func TestWeight(t *testing.T) {
	t.Parallel()
	const most = 120_000 // bytes
	s := startSite(t)
	var all []sparekey.Credential
	for i := range 120 {
		all = append(all, sparekey.Credential{
			UserID: []string{annID, bobID}[i%2], Name: fmt.Sprintf("%03d %s", i, strings.Repeat("long name ", 20)),
			AppID: appID, LastUsed: time.Unix(1_700_000_000, 0), LastIP: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
		})
	}
	s.seed(all...)
	ann := signedIn(t, s, "ann", cold)
	speaking("ar")(ann) // its letters take the most bytes
	for _, path := range []string{
		accountPath, accountPath + "?q=long+name", accountPath + "/all",
		accountPath + "/all?app_id=" + appID + "&name=long+name&page=2", accountPath + "/revoke-all", "/sign-out", authorizePath,
	} {
		before := ann.bytes()
		ann.open(path)
		ann.until("the page is there", func() bool { return ann.text() != "" })
		if got := ann.bytes() - before; got > most || got < 5_000 {
			t.Errorf("%s: %d bytes", path, got)
		}
	}
}

// cold is a browser without a cache.
func cold(b *tab) {
	call(b, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
}

// bytes is how many the tab has received so far.
func (b *tab) bytes() int {
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	sum := 0.0
	for _, n := range b.log.received {
		sum += n
	}
	return int(sum)
}
