package sparekey

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/scope"
)

// Limits narrow what a credential can be used for. With the zero Limits, it can do everything
// that its user can. They are comparable with ==.
type Limits struct {
	// Expires is when the credential stops being accepted, in UTC with whole
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
func (l Limits) IsZero() bool { return l == Limits{} }

// Within reports whether l allows nothing that parent does not allow. It returns false if it
// cannot decide.
func (l Limits) Within(parent Limits, bundles scope.Bundles) bool {
	return (parent.Expires.IsZero() || !l.Expires.IsZero() && !l.Expires.After(parent.Expires)) &&
		l.Scopes.Within(parent.Scopes, bundles) &&
		l.Networks.Within(parent.Networks) &&
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

// Within reports whether every address in n is in parent as well.
func (n Networks) Within(parent Networks) bool {
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
