package storetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
)

// Each type below is a store that is wrong in one way; TestStoreSuiteNotices
// says in which.

// everybody lists the users of the cases.
var everybody = []string{"1", "2", "12"}

// listAnyway reads a list where an error is of no interest.
func listAnyway(s *memory.Store, userID string) []sparekey.Credential {
	list, _ := s.List(context.Background(), userID)
	return list
}

type needsCredentials struct{ *memory.Store }

func (s needsCredentials) List(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	list, err := s.Store.List(ctx, userID)
	if len(list) == 0 {
		return nil, sparekey.ErrNotFound
	}
	return list, err
}

// eachListed changes the credentials of List.
func eachListed(ctx context.Context, s *memory.Store, userID string, change func(*sparekey.Credential)) ([]sparekey.Credential, error) {
	list, err := s.List(ctx, userID)
	for i := range list {
		change(&list[i])
	}
	return list, err
}

type sortsByCreation struct{ *memory.Store }

func (s sortsByCreation) List(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	list, err := s.Store.List(ctx, userID)
	slices.SortStableFunc(list, func(a, b sparekey.Credential) int { return a.Created.Compare(b.Created) })
	return list, err
}

type cutsNames struct{ *memory.Store }

func (s cutsNames) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	c.Name = c.Name[:min(len(c.Name), 255)]
	return s.Store.Insert(ctx, c, check)
}

type endsAtControl struct{ *memory.Store }

func (s endsAtControl) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	c.Name, _, _ = strings.Cut(c.Name, "\x01")
	return s.Store.Insert(ctx, c, check)
}

type forgetsLimits struct{ *memory.Store }

func (s forgetsLimits) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	c.Limits = sparekey.Limits{Expires: c.Limits.Expires}
	return s.Store.Insert(ctx, c, check)
}

type forgetsOldHash struct{ *memory.Store }

func (s forgetsOldHash) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	c, err := s.Store.Find(ctx, userID, hash)
	if err == nil && c.Hash != hash {
		return sparekey.Credential{}, sparekey.ErrNotFound
	}
	return c, err
}

// losesZone keeps what a clock on the wall showed, and not where it hung.
type losesZone struct{ *memory.Store }

func (s losesZone) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	at := c.Created
	c.Created = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
	return s.Store.Insert(ctx, c, check)
}

type subSeconds struct{ *memory.Store }

func (s subSeconds) List(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	return eachListed(ctx, s.Store, userID, func(c *sparekey.Credential) {
		c.Created = c.Created.Add(999_999_999)
	})
}

type epoch struct{ *memory.Store }

func (s epoch) List(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	return eachListed(ctx, s.Store, userID, func(c *sparekey.Credential) {
		if c.LastUsed.IsZero() {
			c.LastUsed = time.Unix(0, 0).UTC()
		}
	})
}

type findsAnybodys struct{ *memory.Store }

func (s findsAnybodys) Find(ctx context.Context, _, hash string) (c sparekey.Credential, err error) {
	for _, userID := range everybody {
		if c, err = s.Store.Find(ctx, userID, hash); err == nil {
			return c, nil
		}
	}
	return c, err
}

type deletesAnybodys struct{ *memory.Store }

func (s deletesAnybodys) Delete(ctx context.Context, _, uuid string) (c sparekey.Credential, err error) {
	for _, userID := range everybody {
		if c, err = s.Store.Delete(ctx, userID, uuid); err == nil {
			return c, nil
		}
	}
	return c, err
}

type findsAnyCase struct{ *memory.Store }

func (s findsAnyCase) Find(_ context.Context, userID, hash string) (sparekey.Credential, error) {
	for _, c := range listAnyway(s.Store, userID) {
		if strings.EqualFold(c.Hash, hash) {
			return c, nil
		}
	}
	return sparekey.Credential{}, sparekey.ErrNotFound
}

type allLegacy struct{ *memory.Store }

func (s allLegacy) Legacy(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	return s.List(ctx, userID)
}

type aliases struct {
	*memory.Store
	mu   sync.Mutex
	list []sparekey.Credential
}

func (s *aliases) List(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fresh := listAnyway(s.Store, userID); len(fresh) != len(s.list) {
		s.list = fresh
	}
	return s.list, ctx.Err()
}

type counts struct{ *memory.Store }

func (s counts) InUse(ctx context.Context) (bool, error) {
	for _, userID := range everybody {
		if list, err := s.List(ctx, userID); err != nil || len(list) > 0 {
			return true, err
		}
	}
	return false, nil
}

type firstHundred struct{ *memory.Store }

func (s firstHundred) List(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	list, err := s.Store.List(ctx, userID)
	return list[:min(len(list), 100)], err
}

type constantRevision struct{ *memory.Store }

func (constantRevision) Revision() (revision uint64, ok bool) { return 1, true }

