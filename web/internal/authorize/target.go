package authorize

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/sparekey-dev/sparekey"
)

var (
	targetScheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]`)

	// targetBytes are those of a URL (RFC 3986). Others, blanks and backslashes
	// above all, are read differently by different browsers.
	targetBytes = regexp.MustCompile(`^[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*$`)
)

// validTarget checks a URL to which a user may be sent with a secret. It must be on the web
// with TLS, on this machine, or have an application's own scheme that does not lead to the
// web through another program. A URL that a Callback covers needs none of that.
func validTarget(field, target string, allowed []Callback) error {
	if target == "" {
		return nil
	}
	if !targetBytes.MatchString(target) || !targetScheme.MatchString(target) {
		return &sparekey.InvalidError{Field: field, Problem: "must be a complete URL of plain characters, such as https://app.example/done or my-app://done"}
	}
	u, err := url.Parse(target)
	if err != nil || !validHost(u.Hostname()) || !validPort(u.Port()) {
		return &sparekey.InvalidError{Field: field, Problem: "cannot be read as a URL"}
	}
	switch {
	case u.User != nil:
		return &sparekey.InvalidError{Field: field, Problem: "must not have a user name or password before its host"}
	case slices.ContainsFunc(allowed, func(c Callback) bool { return c.covers(u) }):
		return nil
	case IsExtension(u.Scheme):
		return &sparekey.InvalidError{Field: field, Problem: fmt.Sprintf("must not have the scheme %s, unless the operator of the site allows this address (--allow-callback)", u.Scheme)}
	case !isWeb(u) && leadsElsewhere(u.Scheme):
		return &sparekey.InvalidError{Field: field, Problem: fmt.Sprintf("must not have the scheme %s, which does not lead to an application alone", u.Scheme)}
	case !isWeb(u) && opensWeb(u):
		return &sparekey.InvalidError{Field: field, Problem: "must not name a page on the web behind an application's scheme: write it as my-app://done, or as com.example.app://done"}
	case u.Scheme == "http" && isLocalHost(u.Hostname()) && !isLoopbackHost(u.Hostname()):
		return &sparekey.InvalidError{Field: field, Problem: "must have https, since the password would cross the network in the clear; http in the local network needs the operator of the site to allow this address (--allow-callback)"}
	case u.Scheme == "http" && !isLoopbackHost(u.Hostname()):
		return &sparekey.InvalidError{Field: field, Problem: "must have https, since the password would cross the network in the clear; http is for this device alone, such as 127.0.0.1"}
	}
	return nil
}

var (
	hostName   = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	endsInAddr = regexp.MustCompile(`(^|\.)(0[xX][0-9A-Fa-f]*|[0-9]+)\.?$`)
)

// validHost keeps to hosts that every browser reads as they are written. Those
// undo percent-encoding, and take what ends in a number for an IPv4 address.
func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return hostName.MatchString(host) && !endsInAddr.MatchString(host)
}

func validPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil
}

// isWeb reports whether a browser can post a form there.
func isWeb(u *url.URL) bool { return u.Scheme == "https" || u.Scheme == "http" }

func isLoopbackHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() && addr.Zone() == "" || host == "localhost"
}
