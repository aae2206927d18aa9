package web

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/explain"
	"github.com/sparekey-dev/sparekey/internal/humantime"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/web/internal/urlquery"
)

// limitsForm has the fields about limits, with their choices.
type limitsForm struct {
	*language
	Open     bool   // show the choices
	Required bool   // scopes must be chosen
	Consent  bool   // the page explained the fields already
	Asked    bool   // an application asked for scopes, so the form offers no others
	Owner    string // the owner's name; empty for the viewer's own account
	Scripts  bool   // that account can publish scripts in WordPress
	Presets  []choice
	Zone     string // what the reader's time zone adds to the date, in minutes
	Expires  []choice
	At       timed  // the time of the first choice, if it has one
	On       string // a date
	Scopes   []choice
	Rules    string // one a line
	Unusual  string // the unknown methods in them, for the user to confirm
	Networks string // one a line
	MaxUses  string
	Wrong    map[string]string // what is wrong, by field
}

// choice is one of several.
type choice struct {
	Value, Text string
	Note        string // what it means
	Chosen      bool
}

// lifetimes are the times that are offered, by the text that names them.
var lifetimes = []struct {
	value, key string
	time       time.Duration
}{
	{"1d", "expires.day", 24 * time.Hour},
	{"7d", "expires.week", 7 * 24 * time.Hour},
	{"30d", "expires.month", 30 * 24 * time.Hour},
	{"90d", "expires.quarter", 90 * 24 * time.Hour},
	{"365d", "expires.year", 365 * 24 * time.Hour},
}

// Values of the field limit_expires, besides durations.
const (
	expiresNever = "never"
	expiresKeep  = "keep" // stay as it is, or as an application asked
)

// limitsForm makes the fields for the limits l; asked means that an application asked for them. If
// wrong is not empty, the fields show the user's input instead.
func (c *call) limitsForm(l sparekey.Limits, asked bool, wrong map[string]string) limitsForm {
	policy := c.svc.Policy()
	f := limitsForm{language: c.lang, Required: policy.RequireScopes, Asked: asked && l.Scopes != "", Wrong: wrong}
	f.Expires = c.expiryChoices(l.Expires, asked)
	if !l.Expires.IsZero() {
		f.At = c.lang.timed("expires.at", l.Expires, "choice", f.Expires[0].Text)
	}
	f.scopes(c.svc.Bundles(), l.Scopes, c.config.WordPress)
	f.presets(c.svc.Bundles(), presetOf(l.Scopes, f.Required))
	f.Unusual = strings.Join(l.Scopes.UnusualMethods(), " ")
	f.Networks = strings.Join(l.Networks.Strings(), "\n")
	if l.MaxUses > 0 {
		f.MaxUses = strconv.Itoa(l.MaxUses)
	}
	typed := len(wrong) > 0
	if typed {
		c.restoreInput(&f)
		list, _ := scope.Parse(c.typedRules()) // wrong says what is wrong with them
		f.Unusual = strings.Join(list.UnusualMethods(), " ")
	}
	f.Open = f.Required || f.Asked || typed && (wrong["name"] == "" || !c.unlimited())
	return f
}

func (f *limitsForm) setOwner(o owner) {
	if !o.Own {
		f.Owner = o.Name()
		for i := range f.Presets {
			if f.Presets[i].Value == presetAll {
				f.Presets[i].Text = f.T("preset.all_user", "user", f.Owner)
			}
		}
	}
	f.Scripts = explain.MayScript(o.User)
}

// restoreAfterRedirect restores the input from before the redirect for confirming the password.
func (c *call) restoreAfterRedirect(f *limitsForm) {
	if c.r.Method != http.MethodPost {
		c.restoreInput(f)
		f.Open = f.Open || !c.unlimited()
	}
}

func (c *call) unlimited() bool {
	e, err := c.typedLimits()
	return err == nil && e.Of(sparekey.Limits{}).IsZero()
}

