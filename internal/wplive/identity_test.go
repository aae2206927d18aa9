package wplive_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

const (
	identityPlugin = "../../contrib/wordpress/sparekey-identity.php"
	showPlugin     = "testdata/zz-show.php"
	showPath       = "/wp-json/test/v1/show"
)

// signed is what Sparekey sends, signed by the rules in the documentation of
// package gateway and not by its code.
type signed struct {
	key, method, target                     string
	user, userID, roles, credential, scopes string
	age                                     time.Duration
	unscoped                                bool // without scopes, behind a proxy that drops empty headers
}

func (s signed) header() http.Header {
	t := strconv.FormatInt(time.Now().Add(-s.age).Unix(), 10)
	if s.unscoped {
		s.scopes = ""
	}
	lines := []string{"v1", t, s.method, s.target, s.user, s.userID, s.roles, s.credential, s.scopes}
	mac := hmac.New(sha256.New, []byte(s.key))
	fmt.Fprint(mac, strings.Join(lines, "\n"))
	h := http.Header{
		"X-Sparekey-User":       {s.user},
		"X-Sparekey-User-Id":    {s.userID},
		"X-Sparekey-Roles":      {s.roles},
		"X-Sparekey-Credential": {s.credential},
		"X-Sparekey-Scopes":     {s.scopes},
		"X-Sparekey-Signature":  {"v1;t=" + t + ";s=" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))},
	}
	if s.unscoped {
		h.Del("X-Sparekey-Scopes")
	}
	return h
}

// shown is the answer at showPath.
type shown struct {
	Login    string
	Identity *struct {
		User, User_ID, Credential string //nolint:revive // as PHP spells it
		Scopes, Roles             []string
	}
	Left   []string
	Cached bool
	Code   string
}

func show(t *testing.T, site *wptest.Site, c wptest.Call) (status int, s shown) {
	t.Helper()
	if c.Path == "" {
		c.Path = showPath
	}
	answer := wptest.Send(t, site.URL, c)
	answer.Decode(t, &s)
	if len(s.Left) != 0 {
		t.Errorf("other code sees %q", s.Left)
	}
	return answer.Status, s
}

// newKey makes a signing key in a file.
func newKey(t *testing.T) (key, file string) {
	t.Helper()
	key = strings.Repeat("0123456789abcdef", 4)
	file = filepath.Join(t.TempDir(), "identity.key")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return key, file
}

// identitySite is a site with the plugin, whose PHP never sees Authorization but
// every header with underscores: the worst host.
func identitySite(t *testing.T) (site *wptest.Site, keyFile, key string) {
	t.Helper()
	key, keyFile = newKey(t)
	return wptest.Start(t, wptest.Config{
		MustUse:            []string{identityPlugin, showPlugin},
		ConfigPHP:          "define( 'SPAREKEY_IDENTITY_KEY_FILE', '" + keyFile + "' );",
		StripAuthorization: true,
		PassUnderscores:    true,
	}), keyFile, key
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	site, keyFile, key := identitySite(t)
	as := func(login string) signed {
		return signed{
			key: key, method: http.MethodGet, target: showPath, user: login, userID: strconv.Itoa(site.Users[login].ID),
			roles: site.Users[login].Role, credential: "0ff1ce00-0000-4000-8000-000000000001", scopes: "read,wp:posts",
		}
	}

	t.Run("every role", func(t *testing.T) {
		for login := range site.Users {
			status, got := show(t, site, wptest.Call{Header: as(login).header()})
			if login == wptest.Contributor {
				if status != http.StatusForbidden || got.Code != "sparekey_user_disabled" {
					t.Errorf("disabled by the site: %d %+v", status, got)
				}
				continue
			}
			if status != http.StatusOK || got.Login != login || got.Identity == nil || got.Cached ||
				got.Identity.Credential != as(login).credential || strings.Join(got.Identity.Scopes, " ") != "read wp:posts" {
				t.Errorf("%s: %d %+v", login, status, got)
			}
		}
	})
	t.Run("without scopes", func(t *testing.T) {
		s := as(wptest.Author)
		s.unscoped = true
		if status, got := show(t, site, wptest.Call{Header: s.header()}); status != http.StatusOK || got.Login != wptest.Author {
			t.Errorf("%d %+v", status, got)
		}
	})
	t.Run("an odd login", func(t *testing.T) {
		user := site.AddUser(t, "odd", "author")
		const login = "Jörg O'Neil 100%"
		site.PHP(t, `global $wpdb; $wpdb->update( $wpdb->users, array( 'user_login' => $args[0] ), array( 'ID' => $args[1] ) );`,
			login, strconv.Itoa(user.ID))
		s := as("odd")
		s.user = url.PathEscape(login)
		if status, got := show(t, site, wptest.Call{Header: s.header()}); status != http.StatusOK || got.Login != login {
			t.Errorf("%d %+v", status, got)
		}
	})
	t.Run("may what the user may", func(t *testing.T) { testIdentityActs(t, site, as) })
	t.Run("attacks", func(t *testing.T) { testIdentityAttacks(t, site, as) })
	t.Run("spoofed names", func(t *testing.T) { testIdentitySpoofs(t, site, as) })
	t.Run("only where REST is", func(t *testing.T) { testIdentityElsewhere(t, site, as) })
	t.Run("route in the body", func(t *testing.T) {
		s := as(wptest.Editor)
		s.method = http.MethodPost
		h := s.header()
		h.Set("Content-Type", "application/x-www-form-urlencoded")
		// WordPress takes the route from a form before it takes it from the address.
		body := strings.NewReader("rest_route=/wp/v2/users/me/application-passwords&name=back+door")
		if status, got := show(t, site, wptest.Call{Method: s.method, Header: h, Body: body}); status != http.StatusBadRequest || got.Code != "sparekey_route_in_body" {
			t.Errorf("%d %+v", status, got)
		}
	})
	t.Run("keys", func(t *testing.T) { testIdentityKeys(t, site, as, keyFile) })
	if complaints := site.Errors(t); complaints != "" {
		t.Errorf("PHP says:\n%s", complaints)
	}
}

