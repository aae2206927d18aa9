package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/sqlite"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	secret := s.addCredential("bob", "Phone")
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		bob := openTab(t, s, m)
		bob.open("/")
		bob.sees("Sign in to Sparekey")
		for _, wrong := range []string{"guess", secret} {
			bob.fill("User name or e-mail address", "bob")
			bob.fill("Password", wrong)
			bob.press("Sign in")
			bob.sees("The user name or the password is wrong.")
		}
		bob.fill("Password", mainPassword) // the login is still there
		bob.press("Sign in")
		bob.sees("Bob Bauer", "Your application passwords", "Phone")
		bob.seesNot("All users")
	})
}

// TestGuessing tries passwords until no more are looked at, the right one
// included.
func TestGuessing(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	mallory := openTab(t, s)
	mallory.open("/sign-in")
	guess := func(password string) {
		mallory.fill("User name or e-mail address", "ann")
		mallory.fill("Password", password)
		mallory.press("Sign in")
	}
	const allowed = 10
	for range allowed {
		guess("guess")
		mallory.sees("The user name or the password is wrong.")
	}
	guess(mainPassword)
	mallory.sees("Too many tries.")
}

// TestSignInLeadsBack signs in on the way to a page, which is then shown.
func TestSignInLeadsBack(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	ann := openTab(t, s)
	ann.open(accountPath + "/all?never=1")
	ann.signIn("ann@example.com")
	ann.sees("Application passwords of all users")
	if got := ann.path(); got != accountPath+"/all?never=1" {
		t.Errorf("at %s", got)
	}
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		phone, laptop := signedIn(t, s, "bob", m), signedIn(t, s, "bob", m)
		phone.follow("Sign out")
		phone.sees("Your application passwords keep working.")
		phone.press("Sign out")
		phone.sees("You are signed out.")
		phone.open(accountPath)
		phone.sees("Sign in to Sparekey")

		laptop.open(accountPath)
		laptop.sees("Bob Bauer")
	})
}

func TestSignOutEverywhere(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	phone, laptop := signedIn(t, s, "bob"), signedIn(t, s, "bob", withoutScript)
	phone.follow("Sign out")
	phone.press("Sign out on all devices")
	phone.sees("You are signed out.")
	laptop.open(accountPath)
	laptop.sees("Sign in to Sparekey")
}

// TestOwnAccount changes the main password and the language, and ends the session of
// another browser by that.
func TestOwnAccount(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		bob, elsewhere := signedIn(t, s, "bob", m), signedIn(t, s, "bob", withoutScript)
		bob.follow("Bob Bauer")
		bob.sees("Your account", "Main password")
		bob.fill("Name to show", "Robert")
		press := func(what, selector string) { bob.do(what, chromedp.Click(chromedp.CSS(selector))) }
		press("save the name", "form:has([value=details]) button")
		bob.sees("Your account is changed.", "Robert")
		fields := map[string]string{"#present": mainPassword, "#new-password": "battery staple", "#repeat": "battery staple"}
		for field, text := range fields {
			bob.do("fill "+field, chromedp.SendKeys(chromedp.CSS(field), text))
		}
		bob.press("Change main password")
		bob.sees("Your main password is changed. Your other sessions have ended.")
		elsewhere.open("/.well-known/change-password")
		elsewhere.sees("Sign in to Sparekey")
		bob.do("choose a language", chromedp.SetValue(chromedp.CSS("#language"), "de"))
		press("save the language", "form:has([value=language]) button")
		bob.sees("Dein Konto", "Die Sprache ist geändert.")
		bob.open(accountPath)
		bob.sees("Neues Anwendungspasswort")
	})
}

