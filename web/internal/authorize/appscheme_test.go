package authorize_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/web/internal/authorize"
)

// TestAppSchemes asks for addresses of applications, and for those of browsers and
// systems that look like some.
func TestAppSchemes(t *testing.T) {
	t.Parallel()
	for _, target := range []string{
		// Applications that exist.
		"wordpress://app-authorization", "jetpack://app-authorization",
		"woocommerce://application-password",
		"com.example.app://done", "com.example.my-app://auth/done?x=1", "org.example.notes://wordpress",
		"com.example.app://login.example.org/ios/com.example.app/callback",
		"io.github.ann.notes://cb?url=https://site.example/",
		"field-notes://connected", "notes://cb?site=https://site.example/", "notes://cb?url=article",
		"notes://cb?site=http",
		// Names that are only like those of browsers and protocols.
		"newsreader://done", "news-reader://done", "webnotes://done", "web-notes://done",
		"msnotes://done", "firefoxnotes://done",
		"operanotes://done", "bravely://done", "searching://done", "files://done", "intents://done",
		"itinerary://done",
		"gitnotes://done", "shell-notes://done", "marked://done", "com.microsoft.windows://done", "microsoft.notes://done", "vncnotes://done",
		"httpnotes://done", "http-notes://done", "arcade://done", "datanotes://done", "my.app+x-1://cb",
		"a://b",
	} {
		checkTarget(t, target, true)
	}
	for _, target := range []string{
		// Browsers, which take the scheme for https.
		"googlechrome://evil.example", "googlechromes://evil.example", "GoogleChromes://evil",
		"googlechrome-x-callback://x-callback-url/open/?url=x",
		"firefox://open-url?url=https://evil.example/", "firefox://open-url",
		"firefox-focus://open-url?url=x", "firefox-klar://x", "fennec://x",
		"fennec-aurora://x", "microsoft-edge://evil", "microsoft-edge-https://evil", "opera://x",
		"opera-http://evil", "opera-https://evil",
		"opera-gx://open-url?url=x", "touch-http://evil", "touch-https://evil",
		"brave://open-url?url=x", "vivaldi://evil", "arc://x",
		"ddgQuickLink://evil", "ddglaunch://x", "yandexbrowser-open-url://x", "x-safari-http://evil",
		"x-safari-https://evil", "safari://x",
		"com-apple-mobilesafari-tab://x", "x-web-search://x", "onionhttps://evil", "ghosthttp://evil",
		"alohabrowser://open?link=x", "duckduckgo://x",
		"some-new-browser-https://evil", "newhttps://evil", "svn+http://evil",
		// Browsers handle these themselves, or let websites and extensions handle them.
		"web+evil://x", "WEB+evil://x", "ext+evil://x", "view-source://x", "chrome-extension://x/y",
		"safari-web-extension://x", "moz-icon://x", "edge://x",
		"mailto://x", "sms://x", "xmpp://x", "matrix://x", "webcal://x", "ipfs://x", "irc://x",
		"sftp://x", "magnet://x", "payto://x", "did://x",
		// The system.
		"intent://x", "android-app://x", "market://details?id=x", "itms://x", "itms-apps://x",
		"itms-services://x", "itmss://x", "macappstore://x",
		"ms-word://x", "ms-appinstaller://x", "ms-settings://x", "search-ms://x", "vnd.ms-word://x",
		"shortcuts://run-shortcut", "feed://x", "microsoft.windows.camera://x", "Microsoft.Windows.Camera.Picker://x",
		"shell://x", "hcp://x", "its://x", "ms-its://x", "mk://x", "mhtml://x", "vnc://host", "svn://host", "git://host",
		"x-apple.systempreferences://x", "facetime://x", "steam://openurl/x", "prefs://x",
		// Any other program, of which nothing is known, that is given a page to open.
		"some-app://evil.example", "some-app://evil.example/cb", "some-app://203.0.113.9/",
		"some-app://[2001:db8::1]/", "some-app://evil:8080/", "some-app://localhost/",
		"wordpress://evil.example/", "some-app://https/evil", "some-app://https://evil.example",
		"some-app://open/https://evil.example/",
		"some-app://open/https%3A%2F%2Fevil.example/", "some-app://open/x?url=https://evil.example",
		"some-app://open?URL=https%3A%2F%2Fevil.example",
		"some-app://open?u%72l=http%253A%252F%252Fevil.example",
		"some-app://open?a=b;link=https://evil.example", "some-app://open?https://evil.example",
		"some-app://open?url=//https://evil.example", "some-app://open#https://evil.example",
		"my.app+x-1://evil.example/",
	} {
		checkTarget(t, target, false)
	}
}

// TestSchemeIsNamed wants the fault in words, since the developer of an application
// has to find it.
func TestSchemeIsNamed(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"googlechromes://evil.example": "the scheme googlechromes",
		"some-app://evil.example":      "a page on the web behind an application's scheme",
	} {
		r := authorize.Request{Mode: authorize.ResponseQuery, SuccessURL: target}
		var invalid *sparekey.InvalidError
		err := r.Validate()
		if !errors.As(err, &invalid) || invalid.Field != "success_url" ||
			!strings.Contains(invalid.Problem, want) {
			t.Errorf("%s: %v, want %q", target, err, want)
		}
	}
}

func TestIsReverseDomain(t *testing.T) {
	t.Parallel()
	for scheme, want := range map[string]bool{
		"com.example.app": true, "com.example": true, "io.github.ann.my-notes": true,
		"com.1password.app": true, "com.example.app2": true,
		"": false, "notes": false, "my-app": false, "my-app.notes": false, "a.b": false, "com.": false,
		"com..app": false, ".com": false,
		"com.example+x": false, "com.-x": false, "com.x-": false, "my.app+x-1": false,
		"c0m.example": false,
	} {
		if got := authorize.IsReverseDomain(scheme); got != want {
			t.Errorf("%q: %v", scheme, got)
		}
	}
}