type insertRevision struct {
	*memory.Store
	inserts atomic.Uint64
}

func (s *insertRevision) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	s.inserts.Add(1)
	return s.Store.Insert(ctx, c, check)
}

func (s *insertRevision) Revision() (revision uint64, ok bool) { return s.inserts.Load(), true }

// limitlessRevision takes a change of limits for one that a use makes.
type limitlessRevision struct {
	*memory.Store
	missed atomic.Uint64
}

func (s *limitlessRevision) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	return s.Store.Update(ctx, userID, uuid, func(c *sparekey.Credential) error {
		before := c.Limits
		err := change(c)
		if c.Limits != before {
			s.missed.Add(1)
		}
		return err
	}, check)
}

func (s *limitlessRevision) Revision() (revision uint64, ok bool) {
	revision, ok = s.Store.Revision()
	return revision - s.missed.Load(), ok
}

type uuidPerUser struct{ *memory.Store }

func (s uuidPerUser) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	err := s.Store.Insert(ctx, c, check)
	taken := func(o sparekey.Credential) bool { return o.UUID == c.UUID }
	if errors.Is(err, sparekey.ErrConflict) && !slices.ContainsFunc(listAnyway(s.Store, c.UserID), taken) {
		return nil
	}
	return err
}

type ignoresCheck struct{ *memory.Store }

func (s ignoresCheck) Insert(ctx context.Context, c sparekey.Credential, _ sparekey.Check) error {
	return s.Store.Insert(ctx, c, nil)
}

type checksAfter struct{ *memory.Store }

func (s checksAfter) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	others := listAnyway(s.Store, c.UserID)
	if err := s.Store.Insert(ctx, c, nil); err != nil || check == nil {
		return err
	}
	return check(c, others)
}

type updatesName struct{ *memory.Store }

func (s updatesName) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	return s.Store.Update(ctx, userID, uuid, func(c *sparekey.Credential) error {
		changed := *c
		err := change(&changed)
		c.Name = changed.Name
		return err
	}, check)
}

type replaces struct{ *memory.Store }

func (s replaces) Update(ctx context.Context, userID, uuid string, change sparekey.Change, _ sparekey.Check) (sparekey.Credential, error) {
	c, err := s.Delete(ctx, userID, uuid)
	if err != nil {
		return c, err
	}
	if err := change(&c); err != nil {
		return c, err
	}
	return c, s.Insert(ctx, c, nil)
}

type alwaysChecks struct{ *memory.Store }

func (s alwaysChecks) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	c, err := s.Store.Update(ctx, userID, uuid, change, nil)
	if err == nil && check != nil {
		err = check(c, nil)
	}
	return c, err
}

type ignoresError struct{ *memory.Store }

func (s ignoresError) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	var failure error
	c, err := s.Store.Update(ctx, userID, uuid, func(c *sparekey.Credential) error {
		failure = change(c)
		return nil
	}, check)
	return c, errors.Join(err, failure)
}

type losesError struct{ *memory.Store }

func (s losesError) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	return s.Store.Update(ctx, userID, uuid, func(c *sparekey.Credential) error {
		if change(c) != nil {
			return errors.New("something went wrong")
		}
		return nil
	}, check)
}

type checksItself struct{ *memory.Store }

func (s checksItself) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	all := listAnyway(s.Store, userID)
	return s.Store.Update(ctx, userID, uuid, change, func(c sparekey.Credential, _ []sparekey.Credential) error {
		return check(c, all)
	})
}

type updatesNothing struct{ *memory.Store }

func (s updatesNothing) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	c, err := s.Store.Update(ctx, userID, uuid, change, check)
	if errors.Is(err, sparekey.ErrNotFound) {
		return c, nil
	}
	return c, err
}

type deletesNothing struct{ *memory.Store }

func (s deletesNothing) Delete(ctx context.Context, userID, uuid string) (sparekey.Credential, error) {
	c, err := s.Store.Delete(ctx, userID, uuid)
	if errors.Is(err, sparekey.ErrNotFound) {
		return c, nil
	}
	return c, err
}

type deletesSilently struct{ *memory.Store }

func (s deletesSilently) Delete(ctx context.Context, userID, uuid string) (sparekey.Credential, error) {
	_, err := s.Store.Delete(ctx, userID, uuid)
	return sparekey.Credential{}, err
}

type reverses struct{ *memory.Store }

func (s reverses) DeleteAll(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	removed, err := s.Store.DeleteAll(ctx, userID)
	slices.Reverse(removed)
	return removed, err
}

type ignoresContext struct{ *memory.Store }

func (s ignoresContext) Delete(ctx context.Context, userID, uuid string) (sparekey.Credential, error) {
	return s.Store.Delete(context.WithoutCancel(ctx), userID, uuid)
}

type refusesBroken struct{ *memory.Store }

