// Package wordpress keeps credentials where a WordPress site keeps them, in its MariaDB or
// MySQL database. PHP still reads and writes the same rows. The site's users are the directory.
//
// All data that WordPress knows stays in WordPress's own tables, in WordPress's own form: a
// user's credentials are the records of one row of usermeta. All other data is in tables of
// Sparekey's own, which the first write creates. README.md in this directory has their schema;
// docs/guides/wordpress.md is for operators.
//
// # Reconciliation
//
// PHP reads a user's row when a request begins, and writes the whole row when the request ends.
// That undoes what Sparekey wrote in between: revoked credentials return, and new or changed
// ones are lost. So Sparekey keeps a ledger of its writes (the table sparekey_credentials), with
// the record before and after each, and a tombstone for each revocation and each replaced hash
// (sparekey_revoked), and reconciles the row with both.
//
// A credential is in one of these states. "No" in the last column holds from the moment of the
// revocation, whatever the row has.
//
//	state      record in the row          ledger   tombstone    accepted
//	foreign    as PHP wrote it            -        -            yes
//	written    as Sparekey wrote it       yes      -            yes
//	reverted   from before the write,     yes      -            as the row has it
//	           or absent
//	stale      with a replaced hash       yes      of the hash  only the present hash
//	revoked    absent                     -        yes          no
//	returned   present again              -        yes          no
//	absent     absent                     -        -            no
//
// PHP, people in WordPress and Sparekey move a credential to another state; the reconciler
// moves it back:
//
//	(absent) --PHP creates-------> (foreign)
//	(absent) --Sparekey creates--> (written)
//	(foreign) --Sparekey changes-> (written)
//	(foreign) --PHP deletes------> (absent)
//
//	(written) --PHP writes a row that it read before the write,
//	            or undoes the write on purpose----------------> (reverted)
//	(reverted) ==overwritten: restore the record==============> (written)   KindRestored
//	(reverted) ==on purpose: delete the ledger entry==========> (foreign) or (absent)
//	(reverted) ==ambiguous: leave the row as it is============> (foreign) or (absent)   KindConflict
//
//	(written) --Sparekey rotates, PHP writes an earlier row---> (stale)
//	(stale) ==put the present hash into the record============> (written)   KindRestored
//
//	(foreign), (written), (reverted), (stale) --Sparekey revokes--> (revoked)
//	(revoked) --PHP writes an earlier row---------------------> (returned)
//	(returned) ==remove the record============================> (revoked)   KindReRevoked
//	(revoked), (returned) --Sparekey inserts it again---------> (written)
//
// The double arrows are the reconciler, rowTx.reconcile. It also gives a UUID to each record
// without one. It runs under the lock of the row, at the beginning of every write of Sparekey's;
// to reconcile a row is to write it without a change. These ask for that:
//
//   - recentWatcher, a part of [Store.Run], looks every 15 ms at the rows that Sparekey wrote in
//     the last 10 seconds. It keeps their recent states, without which a reverted record cannot
//     be recognised (judge.go). Every 200 ms it looks in the ledger for writes of other
//     processes, and watches those rows, too.
//   - A look-up that reads a returned or stale record puts the user into recentWatcher's queue.
//   - revocationScanner, the other part of Run, looks for returned and stale records in the rows
//     of all users with tombstones: every 500 ms for those of the last day, every minute for all.
//
// After 10 seconds without a write, or without Run, a reverted record is not recognised: it is
// then in effect foreign or absent. A row that cannot be read has no states ([RowError]): nothing
// is accepted from it, and nothing is written to it.
package wordpress
