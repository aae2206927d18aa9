package sparekey

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/internal/rawpath"
	"github.com/sparekey-dev/sparekey/scope"
)

// Limits narrow what a credential can be used for. With the zero Limits, it can do everything
// that its user can.
type Limits struct {
	// Expires is when the credential stops being accepted, in whole
	// seconds. Zero: never.
	Expires time.Time
	// Scopes are the requests that it can make. Empty: all.
	Scopes scope.List
	// Networks are those from which it can be used. Empty: all.
	Networks Networks
	// MaxUses is how many times it can be used in total. 0: no limit.
	MaxUses int
}

// IsZero reports whether no limit is set.
func (l Limits) IsZero() bool { return l.Equal(Limits{}) }

// Equal reports whether both are the same limits. Unlike ==, it takes times for equal that
// are the same instant, such as those of a store that returns them in another location.
func (l Limits) Equal(other Limits) bool {
	if !l.Expires.Equal(other.Expires) {
		return false
	}
	l.Expires = other.Expires
	return l == other
}

// Within reports whether l allows nothing that parent does not allow. It returns false if it
// cannot decide.
func (l Limits) Within(parent Limits, bundles scope.Bundles) bool {
	return (parent.Expires.IsZero() || !l.Expires.IsZero() && !l.Expires.After(parent.Expires)) &&
		l.Scopes.Within(parent.Scopes, bundles) &&
		l.Networks.within(parent.Networks) &&
		(parent.MaxUses == 0 || l.MaxUses > 0 && l.MaxUses <= parent.MaxUses)
}

// orInherit returns l, with the parent's limits where l has none.
func (l Limits) orInherit(parent Limits) Limits {
	if l.Expires.IsZero() {
		l.Expires = parent.Expires
	}
	if l.Scopes == "" {
		l.Scopes = parent.Scopes
	}
	if l.Networks == "" {
		l.Networks = parent.Networks
	}
	if l.MaxUses == 0 {
		l.MaxUses = parent.MaxUses
	}
	return l
}

// valid returns the limits in the form in which they are stored, or an [*InvalidError]. An
// expiry that did not change may have passed already. Scopes and networks get the form that
// [scope.Parse] and [ParseNetworks] give them, so that all callers (Go, REST, pages, command
// line) accept the same texts and store them in the same form. Texts that these cannot read
// are refused here, since they would deny every request later.
func (l Limits) valid(before Limits, now time.Time, bundles scope.Bundles) (Limits, error) {
	l.Expires = l.Expires.UTC().Truncate(time.Second)
	if !l.Expires.IsZero() && !l.Expires.Equal(before.Expires) && !l.Expires.After(now) {
		return l, &InvalidError{"expires", "must be in the future"}
	}
	if l.Expires.Year() > maxYear {
		return l, &InvalidError{"expires", fmt.Sprintf("must be in the year %d or before", maxYear)}
	}
	if l.MaxUses < 0 {
		return l, &InvalidError{"max_uses", "must be a positive number, or be left out"}
	}
	var err error
	if l.Scopes != "" && l.Scopes != before.Scopes {
		if l.Scopes, err = scope.Parse(l.Scopes.Rules()); err != nil {
			return l, &InvalidError{"scopes", err.Error()}
		}
	}
	if l.Networks != "" && l.Networks != before.Networks {
		if l.Networks, err = l.Networks.canonical(); err != nil {
			return l, &InvalidError{"networks", err.Error()}
		}
	}
	if err := bundles.Check(l.Scopes); err != nil {
		return l, &InvalidError{"scopes", err.Error()}
	}
	return l, nil
}

// Checked returns limits in the form in which they are kept, or an [*InvalidError] where
// they cannot be read and so would deny every request. They may be over already. It is for
// what copies credentials between stores; [Service] checks what it is given.
func (l Limits) Checked(bundles scope.Bundles) (Limits, error) {
	return l.valid(Limits{Expires: l.Expires}, time.Time{}, bundles)
}

// maxYear is the last one that RFC 3339 can write.
const maxYear = 9999

// Edit holds the changes to a credential. Nil fields stay unchanged.
type Edit struct {
	Name     *string // is sanitised
	Expires  *time.Time
	Scopes   *scope.List
	Networks *Networks
	MaxUses  *int
}

// limits reports whether any limit is to be changed.
func (e Edit) limits() bool {
	return e.Expires != nil || e.Scopes != nil || e.Networks != nil || e.MaxUses != nil
}

// kinds are what to call the change.
func (e Edit) kinds() (kinds []Kind) {
	if e.Name != nil {
		kinds = append(kinds, KindRenamed)
	}
	if e.limits() {
		kinds = append(kinds, KindLimited)
	}
	return kinds
}

