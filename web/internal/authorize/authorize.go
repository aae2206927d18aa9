// Package authorize has the request with which an application asks for an application
// password, and says which addresses may receive one.
package authorize

import (
	"net/url"
	"regexp"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/humantime"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/web/internal/urlquery"
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

// Request is an application's request that a user give it an application password. It is
// untrusted, so Validate it each time it arrives: with the page, and with the user's answer.
type Request struct {
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
	Expires string     // as humantime.ParseExpiry has it; empty: never
}

// Validate returns nil, or a [*sparekey.InvalidError] that names the parameter at fault as
// applications send it. The operator's exceptions to the usual rules are in allowed.
func (r Request) Validate(allowed ...Callback) error {
	if !sparekey.ValidAppID(r.AppID) {
		return &sparekey.InvalidError{Field: "app_id", Problem: "must be a UUID in lower case, or be left out"}
	}
	if _, err := humantime.ParseExpiry(r.Expires, time.Time{}); r.Expires != "" && err != nil {
		return &sparekey.InvalidError{Field: "expires", Problem: "must be a duration such as 7d, a date such as 2026-12-31, a time, or be left out"}
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
	return &sparekey.InvalidError{Field: "success_format", Problem: "must be query or form_post, or be left out"}
}

func (r Request) validatePost() error {
	u, err := url.Parse(r.SuccessURL)
	if err != nil || !isWeb(u) {
		return &sparekey.InvalidError{Field: "success_url", Problem: "must be an address on the web, so that a form can be posted there"}
	}
	return nil
}

// challenge is the form of an S256 challenge: a SHA-256 in base64url (RFC 7636, 4.2).
var challenge = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

func (r Request) validateCode() error {
	if r.SuccessURL == "" {
		return &sparekey.InvalidError{Field: "success_url", Problem: "is needed to send the code to"}
	}
	if !challenge.MatchString(r.CodeChallenge) {
		return &sparekey.InvalidError{Field: "code_challenge", Problem: "must be the S256 challenge of RFC 7636, 43 characters of base64url"}
	}
	return nil
}

// Rejected returns where to send a user who refused: RejectURL, or SuccessURL with
// success=false, or "" for nowhere. The extra fields, if any, say why.
func (r Request) Rejected(fields ...urlquery.Field) string {
	switch {
	case r.RejectURL != "":
		return urlquery.Add(r.RejectURL, fields...)
	case r.SuccessURL != "":
		return urlquery.Add(r.SuccessURL, append([]urlquery.Field{{Name: "success", Value: "false"}}, fields...)...)
	}
	return ""
}

// Grant is what an application gets when the user approves.
type Grant struct {
	SiteURL string // without a slash at its end
	Login   string
	Secret  sparekey.Secret
}

// Fields returns the parts of the grant under the names that WordPress uses. The result has
// the secret in plaintext.
func (g Grant) Fields() []urlquery.Field {
	return []urlquery.Field{{Name: "site_url", Value: g.SiteURL}, {Name: "user_login", Value: g.Login}, {Name: "password", Value: g.Secret.Chunked()}}
}
