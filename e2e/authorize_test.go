package e2e_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// app is an application with a listener on this device, as command-line and
// desktop applications have one.
type app struct {
	t     *testing.T
	url   string // of the listener
	calls chan delivery
}

// delivery is what came to the listener.
type delivery struct {
	method, referer, origin string
	query, form             url.Values
}

// startApp starts a listener.
func startApp(t *testing.T) *app {
	t.Helper()
	a := &app{t: t, calls: make(chan delivery, 10)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/cb" {
			http.NotFound(w, r)
			return
		}
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		a.calls <- delivery{r.Method, r.Referer(), r.Header.Get("Origin"), r.URL.Query(), r.PostForm}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><title>App</title><link rel="icon" href="data:,"><p>Thank you.`)
	}))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

// called waits for the browser to come to the listener.
func (a *app) called() delivery {
	a.t.Helper()
	select {
	case c := <-a.calls:
		if c.referer != "" {
			a.t.Errorf("the browser says that it comes from %s", c.referer)
		}
		return c
	case <-time.After(patience):
		a.t.Fatal("the browser does not come to the application")
		return delivery{}
	}
}

// discover finds the authorization page from the address that a user types: by the Link
// header of the page there, and the index of the API.
func (a *app) discover(address string) (api, authorize string) {
	a.t.Helper()
	res, err := http.Head(address)
	if err != nil {
		a.t.Fatal(err)
	}
	res.Body.Close()
	link := regexp.MustCompile(`<([^>]+)>; rel="https://api\.w\.org/"`).FindStringSubmatch(strings.Join(res.Header.Values("Link"), ","))
	if link == nil {
		a.t.Fatalf("HEAD %s: %d, Link %q", address, res.StatusCode, res.Header.Values("Link"))
	}
	var index struct {
		Authentication map[string]struct {
			Endpoints struct{ Authorization string }
		}
	}
	a.get(link[1], &index)
	return link[1], index.Authentication["application-passwords"].Endpoints.Authorization
}

func (a *app) get(address string, into any) {
	a.t.Helper()
	res, err := http.Get(address)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		a.t.Fatal(err)
	}
}

// ask is the address to open in the user's browser.
func (a *app) ask(authorize string, more ...string) string {
	return withQuery(authorize, append([]string{"app_name", "Desk app", "app_id", appID, "success_url", a.url + "/cb"}, more...)...)
}

// TestConnect is an application that knows WordPress, from the address that the
// user typed to its first requests.
func TestConnect(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s, a := startSite(t), startApp(t)
		api, authorize := a.discover(s.url)
		bob := openTab(t, s, m)
		bob.allow(a.url + "/")

		bob.open(a.ask(authorize))
		bob.signIn("bob")
		bob.sees("Connect Desk app to Sparekey?", a.url, "A program on this device", appID, "It acts as you")
		bob.press("Yes, connect")
		bob.sees("Thank you.")
		got := a.called()
		if got.method != http.MethodGet || got.query.Get("site_url") != s.url || got.query.Get("user_login") != "bob" {
			t.Errorf("the application gets %v", got)
		}
		login, secret := got.query.Get("user_login"), got.query.Get("password")

		path := strings.TrimPrefix(api, s.url)
		status, me := s.get(login, secret, path+"wp/v2/users/me?context=edit")
		if status != http.StatusOK || me["username"] != "bob" || me["email"] != "bob@example.com" {
			t.Errorf("users/me: %d %v", status, me)
		}
		status, own := s.get(login, secret, path+"wp/v2/users/me/application-passwords/introspect?context=edit")
		if status != http.StatusOK || own["name"] != "Desk app" || own["app_id"] != appID {
			t.Errorf("introspect: %d %v", status, own)
		}

		bob.open(accountPath)
		bob.row("Desk app")
	})
}

// TestConnectUnderAnotherName changes the name that the application suggests.
func TestConnectUnderAnotherName(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s, a := startSite(t), startApp(t)
		s.addCredential("bob", "Desk app")
		bob := signedIn(t, s, "bob", m)
		bob.allow(a.url + "/")
		bob.open(a.ask(authorizePath))
		bob.fill("Name of this password", "Desk app at home")
		bob.press("Yes, connect")
		bob.sees("Thank you.")
		if secret := a.called().query.Get("password"); !s.works("bob", secret) {
			t.Error("the secret does not work")
		}
		if got := s.credentials("bob"); !slices.Contains(got, "Desk app at home") {
			t.Errorf("there are %q", got)
		}
	})
}

func TestReject(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s, a := startSite(t), startApp(t)
		bob := signedIn(t, s, "bob", m)
		bob.allow(a.url + "/")
		bob.open(a.ask(authorizePath))
		bob.press("Cancel")
		bob.sees("Thank you.")
		if got := a.called().query; got.Encode() != "success=false" {
			t.Errorf("the application gets %v", got)
		}
		bob.open(a.ask(authorizePath, "reject_url", a.url+"/cb?sorry=1"))
		bob.press("Cancel")
		bob.sees("Thank you.")
		if got := a.called().query; got.Encode() != "sorry=1" {
			t.Errorf("the application gets %v", got)
		}
		bob.open(withQuery(authorizePath, "app_name", "Desk app"))
		bob.press("Cancel")
		bob.sees("New application password")
		if got := s.credentials("bob"); len(got) != 0 {
			t.Errorf("there are %q", got)
		}
	})
}

// TestCopyByHand is an application that cannot be sent anything.
func TestCopyByHand(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		bob := signedIn(t, s, "bob", m)
		bob.open(withQuery(authorizePath, "app_name", "TV", "app_id", appID))
		bob.sees("Connect TV to Sparekey?", "Only you.")
		bob.press("Yes, connect")
		bob.sees("Copy the password to the application", "Password for TV")
		secret := bob.secret()
		if !s.works("bob", secret) {
			t.Error("the secret does not work")
		}
		bob.follow("Back to the list")
		bob.row("TV")
	})
}

// TestFormPost hands the password over outside of URLs.
func TestFormPost(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s, a := startSite(t), startApp(t)
		bob := signedIn(t, s, "bob", m)
		bob.allow(a.url + "/")
		bob.open(a.ask(authorizePath, "success_format", "form_post", "state", "st & te"))
		bob.press("Yes, connect")
		if bob.noScript {
			bob.sees("Taking you back to " + a.url)
			bob.press("Continue")
		}
		bob.sees("Thank you.")
		got := a.called()
		if got.method != http.MethodPost || len(got.query) != 0 || got.form.Get("site_url") != s.url ||
			got.form.Get("user_login") != "bob" || got.form.Get("state") != "st & te" {
			t.Errorf("the application gets %v", got)
		}
		secret := got.form.Get("password")
		if !s.works("bob", secret) {
			t.Error("the secret does not work")
		}
		leavesNoTrace(bob, s, secret)
	})
}

// leavesNoTrace fails if a secret is in the server's log, or in an address that the browser
// visited or sent to others.
func leavesNoTrace(b *tab, s *site, secret string) {
	b.t.Helper()
	places := append(b.history(), s.log.String())
	for _, r := range b.sent() {
		places = append(places, r.Request.URL, referer(r.Request))
	}
	squeeze := strings.NewReplacer(" ", "", "%20", "", "+", "")
	for _, place := range places {
		if strings.Contains(squeeze.Replace(place), squeeze.Replace(secret)) {
			b.t.Errorf("the secret is in %s", place)
		}
	}
}

// proof is a code verifier and its challenge (RFC 7636).
func proof(seed string) (verifier, challenge string) {
	sum := sha256.Sum256([]byte(seed))
	verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	sum = sha256.Sum256([]byte(verifier))
	return verifier, base64.RawURLEncoding.EncodeToString(sum[:])
}

// TestCode hands over a code, for which the application gets the password.
func TestCode(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s, a := startSite(t), startApp(t)
		bob := signedIn(t, s, "bob", m)
		bob.allow(a.url + "/")
		verifier, challenge := proof("a")
		connect := func(name string) (code string) {
			bob.open(a.ask(authorizePath, "app_name", name, "response_type", "code",
				"code_challenge", challenge, "code_challenge_method", "S256", "state", "xyz"))
			bob.press("Yes, connect")
			bob.sees("Thank you.")
			got := a.called()
			if got.query.Get("state") != "xyz" || got.query.Has("password") {
				t.Errorf("the application gets %v", got)
			}
			return got.query.Get("code")
		}
		code := connect("Desk app")
		if got := s.credentials("bob"); len(got) != 0 {
			t.Errorf("before the exchange there are %q", got)
		}
		status, grant := exchange(s, code, verifier)
		if status != http.StatusOK || grant["site_url"] != s.url || grant["user_login"] != "bob" {
			t.Fatalf("%d %v", status, grant)
		}
		secret := fmt.Sprint(grant["password"])
		if !s.works("bob", secret) {
			t.Error("the secret does not work")
		}
		leavesNoTrace(bob, s, secret)

		if status, body := exchange(s, code, verifier); status != http.StatusBadRequest || body["error"] != "invalid_grant" {
			t.Errorf("a code once more: %d %v", status, body)
		}
		stolen := connect("Other app")
		other, _ := proof("b")
		for _, v := range []string{other, verifier} { // the guess has used the code up
			if status, body := exchange(s, stolen, v); status != http.StatusBadRequest || body["error"] != "invalid_grant" {
				t.Errorf("a stolen code: %d %v", status, body)
			}
		}
	})
}

// TestCodeOfAThief approves in a session that a thief has, and ends all that the
// thief can have before the code is exchanged.
func TestCodeOfAThief(t *testing.T) {
	t.Parallel()
	s, a := startSite(t), startApp(t)
	bob := openTab(t, s)
	bob.allow(a.url + "/")
	verifier, challenge := proof("a")
	for name, end := range map[string]func(){
		"reset": func() {
			s.cli("user", "reset-password", "bob", "--user_pass="+mainPassword, "--revoke-on-password-reset")
		},
		"signed out": func() {
			bob.open("/sign-out")
			bob.press("Sign out")
			bob.sees("You are signed out.")
		},
		"everywhere": func() {
			other := signedIn(t, s, "bob")
			other.open("/sign-out")
			other.press("Sign out on all devices")
			other.sees("You are signed out.")
		},
	} {
		bob.open(a.ask(authorizePath, "app_name", name, "response_type", "code", "code_challenge", challenge, "code_challenge_method", "S256"))
		if strings.HasPrefix(bob.path(), "/sign-in") {
			bob.signIn("bob")
		}
		bob.press("Yes, connect")
		bob.sees("Thank you.")
		code := a.called().query.Get("code")
		end()
		if status, body := exchange(s, code, verifier); status != http.StatusBadRequest || body["error"] != "invalid_grant" {
			t.Errorf("%s: %d %v", name, status, body)
		}
		if got := s.credentials("bob"); len(got) != 0 {
			t.Errorf("%s: there are %q", name, got)
		}
	}
}

// exchange sends a code to the token endpoint.
func exchange(s *site, code, verifier string) (status int, body map[string]any) {
	s.t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+accountPath+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.send(r)
}

// TestCustomScheme is an application on the device that opens addresses of its
// own scheme. The browser has no such application, but tries to go there.
func TestCustomScheme(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s := startSite(t)
		bob := signedIn(t, s, "bob", m)
		bob.allow("my-app://")
		bob.expect("because a user gesture is required") // where the answer took longer than a click counts
		bob.open(withQuery(authorizePath, "app_name", "Phone", "success_url", "my-app://cb?tab=1#end"))
		bob.sees("my-app:", "An app on this device that opens my-app: links")
		bob.press("Yes, connect")
		got := bob.goneTo("my-app://cb")
		if got.Get("tab") != "1" || got.Get("site_url") != s.url || got.Get("user_login") != "bob" || !s.works("bob", got.Get("password")) {
			t.Errorf("the application gets %v", got)
		}

		other := signedIn(t, s, "bob", m) // a tab that has tried such an address takes no more clicks
		other.allow("my-app://")
		other.expect("because a user gesture is required")
		other.open(withQuery(authorizePath, "app_name", "Tablet", "success_url", "my-app://yes", "reject_url", "my-app://no"))
		other.press("Cancel")
		other.goneTo("my-app://no")
	})
}

// goneTo waits until the browser has tried to go to a URL, and returns its query.
func (b *tab) goneTo(beginning string) url.Values {
	b.t.Helper()
	var query url.Values
	b.until("the browser goes to "+beginning, func() bool {
		for _, r := range b.sent() {
			if u, err := url.Parse(r.Request.URL); err == nil && strings.HasPrefix(r.Request.URL, beginning) {
				query = u.Query()
				return true
			}
		}
		return false
	})
	return query
}

// TestNoQueryRedirect is a site that puts no password into a URL.
func TestNoQueryRedirect(t *testing.T) {
	t.Parallel()
	s, a := startSite(t, "--no-query-redirect"), startApp(t)
	bob := signedIn(t, s, "bob")
	bob.open(a.ask(authorizePath))
	bob.sees("Only you.")
	bob.seesNot("A program on this device")
	bob.press("Yes, connect")
	if !s.works("bob", bob.secret()) {
		t.Error("the secret does not work")
	}
}

// TestSwitchAccount signs out on the authorize screen, and comes back with another account. A
// user who keeps the account comes back as well.
func TestSwitchAccount(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s, a := startSite(t), startApp(t)
		ann := signedIn(t, s, "ann", m)
		ann.open(a.ask(authorizePath))
		ann.follow("Use another one")
		ann.follow("Cancel")
		ann.sees("Ann Adler", "calls itself")
		ann.follow("Use another one")
		ann.press("Sign out")
		ann.sees("You are signed out.")
		ann.signIn("bob")
		ann.sees("Bob Bauer", "calls itself")
	})
}

// TestConnectAgain connects one application three times, the third time in the place of
// the second.
func TestConnectAgain(t *testing.T) {
	t.Parallel()
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		s, a := startSite(t), startApp(t)
		bob := signedIn(t, s, "bob", m)
		bob.allow(a.url + "/")
		var secrets []string
		for i := range 3 {
			bob.open(a.ask(authorizePath))
			if i > 0 {
				bob.sees("Connected before", "The earlier passwords keep working.", "connected before on")
			}
			if i == 2 {
				bob.do("tick the newest", chromedp.Click(chromedp.CSS("input[name=replace]")))
			}
			bob.press("Yes, connect")
			bob.sees("Thank you.")
			secrets = append(secrets, a.called().query.Get("password"))
		}
		for i, want := range []bool{true, false, true} {
			if s.works("bob", secrets[i]) != want {
				t.Errorf("password %d works: %v", i, !want)
			}
		}
	})
}
