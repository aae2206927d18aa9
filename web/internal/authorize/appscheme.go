package authorize

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// IsReverseDomain reports whether a scheme is a domain name that is read backwards, such
// as "com.example.app". RFC 8252, section 7.1, requires applications to use such schemes,
// since a domain has an owner. Every other scheme, such as "notes", is one that any
// application on a device may claim. The scheme is in lower case, as [url.Parse] returns
// it.
func IsReverseDomain(scheme string) bool { return reverseDomain.MatchString(scheme) }

// reverseDomain begins with a top-level domain, which has two letters or more.
var reverseDomain = regexp.MustCompile(`^[a-z]{2,}(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)

// schemesElsewhere are schemes that lead to something other than the application
// that asked: to a page on the web, to the browser itself, or to a part of the
// system. The groups name their sources.
var schemesElsewhere = []string{
	// The browser shows or runs these itself: the WHATWG URL and Fetch standards, and
	// the internal pages of the Chromium family and of Firefox.
	"about", "blob", "chrome", "content", "data", "edge", "file", "filesystem", "jar", "javascript",
	"res", "resource",
	"vbscript", "view-source", "ws", "wss",

	// Other programs fetch these: protocols in IANA's registry of URI schemes.
	"dav", "davs", "dict", "ftp", "ftps", "git", "gopher", "h323", "imap", "ldap", "ldaps", "nfs", "pop",
	"rsync", "rtmp", "rtsp", "smb", "svn", "telnet", "tftp", "vnc",

	// Websites may handle these: the safelist in the HTML standard, section "Custom
	// scheme handlers", and what Chromium and Firefox add to it.
	"bitcoin", "geo", "im", "irc", "ircs", "magnet", "mailto", "matrix", "mms", "news", "nntp",
	"openpgp4fpr", "sftp",
	"sip", "sips", "sms", "smsto", "ssh", "tel", "urn", "webcal", "webcals", "wtai", "xmpp",
	"cabal", "dat", "did", "dweb", "ethereum", "hyper", "ipfs", "ipns", "payto", "ssb",

	// Browsers open a web page for these: what browsers for iOS register, as Proton
	// Mail's and Telegram's lists of browsers to open links in have it.
	"alook", "arc", "brave", "cakebrowser", "dolphin", "duckduckgo", "firefox", "ghosthttp",
	"mobilesafari",
	"onionbrowser", "opera", "opener", "puffin", "puffins", "safari", "samsunginternet", "ucbrowser",
	"vivaldi", "x-web-search",

	// The system hands these over: "Android Intents" of Chrome's documentation, the
	// stores of Android and Apple, "Apple URL Schemes", and Windows' own schemes.
	"android-app", "app-prefs", "app-settings", "facetime", "facetime-audio", "feed", "feeds",
	"intent", "macappstore",
	"macappstores", "maps", "market", "prefs", "search", "search-ms", "shortcuts", "steam", "workflow",
	"hcp", "its", "mhtml", "mk", "shell", // of Windows: its help, archives of pages, and folders
}

// prefixesElsewhere begin schemes of the same kind.
var prefixesElsewhere = []string{
	"web+", "ext+", // websites (HTML standard) and extensions of Firefox (MDN, protocol_handlers)
	"chrome-", "moz-", "safari-", // extensions and internal pages
	"googlechrome",       // Chromium, docs/ios/opening_links.md: also googlechromes
	"firefox-", "fennec", // Firefox Focus and Klar, and Firefox's builds for tests
	"microsoft-edge", "ms-", "vnd.ms", // Microsoft Edge, programs of Windows, ms-appinstaller, ms-word
	"microsoft.windows",             // microsoft.windows.camera, which looks like a domain read backwards
	"alohabrowser", "brave-", "ddg", // ddgQuickLink, ddgLaunch
	"opera-", "vivaldi-", "yandexbrowser", // opera-gx, yandexbrowser-open-url
	"com-apple-", "x-apple", "x-safari", // com-apple-mobilesafari-tab, x-apple.systempreferences
	"itms", // itms-apps, itms-services
}

// leadsElsewhere reports whether a scheme leads to something other than the
// application that asked. One that ends in http or https is how browsers are asked
// to open a page, such as opera-https and touch-http.
func leadsElsewhere(scheme string) bool {
	if strings.HasSuffix(scheme, "http") || strings.HasSuffix(scheme, "https") {
		return true
	}
	begins := func(prefix string) bool { return strings.HasPrefix(scheme, prefix) }
	return slices.Contains(schemesElsewhere, scheme) || slices.ContainsFunc(prefixesElsewhere, begins)
}

// opensWeb reports whether an address with an application's own scheme looks like
// one that a browser is to open: its host is one of the web, or a page on the web is
// in its place, in its path, or the whole of a parameter that is named as such.
//
// A scheme that is a reverse domain may have these behind it, as the addresses of
// identity providers do. Any other one may not: browsers are asked for pages in that way.
func opensWeb(u *url.URL) bool {
	switch {
	case IsReverseDomain(u.Scheme):
		return false
	case isWebHost(u):
		return true
	}
	path := strings.ToLower(unescaped(u.Path))
	if startsWeb(u.Host) || strings.Contains(path, "http:/") || strings.Contains(path, "https:/") {
		return true
	}
	ends := func(r rune) bool { return r == '&' || r == ';' }
	for pair := range strings.FieldsFuncSeq(u.RawQuery, ends) {
		name, value, _ := strings.Cut(pair, "=")
		name, value = unescaped(name), unescaped(value)
		if startsWeb(name) || isPageParameter(name) && startsWeb(value) {
			return true
		}
	}
	return startsWeb(unescaped(u.Fragment))
}

// isWebHost reports whether the host of an address is one of the web, rather than a
// word such as "connected".
func isWebHost(u *url.URL) bool {
	host := u.Hostname()
	_, err := netip.ParseAddr(host)
	return err == nil || u.Port() != "" || strings.Contains(host, ".") ||
		strings.EqualFold(host, "localhost")
}

// isPageParameter reports whether a parameter is named as one with a page to open.
func isPageParameter(name string) bool {
	return slices.Contains([]string{
		"browser_fallback_url", "destination", "goto", "href", "link", "location", "redirect",
		"redirect_to",
		"redirect_uri", "redirect_url", "target", "u", "uri", "url",
	}, strings.ToLower(name))
}

// startsWeb reports whether a text is the address of a page on the web, or the
// beginning of one.
func startsWeb(text string) bool {
	text = strings.ToLower(strings.TrimLeft(text, " \t/"))
	scheme, _, _ := strings.Cut(text, ":")
	return scheme == "http" || scheme == "https"
}

// unescaped returns text without its percent-encoding, of which it undoes up to four
// layers.
func unescaped(text string) string {
	for range 4 {
		decoded, err := url.QueryUnescape(text)
		if err != nil || decoded == text {
			return text
		}
		text = decoded
	}
	return text
}
