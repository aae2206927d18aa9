// Package storetest has the suites that every [sparekey.Store], and every store
// of users, must pass. Import it from tests only.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) sparekey.Store { return memory.New() })
//	}
package storetest

import (
	"testing"

	"github.com/sparekey-dev/sparekey"
)

// Run tests a store, case by case in parallel. open returns a fresh and empty
// one each time it is called, and leaves closing it to t.Cleanup. Users are
// known to the cases as "1", "2" and "12". With -short, the case of a user with
// very many credentials is a smaller one.
//
// A store that is also [sparekey.Revisioned] or a [sparekey.Searcher] is tested as
// such.
func Run(t *testing.T, open func(t *testing.T) sparekey.Store) {
	t.Helper()
	for _, c := range storeCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

// RunDirectory tests a store of users in the same way. One that is also a
// [sparekey.Store] must delete a user's credentials together with the user.
func RunDirectory(t *testing.T, open func(t *testing.T) Users) {
	t.Helper()
	for _, c := range userCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

type storeCase struct {
	name string
	run  func(testing.TB, sparekey.Store)
}

func storeCases() []storeCase {
	return []storeCase{
		{"Empty", testEmpty},
		{"Order", testOrder},
		{"RoundTrip", testRoundTrip},
		{"Times", testTimes},
		{"Isolation", testIsolation},
		{"Find", testFind},
		{"FindOld", testFindOld},
		{"Legacy", testLegacy},
		{"Copies", testCopies},
		{"InUse", testInUse},
		{"Large", testLarge},
		{"Revision", testRevision},
		{"Search", testSearch},
		{"Pages", testPages},
		{"Checkpoint", testCheckpoint},

		{"InsertConflict", testInsertConflict},
		{"InsertCheck", testInsertCheck},
		{"Update", testUpdate},
		{"UpdateKeepsIdentity", testUpdateKeepsIdentity},
		{"UpdateUnchanged", testUpdateUnchanged},
		{"UpdateError", testUpdateError},
		{"UpdateCheck", testUpdateCheck},
		{"UpdateMissing", testUpdateMissing},
		{"Delete", testDelete},
		{"DeleteAll", testDeleteAll},
		{"Cancelled", testCancelled},

		{"ConcurrentInserts", testConcurrentInserts},
		{"ConcurrentChecks", testConcurrentChecks},
		{"ConcurrentUpdates", testConcurrentUpdates},
		{"RevokeRaces", testRevokeRaces},
		{"Uses", testUses},
	}
}

type userCase struct {
	name string
	run  func(testing.TB, Users)
}

func userCases() []userCase {
	return []userCase{
		{"RoundTrip", testUserRoundTrip},
		{"IDs", testUserIDs},
		{"ByLogin", testUserByLogin},
		{"LoginBeforeEmail", testLoginBeforeEmail},
		{"Unknown", testUserUnknown},
		{"Exists", testUserExists},
		{"Invalid", testUserInvalid},
		{"Update", testUserUpdate},
		{"Delete", testUserDelete},
		{"DeleteWithCredentials", testUserDeleteWithCredentials},
		{"PasswordHash", testPasswordHash},
		{"ReplacePasswordHash", testReplacePasswordHash},
		{"ReplaceRaces", testReplaceRaces},
		{"List", testUserList},
		{"Copies", testUserCopies},
		{"Cancelled", testUserCancelled},
		{"ConcurrentCreates", testConcurrentCreates},
		{"Revision", testUserRevision},
	}
}