func (c *call) restoreInput(f *limitsForm) {
	if !c.fields().Has("limit_expires") { // a form without these fields
		return
	}
	chosen := c.fields()["limit_scope"]
	for i := range f.Scopes {
		f.Scopes[i].Chosen = slices.Contains(chosen, f.Scopes[i].Value)
	}
	for i := range f.Expires {
		f.Expires[i].Chosen = f.Expires[i].Value == c.field("limit_expires")
	}
	preset := c.field("limit_preset")
	if preset == "" || len(c.tickedRules()) > 0 {
		preset = presetOf(scope.List(strings.Join(c.tickedRules(), "\n")), f.Required)
	}
	for i := range f.Presets {
		f.Presets[i].Chosen = f.Presets[i].Value == preset
	}
	f.Zone = first(c.field("limit_zone"), maxEditable)
	f.On = first(c.field("limit_expires_on"), maxEditable)
	f.Rules = first(withoutReturns(c.field("limit_rules")), maxRulesShown)
	f.Networks = first(withoutReturns(c.field("limit_networks")), maxRulesShown)
	f.MaxUses = first(c.field("limit_max_uses"), maxEditable)
}

// maxRulesShown is how many characters of rules a field shows.
const maxRulesShown = 8000

func withoutReturns(text string) string { return strings.ReplaceAll(text, "\r", "") }

// expiryChoices offers the times until which the site lets a credential be accepted;
// those of an application that asked for one end there.
func (c *call) expiryChoices(at time.Time, asked bool) (choices []choice) {
	policy, now := c.svc.Policy(), c.config.Now()
	most := policy.MaxLifetime
	switch {
	case !at.IsZero():
		key := "expires.keep"
		if asked {
			key = "expires.asked"
			most = at.Sub(now)
		}
		choices = append(choices, choice{Value: expiresKeep, Text: c.lang.T(key), Chosen: true})
	case policy.MaxLifetime > 0:
		choices = append(choices, choice{
			Value: expiresNever, Text: c.lang.T("expires.longest", "time", explain.Duration{Duration: policy.MaxLifetime}), Chosen: true,
		})
	}
	if policy.MaxLifetime == 0 && !policy.RequireExpiry && (at.IsZero() || !asked) {
		choices = append(choices, choice{Value: expiresNever, Text: c.lang.T("expires.never"), Chosen: at.IsZero()})
	}
	for _, l := range lifetimes {
		if most == 0 || l.time < most {
			choices = append(choices, choice{Value: l.value, Text: c.lang.T(l.key)})
		}
	}
	return choices
}

// scopes offers the bundles with what they allow, and shows the other rules as text. If an
// application asked for scopes, the form offers exactly those. Bundles for WordPress are
// offered where the site has one, or where they are chosen already.
func (f *limitsForm) scopes(bundles scope.Bundles, list scope.List, wordPress bool) {
	rules := list.Rules()
	offered := slices.DeleteFunc(inOrder(bundles), func(name string) bool {
		return strings.HasPrefix(name, "wp:") && !wordPress && !slices.Contains(rules, name)
	})
	if f.Asked {
		offered = rules
	}
	for _, rule := range offered {
		f.Scopes = append(f.Scopes, choice{
			Value: rule, Text: rule, Note: capitalized(f.sentence(explain.Rule(bundles, rule))), Chosen: slices.Contains(rules, rule),
		})
	}
	var others []string
	for _, rule := range rules {
		if !slices.Contains(offered, rule) {
			others = append(others, rule)
		}
	}
	f.Rules = strings.Join(others, "\n")
}

func capitalized(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[size:]
}

// The values of limit_preset: what most people choose between.
const (
	presetAll    = "all"    // everything that the account can do
	presetRead   = "read"   // the bundle of that name
	presetChosen = "chosen" // what is ticked and typed
)

