package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/sparekey-dev/sparekey"
)

// axePath is where scripts/browser puts axe-core.
const axePath = "cache/axe-core-4.14.1/axe.min.js"

// axe is the script that finds violations of the accessibility guidelines.
func axe(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile(filepath.FromSlash(axePath))
	need(t, err == nil, "axe-core")
	return string(script)
}

// findViolations returns a line for each element that axe-core objects to.
const findViolations = `axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then(({violations, passes}) =>
	passes.length === 0 ? ['axe-core looked at nothing'] :
	violations.flatMap(({id, help, nodes}) => nodes.map(node => id + ': ' + help + ': ' + node.html.slice(0, 200) + ' ' + node.any.map(check => check.message).join('; '))))`

// mustBeAccessible fails for what axe-core objects to on the page as it is.
func (b *tab) mustBeAccessible(script, what string) {
	b.t.Helper()
	if !eval[bool](b, `'axe' in window`) {
		b.do("load axe-core", chromedp.Evaluate[chromedp.Void](script))
	}
	violations, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](findViolations, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
	for _, v := range violations {
		b.t.Errorf("%s: %s", what, v)
	}
}

// mustFit fails if the page, 320 pixels wide, has to be scrolled sideways (WCAG
// 2.2, 1.4.10).
func (b *tab) mustFit(what string) {
	b.t.Helper()
	if width := eval[int](b, `document.documentElement.scrollWidth`); width > 320 {
		b.t.Errorf("%s: %d pixels wide", what, width)
	}
}

// submit presses the button of a form, in any language.
func (b *tab) submit(form string) {
	b.t.Helper()
	pressed(b, form, chromedp.CSS(form+" button[type=submit]"))
}

// enter types into a field with a label in any language, and then presses enter.
func (b *tab) enter(field, text string) {
	b.t.Helper()
	b.do("fill "+field, chromedp.Clear(chromedp.CSS(field)), chromedp.SendKeys(chromedp.CSS(field), text+kb.Enter))
}

