package cli

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// moved is a server whose own paths are elsewhere.
type moved struct {
	*visitor
	p        paths
	jar      *cookiejar.Jar
	database string
}

// startMoved starts a server with an account ann, whose main password is "correct horse".
func startMoved(t *testing.T, base, prefix string, args ...string) (*moved, account) {
	t.Helper()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	mustCLI(t, database, "user", "update", "ann", "--user_pass=correct horse")
	if base != "" {
		args = append(args, "--url", "http://127.0.0.1"+base)
	}
	if prefix != "" {
		args = append(args, "--prefix", prefix)
	}
	s := startServer(t, database, args...)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &moved{&visitor{t, s, http.Client{Jar: jar}}, paths{base, prefix}, jar, database}, ann
}

// TestOwnPathsMove has a person use every page, at a server in a folder, one whose own paths
// have a prefix, and one with both, alone and in front of an application.
func TestOwnPathsMove(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		base, prefix string
		inFront      bool
	}{
		{"/blog", "", false},
		{"", "/.sparekey", false},
		{"/blog", "", true},
		{"", "/.sparekey", true},
		{"/blog", "/.sparekey", true},
		{"/Two/~x.y", "/%C3%A9%20x", true},
	} {
		t.Run(strings.TrimPrefix(c.base+c.prefix, "/"), func(t *testing.T) {
			t.Parallel()
			var args []string
			if c.inFront {
				args = append(args, "--upstream", newApplication(t))
			}
			m, ann := startMoved(t, c.base, c.prefix, args...)
			m.api(t, ann)
			m.journey(t)
			m.elsewhere(t, c.inFront)
		})
	}
}

