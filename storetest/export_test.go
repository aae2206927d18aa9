package storetest

import (
	"testing"

	"github.com/sparekey-dev/sparekey"
)

// StoreCases returns the cases of Run by name.
func StoreCases() map[string]func(testing.TB, sparekey.Store) {
	cases := map[string]func(testing.TB, sparekey.Store){}
	for _, c := range storeCases() {
		cases[c.name] = c.run
	}
	return cases
}

// UserCases returns the cases of RunDirectory by name.
func UserCases() map[string]func(testing.TB, Users) {
	cases := map[string]func(testing.TB, Users){}
	for _, c := range userCases() {
		cases[c.name] = c.run
	}
	return cases
}

// AuditCases returns the cases of RunAudit by name.
func AuditCases() map[string]func(testing.TB, AuditStore) {
	cases := map[string]func(testing.TB, AuditStore){}
	for _, c := range auditCases() {
		cases[c.name] = c.run
	}
	return cases
}

// ThrottleCases returns the cases of RunThrottle by name.
func ThrottleCases() map[string]func(testing.TB, ThrottleStore) {
	cases := map[string]func(testing.TB, ThrottleStore){}
	for _, c := range throttleCases() {
		cases[c.name] = c.run
	}
	return cases
}
