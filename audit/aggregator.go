package audit

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/network"
)

const (
	// maxTotalReasons is for how many reasons the total overflow has a record each.
	maxTotalReasons = 64

	// maxPerSubject is how many callers of one credential are counted separately, so that heavy
	// use of one credential cannot hide uses of another. Real credentials have fewer callers:
	// a few machines, or the addresses that a phone has in an hour.
	maxPerSubject = 50

	// maxSubjectReasons is for how many reasons the overflow of a credential has a record each.
	maxSubjectReasons = 8

	// subjectOverflowsPerCaller times maxCallers is how many credentials have an overflow of
	// their own.
	subjectOverflowsPerCaller = 10
)

// groupKey is what the events of one record have in common.
type groupKey struct {
	kind       sparekey.Kind
	reason     sparekey.Reason
	user       string     // ID
	credential string     // UUID; of sign-ins empty
	addr       netip.Addr // of IPv6, the /64 network: one caller usually has all of it
	rule       string
}

// overflow is which fields of groupKey a group ignores, once there are too many groups.
type overflow int

const (
	noOverflow      overflow = iota // none
	subjectOverflow                 // the address and the rule
	totalOverflow                   // all except the kind and the reason
	overflows
)

// aggregator counts equal events as one group. It counts by credential only where the caller
// has the right secret, so that other callers cannot add groups for credentials.
type aggregator struct {
	maxCallers int
	byUser     bool // counts by user: events about main passwords have no credential
	// unbounded counts all users separately. It is for sign-ins that succeeded: the number of
	// accounts limits the groups.
	unbounded bool

	groups     map[groupKey]*group
	groupCount [overflows]int // by overflow
	perSubject map[string]int // groups by credential UUID; of sign-ins, by user ID
}

func newAggregator(callers int) aggregator {
	return aggregator{maxCallers: callers, groups: map[groupKey]*group{}, perSubject: map[string]int{}}
}

// subject is the credential UUID or, with byUser, the user ID. It can be empty.
func (a *aggregator) subject(key groupKey) string {
	if a.byUser {
		return key.user
	}
	return key.credential
}

// group counts events since its last record was written.
type group struct {
	record   Record // of the first event
	count    int
	last     time.Time
	flushed  time.Time // when its last record was written
	overflow overflow
	reason   sparekey.Reason // of an overflow; empty if that has too many reasons
}

// add does not allocate if the event's group has events since its last record.
func (a *aggregator) add(e sparekey.Event) {
	key := groupKey{e.Kind, e.Reason, e.User.ID, e.Credential.UUID, network.Of(e.Addr), e.Rule}
	to := a.groups[key]
	if to == nil {
		to = a.group(key)
	}
	if to.count == 0 {
		to.begin(e)
	}
	to.count++
	to.last = e.Time
}

// group returns the group of a new caller: its own; or, with too many callers in all or of this
// credential, the overflow of the credential; or, with too many credentials, the total
// overflow.
func (a *aggregator) group(key groupKey) *group {
	kind := noOverflow
	if !a.unbounded && a.groupCount[noOverflow] >= a.maxCallers || a.perSubject[a.subject(key)] >= maxPerSubject {
		kind, key = a.overflowKey(key)
	}
	if a.groups[key] == nil {
		a.groups[key] = &group{overflow: kind, reason: key.reason}
		a.groupCount[kind]++
		if subject := a.subject(key); subject != "" {
			a.perSubject[subject]++
		}
	}
	return a.groups[key]
}

func (a *aggregator) overflowKey(key groupKey) (overflow, groupKey) {
	if subject := a.subject(key); subject != "" {
		shared := groupKey{kind: key.kind, reason: key.reason, user: key.user, credential: key.credential}
		if a.perSubject[subject] >= maxPerSubject+maxSubjectReasons && a.groups[shared] == nil {
			shared.reason = ""
		}
		if a.unbounded || a.groups[shared] != nil || a.groupCount[subjectOverflow] < subjectOverflowsPerCaller*a.maxCallers {
			return subjectOverflow, shared
		}
	}
	all := groupKey{kind: key.kind, reason: key.reason}
	if a.groupCount[totalOverflow] >= maxTotalReasons && a.groups[all] == nil {
		all.reason = ""
	}
	return totalOverflow, all
}

func (a *aggregator) remove(key groupKey) {
	a.groupCount[a.groups[key].overflow]--
	delete(a.groups, key)
	subject := a.subject(key)
	if a.perSubject[subject]--; a.perSubject[subject] <= 0 {
		delete(a.perSubject, subject)
	}
}

func (g *group) begin(of sparekey.Event) {
	first := recordOf(of)
	g.record = first
	if g.overflow == noOverflow {
		return
	}
	g.record = Record{Time: first.Time, Kind: first.Kind, Reason: g.reason, Overflow: true}
	if g.overflow == subjectOverflow {
		g.record.User, g.record.Login, g.record.Credential, g.record.Name = first.User, first.Login, first.Credential, first.Name
	}
}

// drained is a copy of a group that is about to be written.
type drained struct {
	from *group
	group
}

// drain returns and resets the groups whose last record was written at or before a time. It
// removes groups without events since then.
func (a *aggregator) drain(now, before time.Time) (all []drained) {
	for key, g := range a.groups {
		switch {
		case g.flushed.After(before):
		case g.count > 0:
			all = append(all, drained{g, *g})
			g.count, g.flushed = 0, now
		default:
			a.remove(key)
		}
	}
	return all
}

// requeue undoes drain after a failed write.
func (d drained) requeue() {
	if d.from.count == 0 {
		d.from.last = d.last
	}
	d.from.record, d.from.flushed = d.record, d.flushed
	d.from.count += d.count
}

func (d drained) summary() Record {
	r := d.record
	if d.count > 1 {
		r.Count, r.Since = d.count, r.Time
	}
	r.Time = d.last
	return r
}

// byTime orders by time. Other fields make the order of equal times deterministic.
func byTime(a, b drained) int {
	return cmp.Or(
		a.last.Compare(b.last), cmp.Compare(a.record.Kind, b.record.Kind), cmp.Compare(a.record.Reason, b.record.Reason),
		cmp.Compare(a.record.User, b.record.User), cmp.Compare(a.record.Credential, b.record.Credential),
		a.record.Addr.Compare(b.record.Addr))
}