var (
	addresses = regexp.MustCompile(`\s(?:href|src|action)="([^"]*)"`)
	hidden    = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// shows returns a page after it has looked at where its links lead: to other pages of the
// server alone, and to files that are there.
func (m *moved) shows(path string) string {
	m.t.Helper()
	at, body := m.page(path)
	if strings.Contains(body, "application: ") || !strings.Contains(body, "Sparekey") {
		m.t.Errorf("%s leads to %s: %s", path, at, body)
	}
	for _, found := range addresses.FindAllStringSubmatch(body, -1) {
		address := html.UnescapeString(found[1])
		if strings.HasPrefix(address, "http") || !strings.HasPrefix(address, "/") {
			continue
		}
		if !strings.HasPrefix(address, m.p.own("/")) {
			m.t.Errorf("%s links to %s", path, address)
		}
		if strings.Contains(address, "/assets/") {
			if res, _ := m.s.get(m.t, &m.Client, address); res.StatusCode != http.StatusOK {
				m.t.Errorf("%s: %d", address, res.StatusCode)
			}
		}
	}
	return body
}

// send sends the form of a page with its hidden fields and some more.
func (m *moved) send(path string, more url.Values) string {
	m.t.Helper()
	for _, found := range hidden.FindAllStringSubmatch(m.shows(path), -1) {
		more.Add(html.UnescapeString(found[1]), html.UnescapeString(found[2]))
	}
	return m.post(path, more)
}

// journey signs in, and uses every page.
func (m *moved) journey(t *testing.T) {
	t.Helper()
	own := m.p.own
	if at, _ := m.page(own(accountPath)); at != decoded(t, own(signInPath)) {
		t.Errorf("one who is not signed in is led to %s", at)
	}
	m.send(own(signInPath), url.Values{"login": {"ann"}, "password": {"correct horse"}})
	if body := m.send(own(accountPath)+"/new", url.Values{"name": {"made here"}, "limit_preset": {"all"}}); !strings.Contains(body, "made here") {
		t.Errorf("created: %s", body)
	}
	list := m.shows(own(accountPath))
	revoke := regexp.MustCompile(`href="([^"]*/revoke/[^"]*)"`).FindAllStringSubmatch(list, -1)
	if !strings.Contains(list, "made here") || len(revoke) != 2 {
		t.Fatalf("the list is %s", list)
	}
	for _, path := range []string{own(authorizePath), m.p.wordPress(wpAuthorizePath)} {
		body := m.send(path+"?app_name=an+app", url.Values{"app_name": {"an app"}, "approve": {"1"}})
		if !strings.Contains(body, `id="new-application-password-value"`) {
			t.Errorf("authorised at %s: %s", path, body)
		}
	}
	for _, link := range revoke {
		m.send(html.UnescapeString(link[1]), url.Values{})
	}
	if body := m.shows(own(accountPath)); strings.Contains(body, "made here") || !strings.Contains(body, "an app") {
		t.Errorf("after the revocation: %s", body)
	}
	m.send(own(profilePath), url.Values{"what": {"language"}, "language": {"de"}})
	if body := m.shows(own(profilePath)); !strings.Contains(body, `lang="de"`) {
		t.Errorf("in German: %s", body)
	}
	m.cookies(t)
	if at, _ := m.page(own(changePasswordPath)); m.p.prefix != "" && at != decoded(t, own(profilePath)) {
		t.Errorf("password managers are led to %s", at)
	}
	m.send(own(confirmPath), url.Values{"password": {"correct horse"}})
	m.send(own(signOutPath), url.Values{})
	if at, _ := m.page(own(accountPath)); at != decoded(t, own(signInPath)) {
		t.Errorf("signed out, and led to %s", at)
	}
}

// cookies are those of the folder of the site, and of no other one.
func (m *moved) cookies(t *testing.T) {
	t.Helper()
	at := func(path string) int {
		u, err := url.Parse(m.s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		return len(m.jar.Cookies(u))
	}
	if in, root := at(m.p.base+"/"), at("/other/"); in != 2 || m.p.base != "" && root != 0 {
		t.Errorf("%d cookies in the folder, %d elsewhere", in, root)
	}
}

// api looks at the API's own addresses, which --prefix does not move.
func (m *moved) api(t *testing.T, ann account) {
	t.Helper()
	s, home := m.s, "http://127.0.0.1"+m.p.base
	for _, slashes := range []string{"/", "//", "///"} {
		status, body := s.askRaw(t, ann, m.p.base+slashes+"wp-json/wp/v2/users/me/application-passwords")
		if status != http.StatusOK || m.p.base != "" && !strings.Contains(strings.ReplaceAll(body, `\/`, "/"), `"href":"`+home+`/wp-json/wp/v2/`) {
			t.Errorf("%s: %d %s", slashes, status, body)
		}
	}
	if status, body := s.ask(t, ann, m.p.base+"/?rest_route=/wp/v2/users/me/application-passwords"); status != http.StatusOK {
		t.Errorf("by the query: %d %s", status, body)
	}
	for _, path := range []string{alivePath, readyPath, "/-/doctor"} {
		if status, body := s.ask(t, account{}, m.p.own(path)); status != http.StatusOK || strings.Contains(body, "application: ") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, body := s.ask(t, account{}, m.p.prefix+"/-/auth/nginx"); status != http.StatusForbidden || !strings.Contains(body, "proxies") {
		t.Errorf("a proxy asks: %d %s", status, body)
	}
}

// elsewhere asks for Sparekey's own paths where they were: the application has them in its
// own folder, and no program anywhere else.
func (m *moved) elsewhere(t *testing.T, inFront bool) {
	t.Helper()
	for _, path := range []string{
		accountPath, accountPath + "/new", profilePath, authorizePath, signInPath, signOutPath, confirmPath, alivePath, readyPath, "/-/doctor", "/", "/x",
	} {
		if m.p.prefix != "" && inFront {
			want := "application: GET " + path + " "
			if status, body := m.s.ask(t, account{}, m.p.base+path); status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("the application's own %s: %d %s", path, status, body)
			}
		}
		if m.p.base == "" {
			continue
		}
		for _, outside := range []string{path, strings.ToUpper(m.p.base) + "x" + path, m.p.base + "x" + path} {
			if status, body := m.s.ask(t, account{}, outside); status != http.StatusNotFound || strings.Contains(body, "application: ") {
				t.Errorf("outside, at %s: %d %s", outside, status, body)
			}
		}
	}
	if m.p.base == "" && inFront {
		return // the application's
	}
	if status, _ := m.s.ask(t, account{}, changePasswordPath); status != http.StatusFound {
		t.Errorf("%s: %d", changePasswordPath, status)
	}
}

func decoded(t *testing.T, path string) string {
	t.Helper()
	path, err := url.PathUnescape(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestIndexInFolder has clients find the way to authorise, and the API, in a folder.
func TestIndexInFolder(t *testing.T) {
	t.Parallel()
	for given, base := range map[string]string{
		"/blog": "/blog", "/blog/": "/blog", "/Blog//": "/Blog", "/caf\u00e9": "/caf%C3%A9", "/caf%c3%a9/": "/caf%C3%A9", "/": "", "//": "",
	} {
		m, ann := startMoved(t, given, "/.sparekey/")
		want := "http://127.0.0.1" + base
		for _, path := range []string{base + "/wp-json/", strings.ToLower(base) + "/wp-json/"} {
			res, body := m.s.get(t, http.DefaultClient, path)
			if path != base+"/wp-json/" && base == "/Blog" {
				if res.StatusCode != http.StatusNotFound {
					t.Errorf("%s, %s: %d", given, path, res.StatusCode)
				}
				continue
			}
			var index struct {
				URL, Home      string
				Authentication map[string]struct{ Endpoints map[string]string }
			}
			if err := json.Unmarshal([]byte(body), &index); err != nil {
				t.Fatalf("%s, %s: %v: %s", given, path, err, body)
			}
			authorize := index.Authentication["application-passwords"].Endpoints["authorization"]
			if index.URL != want || index.Home != want || authorize != want+wpAuthorizePath || !strings.Contains(res.Header.Get("Link"), "<"+want+"/wp-json/>") {
				t.Errorf("%s: %+v, Link %s", given, index, res.Header.Get("Link"))
			}
		}
		if status, _ := m.s.ask(t, ann, base+"/wp-json/wp/v2/users/me"); status != http.StatusOK {
			t.Errorf("%s: %d", given, status)
		}
	}
}

// TestUpstreamInFolder: the path of --upstream takes the place of that of --url, and all else
// stays byte for byte as it is.
func TestUpstreamInFolder(t *testing.T) {
	t.Parallel()
	application := newApplication(t)
	for _, c := range []struct {
		base, folder, asked, gets string // no gets: 404
	}{
		{"", "", "/x", "/x"},
		{"", "/blog", "/x?y=/z", "/blog/x?y=/z"},
		{"", "/blog/", "/", "/blog/"},
		{"", "/blog", "/a%2Fb//c;d?x", "/blog/a%2Fb//c;d?x"},
		{"/blog", "/blog", "/blog/x", "/blog/x"},
		{"/blog", "/blog", "/blog", "/blog"},
		{"/blog", "/blog", "/blog?x", "/blog?x"},
		{"/blog", "", "/blog/x", "/x"},
		{"/blog", "", "/blog", "/"},
		{"/blog", "", "/blog?x", "/?x"},
		{"/blog", "", "/blog//x", "//x"},
		{"/public", "/App/%C3%A9", "/public/x%2f", "/App/%C3%A9/x%2f"},
		{"/caf%C3%A9", "/caf\u00e9", "/caf%c3%a9/x", "/caf%C3%A9/x"},
		{"/blog", "/blog", "/x", ""},
		{"/blog", "/blog", "/blogx", ""},
		{"/blog", "/blog", "/%2e%2e/blog/y", ""},
		{"/blog", "/blog", "/blog%2Fx", ""},
		{"/blog", "", "/blog/../x", "/../x"}, // there is nothing above it
		{"", "/blog", "/a..b/.../..c/%2e/x", "/blog/a..b/.../..c/%2e/x"},
		{"", "/blog", "/x?y=/../z", "/blog/x?y=/../z"},
		{"", "/blog", "/../other", ""},
		{"/blog", "/blog", "/blog/..", ""},
		{"/blog", "/app", "/blog/%2e%2e/other", ""},
		{"/blog", "/app", "/blog/x/.%2E/../other", ""},
		{"/blog", "/app", "/blog/..%2fother", ""},
		{"/blog", "/app", "/blog/%252e%252e%252fother", ""},
		{"/blog", "/app", "/blog/..;x=y/other", ""},
		{"/blog", "/app", "/blog/..%5cother", ""},
		{"/blog", "/app", "/blog/%20..%00/other", ""},
	} {
		m, ann := startMoved(t, c.base, "", "--upstream", application+c.folder)
		status, body := m.s.ask(t, ann, c.asked)
		if c.gets == "" && (status != http.StatusNotFound || strings.Contains(body, "application: ")) ||
			c.gets != "" && !strings.Contains(body, "application: GET "+c.gets+" user=ann") {
			t.Errorf("%s at %q for %q: %d %s", c.asked, c.base, c.folder, status, body)
		}
	}
}

// TestPathsThatAreRefused names what is wrong with a path at the start.
func TestPathsThatAreRefused(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	for _, c := range []struct{ flag, value, why string }{
		{"--url", "https://example.org/a/../b", "dot segments"},
		{"--url", "https://example.org/%2e%2e/b", "dot segments"},
		{"--url", "https://example.org/a//b", "double slashes"},
		{"--url", "https://example.org/a%2Fb", "special characters"},
		{"--url", "https://example.org/blog?x=y", "query"},
		{"--url", "https://example.org/blog#x", "fragment"},
		{"--url", "https://ann:x@example.org/blog", "login"},
		{"--upstream", "http://127.0.0.1:8088/./a", "dot segments"},
		{"--upstream", "http://127.0.0.1:8088/blog?x=y", "query"},
		{"--upstream", "http://127.0.0.1:8088/a;b", "special characters"},
		{"--prefix", "/a/../b", "dot segments"},
		{"--prefix", "/a?b", "special characters"},
		{"--prefix", "sparekey", "such as /.sparekey"},
		{"--prefix", "/", "such as /.sparekey"},
		{"--prefix", "https://example.org/x", "such as /.sparekey"},
		{"--prefix", "/WP-json/x", "of WordPress"},
		{"--prefix", "/wp-admin", "of WordPress"},
	} {
		if _, err := cli(t.Context(), database, "serve", c.flag, c.value); err == nil ||
			!strings.Contains(err.Error(), c.flag) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s %s: %v, want an error about %q", c.flag, c.value, err, c.why)
		}
	}
}

// TestSecureCookieInFolder: over https, a cookie of a folder has the strictest name that
// browsers allow there.
func TestSecureCookieInFolder(t *testing.T) {
	t.Parallel()
	for base, want := range map[string][2]string{"": {"__Host-sparekey=", "Path=/;"}, "/blog": {"__Secure-sparekey=", "Path=/blog;"}} {
		m, _ := startMoved(t, "", "/own", "--url", "https://example.org"+base)
		m.p.base = base
		form := url.Values{"login": {"ann"}, "password": {"correct horse"}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.s.url+m.p.own(signInPath), strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://example.org")
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if cookie := res.Header.Get("Set-Cookie"); !strings.HasPrefix(cookie, want[0]) || !strings.Contains(cookie, want[1]) || !strings.Contains(cookie, "Secure") {
			t.Errorf("%q: %d %s", base, res.StatusCode, cookie)
		}
	}
}

// TestDoctorFindsMoved: the doctor finds out how requests arrive at a server in a folder and
// with a prefix.
func TestDoctorFindsMoved(t *testing.T) {
	t.Parallel()
	m, _ := startMoved(t, "/blog", "/.sparekey")
	const seen = "The server sees that requests come over TLS, or from its own machine."
	for _, c := range []struct {
		address, prefix string
		finds           bool
	}{
		{"/blog", "/.sparekey", true},
		{"/blog/", "/.sparekey/", true},
		{"/blog/wp-json/", "/.sparekey", true},
		{"/blog/index.php/wp-json", "/.sparekey", true},
		{"/blog", "", false},
	} {
		out, _ := cli(t.Context(), m.database, "doctor", "--prefix", c.prefix, m.s.url+c.address) // it finds that --url has another port
		if strings.Contains(out, seen) != c.finds {
			t.Errorf("%+v: %s", c, out)
		}
	}
	if _, err := cli(t.Context(), m.database, "doctor", "--prefix", "x", m.s.url); err == nil || !strings.Contains(err.Error(), "--prefix") {
		t.Errorf("%v", err)
	}
}
