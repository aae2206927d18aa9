package authorize_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web/internal/authorize"
	"github.com/sparekey-dev/sparekey/web/internal/urlquery"
)

func TestRequestTargets(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		"", "https://app.example", "https://app.example/cb?a=b#c", "HTTPS://app.example/cb", "https://xn--bcher-kva.example/",
		"wordpress://auth", "myapp://cb", "my.app+x-1://cb", "a://b",
		"http://127.0.0.1/cb", "http://127.0.0.1:8080/cb", "http://[::1]:9/cb", "http://localhost:8080/", "http://127.0.0.2/",
	} {
		checkTarget(t, target, true)
	}
	for _, target := range []string{
		"http://app.example/cb", "HTTP://evil.example/cb", "hTTp://evil.example/cb", "http://127.0.0.1.evil.example/",
		"http://localhost.evil.example/", "http://127.1/", "http://0x7f000001/", "http://2130706433/", "http://[::ffff:8.8.8.8]/",
		"https://user:pw@app.example/", "https://app.example@evil.example/", "https://app.example%40evil.example:80@h/", "myapp://a@b",
		"javascript:alert(1)", "JavaScript://x/%0aalert(1)", "data:text/html,x", "data://h", "vbscript://x", "intent://x#Intent;scheme=http;end", "android-app://x/http/h", "file://host/x", "blob:https://x/y",
		"blob://x/", "ws://x/", "ftp://h/x", "view-source://x/", "about:blank", "about://blank", "mailto:a@b", "myapp:cb", "myapp:/cb", "myapp:///cb",
		"/rel", "//h/p", "example.com/cb", "https:/h", "https://", "https:///h", "https://host:99999999/", " https://h/", "https://h/ ", "1http://x/",
		"https://exa mple.com/", "https://bücher.example/", "https://h\\@evil.example/", "https://h/\x00", "https://h/\n", "https://h/\u202e", "https://:80/",
		"https://[::1", "https://%zz/", "http://[::1%25eth0]/", "https://?x", "https://#x",
		"https://a%C2%AD.example/", "https://a%2Eexample/", "https://1/", "https://1.2.3/", "https://0x1.example.0x2/", "https://1.2.3.4.5/",
		"smb://h/x", "ms-msdt://x", "microsoft-edge://x", "moz-extension://x/y", "feed://h/",
	} {
		checkTarget(t, target, false)
	}
}

func checkTarget(t *testing.T, target string, valid bool) {
	t.Helper()
	for _, r := range []authorize.Request{
		{Mode: authorize.ResponseQuery, SuccessURL: target},
		{Mode: authorize.ResponseQuery, SuccessURL: "https://ok.example/", RejectURL: target},
	} {
		if err := r.Validate(); (err == nil) != valid || err != nil && !errors.Is(err, sparekey.ErrInvalid) {
			t.Errorf("%+v: %v, want valid: %v", r, err, valid)
		}
	}
}

func TestRequestModes(t *testing.T) {
	t.Parallel()
	const web, own = "https://app.example/", "myapp://done"
	good := strings.Repeat("a", 43)
	for _, c := range []struct {
		request authorize.Request
		field   string
	}{
		{authorize.Request{Mode: authorize.ResponseQuery}, ""},
		{authorize.Request{Mode: authorize.ResponseQuery, AppID: "x"}, "app_id"},
		{authorize.Request{Mode: authorize.ResponseQuery, AppID: "2b1c7a3e-5d4f-1a6b-1c9d-0e1f2a3b4c5d"}, ""},
		{authorize.Request{}, "success_format"},
		{authorize.Request{Mode: "fragment", SuccessURL: web}, "success_format"},
		{authorize.Request{Mode: authorize.ResponseFormPost, SuccessURL: web}, ""},
		{authorize.Request{Mode: authorize.ResponseFormPost, SuccessURL: "http://127.0.0.1:1/"}, ""},
		{authorize.Request{Mode: authorize.ResponseFormPost, SuccessURL: own}, "success_url"},
		{authorize.Request{Mode: authorize.ResponseFormPost}, "success_url"},
		{authorize.Request{Mode: authorize.ResponseCode, SuccessURL: own, CodeChallenge: good}, ""},
		{authorize.Request{Mode: authorize.ResponseCode, CodeChallenge: good}, "success_url"},
		{authorize.Request{Mode: authorize.ResponseCode, SuccessURL: own}, "code_challenge"},
		{authorize.Request{Mode: authorize.ResponseCode, SuccessURL: own, CodeChallenge: good + "="}, "code_challenge"},
	} {
		err := c.request.Validate()
		var invalid *sparekey.InvalidError
		if errors.As(err, &invalid) != (c.field != "") || invalid != nil && invalid.Field != c.field {
			t.Errorf("%+v: %v, want a problem with %q", c.request, err, c.field)
		}
	}
}

func TestRejected(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]authorize.Request{
		"":                                   {},
		"https://app.example/?success=false": {SuccessURL: "https://app.example/"},
		"https://app.example/?a=1&success=false#end": {SuccessURL: "https://app.example/?a=1&success=true#end"},
		"myapp://no": {SuccessURL: "https://app.example/", RejectURL: "myapp://no"},
	} {
		if got := r.Rejected(); got != want {
			t.Errorf("%+v: %s, want %s", r, got, want)
		}
	}
	r := authorize.Request{SuccessURL: "https://a.b/c"}
	if got := r.Rejected(urlquery.Field{Name: "error", Value: "disabled"}); got != "https://a.b/c?success=false&error=disabled" {
		t.Error(got)
	}
}

func TestGrant(t *testing.T) {
	t.Parallel()
	g := authorize.Grant{SiteURL: "https://example.org", Login: "sp ace&", Secret: sparekey.ParseSecret("abcdEFGH1234ijklMNOP5678")}
	got := urlquery.Add("myapp://done?password=x&keep=%2B&pass%77ord=y", g.Fields()...)
	want := "myapp://done?keep=%2B&site_url=https%3A%2F%2Fexample.org&user_login=sp%20ace%26&password=abcd%20EFGH%201234%20ijkl%20MNOP%205678"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if text := fmt.Sprintf("%v %+v", g, g); strings.Contains(text, "abcd") {
		t.Errorf("the secret is in %s", text)
	}
}

// FuzzValidate checks that each accepted URL leads where a browser would go: to TLS, this
// machine or another program, and to the host that was shown.
func FuzzValidate(f *testing.F) {
	for _, seed := range []string{"https://a/", "http://127.0.0.1/", "my-app://x", "HTTP://e/", "javascript:x", "https://a@b/", "https://a\\b/", "http://[::1]/#x?y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		r := authorize.Request{Mode: authorize.ResponseQuery, SuccessURL: target}
		if target == "" || r.Validate() != nil {
			return
		}
		sent, err := url.Parse(urlquery.Add(target, authorize.Grant{SiteURL: "https://s", Login: "l"}.Fields()...))
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		shown, _ := url.Parse(target)
		if sent.Host != shown.Host || sent.Scheme != shown.Scheme || sent.User != nil || sent.Fragment != shown.Fragment {
			t.Errorf("%q leads to %q", target, sent)
		}
		if sent.Scheme == "http" && sent.Hostname() != "localhost" && !strings.HasPrefix(sent.Hostname(), "127.") && !strings.Contains(sent.Hostname(), ":") {
			t.Errorf("%q is in the clear", target)
		}
		if got := sent.Query()["user_login"]; len(got) != 1 || got[0] != "l" {
			t.Errorf("%q gives user_login %q", target, got)
		}
	})
}
