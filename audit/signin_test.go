package audit_test

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
)

// floodOf is how many events of each kind a flood has.
const floodOf = 50_000

// addrOf returns an address that is different for each number.
func addrOf(n int) netip.Addr {
	var bytes [4]byte
	binary.BigEndian.PutUint32(bytes[:], 10<<24|uint32(n))
	return netip.AddrFrom4(bytes)
}

// flood observes uses and refusals of application passwords, none like another.
func flood(t *testing.T, s *site) {
	t.Helper()
	for i := range floodOf {
		owner := sparekey.User{ID: strconv.Itoa(1000 + i), Login: "user" + strconv.Itoa(i)}
		c := sparekey.Credential{UUID: "c" + strconv.Itoa(i), UserID: owner.ID}
		at, addr := noon.Add(time.Duration(i)*time.Millisecond), addrOf(i)
		s.log.Observe(t.Context(), sparekey.Event{Kind: sparekey.KindAuthenticated, Time: at, User: owner, Credential: c, Addr: addr})
		s.log.Observe(t.Context(), sparekey.Event{Kind: sparekey.KindRefused, Time: at, User: owner, Credential: c, Addr: addr, Reason: sparekey.ReasonExpired})
		s.log.Observe(t.Context(), sparekey.Event{Kind: sparekey.KindRefused, Time: at, Addr: addr, Reason: sparekey.ReasonWrongSecret})
	}
}

// byKind returns the records of a kind about a user that are from one address.
func byKind(all []audit.Record, kind sparekey.Kind, user string) (found []audit.Record) {
	for _, r := range all {
		if r.Kind == kind && r.User == user && !r.Overflow && r.Addr.IsValid() {
			found = append(found, r)
		}
	}
	return found
}

// TestSignInsHaveTheirOwnPlace floods the log with uses and refusals. An
// administrator who then fails to sign in, signs in and signs out is on record, each
// time with the address, in order and in an intact chain.
func TestSignInsHaveTheirOwnPlace(t *testing.T) {
	t.Parallel()
	s := newSite(t, audit.Config{})
	flood(t, s)
	later := noon.Add(time.Hour)
	kinds := []sparekey.Kind{audit.KindSignInRefused, audit.KindSignedIn, audit.KindSignedOut}
	for i, kind := range kinds {
		e := sparekey.Event{Kind: kind, Time: later.Add(time.Duration(i) * time.Second), User: s.ann, Addr: addrOf(7)}
		if kind == audit.KindSignInRefused {
			e.Reason = sparekey.ReasonWrongSecret
		}
		s.log.Observe(t.Context(), e)
	}
	s.flush(t)
	all := s.records(t, 0)
	var last uint64
	for _, kind := range kinds {
		found := byKind(all, kind, s.ann.ID)
		if len(found) != 1 || found[0].Addr != addrOf(7) || found[0].Login != "ann" || found[0].Seq <= last {
			t.Errorf("%s: %d records with the address and in order: %+v", kind, len(found), found)
			continue
		}
		last = found[0].Seq
	}
	report, err := audit.Verify(t.Context(), s.store, nil)
	if err != nil || len(all) < 3*audit.DefaultCallers || len(all) > 100_000 {
		t.Errorf("a chain of %d records: %+v, %v", len(all), report, err)
	}
}

// TestFailedSignInsHideNoSignIn floods the log with failed sign-ins from everywhere.
func TestFailedSignInsHideNoSignIn(t *testing.T) {
	t.Parallel()
	const callers = 10
	s := newSite(t, audit.Config{Callers: callers})
	refused := func(user sparekey.User, n int) {
		s.log.Observe(t.Context(), sparekey.Event{Kind: audit.KindSignInRefused, Time: noon, User: user, Addr: addrOf(n), Reason: sparekey.ReasonWrongSecret})
	}
	for i := range floodOf {
		refused(sparekey.User{}, i)
	}
	for i := range 2 * callers {
		refused(s.ann, i)
	}
	s.log.Observe(t.Context(), sparekey.Event{Kind: audit.KindSignedIn, Time: noon, User: s.ann, Addr: addrOf(1)})
	s.flush(t)
	all := s.records(t, 0)
	if found := byKind(all, audit.KindSignedIn, s.ann.ID); len(found) != 1 {
		t.Errorf("sign-ins: %+v", found)
	}
	counts := map[string]int{}
	for _, r := range all {
		if r.Kind == audit.KindSignInRefused {
			counts[r.User] += max(1, r.Count)
		}
	}
	if counts[""] != floodOf || counts[s.ann.ID] != 2*callers || len(all) > callers+4 {
		t.Errorf("%d records, failed sign-ins by user: %v", len(all), counts)
	}
}

// TestManySignInsHideNoOther has a few accounts sign in from everywhere.
func TestManySignInsHideNoOther(t *testing.T) {
	t.Parallel()
	const callers, accounts = 10, 5
	s := newSite(t, audit.Config{Callers: callers})
	for i := range floodOf {
		u := sparekey.User{ID: strconv.Itoa(1000 + i%accounts)}
		s.log.Observe(t.Context(), sparekey.Event{Kind: audit.KindSignedIn, Time: noon, User: u, Addr: addrOf(i)})
	}
	s.log.Observe(t.Context(), sparekey.Event{Kind: audit.KindSignedIn, Time: noon, User: s.ann, Addr: addrOf(1)})
	s.flush(t)
	all := s.records(t, 0)
	if found := byKind(all, audit.KindSignedIn, s.ann.ID); len(found) != 1 {
		t.Errorf("sign-ins: %+v", found)
	}
	if len(all) > accounts*51+1 {
		t.Errorf("%d records for %d accounts", len(all), accounts)
	}
	if n := audit.Groups(s.log); n != len(all) {
		t.Errorf("%d callers in memory, %d records", n, len(all))
	}
}
