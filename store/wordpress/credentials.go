package wordpress

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/passhash"
)

// Insert implements [sparekey.Store]. It also sets WordPress's mark that
// application passwords are in use, without which WordPress accepts none.
func (s *Store) Insert(ctx context.Context, c sparekey.Credential, check sparekey.Check) error {
	c = c.WholeSeconds()
	err := s.writeRow(ctx, c.UserID, func(ctx context.Context, t *rowTx) error {
		if err := t.isFree(ctx, c.UUID); err != nil {
			return err
		}
		if check != nil {
			if err := check(c, t.list()); err != nil {
				return err
			}
		}
		if err := t.unrevoke(ctx, c); err != nil {
			return err
		}
		if err := t.append(ctx, c); err != nil {
			return err
		}
		return t.setInUse(ctx)
	})
	return failed("insert a credential", err)
}

func (t *rowTx) isFree(ctx context.Context, uuid string) error {
	if uuid == "" || len(uuid) > maxUUID {
		return &sparekey.InvalidError{Field: "uuid", Problem: "must be a UUID"}
	}
	if indexOf(t.entries, uuid) >= 0 {
		return sparekey.ErrConflict
	}
	var other uint64
	err := t.tx.QueryRowContext(ctx, t.s.queries.elsewhere, uuid, t.user).Scan(&other)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	snap, err := t.s.snapshot(ctx, formatID(other)) // PHP may have removed it since
	if err != nil {
		return err
	}
	if indexOf(snap.entries, uuid) >= 0 {
		return sparekey.ErrConflict
	}
	return nil
}

// unrevoke deletes the tombstones of a credential that is inserted again, for example from a
// backup.
func (t *rowTx) unrevoke(ctx context.Context, c sparekey.Credential) error {
	if !t.revoked.has(c) {
		return nil
	}
	t.revoked = t.revoked.without(c)
	if _, err := t.tx.ExecContext(ctx, t.s.queries.deleteRevoked, t.user, c.UUID); err != nil {
		return err
	}
	sum := sumOf(c.Hash)
	_, err := t.tx.ExecContext(ctx, t.s.queries.clearRevokedHash, t.user, sum[:])
	return err
}

// Update implements [sparekey.Store].
//
// A $generic$ hash that replaces an older one is kept in the sidecar if the site's WordPress
// may not be able to verify it.
func (s *Store) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	var c sparekey.Credential
	if _, ok := parseID(userID); !ok {
		return c, sparekey.ErrNotFound
	}
	genericInSidecar, err := s.keepsGenericInSidecar(ctx)
	if err != nil {
		return c, failed("update a credential", err)
	}
	err = s.writeRow(ctx, userID, func(ctx context.Context, t *rowTx) error {
		at := indexOf(t.entries, uuid)
		if at < 0 {
			return sparekey.ErrNotFound
		}
		inRow := t.entries[at].credential
		old, _ := t.snapshot().effective(inRow)
		if c, err = changed(old, change); err != nil || c == old {
			return err
		}
		if check != nil {
			if err := check(c, t.others(at)); err != nil {
				return err
			}
		}
		return t.replace(ctx, at, inRow, old, c, genericInSidecar)
	})
	if err != nil {
		return sparekey.Credential{}, failed("update a credential", err)
	}
	return c, nil
}

// changed applies a change, which cannot change the UUID or the owner.
func changed(old sparekey.Credential, change sparekey.Change) (sparekey.Credential, error) {
	c := old
	if err := change(&c); err != nil {
		return sparekey.Credential{}, err
	}
	c.UUID, c.UserID = old.UUID, old.UserID
	return c.WholeSeconds(), nil
}

func (t *rowTx) others(at int) []sparekey.Credential {
	snap := t.snapshot()
	snap.entries = slices.Delete(slices.Clone(t.entries), at, at+1)
	return snap.index().list
}

