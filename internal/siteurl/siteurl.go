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