// testIdentityActs: the current user is one for all that WordPress does.
func testIdentityActs(t *testing.T, site *wptest.Site, as func(string) signed) {
	const posts = "/wp-json/wp/v2/posts"
	for login, want := range map[string]int{wptest.Author: http.StatusCreated, wptest.Subscriber: http.StatusForbidden} {
		s := as(login)
		s.method, s.target = http.MethodPost, posts
		answer := wptest.Send(t, site.URL, wptest.Call{Method: s.method, Path: posts, JSON: `{"title":"hello","status":"publish"}`, Header: s.header()})
		if answer.Status != want {
			t.Errorf("%s posts: %s", login, answer)
		}
	}
}

// testIdentityAttacks: attempts of an attacker without the key.
func testIdentityAttacks(t *testing.T, site *wptest.Site, as func(string) signed) {
	refused := map[string]struct {
		change func(*signed)        // before it is signed
		tamper func(h http.Header)  // afterwards
		call   func(c *wptest.Call) // and sent otherwise
	}{
		"for another path":      {change: func(s *signed) { s.target = "/wp-json/test/v1/other" }},
		"for another query":     {call: func(c *wptest.Call) { c.Path += "?user_id=2" }},
		"query signed, dropped": {change: func(s *signed) { s.target += "?context=view" }},
		"same path, encoded":    {call: func(c *wptest.Call) { c.Path = "/wp-json/test/v1/sho%77" }, change: func(s *signed) { s.target = showPath }},
		"for another method":    {call: func(c *wptest.Call) { c.Method = http.MethodDelete }},
		"signed in lower case":  {change: func(s *signed) { s.method = "get" }},
		"old":                   {change: func(s *signed) { s.age = 32 * time.Second }},
		"from the future":       {change: func(s *signed) { s.age = -32 * time.Second }},
		"another key":           {change: func(s *signed) { s.key = strings.Repeat("x", 64) }},
		"no key":                {change: func(s *signed) { s.key = "" }},
		"key with its newline":  {change: func(s *signed) { s.key += "\n" }},
		"another user":          {tamper: func(h http.Header) { h.Set("X-Sparekey-User", wptest.Admin) }},
		"another ID":            {tamper: func(h http.Header) { h.Set("X-Sparekey-User-Id", "1") }},
		"another role":          {tamper: func(h http.Header) { h.Set("X-Sparekey-Roles", "administrator") }},
		"more scopes":           {tamper: func(h http.Header) { h.Set("X-Sparekey-Scopes", "write") }},
		"scopes missing":        {tamper: func(h http.Header) { h.Del("X-Sparekey-Scopes") }},
		"roles missing, values moved up": {change: func(s *signed) { s.unscoped = true }, tamper: func(h http.Header) {
			h["X-Sparekey-Scopes"], h["X-Sparekey-Credential"] = h["X-Sparekey-Credential"], h["X-Sparekey-Roles"]
			h.Del("X-Sparekey-Roles")
		}},
		"credential missing": {tamper: func(h http.Header) { h.Del("X-Sparekey-Credential") }},
		"user twice":         {tamper: func(h http.Header) { h.Add("X-Sparekey-User", wptest.Admin) }},
		"another version":    {tamper: func(h http.Header) { replace(h, "v1;", "v2;") }},
		"another time": {tamper: func(h http.Header) {
			h.Set("X-Sparekey-Signature", fmt.Sprintf("v1;t=%d;s=%s", time.Now().Unix()+1, strings.Split(h.Get("X-Sparekey-Signature"), ";s=")[1]))
		}},
		"padded":             {tamper: func(h http.Header) { replace(h, "", "=") }},
		"cut":                {tamper: func(h http.Header) { h.Set("X-Sparekey-Signature", h.Get("X-Sparekey-Signature")[:50]) }},
		"no signature in it": {tamper: func(h http.Header) { h.Set("X-Sparekey-Signature", "v1;t=1;s=") }},
		"empty":              {tamper: func(h http.Header) { h.Set("X-Sparekey-Signature", "") }},
		"an array for PHP":   {tamper: func(h http.Header) { h.Set("X-Sparekey-Signature", "s[]=x") }},
		"long":               {tamper: func(h http.Header) { h.Set("X-Sparekey-Signature", "v1;t=1;s="+strings.Repeat("A", 3000)) }},
		"signature twice":    {tamper: func(h http.Header) { h.Add("X-Sparekey-Signature", "v1;t=1;s="+strings.Repeat("A", 43)) }},
	}
	for name, attack := range refused {
		t.Run(name, func(t *testing.T) {
			s := as(wptest.Subscriber)
			if attack.change != nil {
				attack.change(&s)
			}
			call := wptest.Call{Path: showPath, Header: s.header()}
			if attack.tamper != nil {
				attack.tamper(call.Header)
			}
			if attack.call != nil {
				attack.call(&call)
			}
			if status, got := show(t, site, call); status != http.StatusUnauthorized || !strings.HasPrefix(got.Code, "sparekey_") {
				t.Errorf("%d %+v", status, got)
			}
		})
	}

	t.Run("without a signature", func(t *testing.T) {
		call := wptest.Call{Header: as(wptest.Admin).header()}
		call.Header.Del("X-Sparekey-Signature")
		if status, got := show(t, site, call); status != http.StatusOK || got.Login != "" || got.Identity != nil {
			t.Errorf("%d %+v", status, got)
		}
	})
	t.Run("the ID of one and the login of another, rightly signed", func(t *testing.T) {
		for _, change := range []func(*signed){
			func(s *signed) { s.user = wptest.Editor },
			func(s *signed) { s.user = strings.ToUpper(s.user) },
			func(s *signed) { s.userID = "0" + s.userID },
			func(s *signed) { s.userID += " or 1=1" },
			func(s *signed) { s.userID = "" },
			func(s *signed) { s.user, s.userID = "", "" },
			func(s *signed) { s.userID = "999999" },
		} {
			s := as(wptest.Subscriber)
			change(&s)
			if status, got := show(t, site, wptest.Call{Header: s.header()}); status != http.StatusForbidden || got.Code != "sparekey_unknown_user" {
				t.Errorf("%+v: %d %+v", s, status, got)
			}
		}
	})
}