// replace writes a changed credential. Its record in the row has a different hash if the
// sidecar keeps the credential's own.
func (t *rowTx) replace(ctx context.Context, at int, inRow, old, c sparekey.Credential, genericInSidecar bool) error {
	row, rotated := c, false
	switch {
	case c.Hash == old.Hash,
		genericInSidecar && passhash.IsGeneric(c.Hash) && !passhash.IsGeneric(inRow.Hash) && inRow.Hash != "":
		row.Hash = inRow.Hash
	default:
		rotated = true
		if err := t.retire(ctx, inRow, c); err != nil {
			return err
		}
	}
	e := t.entries[at]
	return t.change(ctx, at, e.with(changeRecord(e.value(), inRow, row)), newSidecar(c, row.Hash, rotated))
}

// retire adds a tombstone for a replaced hash, so that PHP cannot bring it back with an
// earlier row.
func (t *rowTx) retire(ctx context.Context, old, c sparekey.Credential) error {
	retired := sparekey.Credential{Hash: old.Hash}
	if old.Hash == "" || slices.ContainsFunc(t.entries, func(e entry) bool {
		return e.credential.UUID != c.UUID && e.credential.Hash == old.Hash // another has the same secret
	}) {
		return nil
	}
	if t.revoked.hasHash(c.Hash) {
		if err := t.unrevoke(ctx, sparekey.Credential{Hash: c.Hash}); err != nil {
			return err
		}
	}
	t.revoked = t.revoked.with(retired)
	sum := sumOf(old.Hash)
	_, err := t.tx.ExecContext(ctx, t.s.queries.revoke, t.user, "", sum[:])
	return err
}

// Delete implements [sparekey.Store]. Where several have this UUID, or this very secret, all of
// them go, and the first is returned: a revoked secret must not live on in a copy. A credential
// that Sparekey made and WordPress lost is not found, but is still revoked, since WordPress may
// bring it back.
func (s *Store) Delete(ctx context.Context, userID, uuid string) (sparekey.Credential, error) {
	var removed sparekey.Credential
	found := false
	if _, ok := parseID(userID); !ok {
		return removed, sparekey.ErrNotFound
	}
	err := s.writeRow(ctx, userID, func(ctx context.Context, t *rowTx) error {
		at := indexOf(t.entries, uuid)
		if found = at >= 0; found {
			removed, _ = t.snapshot().effective(t.entries[at].credential)
			return t.remove(ctx, []sparekey.Credential{t.entries[at].credential})
		}
		written, err := t.ledgerEntries(ctx, uuid)
		if err != nil || len(written) == 0 {
			return err
		}
		return t.remove(ctx, written)
	})
	if err == nil && !found {
		err = sparekey.ErrNotFound
	}
	if err != nil {
		return sparekey.Credential{}, failed("delete a credential", err)
	}
	return removed, nil
}

// ledgerEntries returns the UUID and hash of one credential that Sparekey wrote or, without a
// UUID, of all.
func (t *rowTx) ledgerEntries(ctx context.Context, uuid string) (written []sparekey.Credential, err error) {
	err = eachRow(ctx, t.tx, t.s.queries.ledgerEntries, []any{t.user, uuid, uuid}, func(scan func(...any) error) error {
		var c sparekey.Credential
		err := scan(&c.UUID, &c.Hash)
		written = append(written, c)
		return err
	})
	return written, err
}

// DeleteAll implements [sparekey.Store]. As WordPress does, it leaves an empty
// list, and takes with it what cannot be read as a credential.
func (s *Store) DeleteAll(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	var removed []sparekey.Credential
	if _, ok := parseID(userID); !ok {
		return nil, nil
	}
	err := s.writeRow(ctx, userID, func(ctx context.Context, t *rowTx) error {
		removed = t.list()
		all, err := t.ledgerEntries(ctx, "")
		if err != nil || len(t.entries) == 0 && len(all) == 0 {
			return err
		}
		for _, e := range t.entries {
			if e.isRecord {
				all = append(all, e.credential)
			}
		}
		t.rowChanged = t.rowChanged || len(t.entries) > 0
		t.entries = nil
		return t.remove(ctx, all)
	})
	if err != nil {
		return nil, failed("delete a user's credentials", err)
	}
	return removed, nil
}
