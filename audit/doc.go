// Package audit keeps the log of what happened to credentials: who made, changed
// and revoked which, what was refused and why, and what was used from where. A
// program with accounts of its own can have it keep sign-ins and changes of users.
//
// The log is a chain. Each record is one line of text, and has in it the number
// and the hash of the line before, so that a line which was changed, removed, put
// elsewhere or put in between shows; see [Verify]. docs/audit.md says what a chain
// cannot show, and what to do about it.
//
// No record has a secret, a hash of one, or the query of a request, where secrets
// are often found. Logins are those of users who are known: what strangers type
// into the field for the login can be a password.
//
//	log := audit.New(store, audit.Config{})
//	svc := sparekey.New(store, store, sparekey.Config{Record: log.Record, Observe: log.Observe})
//	go log.Run(ctx)
package audit
