package authorize_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web/internal/authorize"
)

const extension = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"

func callbacks(t *testing.T, rules ...string) (all []authorize.Callback) {
	t.Helper()
	for _, rule := range rules {
		c, err := authorize.ParseCallback(rule)
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		if c.String() != rule {
			t.Errorf("%s is printed as %s", rule, c)
		}
		all = append(all, c)
	}
	return all
}

// TestCallbacks allows what the operator has named, and that alone.
func TestCallbacks(t *testing.T) {
	t.Parallel()
	all := callbacks(t, extension+"/connected", "moz-extension://0a1b2c3d-0000-4000-8000-0123456789ab/*", "http://192.168.1.5:8080/cb/*",
		"http://device.local/", "http://[fd00::1]:3000/*", "http://printer/done", "safari-web-extension://a1/*")
	for target, want := range map[string]bool{
		extension + "/connected":                                               true,
		extension + "/connected?user=1#x":                                      true,
		extension + "/other":                                                   false,
		extension + "/connected/more":                                          false,
		"chrome-extension://abcdefghijklmnopabcdefghijklmnoq/connected":        false,
		"chrome-extension://x@abcdefghijklmnopabcdefghijklmnop/connected":      false,
		"chrome-untrusted://abcdefghijklmnopabcdefghijklmnop/connected":        false,
		"moz-extension://0a1b2c3d-0000-4000-8000-0123456789ab/any/page.html?x": true,
		"moz-extension://0A1B2C3D-0000-4000-8000-0123456789AB":                 true,
		"moz-extension://0a1b2c3d-0000-4000-8000-0123456789ac/any":             false,
		"http://192.168.1.5:8080/cb/x":                                         true,
		"http://192.168.1.5:8080/cb/":                                          true,
		"http://192.168.1.5:8080/cb/../admin":                                  false,
		"http://192.168.1.5:8080/cb/%2e%2e/admin":                              false,
		"http://192.168.1.5:8080/cb/..;/admin":                                 false,
		"http://192.168.1.5:8080/cbx":                                          false,
		"http://192.168.1.5/cb/x":                                              false,
		"http://192.168.1.5:80/cb/x":                                           false,
		"http://192.168.1.6:8080/cb/x":                                         false,
		"http://user@192.168.1.5:8080/cb/x":                                    false,
		"http://192.168.1.5:8080@evil.example/cb/x":                            false,
		"http://192.168.1.5.evil.example:8080/cb/x":                            false,
		"http://device.local":                                                  true,
		"http://DEVICE.local:80/?a=b":                                          true,
		"http://device.local/other":                                            false,
		"http://other.local/":                                                  false,
		"http://[fd00::1]:3000/x":                                              true,
		"http://[FD00:0:0::1]:3000/x":                                          true,
		"http://[fd00::2]:3000/x":                                              false,
		"http://[::ffff:192.168.1.5]:8080/cb/x":                                false,
		"http://printer/done":                                                  true,
		"safari-web-extension://a1/x":                                          true,
		"https://192.168.1.5:8080/other":                                       true, // as always
		"http://127.0.0.1:5000/":                                               true, // as always
	} {
		for _, r := range []authorize.Request{
			{SuccessURL: target, Mode: authorize.ResponseQuery}, {SuccessURL: "https://app.example", RejectURL: target, Mode: authorize.ResponseQuery},
		} {
			err := r.Validate(all...)
			if (err == nil) != want {
				t.Errorf("%+v: %v", r, err)
			}
			isOurs := strings.HasPrefix(target, "https://") || strings.Contains(target, "127.0.0.1")
			var invalid *sparekey.InvalidError
			if without := r.Validate(); !isOurs && !errors.As(without, &invalid) {
				t.Errorf("%+v without rules: %v", r, without)
			}
		}
	}
	posted := authorize.Request{SuccessURL: extension + "/connected", Mode: authorize.ResponseFormPost}
	if posted.Validate(all...) == nil {
		t.Error("a form cannot be posted to an extension")
	}
	if posted.SuccessURL = "http://device.local/"; posted.Validate(all...) != nil {
		t.Error("a form can be posted in the local network")
	}
	if (authorize.Request{SuccessURL: extension + "/", Mode: authorize.ResponseQuery}).Validate(authorize.Callback{}) == nil {
		t.Error("the zero Callback covers something")
	}
}

// TestBadCallbacks refuses rules that cover more than an extension or a local host.
func TestBadCallbacks(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{
		"", "*", "*://*/*", "chrome-extension://*/cb", "chrome-*://abc/cb", extension, extension + "/a*", extension + "/*/a", extension + "/a?x", extension + "/a#",
		extension + ":80/", "chrome-extension://u@abc/", "chrome://settings/*", "javascript://x/%0aalert(1)", "file://host/x", "ws://192.168.1.5/", "ftp://192.168.1.5/",
		"http://example.com/*", "http://8.8.8.8/", "http://1.2.3/", "http://[2001:db8::1]/", "http://*.local/", "http://.local/", "http://u:p@device.local/", "http://device.local/../x",
		"http://device.local/%61", "http://device.local//x", "http://device.local:99999/", "http://device.local:/", "http://[fe80::1%25eth0]/", "http://0x7f000001/", "http://134744072/", "http://0x8080808/*", "http://01002004010/",
		"https://app.example/*", "notes://done/*", "http://evil.example/.local", "http:///x",
	} {
		if c, err := authorize.ParseCallback(rule); err == nil {
			t.Errorf("%q is allowed as %s", rule, c)
		}
	}
}
