package web

import (
	"cmp"
	"errors"
	"html/template"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/explain"
	"github.com/sparekey-dev/sparekey/internal/humantime"
	"github.com/sparekey-dev/sparekey/internal/visible"
	"github.com/sparekey-dev/sparekey/internal/wpname"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/web/internal/authorize"
	"github.com/sparekey-dev/sparekey/web/internal/urlquery"
)

// authorizePage asks a user whether an application may have a password.
type authorizePage struct {
	view
	App        string // the application's name for itself, as it would be stored; may be empty
	AppID      string
	Account    string            // login of the user
	Receiver   callback          // gets the password; zero: the user copies it
	Rejected   callback          // where "no" leads; zero: home
	Name       string            // in the field
	Problem    string            // with the form
	Wrong      map[string]string // what is wrong, by field
	Ends       bool              // the password is to expire
	Limits     limitsForm
	Earlier    []connection // earlier ones of the same app ID
	Hidden     []urlquery.Field
	SignOutURL string // where the user signs out, to come back with another account
}

// postPage makes the browser post the password to the application.
type postPage struct {
	view
	Receiver callback
	Fields   []urlquery.Field
}

func showAuthorization(c *call) (*answer, error) {
	request, redirected, err := c.authorization()
	if redirected != nil || err != nil {
		return redirected, err
	}
	return c.authorizePage(request, nil)
}

func answerAuthorization(c *call) (*answer, error) {
	request, redirected, err := c.authorization()
	switch {
	case redirected != nil || err != nil:
		return redirected, err
	case c.fields().Has("reject"):
		return c.reject(request), nil
	case !c.fields().Has("approve") || !c.fields().Has(fieldFormOwner): // an approval needs a form owner
		return c.authorizePage(request, nil)
	}
	a, err := c.approve(request)
	if c.formProblem(err) != "" {
		return withStatus(err)(c.authorizePage(request, err))
	}
	return a, withReturnTarget(err, request)
}

// authorization makes the checks that both the screen and its form need: that the request is
// valid, and that the user may have application passwords.
func (c *call) authorization() (request authorize.Request, redirected *answer, err error) {
	request, err = c.authorizationRequest()
	if err != nil {
		if broken := c.identifyOptional(); broken != nil {
			return request, nil, broken
		}
		return request, nil, err
	}
	c.here = c.addressOf(request)
	redirected, err = c.mayAuthorize()
	return request, redirected, withReturnTarget(err, request)
}

// withReturnTarget adds the link back to the application to a refusal, unless its page offers
// another way to continue.
func withReturnTarget(err error, r authorize.Request) error {
	if status, _ := outcome(err); err == nil || status == http.StatusServiceUnavailable || errors.Is(err, errOtherFormOwner) {
		return err
	}
	return &unavailableError{err, callbackOf(r.Rejected(urlquery.Field{Name: "error", Value: "disabled"}))}
}

func (c *call) addressOf(r authorize.Request) string {
	return c.r.URL.EscapedPath() + "?" + encode(requestFields(r))
}

func (c *call) mayAuthorize() (redirected *answer, err error) {
	if c.carriesBasic() {
		return nil, errBasic
	}
	if redirected, err := c.identify(c.here); redirected != nil || err != nil {
		return redirected, err
	}
	user, err := c.manager().Target(c.r.Context(), c.signed.ID)
	if err != nil {
		return nil, err
	}
	return nil, c.svc.Policy().MayHave(user)
}

// unavailableError refuses a valid request of an application, so that a link back to the
// application is safe.
type unavailableError struct {
	err  error
	back callback
}

func (e *unavailableError) Error() string { return e.err.Error() }
func (e *unavailableError) Unwrap() error { return e.err }