// shows waits for an element.
func (b *tab) shows(selector string) {
	b.t.Helper()
	b.do("see "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
	b.until("the page is complete", func() bool { return eval[string](b, `document.readyState`) == "complete" })
}

// A state is a page as a user may come to see it.
type state struct {
	name  string
	reach func(ann *tab)
	has   string // an element by which it is known
}

// at is a state that has an address.
func at(name, path, has string) state {
	return state{name, func(ann *tab) { ann.open(path) }, has}
}

// states lists all of them, in an order in which a test can visit them. It begins signed out,
// without application passwords.
var states = []state{
	at("not signed in", accountPath, "#login"),
	{"wrong password", func(ann *tab) {
		ann.do("fill the login", chromedp.SendKeys(chromedp.CSS("#login"), "ann"))
		ann.enter("#password", "guess")
	}, "#problem"},
	{"nothing there", func(ann *tab) { ann.enter("#password", mainPassword) }, ".sk-empty"},
	at("new", accountPath+"/new", "#new_application_password_name"),
	{"new password", func(ann *tab) { ann.enter("#new_application_password_name", "Phone") }, ".sk-new"},
	{"name with nothing to see", func(ann *tab) {
		ann.open(accountPath + "/new")
		ann.enter("#new_application_password_name", "<b></b>")
	}, "#problem"},
	at("list", accountPath, ".sk-table"),
	{"dialog", func(ann *tab) { ann.do("open the dialog", chromedp.Click(chromedp.CSS(".sk-actions .sk-danger"))) }, "dialog[open]"},
	at("no match", accountPath+"?q=nothing", "#q"),
	{"rename", func(ann *tab) { ann.open(accountPath); ann.open(ann.href(`.sk-actions a[href*="/rename/"]`)) }, "#new-name"},
	{"rename to a name that is taken", func(ann *tab) { ann.enter("#new-name", "0") }, "#problem"},
	{"revoke", func(ann *tab) { ann.open(accountPath); ann.open(ann.href(".sk-actions .sk-danger")) }, ".sk-grave"},
	{"history", func(ann *tab) { ann.open(accountPath); ann.open(ann.href(`.sk-name a[href*="/history/"]`)) }, ".sk-log"},
	{"limits", func(ann *tab) { ann.open(accountPath); ann.open(ann.href(`.sk-actions a[href*="/limits/"]`)) }, "#limit-expires"},
	{"limits that cannot be", func(ann *tab) {
		ann.do("type a rule", chromedp.Click(chromedp.CSS("[name=limit_preset][value=chosen]")),
			chromedp.Click(chromedp.CSS(".sk-custom summary")), chromedp.SendKeys(chromedp.CSS("#limit-rules"), "GET"))
		ann.submit(`form[action*="/limits/"]`)
	}, "#problem"},
	{"new one with limits", func(ann *tab) {
		ann.open(accountPath + "/new")
		ann.do("open the limits", chromedp.Click(chromedp.CSS("[name=limit_preset][value=chosen]")), chromedp.Click(chromedp.CSS(".sk-advanced:not(.sk-custom) summary")))
	}, "#limit-networks"},
	{"replace", func(ann *tab) { ann.open(accountPath); ann.open(ann.href(`.sk-actions a[href*="/rotate/"]`)) }, "#grace"},
	{"replaced", func(ann *tab) { ann.submit(`form[action*="/rotate/"]`) }, ".sk-new"},
	at("account", "/account/profile", "#email"),
	{"account, not changed", func(ann *tab) { ann.enter("#email", "x"); ann.submit("form") }, "#present-for-email"},
	at("revoke all", accountPath+"/revoke-all", ".sk-items"),
	at("gone", accountPath+"/revoke/00000000-0000-4000-8000-000000000000", ".sk-card h1"),
	at("no page", accountPath+"/no-such-page", ".sk-card h1"),
	at("nowhere", "/no/such/page", ".sk-who"),
	at("other user", accountPath+"/users/"+bobID+"/new", "#new_application_password_name"),
	at("all users", accountPath+"/all", ".sk-all"),
	at("of an application", accountPath+"/all?app_id="+appID, ".sk-bulk a"),
	at("of a user", accountPath+"/all?user=bob", ".sk-all"),
	at("unknown user", accountPath+"/all?user=unknown", ".sk-notice"),
	at("nothing like that", accountPath+"/all?name=nothing", ".sk-notice"),
	{"revoke many", func(ann *tab) { ann.open(accountPath + "/all/revoke?app_id=" + appID) }, ".sk-items"},
	{"revoked", func(ann *tab) { ann.submit("form") }, ".sk-notice"},
	at("is it still you", "/confirm-password", "#password"),
	{"it is not", func(ann *tab) { ann.enter("#password", "guess") }, "#problem"},
	at("authorise", withQuery(authorizePath, "app_name", "Desk app", "app_id", appID, "success_url", "http://127.0.0.1:9/cb"), "#approve"),
	at("authorise a site", withQuery(authorizePath, "app_name", strings.Repeat("Anwendung", 12), "success_url", "https://a-very-long-host-name-that-does-not-end-soon.example.com/cb"), "#approve"),
	at("authorise a look-alike", withQuery(authorizePath, "app_name", "Shop", "success_url", "https://xn--pple-43d.example/cb"), "#approve"),
	at("authorise an app on the device", withQuery(authorizePath, "app_name", "Notes", "success_url", "my-app://cb"), "#approve"),
	at("authorise with wishes", withQuery(authorizePath, "app_name", "Notes", "scope", "wp:posts wp:media", "expires", "30d"), "#limit-expires"),
	at("authorise, no request", authorizePath, "#approve"),
	{"password to copy", func(ann *tab) {
		ann.open(withQuery(authorizePath, "app_name", "TV"))
		pressed(ann, "approve", chromedp.CSS("#approve"))
	}, ".sk-new"},
	at("request that cannot be followed", withQuery(authorizePath, "success_url", "javascript:alert(1)"), ".sk-detail"),
	at("sign out", "/sign-out", "form"),
	{"signed out", func(ann *tab) { ann.submit("form") }, ".sk-notice"},
}

// href is where a link leads.
func (b *tab) href(selector string) string {
	b.t.Helper()
	b.shows(selector)
	return eval[string](b, fmt.Sprintf(`document.querySelector(%q).href`, selector))
}

// throughAllStates goes through all states in one browser.
func throughAllStates(t *testing.T, look func(ann *tab, name string), modes ...mode) {
	t.Helper()
	s := startSite(t)
	ann := openTab(t, s, modes...)
	for _, state := range states {
		if state.name == "other user" { // before that, nothing is there but what ann makes
			seedTwoUsers(s)
		}
		state.reach(ann)
		ann.shows(state.has)
		look(ann, state.name)
	}
}

func TestAccessibility(t *testing.T) {
	t.Parallel()
	script := axe(t)
	for _, language := range []string{"en", "de", "ar"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			throughAllStates(t, func(ann *tab, name string) {
				ann.mustBeAccessible(script, name)
				sized(320, 640)(ann)
				ann.mustFit(name)
				if language == "en" { // the others look the same
					ann.mustBeAccessible(script, name+", narrow")
					dark(ann)
					ann.mustBeAccessible(script, name+", dark")
					light(ann)
				}
				sized(1120, 800)(ann)
			}, speaking(language))
		})
	}
}

