package audit

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/network"
)

const (
	// maxReasons is for how many reasons callers beyond the bound are counted apart.
	maxReasons = 64

	// maxEach is how many callers of one credential are counted separately, so that none can
	// hide another among many. Honest credentials have fewer: a few machines, or the
	// addresses that a phone has in an hour.
	maxEach = 50

	// maxEachReasons is for how many reasons what one credential does beyond that is
	// counted apart.
	maxEachReasons = 8

	// credentialsEach is how many credentials are counted separately for each caller that is.
	credentialsEach = 10
)

// alike are events that are one record.
type alike struct {
	kind       sparekey.Kind
	reason     sparekey.Reason
	user       string     // ID
	credential string     // UUID; of sign-ins empty
	addr       netip.Addr // of IPv6, the /64 network: one caller usually has all of it
	rule       string
}

// crowd says what the events of an entry have in common.
type crowd int

const (
	nobodyElse    crowd = iota // all of alike
	oneCredential              // all but the address and the rule; of sign-ins, those of one user
	everybody                  // the kind and the reason
	crowds
)

// fold aggregates events of the same group. It counts by credential only where the caller has
// the right secret, so that strangers cannot add credentials.
type fold struct {
	callers int
	byUser  bool // tells events apart by user, as those about main passwords have no credential
	// everyUser counts each user apart, however many there are. It is for sign-ins that
	// succeeded, of which no more users can be the subject than there are accounts.
	everyUser bool

	entries map[alike]*entry
	open    [crowds]int    // how many entries there are of each crowd
	each    map[string]int // how many a credential has, by UUID; of sign-ins, how many a user has, by ID
}

func newFold(callers int) fold {
	return fold{callers: callers, entries: map[alike]*entry{}, each: map[string]int{}}
}

// subject is what a fold counts separately as long as it can: the credential, or for sign-ins
// the user. It is empty where the event has none.
func (f *fold) subject(key alike) string {
	if f.byUser {
		return key.user
	}
	return key.credential
}

// entry counts events since the last record of them was written.
type entry struct {
	record  Record // of the first
	count   int
	last    time.Time
	written time.Time // when the last record of them was written
	crowd   crowd
	reason  sparekey.Reason // where it is a crowd's
}

// add counts an event. It makes no garbage where one like it was counted since the
// last record.
func (f *fold) add(e sparekey.Event) {
	key := alike{e.Kind, e.Reason, e.User.ID, e.Credential.UUID, network.Of(e.Addr), e.Rule}
	to := f.entries[key]
	if to == nil {
		to = f.find(key)
	}
	if to.count == 0 {
		to.begin(e)
	}
	to.count++
	to.last = e.Time
}

// find returns the entry for a new caller: its own; or, with too many callers, or too many of
// this credential, the shared entry of the credential; or, with too many credentials, the
// shared entry of all.
func (f *fold) find(key alike) *entry {
	of := nobodyElse
	if !f.everyUser && f.open[nobodyElse] >= f.callers || f.each[f.subject(key)] >= maxEach {
		of, key = f.join(key)
	}
	if f.entries[key] == nil {
		f.entries[key] = &entry{crowd: of, reason: key.reason}
		f.open[of]++
		if subject := f.subject(key); subject != "" {
			f.each[subject]++
		}
	}
	return f.entries[key]
}

// join returns the crowd that a caller becomes one of.
func (f *fold) join(key alike) (crowd, alike) {
	if subject := f.subject(key); subject != "" {
		with := alike{kind: key.kind, reason: key.reason, user: key.user, credential: key.credential}
		if f.each[subject] >= maxEach+maxEachReasons && f.entries[with] == nil {
			with.reason = ""
		}
		if f.everyUser || f.entries[with] != nil || f.open[oneCredential] < credentialsEach*f.callers {
			return oneCredential, with
		}
	}
	all := alike{kind: key.kind, reason: key.reason}
	if f.open[everybody] >= maxReasons && f.entries[all] == nil {
		all.reason = ""
	}
	return everybody, all
}

// forget removes an entry whose callers have been quiet.
func (f *fold) forget(key alike) {
	f.open[f.entries[key].crowd]--
	delete(f.entries, key)
	subject := f.subject(key)
	if f.each[subject]--; f.each[subject] <= 0 {
		delete(f.each, subject)
	}
}

func (e *entry) begin(of sparekey.Event) {
	first := recordOf(of)
	e.record = first
	if e.crowd == nobodyElse {
		return
	}
	e.record = Record{Time: first.Time, Kind: first.Kind, Reason: e.reason, Folded: true}
	if e.crowd == oneCredential {
		e.record.User, e.record.Login, e.record.Credential, e.record.Name = first.User, first.Login, first.Credential, first.Name
	}
}

// taken is what was counted and is about to be written.
type taken struct {
	from  *entry
	entry // as it was
}

// take returns the counts that are due: those last written at or before a time. It removes
// callers who have been quiet since then.
func (f *fold) take(now, written time.Time) (all []taken) {
	for key, e := range f.entries {
		switch {
		case e.written.After(written):
		case e.count > 0:
			all = append(all, taken{e, *e})
			e.count, e.written = 0, now
		default:
			f.forget(key)
		}
	}
	return all
}

// giveBack undoes take, for what could not be written.
func (t taken) giveBack() {
	if t.from.count == 0 {
		t.from.last = t.last
	}
	t.from.record, t.from.written = t.record, t.written
	t.from.count += t.count
}

// finish is the record of all that was counted.
func (t taken) finish() Record {
	r := t.record
	if t.count > 1 {
		r.Count, r.Since = t.count, r.Time
	}
	r.Time = t.last
	return r
}

// inTime orders by time, and then by who it was so that the order is always the
// same.
func inTime(a, b taken) int {
	return cmp.Or(
		a.last.Compare(b.last), cmp.Compare(a.record.Kind, b.record.Kind), cmp.Compare(a.record.Reason, b.record.Reason),
		cmp.Compare(a.record.User, b.record.User), cmp.Compare(a.record.Credential, b.record.Credential),
		a.record.Addr.Compare(b.record.Addr))
}
