package sparekey

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/internal/humantime"
	"github.com/sparekey-dev/sparekey/scope"
)

// ResponseMode says how an application gets its password.
type ResponseMode string

// The response modes.
const (
	// ResponseQuery redirects the browser to SuccessURL with the fields in its
	// query, as WordPress does.
	ResponseQuery ResponseMode = "query"
	// ResponseFormPost has the browser post the fields to SuccessURL, so that
	// the secret is in no URL.
	ResponseFormPost ResponseMode = "form_post"
	// ResponseCode redirects to SuccessURL with a code that the application
	// exchanges for the fields, proving with PKCE (RFC 7636) that it asked.
	ResponseCode ResponseMode = "code"
)

// AuthorizationRequest is an application's request that a user give it an application
// password. It is untrusted, so Validate it each time it arrives: with the page, and with the
// user's answer.
type AuthorizationRequest struct {
	AppName       string // suggestion for the credential's name; may be empty
	AppID         string // UUID in lower case; may be empty
	SuccessURL    string // where to send the user with the secret; empty: show the secret to the user
	RejectURL     string // where to send a user who refuses; empty: see Rejected
	Mode          ResponseMode
	CodeChallenge string // of ResponseCode: the S256 challenge
	State         string // returned unchanged with a code or a post; may be empty

	// Scopes and Expires are what the application says it needs. The user sees them and
	// decides; the user can grant less, never more.
	Scopes  scope.List // empty: everything
	Expires string     // as ParseExpiry has it; empty: never
}

// Validate returns nil, or an [*InvalidError] that names the parameter at fault as applications
// send it. The operator's exceptions to the usual rules are in allowed.
func (r AuthorizationRequest) Validate(allowed ...Callback) error {
	if !ValidAppID(r.AppID) {
		return &InvalidError{"app_id", "must be a UUID in lower case, or be left out"}
	}
	if _, err := humantime.ParseExpiry(r.Expires, time.Time{}); r.Expires != "" && err != nil {
		return &InvalidError{"expires", "must be a duration such as 7d, a date such as 2026-12-31, a time, or be left out"}
	}
	if err := validTarget("success_url", r.SuccessURL, allowed); err != nil {
		return err
	}
	if err := validTarget("reject_url", r.RejectURL, allowed); err != nil {
		return err
	}
	switch r.Mode {
	case ResponseQuery:
		return nil
	case ResponseFormPost:
		return r.validatePost()
	case ResponseCode:
		return r.validateCode()
	}
	return &InvalidError{"success_format", "must be query or form_post, or be left out"}
}

func (r AuthorizationRequest) validatePost() error {
	u, err := url.Parse(r.SuccessURL)
	if err != nil || !isWeb(u) {
		return &InvalidError{"success_url", "must be an address on the web, so that a form can be posted there"}
	}
	return nil
}

// challenge is the form of an S256 challenge: a SHA-256 in base64url (RFC 7636, 4.2).
var challenge = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func (r AuthorizationRequest) validateCode() error {
	if r.SuccessURL == "" {
		return &InvalidError{"success_url", "is needed to send the code to"}
	}
	if !challenge.MatchString(r.CodeChallenge) {
		return &InvalidError{"code_challenge", "must be the S256 challenge of RFC 7636, 43 characters of base64url"}
	}
	return nil
}

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
		return &InvalidError{field, "must be a complete URL of plain characters, such as https://app.example/done or my-app://done"}
	}
	u, err := url.Parse(target)
	if err != nil || !validHost(u.Hostname()) || !validPort(u.Port()) {
		return &InvalidError{field, "cannot be read as a URL"}
	}
	switch {
	case u.User != nil:
		return &InvalidError{field, "must not have a user name or password before its host"}
	case slices.ContainsFunc(allowed, func(c Callback) bool { return c.covers(u) }):
		return nil
	case IsExtension(u.Scheme):
		return &InvalidError{field, fmt.Sprintf("must not have the scheme %s, unless the operator of the site allows this address (--allow-callback)", u.Scheme)}
	case !isWeb(u) && leadsElsewhere(u.Scheme):
		return &InvalidError{field, fmt.Sprintf("must not have the scheme %s, which does not lead to an application alone", u.Scheme)}
	case !isWeb(u) && opensWeb(u):
		return &InvalidError{field, "must not name a page on the web behind an application's scheme: write it as my-app://done, or as com.example.app://done"}
	case u.Scheme == "http" && isLocalHost(u.Hostname()) && !isLoopbackHost(u.Hostname()):
		return &InvalidError{field, "must have https, since the password would cross the network in the clear; http in the local network needs the operator of the site to allow this address (--allow-callback)"}
	case u.Scheme == "http" && !isLoopbackHost(u.Hostname()):
		return &InvalidError{field, "must have https, since the password would cross the network in the clear; http is for this device alone, such as 127.0.0.1"}
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

// Rejected returns where to send a user who refused: RejectURL, or SuccessURL with
// success=false, or "" for nowhere. The extra fields, if any, say why.
func (r AuthorizationRequest) Rejected(fields ...Field) string {
	switch {
	case r.RejectURL != "":
		return AddFields(r.RejectURL, fields...)
	case r.SuccessURL != "":
		return AddFields(r.SuccessURL, append([]Field{{"success", "false"}}, fields...)...)
	}
	return ""
}

// Grant is what an application gets when the user approves.
type Grant struct {
	SiteURL string // without a slash at its end
	Login   string
	Secret  Secret
}

// Fields returns the parts of the grant under the names that WordPress uses. The result has
// the secret in plaintext.
func (g Grant) Fields() []Field {
	return []Field{{"site_url", g.SiteURL}, {"user_login", g.Login}, {"password", g.Secret.Chunked()}}
}

// Field is a parameter of a URL or a form.
type Field struct{ Name, Value string }

// AddFields returns a URL with fields in its query, replacing those of the same name.
// Everything else in the URL, including its fragment, does not change.
func AddFields(target string, fields ...Field) string {
	if len(fields) == 0 {
		return target
	}
	rest, fragment, hasFragment := strings.Cut(target, "#")
	base, query, _ := strings.Cut(rest, "?")
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); pair != "" && (err != nil || !hasField(fields, name)) {
			pairs = append(pairs, pair)
		}
	}
	for _, f := range fields {
		pairs = append(pairs, escape(f.Name)+"="+escape(f.Value))
	}
	out := base + "?" + strings.Join(pairs, "&")
	if hasFragment {
		out += "#" + fragment
	}
	return out
}

func hasField(fields []Field, name string) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name })
}

// escape writes a blank as %20, which every decoder of queries understands.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
