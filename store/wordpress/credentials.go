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
	err := s.write(ctx, c.UserID, func(ctx context.Context, w *writing) error {
		if err := w.isFree(ctx, c.UUID); err != nil {
			return err
		}
		if check != nil {
			if err := check(c, w.list()); err != nil {
				return err
			}
		}
		if err := w.unrevoke(ctx, c); err != nil {
			return err
		}
		if err := w.append(ctx, c); err != nil {
			return err
		}
		return w.setInUse(ctx)
	})
	return failed("insert a credential", err)
}

// isFree refuses a UUID that another credential has.
func (w *writing) isFree(ctx context.Context, uuid string) error {
	if uuid == "" || len(uuid) > maxUUID {
		return &sparekey.InvalidError{Field: "uuid", Problem: "must be a UUID"}
	}
	if indexOf(w.elements, uuid) >= 0 {
		return sparekey.ErrConflict
	}
	var other uint64
	err := w.tx.QueryRowContext(ctx, w.s.queries.elsewhere, uuid, w.user).Scan(&other)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	k, err := w.s.know(ctx, formatID(other)) // WordPress may have taken it away since
	if err != nil {
		return err
	}
	if indexOf(k.elements, uuid) >= 0 {
		return sparekey.ErrConflict
	}
	return nil
}

// unrevoke makes room for a credential with the UUID, or the secret, of one that
// was revoked: who inserts it again means it to be valid.
func (w *writing) unrevoke(ctx context.Context, c sparekey.Credential) error {
	if !w.revoked.has(c) {
		return nil
	}
	w.revoked = w.revoked.without(c)
	if _, err := w.tx.ExecContext(ctx, w.s.queries.forgetRevoked, w.user, c.UUID); err != nil {
		return err
	}
	sum := sumOf(c.Hash)
	_, err := w.tx.ExecContext(ctx, w.s.queries.forgetRevokedHash, w.user, sum[:])
	return err
}

// Update implements [sparekey.Store].
//
// A $generic$ hash in place of an older one is not written to the row of a site
// whose WordPress could not verify it, but kept beside the row.
func (s *Store) Update(ctx context.Context, userID, uuid string, change sparekey.Change, check sparekey.Check) (sparekey.Credential, error) {
	var c sparekey.Credential
	if _, ok := parseID(userID); !ok {
		return c, sparekey.ErrNotFound
	}
	keepsBeside, err := s.keepsBeside(ctx)
	if err != nil {
		return c, failed("update a credential", err)
	}
	err = s.write(ctx, userID, func(ctx context.Context, w *writing) error {
		at := indexOf(w.elements, uuid)
		if at < 0 {
			return sparekey.ErrNotFound
		}
		inRow := w.elements[at].credential
		old, _ := w.known().effective(inRow)
		if c, err = changed(old, change); err != nil || c == old {
			return err
		}
		if check != nil {
			if err := check(c, w.others(at)); err != nil {
				return err
			}
		}
		return w.replace(ctx, at, inRow, old, c, keepsBeside)
	})
	if err != nil {
		return sparekey.Credential{}, failed("update a credential", err)
	}
	return c, nil
}

// changed applies a change, which the UUID and the owner outlast.
func changed(old sparekey.Credential, change sparekey.Change) (sparekey.Credential, error) {
	c := old
	if err := change(&c); err != nil {
		return sparekey.Credential{}, err
	}
	c.UUID, c.UserID = old.UUID, old.UserID
	return c.WholeSeconds(), nil
}

// others are the user's credentials but the one at a place.
func (w *writing) others(at int) []sparekey.Credential {
	k := w.known()
	k.elements = slices.Delete(slices.Clone(w.elements), at, at+1)
	return k.index().list
}

// replace writes a credential that is to become another. The record in the row differs from it
// if its hash is kept in the sidecar.
func (w *writing) replace(ctx context.Context, at int, inRow, old, c sparekey.Credential, keepsBeside bool) error {
	row, rotated := c, false
	switch {
	case c.Hash == old.Hash,
		keepsBeside && passhash.IsGeneric(c.Hash) && !passhash.IsGeneric(inRow.Hash) && inRow.Hash != "":
		row.Hash = inRow.Hash
	default:
		rotated = true
		if err := w.retire(ctx, inRow, c); err != nil {
			return err
		}
	}
	e := w.elements[at]
	return w.change(ctx, at, e.with(changeRecord(e.value(), inRow, row)), besideOf(c, row.Hash, rotated))
}

// retire sees to it that a hash which was replaced does not come back with
// something that PHP read before.
func (w *writing) retire(ctx context.Context, old, c sparekey.Credential) error {
	retired := sparekey.Credential{Hash: old.Hash}
	if old.Hash == "" || slices.ContainsFunc(w.elements, func(e element) bool {
		return e.credential.UUID != c.UUID && e.credential.Hash == old.Hash // another has the same secret
	}) {
		return nil
	}
	if w.revoked.hasHash(c.Hash) {
		if err := w.unrevoke(ctx, sparekey.Credential{Hash: c.Hash}); err != nil {
			return err
		}
	}
	w.revoked = w.revoked.with(retired)
	sum := sumOf(old.Hash)
	_, err := w.tx.ExecContext(ctx, w.s.queries.revoke, w.user, "", sum[:])
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
	err := s.write(ctx, userID, func(ctx context.Context, w *writing) error {
		at := indexOf(w.elements, uuid)
		if found = at >= 0; found {
			removed, _ = w.known().effective(w.elements[at].credential)
			return w.remove(ctx, []sparekey.Credential{w.elements[at].credential})
		}
		made, err := w.made(ctx, uuid)
		if err != nil || len(made) == 0 {
			return err
		}
		return w.remove(ctx, made)
	})
	if err == nil && !found {
		err = sparekey.ErrNotFound
	}
	if err != nil {
		return sparekey.Credential{}, failed("delete a credential", err)
	}
	return removed, nil
}

// made returns what Sparekey wrote for the user and still has on its list: one
// credential or, without a UUID, all. Of each there is the UUID and the hash.
func (w *writing) made(ctx context.Context, uuid string) (made []sparekey.Credential, err error) {
	err = eachRow(ctx, w.tx, w.s.queries.made, []any{w.user, uuid, uuid}, func(scan func(...any) error) error {
		var c sparekey.Credential
		err := scan(&c.UUID, &c.Hash)
		made = append(made, c)
		return err
	})
	return made, err
}

// DeleteAll implements [sparekey.Store]. As WordPress does, it leaves an empty
// list, and takes with it what cannot be read as a credential.
func (s *Store) DeleteAll(ctx context.Context, userID string) ([]sparekey.Credential, error) {
	var removed []sparekey.Credential
	if _, ok := parseID(userID); !ok {
		return nil, nil
	}
	err := s.write(ctx, userID, func(ctx context.Context, w *writing) error {
		removed = w.list()
		all, err := w.made(ctx, "")
		if err != nil || len(w.elements) == 0 && len(all) == 0 {
			return err
		}
		for _, e := range w.elements {
			if e.isRecord {
				all = append(all, e.credential)
			}
		}
		w.rowChanged = w.rowChanged || len(w.elements) > 0
		w.elements = nil
		return w.remove(ctx, all)
	})
	if err != nil {
		return nil, failed("delete a user's credentials", err)
	}
	return removed, nil
}
