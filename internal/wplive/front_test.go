package wplive_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/internal/wptest"
)

// TestInFront puts Sparekey in front of the worst host: PHP never sees
// Authorization, and believes the signed identity instead.
func TestInFront(t *testing.T) {
	t.Parallel()
	_, keyFile := newKey(t)
	site := wptest.Start(t, wptest.Config{
		MustUse:            []string{identityPlugin, showPlugin, "testdata/zz-stream.php"},
		ConfigPHP:          "define( 'SPAREKEY_IDENTITY_KEY_FILE', '" + keyFile + "' );",
		StripAuthorization: true,
		PassUnderscores:    true,
	})
	key := serve(t, site, "--upstream="+site.URL, "--signing-key="+keyFile)
	secrets := map[string]string{}
	for login := range site.Users {
		secrets[login] = key.cli(t, "user", "application-password", "create", login, "in front", "--porcelain")
	}
	t.Run("right credentials", func(t *testing.T) { testFrontLetsThrough(t, site, key, secrets) })
	t.Run("wrong credentials", func(t *testing.T) { testFrontRefuses(t, site, key, secrets) })
	t.Run("spoofed identity", func(t *testing.T) { testFrontSpoofs(t, key, secrets) })
	t.Run("route in the body", func(t *testing.T) { testFrontRouteInBody(t, key, secrets) })
	t.Run("browser", func(t *testing.T) { testFrontBrowser(t, site, key) })
	t.Run("upload", func(t *testing.T) { testFrontUpload(t, site, key, secrets[wptest.Author]) })
	t.Run("slow client", func(t *testing.T) { testFrontSlowClient(t, key, secrets[wptest.Author]) })
	t.Run("websocket", func(t *testing.T) { testFrontWebsocket(t, site, secrets[wptest.Author]) })
	t.Run("stream", func(t *testing.T) { testFrontStream(t, key, secrets[wptest.Author]) })
	for _, secret := range secrets {
		key.checkLog(t, secret)
	}
	if complaints := site.Errors(t); complaints != "" {
		t.Errorf("PHP says:\n%s", complaints)
	}
}

// testFrontLetsThrough: WordPress knows the user that only Sparekey has checked.
func testFrontLetsThrough(t *testing.T, site *wptest.Site, key *server, secrets map[string]string) {
	for login, secret := range secrets {
		if login == wptest.Contributor {
			continue // the site's own code refuses this user
		}
		var got shown
		answer := wptest.Send(t, key.url, wptest.Call{Path: showPath + "?x=%7e&y=a+b", Login: login, Secret: secret})
		answer.Decode(t, &got)
		if got.Login != login || got.Identity == nil || got.Identity.User_ID != strconv.Itoa(site.Users[login].ID) || len(got.Left) > 0 {
			t.Errorf("%s: %s", login, answer)
		}
		if direct := wptest.Send(t, site.URL, wptest.Call{Path: mePath, Login: login, Secret: secret}); direct.Status != http.StatusUnauthorized {
			t.Errorf("this host gives PHP Authorization: %s", direct)
		}
	}
	for login, want := range map[string]int{wptest.Author: http.StatusCreated, wptest.Subscriber: http.StatusForbidden} {
		answer := wptest.Send(t, key.url, wptest.Call{
			Method: http.MethodPost, Path: "/wp-json/wp/v2/posts", Login: login, Secret: secrets[login], JSON: `{"title":"hello","status":"publish"}`,
		})
		if answer.Status != want {
			t.Errorf("%s posts: %s", login, answer)
		}
	}
	if answer := wptest.Send(t, key.url, wptest.Call{Path: introspect, Login: wptest.Editor, Secret: secrets[wptest.Editor]}); answer.Status != http.StatusOK {
		t.Errorf("Sparekey's own route: %s", answer)
	}
}