// presets adds the presets, unless an application asked for scopes.
func (f *limitsForm) presets(bundles scope.Bundles, preset string) {
	if f.Asked {
		return
	}
	_, canRead := bundles[presetRead]
	if preset == presetRead && !canRead {
		preset = presetChosen
	}
	for _, p := range []struct {
		value, key string
		offered    bool
	}{
		{presetAll, "preset.all", !f.Required}, {presetRead, "preset.read", canRead}, {presetChosen, "preset.chosen", true},
	} {
		if p.offered {
			f.Presets = append(f.Presets, choice{Value: p.value, Text: f.T(p.key), Chosen: p.value == preset})
		}
	}
}

// presetOf is the preset for scopes. Where scopes must be chosen, reading is suggested.
func presetOf(list scope.List, required bool) string {
	switch {
	case list == presetRead || list == "" && required:
		return presetRead
	case list == "":
		return presetAll
	}
	return presetChosen
}

// inOrder lists the bundles that the operator defined first, then the built-in ones, and the one
// with the most rights last.
func inOrder(bundles scope.Bundles) []string {
	everywhere := []string{"read", "write", "dav:read", "dav:write", "git:read", "git:write", "oci:pull", "oci:push", "wp:read", "wp:posts", "wp:pages", "wp:media", "wp:comments", "application-passwords"}
	names := slices.Sorted(maps.Keys(bundles))
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(slices.Index(everywhere, a), slices.Index(everywhere, b))
	})
	return names
}

func (l *language) sentence(s explain.Sentence) string { return l.T("explain."+s.Key, s.Pairs...) }

// timedSentence is like sentence, for one that can have a time in it.
func (l *language) timedSentence(s explain.Sentence) timed {
	for _, value := range s.Pairs {
		if at, ok := value.(explain.Time); ok {
			return l.timed("explain."+s.Key, at.Time, s.Pairs...)
		}
	}
	return timed{Before: l.sentence(s)}
}

// typedLimits returns the change of limits that a form asks for: none without these fields. The
// error has all problems.
func (c *call) typedLimits() (e sparekey.Edit, err error) {
	var problems []error
	fields := c.fields()
	if fields.Has("limit_expires") {
		e.Expires, err = typedExpiry(fields.Get("limit_expires_on"), fields.Get("limit_zone"), fields.Get("limit_expires"), c.config.Now())
		problems = append(problems, asInvalid("expires", err))
	}
	if fields.Has("limit_scope") || fields.Has("limit_rules") || fields.Has("limit_preset") {
		list, err := scope.Parse(c.typedRules())
		if err == nil && c.presetContradicts() {
			err = errors.New("are not what the preset says")
		}
		if err == nil && len(c.unconfirmedMethods(list)) > 0 {
			err = errors.New("has an unknown method")
		}
		problems = append(problems, asInvalid("scopes", err))
		e.Scopes = &list
	}
	if fields.Has("limit_networks") {
		list, err := sparekey.ParseNetworks(strings.FieldsFunc(fields.Get("limit_networks"), isBetween))
		problems = append(problems, asInvalid("networks", err))
		e.Networks = &list
	}
	if fields.Has("limit_max_uses") {
		n, err := typedUses(strings.TrimSpace(fields.Get("limit_max_uses")))
		problems = append(problems, asInvalid("max_uses", err))
		e.MaxUses = &n
	}
	return e, errors.Join(problems...)
}

func (c *call) typedRules() []string {
	if ticked := c.tickedRules(); len(ticked) > 0 || c.field("limit_preset") != presetRead {
		return ticked
	}
	return []string{presetRead}
}

// presetContradicts reports whether the ticked and typed scopes differ from the preset: the user
// must see what the form does.
func (c *call) presetContradicts() bool {
	ticked := c.tickedRules()
	switch c.field("limit_preset") {
	case "":
		return false
	case presetChosen:
		return len(ticked) == 0
	case presetRead:
		return len(ticked) > 0 && !slices.Equal(ticked, []string{presetRead})
	case presetAll:
		return len(ticked) > 0
	}
	return true
}

