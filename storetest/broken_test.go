package storetest_test

import (
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/storetest"
)

// recorder is a test that may fail without consequences.
type recorder struct {
	testing.TB
	failed atomic.Bool
}

func (r *recorder) Errorf(string, ...any) { r.failed.Store(true) }

func (r *recorder) Fatalf(string, ...any) {
	r.failed.Store(true)
	runtime.Goexit()
}

// fails reports whether a case fails.
func fails(t *testing.T, run func(testing.TB)) bool {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(r)
	}()
	<-done
	return r.failed.Load()
}

// wrong is a store that is wrong in one way, and the case that must notice.
type wrong[S any] struct {
	noticedBy string
	open      func() S
}

// TestStoreSuiteNotices runs every case of the suite on a store that it must
// fail, so that no case is there for show.
func TestStoreSuiteNotices(t *testing.T) {
	t.Parallel()
	testNotices(t, storetest.StoreCases(), map[string]wrong[sparekey.Store]{
		"fails for a user without credentials": {"Empty", func() sparekey.Store { return needsCredentials{memory.New()} }},
		"sorts by creation":                    {"Order", func() sparekey.Store { return sortsByCreation{memory.New()} }},
		"cuts names":                           {"RoundTrip", func() sparekey.Store { return cutsNames{memory.New()} }},
		"ends names at control characters":     {"RoundTrip", func() sparekey.Store { return endsAtControl{memory.New()} }},
		"loses the time zone":                  {"Times", func() sparekey.Store { return losesZone{memory.New()} }},
		"keeps sub-seconds":                    {"Times", func() sparekey.Store { return subSeconds{memory.New()} }},
		"zero time is 1970":                    {"Times", func() sparekey.Store { return epoch{memory.New()} }},
		"finds whatever the user":              {"Isolation", func() sparekey.Store { return findsAnybodys{memory.New()} }},
		"deletes whatever the user":            {"Isolation", func() sparekey.Store { return deletesAnybodys{memory.New()} }},
		"finds whatever the case":              {"Find", func() sparekey.Store { return findsAnyCase{memory.New()} }},
		"forgets limits":                       {"RoundTrip", func() sparekey.Store { return forgetsLimits{memory.New()} }},
		"finds by the newest hash alone":       {"FindOld", func() sparekey.Store { return forgetsOldHash{memory.New()} }},
		"all hashes are legacy":                {"Legacy", func() sparekey.Store { return allLegacy{memory.New()} }},
		"aliases its lists":                    {"Copies", func() sparekey.Store { return &aliases{Store: memory.New()} }},
		"counts to tell use":                   {"InUse", func() sparekey.Store { return counts{memory.New()} }},
		"lists at most 100":                    {"Large", func() sparekey.Store { return firstHundred{memory.New()} }},
		"constant revision":                    {"Revision", func() sparekey.Store { return constantRevision{memory.New()} }},
		"revision of inserts alone":            {"Revision", func() sparekey.Store { return &insertRevision{Store: memory.New()} }},
		"revision without limits":              {"Revision", func() sparekey.Store { return &limitlessRevision{Store: memory.New()} }},
		"finds the oldest first":               {"Search", func() sparekey.Store { return oldestFirst{memory.New()} }},
		"counts what it returns":               {"Search", func() sparekey.Store { return countsPage{memory.New()} }},
		"pages by offset":                      {"Pages", func() sparekey.Store { return &pagesByOffset{Store: memory.New()} }},
		"pages from the last one's row":        {"Pages", func() sparekey.Store { return pagesFromRow{memory.New()} }},
		"pages of the first user":              {"Pages", func() sparekey.Store { return pagesOfUser{memory.New()} }},
		"pages of any length":                  {"Pages", func() sparekey.Store { return pagesOfAll{memory.New()} }},
		"pages have no second thousand":        {"Large", func() sparekey.Store { return pagesEnd{memory.New()} }},
		"every process has its checkpoint":     {"Checkpoint", func() sparekey.Store { return checkpointAlone{memory.New()} }},
		"UUIDs are the user's":                 {"InsertConflict", func() sparekey.Store { return uuidPerUser{memory.New()} }},
		"ignores the check":                    {"InsertCheck", func() sparekey.Store { return ignoresCheck{memory.New()} }},
		"checks after the write":               {"InsertCheck", func() sparekey.Store { return checksAfter{memory.New()} }},
		"updates the name alone":               {"Update", func() sparekey.Store { return updatesName{memory.New()} }},
		"updates by delete and insert":         {"UpdateKeepsIdentity", func() sparekey.Store { return replaces{memory.New()} }},
		"checks what is unchanged":             {"UpdateUnchanged", func() sparekey.Store { return alwaysChecks{memory.New()} }},
		"writes in spite of an error":          {"UpdateError", func() sparekey.Store { return ignoresError{memory.New()} }},
		"loses the error":                      {"UpdateError", func() sparekey.Store { return losesError{memory.New()} }},
		"own name among the others":            {"UpdateCheck", func() sparekey.Store { return checksItself{memory.New()} }},
		"update of nothing is fine":            {"UpdateMissing", func() sparekey.Store { return updatesNothing{memory.New()} }},
		"delete of nothing is fine":            {"Delete", func() sparekey.Store { return deletesNothing{memory.New()} }},
		"delete returns nothing":               {"Delete", func() sparekey.Store { return deletesSilently{memory.New()} }},
		"delete-all out of order":              {"DeleteAll", func() sparekey.Store { return reverses{memory.New()} }},
		"writes after the caller gave up":      {"Cancelled", func() sparekey.Store { return ignoresContext{memory.New()} }},
		"calls a broken read a refusal":        {"Cancelled", func() sparekey.Store { return refusesBroken{memory.New()} }},
		"loses inserts":                        {"ConcurrentInserts", func() sparekey.Store { return losesInserts{memory.New()} }},
		"checks before the write":              {"ConcurrentChecks", func() sparekey.Store { return checksBefore{memory.New()} }},
		"reads, then writes":                   {"ConcurrentUpdates", func() sparekey.Store { return readsThenWrites{memory.New()} }},
		"revives the deleted":                  {"RevokeRaces", func() sparekey.Store { return revives{memory.New()} }},
		"counts uses up alone":                 {"Uses", func() sparekey.Store { return countsUp{memory.New()} }},
		"counts each use twice":                {"Uses", func() sparekey.Store { return countsTwice{memory.New()} }},
		"loses uses":                           {"Uses", func() sparekey.Store { return readsThenWrites{memory.New()} }},
	})
}