// Of returns l with the change applied.
func (e Edit) Of(l Limits) Limits {
	if e.Expires != nil {
		l.Expires = *e.Expires
	}
	if e.Scopes != nil {
		l.Scopes = *e.Scopes
	}
	if e.Networks != nil {
		l.Networks = *e.Networks
	}
	if e.MaxUses != nil {
		l.MaxUses = *e.MaxUses
	}
	return l
}

// MaxNetworks is how many networks Limits may have.
const MaxNetworks = 64

// Networks are addresses and networks in CIDR notation, separated by blanks, in
// the form that [ParseNetworks] gives them. The empty Networks are everywhere.
// They are compared with ==.
type Networks string

// ParseNetworks reads addresses and networks such as "10.0.0.0/8", "192.0.2.7" and
// "2001:db8::/32".
func ParseNetworks(texts []string) (Networks, error) {
	if len(texts) > MaxNetworks {
		return "", fmt.Errorf("there are %d networks: at most %d are possible", len(texts), MaxNetworks)
	}
	var all []string
	for _, text := range texts {
		prefix, err := parseNetwork(strings.TrimSpace(text))
		if err != nil {
			return "", err
		}
		all = append(all, prefix.String())
	}
	return Networks(strings.Join(all, " ")), nil
}

// canonical returns networks that are not empty in the form that ParseNetworks gives
// them. It never returns the empty Networks, which are everywhere.
func (n Networks) canonical() (Networks, error) {
	parsed, err := ParseNetworks(n.Strings())
	if err == nil && parsed == "" {
		err = fmt.Errorf("%q has neither an address nor a network: leave it empty for everywhere", string(n))
	}
	return parsed, err
}

func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
	case prefix.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is an IPv4 network in the form of IPv6: write it as 192.0.2.0/24", text)
	}
	return prefix.Masked(), nil
}

// Strings returns the networks in CIDR notation, or nil.
func (n Networks) Strings() []string { return strings.Fields(string(n)) }

