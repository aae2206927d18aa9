package wplive_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

const (
	signInPath    = "/sign-in"
	accountPath   = "/account/application-passwords"
	authorizePath = "/wp-admin/authorize-application.php"
)

// person is a browser, as far as forms go.
type person struct {
	t      *testing.T
	base   string
	client http.Client
}

func newPerson(t *testing.T, base string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, base, http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (p *person) do(method, path string, form url.Values) (*http.Response, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res, string(body)
}

// signIn reports whether a login and a password sign a person in.
func (p *person) signIn(login, password string) bool {
	p.t.Helper()
	res, body := p.do(http.MethodPost, signInPath, url.Values{"login": {login}, "password": {password}, "redirect_to": {accountPath}})
	switch res.StatusCode {
	case http.StatusFound, http.StatusSeeOther:
		return true
	case http.StatusOK, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
		return false
	}
	p.t.Fatalf("sign-in: %d %s", res.StatusCode, body)
	return false
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// TestPagesOnWordPress: the users of a live WordPress sign in to Sparekey's pages
// with the passwords that they have there, see what they made there, and give an
// application a password that works there.
func TestPagesOnWordPress(t *testing.T) {
	t.Parallel()
	site := wptest.Start(t, wptest.Config{})
	key := serve(t, site)
	user := site.Users[wptest.Author]
	applicationSecret, _ := site.CreatePassword(t, wptest.Author, "Made in WordPress")

	for password, want := range map[string]bool{
		user.Password: true, user.Password + "x": false, "": false, applicationSecret: false, site.Users[wptest.Admin].Password: false,
	} {
		if got := newPerson(t, key.url).signIn(wptest.Author, password); got != want {
			t.Errorf("signed in with %q: %t", password, got)
		}
	}
	ann := newPerson(t, key.url)
	if !ann.signIn(strings.ToUpper(user.Email), user.Password) {
		t.Error("not by e-mail")
	}
	if _, page := ann.do(http.MethodGet, accountPath, nil); !strings.Contains(page, "Made in WordPress") {
		t.Errorf("the list:\n%s", page)
	}

	secret := authorize(t, ann)
	for _, base := range []string{site.URL, key.url} {
		if answer := wptest.Send(t, base, wptest.Call{Path: introspect, Login: wptest.Author, Secret: secret}); answer.Status != http.StatusOK ||
			!strings.Contains(answer.Body, `"Phone"`) {
			t.Errorf("%s", answer)
		}
	}

	// A new main password, of WordPress, ends the old one and leaves the rest.
	site.PHP(t, `wp_set_password( $args[0], (int) $args[1] );`, "another one", strconv.Itoa(user.ID))
	if newPerson(t, key.url).signIn(wptest.Author, user.Password) || !newPerson(t, key.url).signIn(wptest.Author, "another one") {
		t.Error("the main password is not WordPress's")
	}
	side{"Sparekey", key.url}.call(t, http.StatusOK, wptest.Call{Path: introspect, Login: wptest.Author, Secret: secret})
	key.checkLog(t, secret, applicationSecret, user.Password, "another one")
}

// authorize approves an application, and returns what is handed over to it.
func authorize(t *testing.T, p *person) (secret string) {
	t.Helper()
	const success = "https://app.example/back?state=1"
	path := authorizePath + "?" + url.Values{"app_name": {"Phone"}, "success_url": {success}}.Encode()
	_, page := p.do(http.MethodGet, path, nil)
	form := url.Values{"app_name": {"Phone"}, "approve": {"1"}}
	for _, field := range hidden.FindAllStringSubmatch(page, -1) {
		form.Set(field[1], html.UnescapeString(field[2]))
	}
	res, body := p.do(http.MethodPost, authorizePath, form)
	to, err := res.Location()
	if err != nil {
		t.Fatalf("approve: %d %s", res.StatusCode, body)
	}
	query := to.Query()
	if to.Host != "app.example" || query.Get("state") != "1" || query.Get("user_login") != wptest.Author {
		t.Errorf("sent to %s", to.Redacted())
	}
	return query.Get("password")
}
