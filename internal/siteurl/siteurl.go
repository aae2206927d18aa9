// Package siteurl has the one form in which the address of a site is written: in the
// index, in what applications are told, in links, and where browsers' origins are
// compared (RFC 6454, section 4).
package siteurl

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
)

// Parse parses an absolute URL and brings it into its normal form: scheme and host in
// lower case, a host that is not ASCII in punycode (UTS #46), addresses as RFC 5952 has
// them, and no port that is the scheme's own. The path stays as it is.
func Parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("it is not a URL") // the text of err may have a password in it
	}
	if u.Scheme == "" || u.Host == "" {
		return nil, errors.New("it has no scheme or no host")
	}
	host, err := normalHost(u.Hostname())
	if err != nil {
		return nil, err
	}
	port, err := normalPort(u.Scheme, u.Port())
	if err != nil {
		return nil, err
	}
	switch {
	case port != "":
		u.Host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		u.Host = "[" + host + "]"
	default:
		u.Host = host
	}
	return u, nil
}

// ParseBase parses the URL below which a site is: an absolute URL as [Parse] returns it,
// with the path in the form of [Path], and without a query, a fragment and a login.
func ParseBase(text string) (*url.URL, error) {
	u, err := Parse(text)
	switch {
	case err != nil:
		return nil, err
	case u.Opaque != "":
		return nil, errors.New("it has no host")
	case u.User != nil:
		return nil, errors.New("it has a login in it")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, errors.New("it has a query (what follows \"?\")")
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return nil, errors.New("it has a fragment (what follows \"#\")")
	}
	path, err := Path(u.EscapedPath())
	if err != nil {
		return nil, err
	}
	u.RawPath = ""
	u.Path, err = url.PathUnescape(path)
	return u, err
}

// Path brings the path of a folder into its one form: percent-encoded where a URL needs it
// (RFC 3986, section 2), without a slash at its end, and "" for the root. It refuses a path
// that programs read in different ways, such as one with "..", an empty segment or an
// encoded slash.
func Path(text string) (string, error) {
	text = strings.TrimRight(text, "/")
	if text == "" {
		return "", nil
	}
	decoded, ok := rawpath.Decode(text)
	if !ok || strings.ContainsAny(decoded, "?#;*") {
		return "", fmt.Errorf("programs read the path %q in different ways: leave out dot segments (\".\", \"..\"), "+
			"double slashes and special characters", text)
	}
	return (&url.URL{Path: decoded}).EscapedPath(), nil
}

// normalHost is a host without brackets and port.
func normalHost(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.String(), nil
	}
	if strings.Contains(host, ":") {
		return "", fmt.Errorf("%q is not an IPv6 address", host)
	}
	if isASCII(host) { // also names that DNS does not have, such as my_app
		return strings.ToLower(host), nil
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil {
		return "", fmt.Errorf("%q is not the name of a host", host)
	}
	return ascii, nil
}

func normalPort(scheme, port string) (string, error) {
	if port == "" {
		return "", nil
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return "", fmt.Errorf("%q is not a port", port)
	}
	if scheme == "http" && number == 80 || scheme == "https" && number == 443 {
		return "", nil
	}
	return strconv.FormatUint(number, 10), nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c > '~' })
}
