// Package audit keeps a log of what happened to credentials: who created, changed and revoked
// which, which requests were refused and why, and which credentials were used from where. A
// program with its own accounts can also log sign-ins and changes of users.
//
// The log is a chain. Each record is one line of text that holds the number and the hash of
// the previous line. A line that was changed, removed, moved or inserted is therefore found;
// see [Verify]. docs/reference/audit-log.md says what a chain cannot show, and what to do about it.
//
// No record has a secret, a hash of one, or the query of a request, which often has secrets.
// Logins are only those of existing users: people sometimes type a password into the login
// field.
//
//	log := audit.New(store, audit.Config{})
//	svc := sparekey.New(store, store, sparekey.Config{Record: log.Record, Observe: log.Observe})
//	go log.Run(ctx)
package audit