// TestUserSuiteNotices does the same for stores of users.
func TestUserSuiteNotices(t *testing.T) {
	t.Parallel()
	testNotices(t, storetest.UserCases(), map[string]wrong[storetest.Users]{
		"forgets roles":                 {"RoundTrip", func() storetest.Users { return forgetsRoles{memory.New()} }},
		"takes the caller's ID":         {"IDs", func() storetest.Users { return takesID{memory.New()} }},
		"IDs are numbers":               {"IDs", func() storetest.Users { return numericIDs{memory.New()} }},
		"case counts":                   {"ByLogin", func() storetest.Users { return caseCounts{memory.New()} }},
		"blanks count":                  {"ByLogin", func() storetest.Users { return blanksCount{memory.New()} }},
		"NUL ends a login":              {"ByLogin", func() storetest.Users { return loginEndsAtNUL{memory.New()} }},
		"the form of letters counts":    {"ByLogin", func() storetest.Users { return formsCount{memory.New()} }},
		"invisible characters count":    {"ByLogin", func() storetest.Users { return invisibleCounts{memory.New()} }},
		"e-mail before login":           {"LoginBeforeEmail", func() storetest.Users { return emailFirst{memory.New()} }},
		"unknown is the zero user":      {"Unknown", func() storetest.Users { return zeroUser{memory.New()} }},
		"blames the e-mail address":     {"Exists", func() storetest.Users { return blamesEmail{memory.New()} }},
		"one login for two":             {"Exists", func() storetest.Users { return renames{memory.New()} }},
		"anonymous users":               {"Invalid", func() storetest.Users { return namesAnonymous{memory.New()} }},
		"writes in spite of an error":   {"Update", func() storetest.Users { return updatesAnyway{memory.New()} }},
		"deletes no user":               {"Delete", func() storetest.Users { return deletesNobody{memory.New()} }},
		"leaves the credentials":        {"DeleteWithCredentials", func() storetest.Users { return leavesCredentials{memory.New()} }},
		"forgets the password on write": {"PasswordHash", func() storetest.Users { return forgetsPassword{memory.New()} }},
		"replaces any hash":             {"ReplacePasswordHash", func() storetest.Users { return replacesAnything{replacesBlindly{memory.New()}} }},
		"hashing anew ends sessions":    {"ReplacePasswordHash", func() storetest.Users { return rehashEndsSessions{memory.New()} }},
		"password keeps sessions":       {"ReplacePasswordHash", func() storetest.Users { return passwordKeepsSessions{replacesBlindly{memory.New()}} }},
		"looks, then replaces":          {"ReplaceRaces", func() storetest.Users { return replacesBlindly{memory.New()} }},
		"total is the page's":           {"List", func() storetest.Users { return pageTotal{memory.New()} }},
		"aliases roles":                 {"Copies", func() storetest.Users { return aliasesRoles{memory.New(), &sync.Map{}} }},
		"writes after giving up":        {"Cancelled", func() storetest.Users { return ignoresUserContext{memory.New()} }},
		"looks, then creates":           {"ConcurrentCreates", func() storetest.Users { return looksThenCreates{memory.New()} }},
		"constant revision":             {"Revision", func() storetest.Users { return constantRevision{memory.New()} }},
	})
}

func testNotices[S any](t *testing.T, cases map[string]func(testing.TB, S), stores map[string]wrong[S]) {
	unproved := maps.Clone(cases)
	for name, w := range stores {
		run, ok := cases[w.noticedBy]
		if !ok {
			t.Fatalf("%s: unknown case %s", name, w.noticedBy)
		}
		delete(unproved, w.noticedBy)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !fails(t, func(tb testing.TB) { run(tb, w.open()) }) {
				t.Errorf("case %s passes a store that %s", w.noticedBy, name)
			}
		})
	}
	if len(unproved) > 0 {
		t.Errorf("cases that no store fails: %v", slices.Sorted(maps.Keys(unproved)))
	}
}