// authorizationRequest reads and validates the parameters.
func (c *call) authorizationRequest() (authorize.Request, error) {
	request := authorize.Request{
		AppName:       c.field("app_name"),
		AppID:         c.field("app_id"),
		SuccessURL:    c.field("success_url"),
		RejectURL:     c.field("reject_url"),
		Mode:          authorize.ResponseMode(c.field("success_format")),
		CodeChallenge: c.field("code_challenge"),
		State:         c.field("state"),
		Expires:       c.field("expires"),
	}
	list, err := requestedScopes(c.fields()["scope"])
	if err == nil {
		err = c.svc.Bundles().Check(list)
	}
	if err != nil {
		return request, asInvalid("scope", err)
	}
	request.Scopes = list
	switch c.field("response_type") {
	case "":
		if request.Mode == "" {
			request.Mode = authorize.ResponseQuery
		}
		if request.Mode == authorize.ResponseCode { // only response_type selects it
			return request, &sparekey.InvalidError{Field: "success_format", Problem: "must be query or form_post, or be left out"}
		}
	case "code":
		if request.Mode != "" {
			return request, &sparekey.InvalidError{Field: "success_format", Problem: "must be left out with response_type=code"}
		}
		if c.field("code_challenge_method") != "S256" {
			return request, &sparekey.InvalidError{Field: "code_challenge_method", Problem: "must be S256"}
		}
		request.Mode = authorize.ResponseCode
	default:
		return request, &sparekey.InvalidError{Field: "response_type", Problem: "must be code, or be left out"}
	}
	return request, request.Validate(c.config.AllowCallbacks...)
}

// requestedScopes reads rules and names of bundles. A text can have several names with blanks
// between them, as in OAuth.
func requestedScopes(texts []string) (scope.List, error) {
	var rules []string
	for _, text := range texts {
		if _, err := scope.Parse([]string{text}); err != nil && !slices.ContainsFunc(strings.Fields(text), notName) {
			rules = append(rules, strings.Fields(text)...)
			continue
		}
		rules = append(rules, text)
	}
	return scope.Parse(rules)
}

func notName(text string) bool { return !scope.IsName(text) }

// requested returns the limits that an application asks for, with an expiry that the site allows.
func (c *call) requested(r authorize.Request) (sparekey.Limits, error) {
	l := sparekey.Limits{Scopes: r.Scopes}
	if r.Expires == "" {
		return l, nil
	}
	at, err := humantime.ParseExpiry(r.Expires, c.config.Now())
	if err != nil {
		return l, asInvalid("expires", err)
	}
	if most := c.svc.Policy().MaxLifetime; most > 0 && at.After(c.config.Now().Add(most)) {
		at = time.Time{} // the site then sets the latest one
	}
	l.Expires = at
	return l, nil
}

// approved returns the limits that the user chose. They never allow more than the application
// asks for.
func (c *call) approved(r authorize.Request) (sparekey.Limits, error) {
	requested, err := c.requested(r)
	if err != nil {
		return requested, err
	}
	edit, err := c.typedLimits()
	if err != nil {
		return requested, err
	}
	l := edit.Of(requested)
	switch {
	case !requested.Expires.IsZero() && (l.Expires.IsZero() || l.Expires.After(requested.Expires)):
		return l, &sparekey.InvalidError{Field: "expires", Problem: "must be no later than the application asks for"}
	case !l.Scopes.Within(requested.Scopes, c.svc.Bundles()):
		return l, &sparekey.InvalidError{Field: "scopes", Problem: "must be among those that the application asks for"}
	}
	return l, nil
}

// requestFields are the parameters from which authorizationRequest reads the same request.
func requestFields(r authorize.Request) []urlquery.Field {
	fields := []urlquery.Field{
		{Name: "app_name", Value: r.AppName}, {Name: "app_id", Value: r.AppID},
		{Name: "success_url", Value: r.SuccessURL}, {Name: "reject_url", Value: r.RejectURL}, {Name: "state", Value: r.State},
	}
	for rule := range r.Scopes.All() {
		fields = append(fields, urlquery.Field{Name: "scope", Value: rule})
	}
	if r.Expires != "" {
		fields = append(fields, urlquery.Field{Name: "expires", Value: r.Expires})
	}
	switch r.Mode {
	case authorize.ResponseQuery:
	case authorize.ResponseFormPost:
		fields = append(fields, urlquery.Field{Name: "success_format", Value: string(r.Mode)})
	case authorize.ResponseCode:
		fields = append(fields, urlquery.Field{Name: "response_type", Value: "code"},
			urlquery.Field{Name: "code_challenge", Value: r.CodeChallenge}, urlquery.Field{Name: "code_challenge_method", Value: "S256"})
	}
	return fields
}

func encode(fields []urlquery.Field) string {
	values := url.Values{}
	for _, f := range fields {
		if f.Value != "" {
			values.Add(f.Name, f.Value)
		}
	}
	return values.Encode()
}

