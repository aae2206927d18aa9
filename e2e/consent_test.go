package e2e_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// approveIs reports whether the consent button can be pressed.
const approveIs = `!('waiting' in ` + approve + `.dataset)`

// approve is the consent button.
const approve = `document.querySelector('#approve')`

// TestConsentTakesAPerson does to the consent screen what a page of another site can have its
// visitor do without seeing it.
func TestConsentTakesAPerson(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	bob := signedIn(t, s, "bob")
	ask := func() (x, y float64) {
		t.Helper()
		bob.open(withQuery(authorizePath, "app_name", "Evil"))
		at := eval[[]float64](bob, `(({x, y}) => [x + 9, y + 9])(`+approve+`.getBoundingClientRect())`)
		return at[0], at[1]
	}
	refused := func(what string) {
		t.Helper()
		bob.sees("calls itself Evil")
		if got := s.credentials("bob"); len(got) != 0 {
			t.Fatalf("%s: there are %q", what, got)
		}
	}
	seen := func() {
		t.Helper()
		canApprove(bob)
	}

	// The page comes to the front between two clicks. The second click is too early however
	// fast this test is: the half second begins at the event.
	ask()
	seen()
	for _, event := range []string{
		"window.dispatchEvent(new Event('focus'))",
		"document.dispatchEvent(new Event('visibilitychange'))",
	} {
		if eval[bool](bob, event+`, `+approveIs) {
			t.Errorf("after %s the button can be pressed at once", event)
		}
		click := event + `, ` + approve + `.click(), document.querySelector('form').dataset.sent === 'yes'`
		if eval[bool](bob, click) {
			t.Errorf("after %s a form was sent", event)
		}
	}
	refused("too early")

	// A click where no mouse has moved. The next one, half a second later, is meant.
	x, y := ask()
	seen()
	bob.do("click without a move", chromedp.MouseClickXY(x, y))
	refused("a click without a move")
	seen()
	eval[bool](bob, approve+`.click(), true`)
	refused("a click by a script")

	// Enter, held down since the page before.
	ask()
	seen()
	eval[bool](bob, `document.querySelector('#app_name').focus(), true`)
	held := input.DispatchKeyEventParams{
		Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r",
		WindowsVirtualKeyCode: 13, AutoRepeat: new(true),
	}
	for range 3 {
		call(bob, input.DispatchKeyEvent, held)
	}
	refused("a key that is held down")

	// The mouse of a person.
	ask()
	bob.press("Yes, connect")
	bob.secret()
	if got := s.credentials("bob"); !slices.Equal(got, []string{"Evil"}) {
		t.Errorf("there are %q", got)
	}
}

// TestConsentWithoutAMouse gives consent by keyboard, by touch, and as assistive
// technology does.
func TestConsentWithoutAMouse(t *testing.T) {
	t.Parallel()
	for name, press := range map[string]func(b *tab){
		"keyboard": func(b *tab) {
			b.tabTo("Yes, connect")
			b.key("\r")
		},
		"enter in the field": func(b *tab) {
			eval[bool](b, `document.querySelector('#app_name').focus(), true`)
			b.key("\r")
		},
		"touch": func(b *tab) { b.do("tap", chromedp.Tap(chromedp.CSS("#approve"))) },
		"second click": func(b *tab) {
			b.do("click", chromedp.Click(chromedp.CSS("#approve")))
			canApprove(b)
			b.do("click", chromedp.Click(chromedp.CSS("#approve")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSite(t)
			bob := signedIn(t, s, "bob")
			bob.open(withQuery(authorizePath, "app_name", "Desk app"))
			canApprove(bob)
			press(bob)
			bob.secret()
		})
	}
}

// TestOpenerIsCutOff opens the consent screen from a page of another site, which must lose
// access to its window: it could otherwise navigate it elsewhere.
func TestOpenerIsCutOff(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	bob := signedIn(t, s, "bob")
	for _, path := range []string{withQuery(authorizePath, "app_name", "Prize"), accountPath, "/sign-out"} {
		_, attacker := startAttacker(t, fmt.Sprintf(
			`<button onclick="opened = window.open('%s%s')">Get it</button>`, s.url, path))
		visitor := bob.another()
		visitor.allow(attacker + "/")
		visitor.open(attacker)
		visitor.press("Get it")
		visitor.until("the window of "+path+" is out of reach", func() bool {
			return eval[bool](visitor, `opened.closed`)
		})
	}
}