// TestOneApplicationPassword is its life: made, copied, used, seen to be used,
// renamed and revoked.
func TestOneApplicationPassword(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		bob := signedIn(t, s, "bob", m)
		bob.sees("What is an application password?")

		bob.follow("New application password")
		bob.fill("Name of the app or device", "Phone")
		bob.press("Add password")
		bob.sees("Password for Phone", "You will not see this again.", "User name", "bob", "Try it with curl")
		secret := bob.secret()
		if !regexp.MustCompile(`^([A-Za-z0-9]{4} ){5}[A-Za-z0-9]{4}$`).MatchString(secret) {
			t.Errorf("the secret is shown as %q", secret)
		}
		bob.follow("Back to the list")
		if row := bob.row("Phone"); !strings.Contains(row, "Never") {
			t.Errorf("a new one: %s", row)
		}

		if !s.works("bob", secret) {
			t.Error("the secret does not work")
		}
		bob.open(accountPath)
		if row := bob.row("Phone"); strings.Contains(row, "Never") || !strings.Contains(row, "127.0.0.1") {
			t.Errorf("a used one: %s", row)
		}
		bob.seesNot(secret)

		bob.follow("Rename Phone")
		bob.fill("New name", "Old phone")
		bob.press("Save")
		bob.sees("The application password is renamed.")
		bob.row("Old phone")

		bob.follow("Revoke Old phone")
		bob.sees("Revoke Old phone?", "This cannot be undone.")
		bob.press("Revoke")
		bob.sees("The application password is revoked.", "What is an application password?")
		if s.works("bob", secret) {
			t.Error("the secret still works")
		}
	})
}

