package web

import (
	"context"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/internal/siteurl"
	"github.com/sparekey-dev/sparekey/web/internal/authorize"
)

// Config holds the options of a [Handler].
type Config struct {
	// BaseURL is the public URL of the pages, such as
	// "https://example.org/account/application-passwords". Links are made from
	// it, and its path is the one that the Handler serves. Required; it must be
	// absolute.
	BaseURL string

	// SiteURL is the address of the site that applications get with their password. Default:
	// the origin of BaseURL.
	SiteURL string

	// TryURL is what an example with curl asks, after an application password was made:
	// an address that answers to one. Default: SiteURL and "/".
	TryURL string

	// WordPress says that a WordPress is behind the site: what it alone has can be
	// chosen as limits. Default: that is not offered.
	WordPress bool

	// SiteName is what the site is called. Default: the host of SiteURL.
	SiteName string

	// LogoURL is the picture next to the site's name: a path on this site, or a data: URL of
	// an image. Default: a key.
	LogoURL string

	// Accent is the colour of buttons and links, such as "#0b6e4f". It is made
	// darker or lighter where it would be hard to read. Default: DefaultAccent.
	Accent string

	// Layout is the application's own frame around the pages. It is executed with a [Frame].
	// The pages' Content-Security-Policy allows styles, scripts, fonts and pictures from this
	// site only, and nothing inline. Default: a plain frame with the site's name and the user
	// who is signed in.
	Layout *template.Template

	// SignInURL is the address where users sign in: a path on this site, or a URL. It gets a
	// parameter redirect_to with the path to come back to. Default: pages tell anonymous
	// users that they are not signed in, without a link.
	SignInURL string

	// SignOutURL is the address where users sign out. It may get a parameter redirect_to with
	// the path to come back to with another account. Default: none, and no link.
	SignOutURL string

	// AccountURL is the address where users change their own account: a path on this site, or
	// a URL. See [Handler.Account]. Default: none, and no link.
	AccountURL string

	// Confirmed reports whether the viewer has entered their main password
	// within the last minutes, which is needed to change other users'
	// application passwords. Default: that is never asked for.
	Confirmed func(r *http.Request) bool

	// Session returns what tells later on whether the session of a request still lasts.
	// A code that was approved in a session that has ended is worth nothing. Default:
	// codes outlive sessions.
	Session func(r *http.Request) (lasts func(ctx context.Context) (bool, error))

	// ConfirmURL is where the viewer enters their main password again. It gets
	// a parameter redirect_to, as SignInURL does. Required with Confirmed.
	ConfirmURL string

	// Audit has the log from which the history of an application password is
	// shown. Default: no history is.
	Audit audit.Store

	// Origin tells where a request came from. Where it is not secure, the pages
	// are not available. Default: clientip.FromPeer, which needs TLS or a
	// caller on this machine; behind a proxy name it with
	// clientip.FromForwardedFor.
	Origin clientip.Resolver

	// NoQueryRedirect keeps passwords out of all URLs: an application that asks
	// for WordPress's redirect gets none, and the user copies the password to
	// it. Default: the redirect that clients of WordPress expect.
	NoQueryRedirect bool

	// AllowCallbacks are addresses of applications that may get a password although they
	// are pages of a browser's extension, or http in the local network. The authorise
	// screen shows such an address whole, with a warning. See [ParseCallback]. Default: none.
	AllowCallbacks []Callback

	// Log receives the requests that could not be answered. Default: none.
	Log *slog.Logger

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Callback is a rule of the operator for addresses to which an application may have its
// password sent although the authorise screen refuses such: pages of a browser's extension,
// and http in the local network. The zero Callback covers no address.
type Callback = authorize.Callback

// ParseCallback reads a rule: a scheme and a host, as they are, and a path, such as
// "chrome-extension://abcdefghijklmnopabcdefghijklmnop/connected". At its end, "/*" stands
// for every path below. The scheme is that of an extension, or http with a host in the local
// network: an address that is private (RFC 1918, RFC 4193) or link-local, a name without a
// dot, or one that ends in .local or the like. No other part can be a wildcard.
func ParseCallback(text string) (Callback, error) { return authorize.ParseCallback(text) }

// baseURL is BaseURL without a slash at its end.
func (c Config) baseURL() *url.URL {
	u, err := siteurl.Parse(strings.TrimRight(c.BaseURL, "/"))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		panic(fmt.Sprintf("web.New: Config.BaseURL must be an absolute URL without a query, such as %q, not %q",
			"https://example.org/account/application-passwords", c.BaseURL))
	}
	return u
}

func (c Config) withDefaults(base *url.URL) Config {
	if c.SiteURL == "" {
		c.SiteURL = origin(base)
	}
	site := siteURL(c.SiteURL)
	c.SiteURL = normalSiteURL(c.SiteURL)
	if c.SiteName == "" {
		c.SiteName = site.Host
	}
	if c.TryURL == "" {
		c.TryURL = c.SiteURL + "/"
	}
	if c.Accent == "" {
		c.Accent = DefaultAccent
	}
	if c.Origin == nil {
		c.Origin = clientip.FromPeer
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the clock unless Config.Now is another
	}
	c.check()
	return c
}

// normalSiteURL is the text of SiteURL in its normal form, without a slash at its end.
func normalSiteURL(text string) string { return strings.TrimRight(siteURL(text).String(), "/") }

// siteURL is SiteURL in its normal form.
func siteURL(text string) *url.URL {
	u, err := siteurl.Parse(text)
	if err != nil {
		panic(fmt.Sprintf("web.New: Config.SiteURL must be an absolute URL, such as %q, not %q", "https://example.org", text))
	}
	return u
}

// check panics where a setting cannot work, so that the program fails when it starts rather
// than when a user opens the page.
func (c Config) check() {
	if c.LogoURL != "" && !localPath(c.LogoURL) && !strings.HasPrefix(c.LogoURL, "data:image/") {
		panic(fmt.Sprintf("web.New: Config.LogoURL must be a path on this site or a data: URL of an image, "+
			"since the pages load nothing from elsewhere, not %q", c.LogoURL))
	}
	for _, setting := range []struct{ name, target string }{
		{"SignInURL", c.SignInURL}, {"SignOutURL", c.SignOutURL}, {"ConfirmURL", c.ConfirmURL}, {"AccountURL", c.AccountURL},
	} {
		if setting.target != "" && !localPath(setting.target) && !onTheWeb(setting.target) {
			panic(fmt.Sprintf("web.New: Config.%s must be a path such as %q, or a URL, not %q", setting.name, "/sign-in", setting.target))
		}
	}
	if c.Confirmed != nil && c.ConfirmURL == "" {
		panic("web.New: Config.Confirmed needs Config.ConfirmURL: the page to enter the main password on")
	}
}

func onTheWeb(target string) bool {
	u, err := url.Parse(target)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}