func (s refusesBroken) Find(ctx context.Context, userID, hash string) (sparekey.Credential, error) {
	c, err := s.Store.Find(ctx, userID, hash)
	if err != nil {
		return c, sparekey.ErrNotFound
	}
	return c, nil
}

// losesInserts keeps a user's credentials as one value that it reads, and writes
// back as a whole.
type losesInserts struct{ *memory.Store }

func (s losesInserts) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	whole := listAnyway(s.Store, c.UserID)
	time.Sleep(time.Millisecond)
	if _, err := s.DeleteAll(ctx, c.UserID); err != nil {
		return err
	}
	for _, c := range append(whole, c) {
		_ = s.Store.Insert(ctx, c, check) // another one may have written it back already
	}
	return nil
}

type checksBefore struct{ *memory.Store }

func (s checksBefore) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	if check != nil {
		if err := check(c, listAnyway(s.Store, c.UserID)); err != nil {
			return err
		}
	}
	time.Sleep(time.Millisecond)
	return s.Store.Insert(ctx, c, nil)
}

type readsThenWrites struct{ *memory.Store }

func (s readsThenWrites) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	var c sparekey.Credential
	for _, c = range listAnyway(s.Store, userID) {
		if c.UUID == uuid {
			break
		}
	}
	if err := change(&c); err != nil {
		return c, err
	}
	time.Sleep(time.Millisecond)
	return s.Store.Update(ctx, userID, uuid, func(now *sparekey.Credential) error { *now = c; return nil }, check)
}

type revives struct{ *memory.Store }

func (s revives) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	before := listAnyway(s.Store, userID)
	time.Sleep(time.Millisecond / 10)
	c, err := s.Store.Update(ctx, userID, uuid, change, check)
	if errors.Is(err, sparekey.ErrNotFound) {
		for _, c := range before {
			if c.UUID == uuid {
				return c, s.Insert(ctx, c, nil)
			}
		}
	}
	return c, err
}

type oldestFirst struct{ *memory.Store }

func (s oldestFirst) Search(ctx context.Context, q sparekey.CredentialQuery) ([]sparekey.Credential, int, error) {
	found, total, err := s.Store.Search(ctx, q)
	slices.Reverse(found)
	return found, total, err
}

type countsPage struct{ *memory.Store }

func (s countsPage) Search(ctx context.Context, q sparekey.CredentialQuery) ([]sparekey.Credential, int, error) {
	found, _, err := s.Store.Search(ctx, q)
	return found, len(found), err
}

type pagesByOffset struct {
	*memory.Store
	offset int
}

func (s *pagesByOffset) NextPage(ctx context.Context, after sparekey.CredentialKey, limit int) ([]sparekey.Credential, error) {
	if after == (sparekey.CredentialKey{}) {
		s.offset = 0
	}
	page, _, err := s.Search(ctx, sparekey.CredentialQuery{Offset: s.offset, Limit: limit})
	s.offset += len(page)
	return page, err
}

type pagesFromRow struct{ *memory.Store }

func (s pagesFromRow) NextPage(ctx context.Context, after sparekey.CredentialKey, limit int) ([]sparekey.Credential, error) {
	all, _, err := s.Search(ctx, sparekey.CredentialQuery{})
	at := 0
	if after != (sparekey.CredentialKey{}) {
		at = slices.IndexFunc(all, func(c sparekey.Credential) bool { return c.Key() == after }) + 1
		if at == 0 {
			return nil, err
		}
	}
	return all[at:min(at+limit, len(all))], err
}

type pagesOfUser struct{ *memory.Store }

func (s pagesOfUser) NextPage(ctx context.Context, after sparekey.CredentialKey, limit int) ([]sparekey.Credential, error) {
	page, err := s.Store.NextPage(ctx, after, limit)
	return slices.DeleteFunc(page, func(c sparekey.Credential) bool {
		return after.UserID != "" && after.UserID != c.UserID
	}), err
}

type pagesOfAll struct{ *memory.Store }

func (s pagesOfAll) NextPage(ctx context.Context, after sparekey.CredentialKey, _ int) ([]sparekey.Credential, error) {
	return s.Store.NextPage(ctx, after, 1<<30)
}

// pagesEnd loses the rest of many.
type pagesEnd struct{ *memory.Store }

func (s pagesEnd) NextPage(ctx context.Context, after sparekey.CredentialKey, limit int) ([]sparekey.Credential, error) {
	if after.UUID > "8" {
		return nil, nil
	}
	return s.Store.NextPage(ctx, after, limit)
}

type checkpointAlone struct{ *memory.Store }

func (s checkpointAlone) CompareAndSwapCheckpoint(ctx context.Context, _, to time.Time) (bool, error) {
	last, err := s.Checkpoint(ctx)
	if err != nil {
		return false, err
	}
	return s.Store.CompareAndSwapCheckpoint(ctx, last, to)
}