// testFrontRefuses: a wrong credential never gets to the site's API, and a malformed one
// nowhere. On pages, where WordPress ignores Basic logins, a wrong one is answered as none
// is. Each request has its own mark in the address, which nginx would log.
func testFrontRefuses(t *testing.T, site *wptest.Site, key *server, secrets map[string]string) {
	wrong := []wptest.Call{
		{Login: wptest.Admin, Secret: "wrong"},
		{Login: wptest.Admin, Secret: secrets[wptest.Editor]},
		{Login: wptest.Admin, Secret: site.Users[wptest.Admin].Password}, // the main password
		{Login: "unknown", Secret: secrets[wptest.Editor]},
		{Login: wptest.Admin, Secret: secrets[wptest.Admin][:23]},
		{Header: http.Header{"Authorization": {"basic eDp5"}}},
		{Header: http.Header{"Authorization": {"Basic !!!"}}},
		{Header: http.Header{"Authorization": {"Basic"}}},
	}
	const malformed = 2 // the last ones
	paths := []string{"/wp-json/?mark=", "/wp-json/wp/v2/posts?mark=", "/?rest_route=/&mark="}
	pages := []string{"/?mark=", "/wp-login.php?mark=", "/wp-admin/?mark=", "/readme.html?mark="}
	for i, c := range wrong {
		for j, path := range append(paths, pages...) {
			mark := fmt.Sprintf("refused%d.%d.", i, j)
			isPage := j >= len(paths) && i < len(wrong)-malformed
			if isPage {
				mark = fmt.Sprintf("page%d.%d.", i, j)
			}
			c.Path = path + mark
			answer := wptest.Send(t, key.url, c)
			if isPage {
				if none := wptest.Send(t, key.url, wptest.Call{Path: c.Path}); answer.Status != none.Status || answer.Header.Get("WWW-Authenticate") != "" {
					t.Errorf("%+v: %s, want what is answered without a credential: %s", c, answer, none)
				}
				continue
			}
			if answer.Status != http.StatusUnauthorized || answer.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%+v: %s", c, answer)
			}
		}
	}
	wptest.Send(t, key.url, wptest.Call{Path: "/readme.html?mark=last."})
	log := waitForLog(t, site, "mark=last.")
	if strings.Contains(log, "mark=refused") {
		t.Errorf("a refused request reached the site:\n%s", log)
	}
}

// waitForLog waits until nginx has logged a request, which it does after the
// answer.
func waitForLog(t *testing.T, site *wptest.Site, mark string) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if log := site.Log(t); strings.Contains(log, mark) {
			return log
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s was never logged", mark)
		}
	}
}

// testFrontSpoofs: what a client says of itself is gone, also where PHP cannot
// tell it from what Sparekey says.
func testFrontSpoofs(t *testing.T, key *server, secrets map[string]string) {
	forged := signed{
		key: strings.Repeat("x", 64), method: http.MethodGet, target: showPath, user: wptest.Admin, userID: "1", roles: "administrator",
	}.header()
	for _, spell := range []func(string) string{
		func(name string) string { return name },
		strings.ToLower,
		func(name string) string { return strings.ReplaceAll(name, "-", "_") },
		func(name string) string { return strings.Replace(name, "-", "_", 1) },
		func(name string) string { return strings.ReplaceAll(name, "X-Sparekey-", "X-Sparekey_") },
		func(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) },
	} {
		h := http.Header{}
		for name, values := range forged {
			h[spell(name)] = values
		}
		for _, login := range []string{"", wptest.Subscriber} {
			var got shown
			answer := wptest.Send(t, key.url, wptest.Call{Path: showPath, Header: h, Login: login, Secret: secrets[login]})
			answer.Decode(t, &got)
			if answer.Status != http.StatusOK || got.Login != login {
				t.Errorf("%v as %q: %s", h, login, answer)
			}
		}
	}
}

// testFrontRouteInBody: WordPress takes the route from a form before it takes
// it from the address. Sparekey decides about the address.
func testFrontRouteInBody(t *testing.T, key *server, secrets map[string]string) {
	for _, path := range []string{"/", "/wp-json/test/v1/show", "/index.php"} {
		form := url.Values{"rest_route": {"/wp/v2/users/me/application-passwords"}, "name": {"by the back door"}}
		h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, key.url+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = h
		r.SetBasicAuth(wptest.Editor, secrets[wptest.Editor])
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusBadRequest || !bytes.Contains(body, []byte("sparekey_route_in_body")) {
			t.Errorf("%s: %d %s %v", path, res.StatusCode, body, err)
		}
	}
}

// testFrontBrowser: people sign in to WordPress as ever.
func testFrontBrowser(t *testing.T, site *wptest.Site, key *server) {
	page := wptest.Send(t, key.url, wptest.Call{Path: "/"})
	if page.Status != http.StatusOK || !strings.Contains(page.Body, "<h1>A test</h1>") || strings.Contains(page.Body, site.URL) {
		t.Errorf("front page: %s", page)
	}
	there := *site
	there.URL = key.url
	cookie, nonce := signIn(t, &there, wptest.Editor)
	if profile := wptest.Send(t, key.url, wptest.Call{Path: "/wp-admin/profile.php", Header: http.Header{"Cookie": {cookie}}}); profile.Status != http.StatusOK ||
		!strings.Contains(profile.Body, "application-passwords-section") {
		t.Errorf("profile: %d", profile.Status)
	}
	list := wptest.Send(t, key.url, wptest.Call{Path: minePath, Header: http.Header{"Cookie": {cookie}, "X-Wp-Nonce": {nonce}}})
	var items []item
	list.Decode(t, &items)
	if list.Status != http.StatusOK || len(items) != 1 {
		t.Errorf("the profile screen's list: %s", list)
	}
}