func (c *call) authorizePage(r authorize.Request, problem error) (*answer, error) {
	requested, err := c.requested(r)
	if err != nil {
		return nil, err
	}
	policy := c.svc.Policy()
	c.latest = cmp.Or(requested.Expires, c.latestOf(c.config.Now()))
	app := ""
	if visible.In(r.AppName) {
		app = displayText(wpname.Sanitize(r.AppName))
	}
	p := &authorizePage{
		App: app, AppID: r.AppID, Name: editable(r.AppName),
		Problem: c.formProblem(problem), Wrong: c.problems(problem), Limits: c.limitsForm(requested, r.Expires != "" || requested.Scopes != "", c.problems(problem)),
		Ends:     r.Expires != "" || policy.RequireExpiry || policy.MaxLifetime > 0,
		Account:  displayText(c.signed.Login),
		Rejected: callbackOf(r.Rejected()),
		Hidden:   append(requestFields(r)[1:], urlquery.Field{Name: "form", Value: newFormToken()}), // without app_name
	}
	if p.Earlier, err = c.connections(r.AppID); err != nil {
		return nil, err
	}
	p.Limits.Consent = true
	p.Limits.Scripts = explain.MayScript(c.signed)
	if c.config.SignOutURL != "" {
		p.SignOutURL = c.redirectVia(c.config.SignOutURL, c.here).location
	}
	if !c.isCopied(r) {
		p.Receiver = callbackOf(r.SuccessURL)
	}
	title := c.lang.T("authorize.title", "app", p.App, "site", c.config.SiteName)
	if p.App == "" {
		title = c.lang.T("authorize.title_unnamed", "site", c.config.SiteName)
	}
	a := show("authorize", title, p)
	a.targets = append(sourcesOf(r.SuccessURL), sourcesOf(r.RejectURL)...)
	return a, nil
}

// isCopied reports whether the user has to copy the password to the application.
func (c *call) isCopied(r authorize.Request) bool {
	return r.SuccessURL == "" || r.Mode == authorize.ResponseQuery && c.config.NoQueryRedirect
}

func (c *call) reject(r authorize.Request) *answer {
	var fields []urlquery.Field
	if r.Mode == authorize.ResponseCode { // as RFC 6749, 4.1.2.1, has it
		fields = append(fields, urlquery.Field{Name: "error", Value: "access_denied"})
	}
	if back := r.Rejected(append(fields, stateOf(r)...)...); back != "" {
		return redirect(back)
	}
	return redirect(c.home())
}

// stateOf is empty for ResponseQuery, which has no state.
func stateOf(r authorize.Request) []urlquery.Field {
	if r.State == "" || r.Mode == authorize.ResponseQuery {
		return nil
	}
	return []urlquery.Field{{Name: "state", Value: r.State}}
}

func (c *call) approve(r authorize.Request) (*answer, error) {
	limits, err := c.approved(r)
	if err != nil {
		return nil, err
	}
	n := sparekey.NewCredential{Name: r.AppName, AppID: r.AppID, Limits: limits}
	if n.Replaces, err = c.replaced(r.AppID); err != nil {
		return nil, err
	}
	if r.Mode == authorize.ResponseCode {
		return c.approveWithCode(r, n)
	}
	secret, cr, err := c.connect(r, n)
	if errors.Is(err, errDuplicateForm) {
		return redirect(done(c.home(), "already")), nil
	}
	if err != nil {
		return nil, err
	}
	fields := authorize.Grant{SiteURL: c.config.SiteURL, Login: c.signed.Login, Secret: secret}.Fields()
	switch {
	case c.isCopied(r):
		return c.secretPage(owner{User: c.signed, Own: true, List: c.home()}, cr, secret, "authorize.done")
	case r.Mode == authorize.ResponseFormPost:
		return c.postToApplication(r, append(fields, stateOf(r)...)), nil
	}
	return redirect(urlquery.Add(r.SuccessURL, fields...)), nil
}

// connect creates the password. A form that is sent again creates another one, for a user who goes
// back and approves again. Where the page shows the password, a second time is errDuplicateForm,
// since browsers send the form again when the user reloads that page.
func (c *call) connect(r authorize.Request, n sparekey.NewCredential) (secret sparekey.Secret, cr sparekey.Credential, err error) {
	create := func() (sparekey.Secret, sparekey.Credential, error) {
		err := withFreeName(c.ownList, n, func(n sparekey.NewCredential) (err error) {
			secret, cr, err = c.manager().Create(c.r.Context(), c.signed.ID, n)
			return err
		})
		return secret, cr, err
	}
	if c.isCopied(r) {
		return c.idempotent(create)
	}
	return create()
}