// Contains reports whether an address is in the networks. An unknown address (the zero Addr)
// is in them only if they are empty. A list that cannot be read contains nothing.
func (n Networks) Contains(addr netip.Addr) bool {
	if n == "" {
		return true
	}
	addr = addr.Unmap().WithZone("")
	for rest := string(n); rest != ""; {
		var text string
		text, rest, _ = strings.Cut(rest, " ")
		if prefix, err := netip.ParsePrefix(text); err == nil && prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// within reports whether every address in n is in parent as well.
func (n Networks) within(parent Networks) bool {
	if parent == "" {
		return true
	}
	for _, text := range n.Strings() {
		prefix, err := netip.ParsePrefix(text)
		if err != nil || !parent.includes(prefix) {
			return false
		}
	}
	return n != ""
}

// includes reports whether one of the networks holds all of another.
func (n Networks) includes(inner netip.Prefix) bool {
	for _, text := range n.Strings() {
		if outer, err := netip.ParsePrefix(text); err == nil && outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr()) {
			return true
		}
	}
	return false
}

// Request is what a caller asks for, as it was received.
type Request struct {
	Method string
	// Target is the request-target (RFC 9112, section 3.2), in origin form
	// ("/path?query") or absolute form, neither decoded nor cleaned.
	Target string
}

// IsZero reports whether the request is missing, because the caller does not speak HTTP.
func (r Request) IsZero() bool { return r.Method == "" && r.Target == "" }

// Path is the request's path as it was received, without the query, which may hold
// secrets of an application.
func (r Request) Path() string {
	path, _ := rawpath.Split(r.Target)
	return path
}

// Upstream knows how the application that will answer a request may read it. Package
// gateway/upstream implements it for each kind of application.
type Upstream interface {
	// Readings returns all that the application may take the request for. It is called
	// for limited credentials only, and may read the request's body. scoped says that
	// the credential has scopes; else only what manages users, credentials or code has
	// to be in the result. The caller does not change the result.
	Readings(scoped bool) *Readings
}

// Reading is one method on one path for which an application may take a request; see
// [scope.Access].
type Reading = scope.Access

// Readings are all that an application may take a request for. A limited credential
// may send the request if its limits allow every one of them.
type Readings struct {
	// All are the readings. There is at least one, unless Unclear says why not.
	All []Reading
	// Unclear says, as the rest of a sentence for people, why the application may read
	// the request in a way that is not in All. Empty: All is complete. It refuses the
	// request to a credential with scopes.
	Unclear string
	// UnclearManages says that such a way may manage users, credentials or code. It
	// refuses the request to every credential with a limit.
	UnclearManages bool
	// Hint says, in sentences for people, what to do where the limits do not cover one of
	// the readings after the first. It may be empty.
	Hint string
	// Boundless says, as the rest of a sentence for people, why no limit of a credential
	// holds in what the request has the application do. It refuses the request to every
	// credential with a limit.
	Boundless string
}

// ManagePasswords reports whether the application would create, change or revoke
// application passwords by itself.
func (r *Readings) ManagePasswords() bool {
	return slices.ContainsFunc(r.All, func(r Reading) bool { return r.Named == scope.NamePasswords })
}

// onlyReadings returns the readings of a request whose query and headers do not matter.
func onlyReadings(r Request) *Readings {
	path, ok := rawpath.Decode(r.Path())
	if !ok {
		return &Readings{Unclear: UnclearPath(r.Path())}
	}
	all := []Reading{{Method: r.Method, Path: path}}
	for _, other := range rawpath.Parameters(path) {
		if rawpath.IsAmbiguous(other) {
			return &Readings{Unclear: UnclearPath(path)}
		}
		all = append(all, Reading{Method: r.Method, Path: other})
	}
	return &Readings{All: all}
}

// UnclearPath is [Readings.Unclear] for a path that programs read in different ways.
func UnclearPath(path string) string {
	return fmt.Sprintf("programs read the path %q in different ways; send it without \"//\", \".\", \"..\" and encoded slashes", clip(path))
}

// judge refuses a request that the limits of a credential do not cover, with an
// [*AuthError]. It returns the rule that covers the request itself, if scopes narrow the
// credential. The rule: a limited credential may send a request only if its limits allow
// every reading, and not where the readings are unclear.
func (s *Service) judge(c *Credential, a *Attempt, previous bool) (rule string, err error) {
	limited := previous || s.IsLimited(*c)
	if !limited && (a.Upstream == nil || !s.restrictsCreation(c)) {
		return "", nil
	}
	scopes := c.Limits.Scopes
	var readings *Readings
	switch {
	case a.Upstream != nil:
		readings = a.Upstream.Readings(scopes != "")
	case scopes == "":
		return "", nil
	case a.Request.IsZero() && a.Scope != "":
		readings = &Readings{All: []Reading{{Method: "*"}}}
	case a.Request.IsZero():
		return "", outOfScope("This application password is limited to requests over HTTP, and this is not one.")
	default:
		readings = onlyReadings(a.Request)
	}
	switch {
	case readings.Boundless != "" && limited:
		return "", outOfScope("This application password is limited, and " + readings.Boundless + ".")
	case readings.UnclearManages && !limited:
		return "", outOfScope("This site restricts how application passwords are created, and this request may create one unseen: " + readings.Unclear + ".")
	case !limited && readings.ManagePasswords():
		return "", outOfScope("This site restricts how application passwords are created: Sparekey alone creates them.")
	case !limited:
		return "", nil
	case readings.UnclearManages:
		return "", outOfScope("This application password is limited, and this request may do something else than it says: " + readings.Unclear + ".")
	case scopes != "" && (readings.Unclear != "" || len(readings.All) == 0):
		return "", outOfScope("This application password may not do that: " + readings.Unclear + ".")
	}
	return s.coverAll(scopes, a.Scope, readings)
}

// coverAll refuses the request unless the scopes cover every reading, each of which needs the
// scope needed unless that is empty. Without scopes, it refuses only readings that need a rule
// with a certain name.
func (s *Service) coverAll(scopes scope.List, needed string, readings *Readings) (rule string, err error) {
	for i, reading := range readings.All {
		if scopes == "" && reading.Named == "" {
			continue
		}
		reading.Scope = needed
		by, ok := "", false
		if scopes != "" {
			by, ok = scopes.Covers(reading, s.config.Bundles)
		}
		if !ok {
			return "", s.notCovered(scopes, reading, i > 0, readings.Hint)
		}
		if i == 0 {
			rule = by
		}
	}
	return rule, nil
}

// notCovered is the refusal of a reading that no scope covers. isOther says that the
// reading is another one than the request's own method and path; hint is then part of it.
func (s *Service) notCovered(scopes scope.List, reading Reading, isOther bool, hint string) error {
	what := clip(reading.Method) + " " + clip(reading.Path)
	if reading.Method == "*" {
		what = "every method on " + clip(reading.Path)
	}
	has := "it has: " + clip(scopes.String())
	if scopes == "" {
		has = "it has no scopes"
	}
	if unknown := s.config.Bundles.Unknown(scopes); len(unknown) > 0 {
		has += fmt.Sprintf(" (and %q is not defined here)", clip(unknown[0]))
	}
	if reading.Named != "" {
		return outOfScope(fmt.Sprintf("This application password is limited, so %s needs a scope with %q in its path; %s.", what, reading.Named, has))
	}
	if reading.Scope != "" {
		return outOfScope(fmt.Sprintf("This application password may not do that: it needs the scope %q; %s.", reading.Scope, has))
	}
	if isOther {
		what += ", for which the application may take this request because of a header, a parameter or its body"
	}
	message := fmt.Sprintf("This application password may not do that: no scope covers %s; %s.", what, has)
	if isOther && hint != "" {
		message += " " + hint
	}
	return outOfScope(message)
}

func outOfScope(message string) error { return Refuse(ReasonOutOfScope, message) }

// clip shortens a text that a client has chosen, for a message.
func clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