const uploadSize = 20 << 20

// testFrontUpload sends a large file and reads it back.
func testFrontUpload(t *testing.T, site *wptest.Site, key *server, secret string) {
	const line = "some text that WordPress takes\n"
	content := bytes.Repeat([]byte(line), uploadSize/len(line))
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "large.txt")
	if err != nil {
		t.Fatal(err)
	}
	part.Write(content)
	w.Close()
	answer := wptest.Send(t, key.url, wptest.Call{
		Method: http.MethodPost, Path: "/wp-json/wp/v2/media", Login: wptest.Author, Secret: secret,
		Body: &form, Header: http.Header{"Content-Type": {w.FormDataContentType()}},
	})
	var media struct {
		SourceURL string `json:"source_url"`
	}
	answer.Decode(t, &media)
	if answer.Status != http.StatusCreated || !strings.HasPrefix(media.SourceURL, key.url) {
		t.Fatalf("%s", answer)
	}
	for _, base := range []string{key.url, site.URL} {
		back := wptest.Send(t, base, wptest.Call{Path: strings.TrimPrefix(media.SourceURL, key.url)})
		if sum(back.Body) != sum(string(content)) {
			t.Errorf("%d bytes came back", len(back.Body))
		}
	}
	// The site itself refuses what it finds too large.
	tooLarge := wptest.Send(t, key.url, wptest.Call{
		Method: http.MethodPost, Path: "/wp-json/wp/v2/media", Login: wptest.Author, Secret: secret,
		Body: strings.NewReader(strings.Repeat("x", 65<<20)), Header: http.Header{"Content-Disposition": {`attachment; filename="x.txt"`}, "Expect": {"100-continue"}},
	})
	if tooLarge.Status != http.StatusRequestEntityTooLarge || !strings.Contains(tooLarge.Body, "nginx") {
		t.Errorf("%s", tooLarge)
	}
}

func sum(text string) string {
	digest := sha256.Sum256([]byte(text))
	return hex.EncodeToString(digest[:])
}

// testFrontSlowClient sends a body in pieces, over one connection without any
// library in between.
func testFrontSlowClient(t *testing.T, key *server, secret string) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(key.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"title":"slowly","status":"draft"}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, key.url+"/wp-json/wp/v2/posts", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(wptest.Author, secret)
	fmt.Fprintf(conn, "POST /wp-json/wp/v2/posts HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		r.Host, r.Header.Get("Authorization"), len(body))
	for _, c := range body {
		time.Sleep(20 * time.Millisecond)
		fmt.Fprint(conn, string(c))
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); res.StatusCode != http.StatusCreated || err != nil {
		t.Errorf("%d %s %v", res.StatusCode, text, err)
	}
}

// testFrontStream reads the first part of an answer before the second one is
// made.
func testFrontStream(t *testing.T, key *server, secret string) {
	until := filepath.Join(t.TempDir(), "go-on")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, key.url+"/wp-json/test/v1/stream?until="+url.QueryEscape(until), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(wptest.Author, secret)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for _, want := range []string{"first for author\n", "second\n"} {
		if line, err := lines.ReadString('\n'); line != want {
			t.Fatalf("%q, want %q: %v", line, want, err)
		}
		if err := os.WriteFile(until, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// testFrontWebsocket switches to a websocket through Sparekey, to a small server,
// and sends through it in both directions.
func testFrontWebsocket(t *testing.T, site *wptest.Site, secret string) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n%s\n", r.Header.Get("X-Sparekey-User"))
		rw.Flush()
		io.Copy(conn, rw)
	}))
	defer echo.Close()
	key := serve(t, site, "--upstream="+echo.URL)
	conn, err := net.Dial("tcp", strings.TrimPrefix(key.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, key.url+"/socket", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(wptest.Author, secret)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, r)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", res, err)
	}
	for _, want := range []string{wptest.Author + "\n", "one\n", "two\n"} {
		if line, err := in.ReadString('\n'); line != want {
			t.Fatalf("%q, want %q: %v", line, want, err)
		}
		fmt.Fprint(conn, map[string]string{wptest.Author + "\n": "one\n", "one\n": "two\n"}[want])
	}
}