// ownList is what the user has.
func (c *call) ownList() ([]sparekey.Credential, error) {
	return c.manager().List(c.r.Context(), c.signed.ID)
}

// approveWithCode gives the application a code. The password is made when it
// comes for it, so its name is checked now, while the user can choose another.
func (c *call) approveWithCode(r authorize.Request, n sparekey.NewCredential) (*answer, error) {
	err := withFreeName(c.ownList, n, func(free sparekey.NewCredential) error {
		return c.manager().CheckNew(c.r.Context(), c.signed.ID, free)
	})
	if err != nil {
		return nil, err
	}
	list, err := c.ownList()
	if err != nil {
		return nil, err
	}
	a := approval{user: c.signed, credential: n, challenge: r.CodeChallenge, successURL: r.SuccessURL, siteURL: c.config.SiteURL}
	for _, other := range list[:min(len(list), maxOthers)] {
		a.others = append(a.others, other.UUID)
	}
	if c.config.Session != nil {
		a.sessionLasts = c.config.Session(c.r)
	}
	code, err := c.codes.issue(a)
	if err != nil {
		return nil, err
	}
	fields := append([]urlquery.Field{{Name: "code", Value: code}}, stateOf(r)...)
	return redirect(urlquery.Add(r.SuccessURL, fields...)), nil
}

func (c *call) postToApplication(r authorize.Request, fields []urlquery.Field) *answer {
	to := callbackOf(r.SuccessURL)
	a := show("handover", c.lang.T("handover.title", "target", to.Name), &postPage{Receiver: to, Fields: fields})
	a.targets, a.leavesSite = sourcesOf(r.SuccessURL), true
	return a
}

// maxAddress is how many characters of a URL are shown: more than applications need, and less
// than a full window.
const maxAddress = 500

// callback is a validated URL of an application, as it is shown. The texts are keys of the
// catalogue.
type callback struct {
	URL     template.URL
	Name    string // scheme and host, or the scheme alone of an application on the device
	Is      string // text: what kind of application it is
	LeadsTo string // text: that the user is sent there
	Long    bool   // a label of the name is long
	Whole   string // the whole URL, if the name does not say who gets the password
	Warning string // text: why the whole URL is shown
}

func callbackOf(validated string) callback {
	u, err := url.Parse(validated)
	if validated == "" || err != nil {
		return callback{}
	}
	t := callback{
		URL:     template.URL(validated), //nolint:gosec // Validate refuses scripts
		Name:    u.Scheme + "://" + u.Host,
		Is:      "target.web",
		LeadsTo: "authorize.leads_to",
	}
	t.Long = slices.ContainsFunc(labels(t.Name), func(l label) bool { return l.Long })
	switch {
	case authorize.IsExtension(u.Scheme):
		t.Is, t.Whole, t.Warning = "target.extension", upTo(validated, maxAddress), "authorize.extension"
	case u.Scheme != "https" && u.Scheme != "http":
		t.Name, t.Is, t.LeadsTo = u.Scheme+":", "target.app", "authorize.leads_to_app"
		if !authorize.IsReverseDomain(u.Scheme) {
			t.Whole, t.Warning = upTo(validated, maxAddress), "authorize.shared_scheme"
		}
	case isLoopback(u.Hostname()):
		t.Is = "target.loopback"
	case u.Scheme == "http":
		t.Is, t.Whole, t.Warning = "target.local", upTo(validated, maxAddress), "authorize.local"
	case strings.Contains(strings.ToLower(u.Host), "xn--"):
		t.Is = "target.punycode"
	}
	return t
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// sourcesOf are the CSP sources that let a form of ours lead to a validated URL.
// Browsers of the Chromium family apply form-action to every redirect that
// follows a form, those of the application itself included, and a listener on
// the user's device, for one, goes on to its own site. So the scheme is what is
// allowed. It consists of letters, digits, "+", "-" and "." by now; what a host
// may hold besides could not stand in the header.
func sourcesOf(validated string) []string {
	u, err := url.Parse(validated)
	switch {
	case validated == "" || err != nil:
		return nil
	case u.Scheme == "http":
		return []string{"http:", "https:"}
	}
	return []string{u.Scheme + ":"}
}
