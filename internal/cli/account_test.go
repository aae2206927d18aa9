package cli

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// visitor is a browser with cookies of its own.
type visitor struct {
	t *testing.T
	s *serverProcess
	http.Client
}

func (s *serverProcess) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, s, http.Client{Jar: jar}}
}

// post sends a form and returns the page that it leads to.
func (v *visitor) post(path string, fields url.Values) string {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.s.url+path, strings.NewReader(fields.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", v.s.url)
	res, err := v.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return string(body)
}

// page returns the page at a path, with its address.
func (v *visitor) page(path string) (address, body string) {
	v.t.Helper()
	res, body := v.s.get(v.t, &v.Client, path)
	return res.Request.URL.Path, body
}

// TestOwnAccount changes an account over the pages and the API of a
// server whose application passwords do not outlive the main password.
func TestOwnAccount(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "sparekey.db")
	ann := newAccount(t, database)
	if _, err := cli(t.Context(), database, "user", "update", "ann", "--user_pass=correct horse"); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, database, "--revoke-on-password-reset")
	here, elsewhere := s.visitor(t), s.visitor(t)
	signIn := url.Values{"login": {"ann"}, "password": {"correct horse"}, "redirect_to": {profilePath}}
	for _, v := range []*visitor{here, elsewhere} {
		if body := v.post(signInPath, signIn); !strings.Contains(body, `name="what" value="password"`) {
			t.Fatalf("signed in to %s", body)
		}
	}
	if at, _ := here.page(changePasswordPath); at != profilePath {
		t.Errorf("password managers are led to %s", at)
	}
	// With an application password that has no limits, the e-mail address changes, as in WordPress.
	if a, err := s.send(t.Context(), ann, http.MethodPut, "/wp-json/wp/v2/users/me", `{"email":"ann@example.org"}`); err != nil || a.status != http.StatusOK {
		t.Errorf("the API: %d %s, %v", a.status, a.Code, err)
	}
	if _, body := here.page(profilePath); !strings.Contains(body, "ann@example.org") {
		t.Errorf("the page has another address: %s", body)
	}
	fields := url.Values{"what": {"password"}, "present": {"correct horse"}, "password": {"battery staple"}, "repeat": {"battery staple"}}
	if body := here.post(profilePath, fields); !strings.Contains(body, "Your main password is changed.") {
		t.Errorf("the answer is %s", body)
	}
	if at, _ := here.page(profilePath); at != profilePath {
		t.Errorf("the browser in which the password was changed is led to %s", at)
	}
	if at, _ := elsewhere.page(profilePath); at != signInPath {
		t.Errorf("another browser is led to %s", at)
	}
	if a, err := s.send(t.Context(), ann, http.MethodGet, "/wp-json/wp/v2/users/me", ""); err != nil || a.status != http.StatusUnauthorized {
		t.Errorf("the application password is not revoked: %d, %v", a.status, err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	list, err := cli(t.Context(), database, "audit", "list", "--format=csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`email_set.*/wp-json/wp/v2/users/me`, `password_reset.*/account/profile`, `revoked`} {
		if !regexp.MustCompile(want).MatchString(list) {
			t.Errorf("the log has no %s:\n%s", want, list)
		}
	}
	if strings.Contains(list+s.log.String(), "battery") {
		t.Error("a log has the main password")
	}
}