// tickedRules are the scopes that were ticked and typed.
func (c *call) tickedRules() []string {
	return lines(append(slices.Clone(c.fields()["limit_scope"]), c.field("limit_rules"))...)
}

// unconfirmedMethods returns the unknown methods in a list, except those about which the form
// asked already: sending it again confirms them.
func (c *call) unconfirmedMethods(list scope.List) []string {
	confirmed := strings.Fields(c.field("limit_unusual"))
	return slices.DeleteFunc(list.UnusualMethods(), func(method string) bool { return slices.Contains(confirmed, method) })
}

// isBetween reports whether a character may stand between networks.
func isBetween(r rune) bool { return r == ',' || unicode.IsSpace(r) }

// typedExpiry reads a date or, where there is none, one of the times that were
// offered. zone is what a script says of the time zone in which the date is meant: the
// minutes to add to get UTC. nil says that it stays as it is.
func typedExpiry(on, zone, chosen string, now time.Time) (*time.Time, error) {
	var offset time.Duration
	if on != "" {
		if _, err := time.Parse(time.DateOnly, on); err != nil {
			return nil, err
		}
		chosen, offset = on, zoneOffset(zone)
	}
	if chosen == expiresKeep {
		return nil, nil //nolint:nilnil // see above
	}
	at, err := humantime.ParseExpiry(cmp.Or(chosen, expiresNever), now)
	if err == nil && !at.IsZero() {
		at = at.Add(offset)
	}
	if err == nil && !at.IsZero() && !at.After(now) { // checked here, to report it together with other problems
		err = errors.New("must be in the future")
	}
	return &at, err
}

// zoneOffset reads the reader's time zone, as a script sends it. Without a script it is UTC, as the
// form says.
func zoneOffset(text string) time.Duration {
	const most = 14 * 60 // minutes, as in the Line Islands
	minutes, err := strconv.Atoi(text)
	if err != nil || minutes < -most || minutes > most {
		return 0
	}
	return time.Duration(minutes) * time.Minute
}

// typedUses reads a number of uses; empty means unlimited. 0 is refused: a user who types it does
// not mean unlimited.
func typedUses(text string) (n int, err error) {
	if text == "" {
		return 0, nil
	}
	if n, err = strconv.Atoi(text); err == nil && n < 1 {
		err = errors.New("must be a number of uses, or be left empty")
	}
	return n, err
}

func asInvalid(field string, err error) error {
	if err == nil {
		return nil
	}
	return &sparekey.InvalidError{Field: field, Problem: err.Error()}
}

// latestOf returns the latest time at which the site lets a credential with this creation
// time expire; zero: no limit.
func (c *call) latestOf(created time.Time) (latest time.Time) {
	if most := c.svc.Policy().MaxLifetime; most > 0 {
		latest = created.Add(most)
	}
	return latest
}

func (c *call) typedFields() (fields []urlquery.Field) {
	for _, name := range []string{
		"limit_preset", "limit_scope", "limit_rules", "limit_zone", "limit_expires", "limit_expires_on", "limit_networks", "limit_max_uses",
	} {
		for _, value := range c.fields()[name] {
			if value != "" {
				fields = append(fields, urlquery.Field{Name: name, Value: value})
			}
		}
	}
	return fields
}

// lines returns the lines that are not empty.
func lines(texts ...string) (all []string) {
	for _, text := range texts {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				all = append(all, line)
			}
		}
	}
	return all
}

// wrongField returns the field that an error is about, by the domain's name.
func wrongField(err error) string {
	var invalid *sparekey.InvalidError
	switch {
	case errors.As(err, &invalid):
		return invalid.Field
	case errors.Is(err, sparekey.ErrDuplicateName):
		return "name"
	}
	return ""
}

func wrongFields(err error) (fields []string) {
	var several interface{ Unwrap() []error }
	if !errors.As(err, &several) {
		return []string{wrongField(err)}
	}
	for _, err := range several.Unwrap() {
		fields = append(fields, wrongField(err))
	}
	return fields
}