// replace changes the start of the signature's header, or adds to its end if old
// is empty.
func replace(h http.Header, old, replacement string) {
	value := h.Get("X-Sparekey-Signature")
	if old == "" {
		h.Set("X-Sparekey-Signature", value+replacement)
		return
	}
	h.Set("X-Sparekey-Signature", strings.Replace(value, old, replacement, 1))
}

// testIdentitySpoofs: PHP cannot tell these names from the real ones. The user must stay the
// one in the signature.
func testIdentitySpoofs(t *testing.T, site *wptest.Site, as func(string) signed) {
	for _, name := range []string{
		"x-sparekey-user", "X_Sparekey_User", "x_sparekey_user", "X-Sparekey_User", "X_SPAREKEY-USER", "X-sParekey-User",
	} {
		alone := wptest.Call{Header: http.Header{name: {wptest.Admin}, strings.Replace(name, "ser", "ser-id", 1): {"1"}}}
		if status, got := show(t, site, alone); status != http.StatusOK || got.Login != "" || got.Identity != nil {
			t.Errorf("%s alone: %d %+v", name, status, got)
		}
		beside := wptest.Call{Header: as(wptest.Subscriber).header()}
		beside.Header[name] = []string{wptest.Admin}
		status, got := show(t, site, beside)
		if got.Login == wptest.Admin || status == http.StatusOK && got.Login != wptest.Subscriber {
			t.Errorf("%s beside a signature: %d %+v", name, status, got)
		}
	}
}

