package authorize

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// Callback is a rule of the operator for addresses to which an application may have its
// password sent although [Request.Validate] refuses such: pages of a browser's
// extension, and http in the local network. The zero Callback covers no address.
type Callback struct {
	scheme, host, path string
	below              bool // path ends in a slash, and everything below it is covered
}

// extensionSchemes are those by which browsers open pages of their extensions. Such a page
// belongs to the extension whose ID is the host.
var extensionSchemes = []string{"chrome-extension", "moz-extension", "safari-web-extension"}

// IsExtension reports whether a scheme is one of pages of a browser's extension.
func IsExtension(scheme string) bool { return slices.Contains(extensionSchemes, scheme) }

// localNames end the names of hosts in a local network: RFC 6762, RFC 8375, RFC 9476 (of
// names that are in no public DNS), and those that routers for homes have.
var localNames = []string{".local", ".home.arpa", ".internal", ".lan", ".home", ".localdomain", ".fritz.box"}

// ParseCallback reads a rule, whose form web.ParseCallback documents.
func ParseCallback(text string) (Callback, error) {
	if !targetBytes.MatchString(text) || !targetScheme.MatchString(text) {
		return Callback{}, errors.New("must be a scheme, a host and a path, such as chrome-extension://abcdefghijklmnopabcdefghijklmnop/connected or http://192.168.1.5:8080/*")
	}
	u, err := url.Parse(text)
	if err != nil || !validHost(u.Hostname()) || !validPort(u.Port()) || strings.HasSuffix(u.Host, ":") {
		return Callback{}, errors.New("must have a host, such as chrome-extension://abcdefghijklmnopabcdefghijklmnop/connected or http://192.168.1.5:8080/*; a * can stand at the end of the path alone")
	}
	path, isBelow := strings.CutSuffix(u.EscapedPath(), "*")
	switch {
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#"):
		return Callback{}, errors.New("must have no user name, query or fragment")
	case path == "":
		return Callback{}, errors.New("must have a path after the host: /* for every one")
	case strings.Contains(path, "*") || isBelow && !strings.HasSuffix(path, "/"):
		return Callback{}, errors.New("may have a * only after the last slash of its path, for every path below")
	case !isPlainPath(path):
		return Callback{}, errors.New("must have a path without percent-encoding, \"//\", \".\" and \"..\"")
	case IsExtension(u.Scheme):
		if u.Port() != "" {
			return Callback{}, errors.New("has a port, which an extension has not")
		}
	case u.Scheme != "http":
		return Callback{}, fmt.Errorf("has the scheme %s: https and schemes of applications need no such rule, and others than %s and http cannot have one", u.Scheme, strings.Join(extensionSchemes, ", "))
	case !isLocalHost(u.Hostname()):
		return Callback{}, fmt.Errorf("has http with the host %s, which is not in the local network: use https", u.Hostname())
	}
	return Callback{scheme: u.Scheme, host: hostAndPort(u), path: path, below: isBelow}, nil
}

// String returns the rule as [ParseCallback] reads it.
func (c Callback) String() string {
	end := ""
	if c.below {
		end = "*"
	}
	return c.scheme + "://" + c.host + c.path + end
}

// covers reports whether the rule is for an address. A path that browsers write in another
// way than it is sent is not covered.
func (c Callback) covers(u *url.URL) bool {
	path := cmp.Or(u.EscapedPath(), "/")
	if c.scheme == "" || u.User != nil || u.Scheme != c.scheme || hostAndPort(u) != c.host || !isPlainPath(path) {
		return false
	}
	return path == c.path || c.below && strings.HasPrefix(path, c.path)
}

// isPlainPath reports whether every program reads a path alike.
func isPlainPath(path string) bool {
	decoded, ok := rawpath.Decode(path)
	return ok && decoded == path && !strings.Contains(path, ";")
}

// hostAndPort is the host of a URL in one spelling, without the port that http has anyway.
func hostAndPort(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.String()
		if addr.Is6() {
			host = "[" + host + "]"
		}
	}
	if port == "" || u.Scheme == "http" && port == "80" {
		return host
	}
	return host + ":" + port
}

// isLocalHost reports whether a host is certainly one of the local network.
func isLocalHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == "" && (addr.IsPrivate() || addr.IsLinkLocalUnicast())
	}
	host = strings.ToLower(host)
	return !strings.Contains(host, ".") ||
		slices.ContainsFunc(localNames, func(end string) bool { return strings.HasSuffix(host, end) && host != end })
}