// TestLimits makes one that may only read, has it do more, lets it, and gives it
// another secret.
func TestLimits(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		bob := signedIn(t, s, "bob", m)
		bob.follow("New application password")
		bob.fill("Name of the app or device", "Agent")
		bob.tick("Only what I choose")
		bob.tick("See everything, change nothing read")
		bob.do("choose a day", chromedp.SetValue(chromedp.CSS("#limit-expires"), "1d"))
		bob.press("Add password")
		bob.sees("Password for Agent", "see everything, change nothing", "It expires on")
		secret := bob.secret()
		rename := func() int {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
				s.url+"/wp-json/wp/v2/users/me/application-passwords", strings.NewReader(`{"name":"Another"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			r.SetBasicAuth("bob", secret)
			status, _ := s.send(r)
			return status
		}
		if !s.works("bob", secret) || rename() != http.StatusForbidden {
			t.Error("it cannot read, or can do more")
		}

		bob.follow("Back to the list")
		bob.sees("Your application passwords", "Expires soon:", "Limited")
		bob.follow("Limits of Agent")
		bob.sees("Active.", "see everything, change nothing", "It may not make, change or revoke application passwords.")
		bob.tick("Only what I choose")
		bob.tick("Make, change and revoke application passwords application-passwords")
		bob.press("Save limits")
		bob.sees("Limits saved.")
		if got := rename(); got != http.StatusCreated {
			t.Errorf("with another scope: %d", got)
		}

		bob.follow("Replace the password of Agent")
		bob.do("keep the old one", chromedp.SetValue(chromedp.CSS("#grace"), "1h"))
		bob.press("Replace password")
		bob.sees("New password for Agent", "The old password keeps working until")
		if second := bob.secret(); second == secret || !s.works("bob", second) || !s.works("bob", secret) {
			t.Error("it is the same, or one of them does not work")
		}
		bob.follow("Back to the list")
		bob.sees("Your application passwords", "Old password works until")
	})
}

// TestOnceIsOnce reloads the page that shows a new password. It is not shown
// again, and no second one is made.
func TestOnceIsOnce(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		bob := signedIn(t, s, "bob", m)
		bob.follow("New application password")
		bob.fill("Name of the app or device", "Phone")
		bob.press("Add password")
		secret := bob.secret()
		bob.do("reload", chromedp.Reload())
		bob.sees("nothing was created twice")
		bob.seesNot(secret)
		if got := s.credentials("bob"); !slices.Equal(got, []string{"Phone"}) {
			t.Errorf("there are %q", got)
		}
	})
}

func TestNamesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t, "--duplicate-names=reject")
		s.addCredential("bob", "Phone")
		s.addCredential("bob", "Laptop")
		bob := signedIn(t, s, "bob", m)

		bob.follow("New application password")
		bob.press("Add password") // the browser asks for a name, and sends nothing
		bob.fill("Name of the app or device", "   ")
		bob.press("Add password")
		bob.sees("Enter a name that says which app the password is for.")
		bob.fill("Name of the app or device", "Phone")
		bob.press("Add password")
		bob.sees("Another application password has this name.")

		bob.follow("Cancel")
		bob.follow("Rename Laptop")
		bob.fill("New name", "Phone")
		bob.press("Save")
		bob.sees("Rename Laptop", "Another application password has this name.")
		bob.follow("Cancel")
		bob.row("Laptop")
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		s.addCredential("bob", "Phone")
		bob := signedIn(t, s, "bob", m)
		bob.follow("Revoke Phone")
		bob.sees("Revoke Phone?")
		bob.follow("Cancel")
		bob.until("the question is gone", func() bool { return !strings.Contains(bob.text(), "Revoke Phone?") })
		bob.row("Phone")
	})
}

func TestRevokeAll(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		phone, laptop := s.addCredential("bob", "Phone"), s.addCredential("bob", "Laptop")
		other := s.addCredential("ann", "Phone")
		bob := signedIn(t, s, "bob", m)
		bob.follow("Revoke all")
		bob.sees("Revoke all your application passwords?", "Phone", "Laptop")
		bob.press("Revoke all (2)")
		bob.sees("2 application passwords are revoked.")
		if s.works("bob", phone) || s.works("bob", laptop) || !s.works("ann", other) {
			t.Error("not those, and only those, are revoked")
		}
	})
}

// TestCopy presses the copy button, where the browser lets the page copy.
func TestCopy(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	bob := signedIn(t, s, "bob")
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		if _, err := chromedp.CallBrowser(bob.ctx, browser.SetPermission, permission(bob, name)); err != nil {
			t.Fatal(err)
		}
	}
	bob.follow("New application password")
	bob.fill("Name of the app or device", "Phone")
	bob.press("Add password")
	secret := bob.secret()
	bob.press("Copy")
	bob.sees("Copied.")
	got, err := chromedp.Run(bob.ctx, chromedp.Evaluate[string](`navigator.clipboard.readText()`, chromedp.EvalAwaitPromise))
	if err != nil || got != secret {
		t.Errorf("the clipboard has %q, %v; want %q", got, err, secret)
	}
}

func permission(b *tab, name string) browser.SetPermissionParams {
	return browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted,
		Origin: b.site, BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
	}
}

// TestThousands looks for one among 5,000.
func TestThousands(t *testing.T) {
	t.Parallel()
	const many = 5000
	s := startSite(t)
	var all []sparekey.Credential
	for i := range many {
		all = append(all, sparekey.Credential{UserID: bobID, Name: fmt.Sprintf("Device %04d", i+1)})
	}
	s.seed(all...)
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		bob := signedIn(t, s, "bob", m)
		bob.sees("1 to 25 of 5000", "Device 5000")
		bob.follow("Older")
		bob.sees("26 to 50 of 5000", "Device 4975")
		bob.follow("Newer")
		bob.sees("1 to 25 of 5000")

		bob.fill("Search by name", "device 123")
		bob.press("Search")
		bob.sees("Device 1239", "Device 1230")
		if rows := bob.rows(); len(rows) != 10 {
			t.Errorf("%d rows: %q", len(rows), rows)
		}
		bob.fill("Search by name", "nothing")
		bob.press("Search")
		bob.sees("No name contains “nothing”.")
		bob.follow("Show all")
		bob.sees("1 to 25 of 5000")
		bob.follow("Revoke all")
		bob.sees("and 4975 more")
	})
}

// TestTimes shows times in the reader's zone and way of writing.
func TestTimes(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.seed(sparekey.Credential{UserID: bobID, Name: "Phone", Created: time.Date(2026, time.July, 1, 22, 30, 0, 0, time.UTC)})
	for want, modes := range map[string][]mode{
		"Jul 2, 2026, 12:30 AM": {},
		"02.07.2026, 00:30":     {speaking("de")},
		"Jul 2, 2026, 4:00 AM":  {zoned("Asia/Kolkata")},
		"2026-07-01 22:30 UTC":  {withoutScript},
	} {
		bob := openTab(t, s, modes...)
		bob.open(accountPath)
		bob.do("sign in", chromedp.SendKeys(chromedp.CSS("#login"), "bob"),
			chromedp.SendKeys(chromedp.CSS("#password"), mainPassword+kb.Enter))
		if row := bob.row("Phone"); !strings.Contains(row, want) {
			t.Errorf("%s, want %s", row, want)
		}
		if got := eval[string](bob, `document.querySelector('time').title`); got != "2026-07-01 22:30:00 UTC" {
			t.Errorf("on hover: %s", got)
		}
	}
}

func zoned(name string) mode {
	return func(b *tab) {
		call(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name})
	}
}

// TestOtherUser has an administrator help another user.
func TestOtherUser(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		phone := s.addCredential("bob", "Phone")
		ann := signedIn(t, s, "ann", m)
		ann.follow("All users")
		ann.sees("Application passwords of all users")
		ann.follow("Bob Bauer")
		ann.sees("Application passwords of Bob Bauer")

		ann.follow("New application password")
		ann.fill("Name of the app or device", "Laptop")
		ann.press("Add password")
		ann.sees("Password for Laptop", "User name", "bob")
		if !s.works("bob", ann.secret()) {
			t.Error("the secret does not work")
		}
		ann.follow("Back to the list")
		ann.follow("Rename Laptop")
		ann.fill("New name", "Bob’s laptop")
		ann.press("Save")
		ann.row("Bob’s laptop")
		ann.follow("Revoke Phone")
		ann.press("Revoke")
		ann.sees("The application password is revoked.", "Application passwords of Bob Bauer")
		if s.works("bob", phone) {
			t.Error("the secret still works")
		}
	})
}

// TestOthersAreNobodysBusiness is a user who tries an administrator's pages.
func TestOthersAreNobodysBusiness(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.addCredential("ann", "Phone")
	bob := signedIn(t, s, "bob")
	for path, want := range map[string]string{
		"/users/" + annID:                 "User not found",
		"/users/99":                       "User not found",
		"/users/" + annID + "/revoke-all": "User not found",
		"/all":                            "Your account cannot do this",
		"/all?user=ann":                   "Your account cannot do this",
		"/all/revoke?app_id=x":            "Your account cannot do this",
	} {
		bob.open(accountPath + path)
		bob.sees(want)
		bob.seesNot("Phone")
	}
}

const (
	appID      = "3b0d1c6e-9d55-4f1d-8a52-0a3c7f2f8e11"
	otherAppID = "7a0d1c6e-9d55-4f1d-8a52-0a3c7f2f8e12"
)

// seedTwoUsers gives ann and bob application passwords with a past.
func seedTwoUsers(s *site) {
	day := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 9, 30, 0, 0, time.UTC) }
	s.seed(
		sparekey.Credential{UserID: annID, Name: "Ann’s phone", AppID: appID, Created: day(1, 5), LastUsed: day(10, 2), LastIP: "203.0.113.7"},
		sparekey.Credential{UserID: bobID, Name: "Bob’s phone", AppID: appID, Created: day(1, 6), LastUsed: day(3, 4), LastIP: "2001:db8::17"},
		sparekey.Credential{UserID: bobID, Name: "Backup script", AppID: otherAppID, Created: day(2, 1)},
		sparekey.Credential{UserID: bobID, Name: "Newsletter", Created: day(2, 2), LastUsed: day(2, 3), LastIP: "198.51.100.20"},
	)
}

// TestAllUsers filters the application passwords of all users.
func TestAllUsers(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	seedTwoUsers(s)
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		ann := signedIn(t, s, "ann", m)
		names := func(want ...string) {
			t.Helper()
			ann.until(fmt.Sprintf("there are exactly %q", want), func() bool {
				var got []string
				for _, row := range ann.rows() {
					name, _, _ := strings.Cut(strings.TrimPrefix(row, " | "), "\n")
					name, _, _ = strings.Cut(name, " | ")
					got = append(got, name)
				}
				return slices.Equal(got, want)
			})
		}
		everything := func() {
			t.Helper()
			ann.follow("Show all")
			names("Newsletter", "Backup script", "Bob’s phone", "Ann’s phone")
		}
		ann.open(accountPath + "/all")
		names("Newsletter", "Backup script", "Bob’s phone", "Ann’s phone")

		ann.fill("User name or e-mail address", "bob@example.com")
		ann.fill("Name contains", "PHONE")
		ann.press("Apply filter")
		names("Bob’s phone")
		everything()
		ann.do("choose a day", chromedp.SetValue(chromedp.CSS("#used_before"), "2026-03-01"))
		ann.press("Apply filter")
		names("Newsletter")
		everything()
		ann.tick("Never used")
		ann.press("Apply filter")
		names("Backup script")
		everything()
		ann.follow(appID)
		names("Bob’s phone", "Ann’s phone")
		everything()
		ann.fill("User name or e-mail address", "unknown")
		ann.press("Apply filter")
		ann.sees("Unknown user: unknown.")
	})
}

// TestRevokeMany revokes what was ticked, and all of an application.
func TestRevokeMany(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		seedTwoUsers(s)
		ann := signedIn(t, s, "ann", m)
		ann.open(accountPath + "/all")
		ann.press("Revoke selected")
		ann.sees("Nothing was selected.")

		ann.tick("Select Newsletter")
		ann.tick("Select Backup script")
		ann.press("Revoke selected")
		ann.sees("Revoke the selected application passwords?", "Newsletter", "Backup script")
		ann.press("Revoke all (2)")
		ann.sees("2 application passwords are revoked.")
		if got := s.credentials("bob"); !slices.Equal(got, []string{"Bob’s phone"}) {
			t.Errorf("bob has %q", got)
		}

		ann.follow(appID)
		ann.follow("Revoke all with this app ID")
		ann.sees("Revoke everything with the app ID " + appID)
		ann.press("Revoke all (2)")
		ann.sees("2 application passwords are revoked.")
		if got := append(s.credentials("ann"), s.credentials("bob")...); len(got) != 0 {
			t.Errorf("there are still %q", got)
		}
	})
}

// TestSelectAll ticks all boxes with one.
func TestSelectAll(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	seedTwoUsers(s)
	ann := signedIn(t, s, "ann")
	ann.open(accountPath + "/all")
	ann.tick("Select all on this page")
	ann.press("Revoke selected")
	ann.sees("Revoke all (4)")
}

// TestIsItStillYou lets an hour pass in a session before it changes another
// user's application passwords.
func TestIsItStillYou(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		phone := s.addCredential("bob", "Phone")
		s.addCredential("ann", "Laptop")
		ann := signedIn(t, s, "ann", m)
		ageSession(ann, s)

		ann.follow("Revoke Laptop") // her own
		ann.sees("Revoke Laptop?")
		ann.open(accountPath + "/users/" + bobID)
		ann.follow("Revoke Phone")
		ann.sees("Confirm your password")
		ann.fill("Password", "guess")
		ann.press("Continue")
		ann.sees("The password is wrong.")
		if !s.works("bob", phone) {
			t.Error("the secret is revoked already")
		}
		ann.fill("Password", mainPassword)
		ann.press("Continue")
		ann.sees("Revoke Phone?")
		ann.press("Revoke")
		ann.sees("The application password is revoked.")
	})
}

// ageSession makes the session of a tab an hour older.
func ageSession(b *tab, s *site) {
	b.t.Helper()
	token := sha256.Sum256([]byte(sessionCookie(b).Value))
	key := base64.RawURLEncoding.EncodeToString(token[:])
	confirmed := regexp.MustCompile(`"Confirmed":(\d+)`)
	s.withStore(func(ctx context.Context, store *sqlite.Store) error {
		data, _, found, err := store.FindSession(ctx, key)
		if err != nil || !found {
			return fmt.Errorf("session of %s: found is %t: %w", s.url, found, err)
		}
		at := confirmed.FindSubmatch(data)
		seconds, err := strconv.ParseInt(string(at[1]), 10, 64)
		if err != nil {
			return err
		}
		older := strconv.AppendInt(nil, seconds-3600, 10)
		return store.SaveSession(ctx, key, bytes.Replace(data, at[1], older, 1), time.Now().Add(time.Hour))
	})
}

// sessionCookie is the cookie of the session.
func sessionCookie(b *tab) *network.Cookie {
	b.t.Helper()
	cookies := call(b, network.GetCookies, network.GetCookiesParams{URLs: []string{b.site}}).Cookies
	if len(cookies) != 1 {
		b.t.Fatalf("there are %d cookies", len(cookies))
	}
	return cookies[0]
}

// TestKeyboard makes and revokes an application password without a mouse.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		bob := openTab(t, s, m)
		bob.open("/")
		bob.sees("Sign in")
		bob.key("bob") // the field for the login has the focus
		bob.tabTo("Password")
		bob.key(mainPassword + kb.Enter)
		bob.sees("New application password")

		bob.tabTo("Skip to the content")
		bob.key(kb.Enter)
		bob.tabTo("New application password")
		bob.key(kb.Enter)
		bob.sees("Name of the app or device")
		bob.key("Phone") // its field has the focus
		bob.tabTo("Add password")
		bob.key(kb.Enter)
		secret := bob.secret()
		if got := bob.focused(); got != "New application password" {
			t.Errorf("%q has the focus", got)
		}

		bob.tabTo("Back to the list")
		bob.key(kb.Enter)
		bob.sees("Your application passwords")
		bob.tabTo("Revoke Phone")
		bob.key(kb.Enter)
		bob.sees("Revoke Phone?")
		if bob.focused() != "Revoke" { // with JavaScript the harmless answer has the focus
			bob.tabTo("Revoke")
		}
		bob.key(kb.Enter)
		bob.sees("The application password is revoked.")
		if s.works("bob", secret) {
			t.Error("the secret still works")
		}
	})
}

// TestDialog closes a question with the escape key, and has the focus where it
// was.
func TestDialog(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.addCredential("bob", "Phone")
	bob := signedIn(t, s, "bob")
	bob.tabTo("Revoke Phone")
	bob.key(kb.Enter)
	bob.sees("Revoke Phone?")
	bob.until("the harmless answer has the focus", func() bool { return bob.focused() == "Cancel" })
	bob.key(kb.Escape)
	bob.until("the question is gone", func() bool { return !strings.Contains(bob.text(), "Revoke Phone?") })
	if got := bob.focused(); got != "Revoke Phone" {
		t.Errorf("%q has the focus", got)
	}
	bob.seesNot("revoked.")
	bob.open(accountPath)
	bob.row("Phone")
}

// TestLanguages shows the pages in the reader's language and direction.
func TestLanguages(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	for language, want := range map[string]struct{ lang, direction, text string }{
		"de-AT,de;q=0.9,en;q=0.8": {"de", "ltr", "Anwendungspasswort"},
		"ar":                      {"ar", "rtl", "كلمة"},
		"es":                      {"es", "ltr", "contraseña"},
		"fr-FR":                   {"fr", "ltr", "mot de passe"},
		"tlh, x;q=0.1":            {"en", "ltr", "application password"},
	} {
		b := openTab(t, s, speaking(language))
		b.open(accountPath)
		b.do("sign in", chromedp.SendKeys(chromedp.CSS("#login"), "bob"),
			chromedp.SendKeys(chromedp.CSS("#password"), mainPassword+kb.Enter))
		b.sees("Bob Bauer")
		root := eval[[]string](b, `[document.documentElement.lang, getComputedStyle(document.body).direction]`)
		if !slices.Equal(root, []string{want.lang, want.direction}) {
			t.Errorf("%s: %q", language, root)
		}
		if !strings.Contains(strings.ToLower(b.text()), strings.ToLower(want.text)) {
			t.Errorf("%s: no %q in %s", language, want.text, b.text())
		}
	}
}

// TestWordPressPaths are the addresses that people of WordPress know.
func TestWordPressPaths(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	bob := signedIn(t, s, "bob")
	for _, path := range []string{"/", "/wp-admin/profile.php", "/wp-admin/", "/wp-login.php", accountPath + "/"} {
		bob.open(path)
		bob.sees("New application password")
	}
	if res, err := http.Get(s.url + "/no-such-page"); err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("%v %v", res, err)
	}
}