// TestColours has another background in the dark.
func TestColours(t *testing.T) {
	t.Parallel()
	b := openTab(t, startSite(t))
	b.open("/sign-in")
	const background = `getComputedStyle(document.body).backgroundColor`
	inLight := eval[string](b, background)
	dark(b)
	if inDark := eval[string](b, background); inDark == inLight {
		t.Errorf("the background is %s in both", inDark)
	}
}

// misfits says what does not fit the window: a page that must be scrolled sideways,
// something that stands out of its card, a word of a login, a date, a time or a
// part of an address in pieces, a time on more than two lines, or values of one
// line that do not begin below each other.
const misfits = `(() => {
	const found = [];
	const root = document.documentElement;
	if (root.scrollWidth > root.clientWidth) found.push('the page is ' + root.scrollWidth + ' wide');
	for (const card of document.querySelectorAll('.sk-card')) {
		const {paddingLeft, paddingRight} = getComputedStyle(card);
		const room = card.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
		if (card.scrollWidth > card.clientWidth) found.push('a card has ' + (card.scrollWidth - card.clientWidth) + ' too much');
		for (const table of card.querySelectorAll('table')) {
			if (table.offsetWidth > room + 1) found.push('a table has ' + (table.offsetWidth - room) + ' too much');
			for (const cell of table.querySelectorAll('td')) {
				if (cell.scrollWidth > cell.clientWidth) found.push('"' + cell.innerText + '" has ' + (cell.scrollWidth - cell.clientWidth) + ' too much');
			}
		}
	}
	const range = document.createRange();
	const lines = () => new Set([...range.getClientRects()].map(line => line.top)).size;
	for (const whole of document.querySelectorAll('td time, td.sk-user a, td.sk-user bdi, td.sk-addr span')) {
		range.selectNodeContents(whole);
		if (whole.localName === 'time' && lines() > 2) found.push('"' + whole.innerText + '" is on ' + lines() + ' lines');
		for (const text of [...whole.childNodes].filter(node => node.data)) {
			for (const word of text.data.matchAll(/[^ ]+/g)) {
				range.setStart(text, word.index);
				range.setEnd(text, word.index + word[0].length);
				if (lines() > 1) found.push('"' + word[0] + '" is in pieces');
			}
		}
	}
	const start = root.dir === 'rtl' ? 'right' : 'left';
	for (const row of document.querySelectorAll('tbody tr')) {
		if (getComputedStyle(row).display !== 'block') continue; // beside each other
		const starts = [...row.querySelectorAll('td[data-label] > *')].flatMap(value => {
			range.selectNodeContents(value);
			return lines() > 1 ? [] : [Math.round(range.getBoundingClientRect()[start])];
		});
		if (new Set(starts).size > 1) found.push('the values begin at ' + starts);
	}
	return found;
})()`

// TestPagesFitTheirWindow has what is long in windows of all sizes.
func TestPagesFitTheirWindow(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	for _, id := range []string{annID, bobID} {
		long := sparekey.Credential{
			UserID: id, Name: strings.Repeat("x", 200), AppID: appID, LastUsed: time.Unix(1_700_000_000, 0), LastIP: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
			Limits: sparekey.Limits{Scopes: "read", Expires: time.Date(2030, time.December, 31, 23, 59, 59, 0, time.UTC)},
		}
		short := long
		short.Name, short.LastIP = "Sicherung", "192.168.100.100"
		s.seed(long, short)
	}
	s.addCredential("ann", "Phone") // which has a history
	ann := signedIn(t, s, "ann")
	paths := []string{
		accountPath, accountPath + "/all", accountPath + "/users/" + bobID, accountPath + "/revoke-all", "/sign-out", "/confirm-password", "/no/such/page",
		withQuery(authorizePath, "app_name", "Notes", "scope", "wp:posts wp:media", "expires", "30d"),
	}
	for _, page := range []string{"history", "limits"} {
		paths = append(paths, ann.href(fmt.Sprintf(".sk-table a[href*=%q]", "/"+page+"/")))
	}
	for _, language := range []string{"en", "de", "fr", "es", "ar"} {
		speaking(language)(ann)
		for _, path := range paths {
			ann.open(path)
			ann.shows("h1")
			for _, width := range []int64{320, 768, 900, 1000, 1024, 1040, 1100, 1280, 1440} {
				sized(width, 800)(ann)
				for _, misfit := range eval[[]string](ann, misfits) {
					t.Errorf("%s %s, %d pixels: %s", language, path, width, misfit)
				}
			}
		}
	}
}
