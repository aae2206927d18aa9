package e2e_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestFolderAndPrefix is a person at a server in a folder with a name that is not ASCII, in
// front of an application that has paths of the same names. The browser may ask nothing
// outside of the folder.
func TestFolderAndPrefix(t *testing.T) {
	t.Parallel()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><title>x</title><h1>The application has `+r.URL.EscapedPath()+`</h1>`)
	}))
	t.Cleanup(application.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close() // for the server, whose URL must have the port
	const base, prefix = "/caf%C3%A9", "/.sparekey"
	s := startSite(t, "--listen="+address, "--url=http://"+address+"/caf\u00e9/", "--prefix="+prefix, "--upstream="+application.URL+"/shop")
	s.url = "http://" + address + base
	a := startApp(t)
	withAndWithoutScript(t, func(t *testing.T, m mode) {
		bob := openTab(t, s, m)
		bob.allow(a.url + "/")
		for _, path := range []string{"/sign-in", "/healthz", accountPath} {
			bob.open(path)
			bob.sees("The application has /shop" + path)
		}
		bob.open(prefix + accountPath)
		bob.signIn("bob").sees("New application password")
		bob.follow("New application password")
		bob.fill("Name of the app or device", "Phone")
		bob.press("Add password")
		bob.sees("Password for Phone", s.url)
		secret := bob.secret()
		if !s.works("bob", secret) {
			t.Error("the secret does not work")
		}
		bob.follow("Back to the list")
		bob.follow("Revoke Phone")
		bob.press("Revoke")
		bob.sees("The application password is revoked.")
		if s.works("bob", secret) {
			t.Error("the secret still works")
		}
		bob.open(prefix + "/.well-known/change-password")
		bob.sees("Your account")
		bob.do("choose a language", chromedp.SetValue(chromedp.CSS("#language"), "de"))
		bob.do("save it", chromedp.Click(chromedp.CSS("form:has([value=language]) button")))
		bob.sees("Dein Konto")
		bob.do("choose the browser's", chromedp.SetValue(chromedp.CSS("#language"), ""))
		bob.do("save it", chromedp.Click(chromedp.CSS("form:has([value=language]) button")))
		bob.sees("Your account")

		bob.open(a.ask(s.url + authorizePath))
		bob.sees("Connect Desk app to Sparekey?", a.url)
		bob.press("Yes, connect")
		bob.sees("Thank you.")
		got := a.called().query
		if got.Get("site_url") != s.url || !s.works(got.Get("user_login"), got.Get("password")) {
			t.Errorf("the application gets %q for %q", got.Get("site_url"), got.Get("user_login"))
		}
		bob.open(prefix + "/sign-out")
		bob.press("Sign out")
		bob.sees("You are signed out.")
		if at := bob.path(); !strings.HasPrefix(at, base+prefix+"/sign-in") {
			t.Errorf("at %s", at)
		}
	})
}