// badge shows one property of a credential in lists.
type badge struct {
	timed
	Expired     bool // or inactive for another reason
	ExpiresSoon bool
}

// badges says whether a credential is still accepted, and that it is limited.
func (c *call) badges(cr sparekey.Credential) (all []badge) {
	end := c.svc.Expires(cr)
	switch reason := c.svc.InactiveReason(cr); {
	case reason != "":
		all = append(all, badge{timed: timed{Before: c.lang.T("badge." + string(reason))}, Expired: true})
	case c.svc.Policy().RequireScopes && cr.Limits.Scopes == "":
		all = append(all, badge{timed: timed{Before: c.lang.T("badge.refused")}, Expired: true})
	case !c.svc.UpcomingExpiry(cr).IsZero():
		all = append(all, badge{timed: c.lang.timed("badge.soon", end), ExpiresSoon: true})
	case !end.IsZero():
		all = append(all, badge{timed: c.lang.timed("badge.until", end)})
	}
	if until := c.svc.OldSecretUntil(cr); !until.IsZero() {
		all = append(all, badge{timed: c.lang.timed("badge.old_until", until)})
	}
	if l := cr.Limits; l.Scopes != "" || l.Networks != "" || l.MaxUses > 0 {
		all = append(all, badge{timed: timed{Before: c.lang.T("badge.limited")}})
	}
	return all
}

// fact is a sentence about a credential, perhaps with a list.
type fact struct {
	timed
	Items []choice
}

// facts says what a credential may do, as "sparekey user application-password
// explain" does.
func (c *call) facts(owner sparekey.User, cr sparekey.Credential) (facts []fact) {
	for _, s := range explain.Credential(c.svc, owner, cr) {
		f := fact{timed: c.lang.timedSentence(s)}
		for _, item := range s.Items {
			f.Items = append(f.Items, choice{Text: item.Rule, Note: c.lang.sentence(item.Sentence)})
		}
		facts = append(facts, f)
	}
	return facts
}

// limitsPage says what a credential may do, and has the form to change that.
type limitsPage struct {
	view
	nav
	Problem string
	Facts   []fact
	Limits  limitsForm
	Action  string
	Rotate  string // address
	Back    string
	History string // address, or empty
}

func showLimits(c *call) (*answer, error) {
	o, cr, err := c.credential()
	if err != nil {
		return nil, err
	}
	return c.limitsPage(o, cr, nil)
}

func (c *call) limitsPage(o owner, cr sparekey.Credential, problem error) (*answer, error) {
	tabs, err := c.tabs("")
	if err != nil {
		return nil, err
	}
	back := c.back(o.List)
	p := &limitsPage{
		nav: tabs, Problem: c.formProblem(problem), Facts: c.facts(o.User, cr), Limits: c.limitsForm(cr.Limits, false, c.problems(problem)),
		Action: c.r.URL.RequestURI(), Rotate: below(o.List, "rotate", cr.UUID, back), Back: back,
		History: c.historyURL(o.List, cr.UUID, back),
	}
	p.Limits.setOwner(o)
	return show("limits", c.lang.T("limits.title", "name", displayText(cr.Name)), p), nil
}

// limit gives a credential other limits.
func limit(c *call) (*answer, error) {
	o, cr, err := c.credential()
	if err != nil {
		return nil, err
	}
	if redirected := c.confirm(o, c.r.URL.RequestURI()); redirected != nil {
		return redirected, nil
	}
	c.latest = c.latestOf(cr.Created)
	edit, err := c.typedLimits()
	if err == nil {
		_, err = c.manager().Edit(c.r.Context(), o.ID, cr.UUID, edit)
	}
	if c.formProblem(err) != "" {
		return withStatus(err)(c.limitsPage(o, cr, err))
	}
	if err != nil {
		return nil, err
	}
	return redirect(done(c.back(o.List), "limited")), nil
}
