package config

import (
	"regexp"
	"strings"
)

// RedactURL leaves the user, the password and the parameters out of a URL that is to
// be printed, or out of what was meant to be one.
func RedactURL(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "", text
	} else {
		scheme += "://"
	}
	at := strings.LastIndexByte(rest, '@')
	if at < 0 && !ok {
		rest, _, _ = strings.Cut(rest, "?")
		return rest // a path
	}
	if at >= 0 {
		rest = "…" + rest[at:]
	}
	if end := strings.IndexAny(rest, "?&#"); end >= 0 { // there may be another URL in it
		rest = rest[:end]
	}
	if strings.ContainsAny(scheme, "@?") { // it is none
		scheme = ""
	}
	return scheme + rest
}

// looksLikeURL reports whether a text could be an address, and so have a password in
// it, wherever it stands.
func looksLikeURL(text string) bool {
	return strings.Contains(text, "://") || strings.Contains(text, "@")
}

// passwordInText is the user and the password of a URL within a text, and in a group
// of its own its scheme, if it is certainly one.
var passwordInText = regexp.MustCompile(`((?:wordpress|rediss?|https?)://)[^\s"']*@|[^\s"']*:[^\s"']*@`)

// RedactText is a message without passwords of URLs, from whatever source. It runs last before
// people and logs see the message.
func RedactText(message string) string {
	return passwordInText.ReplaceAllStringFunc(message, func(found string) string {
		if strings.HasSuffix(found, "://user:password@") { // of an example
			return found
		}
		return passwordInText.FindStringSubmatch(found)[1] + "…@"
	})
}
