package web

import (
	"net/url"
	"strings"
)

// localPath reports whether target keeps a browser on this site: whether it is a path, with a
// query or not, and nothing that browsers read as the beginning of another address. Browsers
// read a backslash as a slash, and skip tabs and line breaks anywhere.
func localPath(target string) bool {
	if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") {
		return false
	}
	if strings.ContainsFunc(target, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' }) {
		return false
	}
	u, err := url.Parse(target)
	return err == nil && u.Scheme == "" && u.Host == ""
}