// testIdentityElsewhere: the identity counts for REST and nothing else, and a
// cookie goes first.
func testIdentityElsewhere(t *testing.T, site *wptest.Site, as func(string) signed) {
	for path, want := range map[string]int{
		"/wp-admin/profile.php":                      http.StatusFound,      // to sign-in
		"/wp-admin/admin-ajax.php?action=rest-nonce": http.StatusBadRequest, // anonymous
	} {
		s := as(wptest.Admin)
		s.target = path
		if answer := wptest.Send(t, site.URL, wptest.Call{Path: path, Header: s.header()}); answer.Status != want {
			t.Errorf("%s: %s", path, answer)
		}
	}
	s := as(wptest.Admin)
	s.target = "/?rest_route=/test/v1/show"
	if status, got := show(t, site, wptest.Call{Path: s.target, Header: s.header()}); status != http.StatusOK || got.Login != wptest.Admin {
		t.Errorf("plain addresses: %d %+v", status, got)
	}

	cookie, nonce := signIn(t, site, wptest.Editor)
	both := as(wptest.Subscriber).header()
	both.Set("Cookie", cookie)
	if status, got := show(t, site, wptest.Call{Header: both}); status != http.StatusOK || got.Login != "" {
		t.Errorf("a cookie without a nonce: %d %+v", status, got)
	}
	both = as(wptest.Subscriber).header()
	both.Set("Cookie", cookie)
	both.Set("X-Wp-Nonce", nonce)
	if status, got := show(t, site, wptest.Call{Header: both}); status != http.StatusOK || got.Login != wptest.Editor {
		t.Errorf("a cookie and a nonce: %d %+v", status, got)
	}
}

// signIn signs in as a browser does, and returns the cookies and a nonce for REST.
func signIn(t *testing.T, site *wptest.Site, login string) (cookie, nonce string) {
	t.Helper()
	form := url.Values{"log": {login}, "pwd": {site.Users[login].Password}, "testcookie": {"1"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, site.URL+"/wp-login.php", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "wordpress_test_cookie=WP%20Cookie%20check")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var cookies []string
	for _, c := range res.Cookies() {
		if c.Value != "" && c.Value != "+" {
			cookies = append(cookies, c.Name+"="+c.Value)
		}
	}
	cookie = strings.Join(cookies, "; ")
	answer := wptest.Send(t, site.URL, wptest.Call{Path: "/wp-admin/admin-ajax.php?action=rest-nonce", Header: http.Header{"Cookie": {cookie}}})
	if answer.Status != http.StatusOK {
		t.Fatalf("sign-in: %s: %s", cookie, answer)
	}
	return cookie, answer.Body
}

// testIdentityKeys: without a good key no signature is accepted, least of all one made with the
// bad key.
func testIdentityKeys(t *testing.T, site *wptest.Site, as func(string) signed, keyFile string) {
	good := as(wptest.Admin)
	for name, key := range map[string]string{"empty": "", "short": strings.Repeat("k", 31), "line ends": strings.Repeat("\r\n", 64)} {
		if err := os.WriteFile(keyFile, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, signedWith := range []string{key, strings.TrimSpace(key), good.key} {
			s := good
			s.key = signedWith
			if status, got := show(t, site, wptest.Call{Header: s.header()}); status != http.StatusServiceUnavailable || got.Code != "sparekey_no_key" {
				t.Errorf("%s: %d %+v", name, status, got)
			}
		}
		if status, got := show(t, site, wptest.Call{}); status != http.StatusOK || got.Login != "" {
			t.Errorf("%s, nothing signed: %d %+v", name, status, got)
		}
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if status, got := show(t, site, wptest.Call{Header: good.header()}); status != http.StatusServiceUnavailable || got.Code != "sparekey_no_key" {
		t.Errorf("no file: %d %+v", status, got)
	}
}
