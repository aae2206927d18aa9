package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// scanner is a row.
type scanner interface {
	Scan(dest ...any) error
}

func scanCredential(row scanner) (c sparekey.Credential, err error) {
	var created, lastUsed, expires, oldUntil sql.Null[int64]
	err = row.Scan(&c.UUID, &c.UserID, &c.AppID, &c.Name, &c.Hash, &created, &lastUsed, &c.LastIP,
		&expires, &c.Limits.Scopes, &c.Limits.Networks, &c.Limits.MaxUses, &c.Uses, &c.OldHash, &oldUntil, &c.HashUnused)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return sparekey.Credential{}, sparekey.ErrNotFound
	case err != nil:
		return sparekey.Credential{}, err
	}
	c.Created, c.LastUsed = fromSeconds(created), fromSeconds(lastUsed)
	c.Limits.Expires, c.OldUntil = fromSeconds(expires), fromSeconds(oldUntil)
	return c, nil
}

func scanUser(row scanner) (u sparekey.User, err error) {
	var id int64
	var roles []byte
	var registered sql.Null[int64]
	err = row.Scan(&id, &u.Login, &u.Email, &u.DisplayName, &roles, &registered)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return sparekey.User{}, sparekey.ErrUserNotFound
	case err != nil:
		return sparekey.User{}, err
	}
	u.ID, u.Registered = strconv.FormatInt(id, 10), fromSeconds(registered)
	if err := json.Unmarshal(roles, &u.Roles); err != nil {
		return sparekey.User{}, fmt.Errorf("read the roles of user %d: %w", id, err)
	}
	return u, nil
}

// collect reads all rows of a query.
func collect[T any](scan func(scanner) (T, error), rows *sql.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// seconds is how the database keeps a time; nil is NULL.
func seconds(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Unix()
}

func fromSeconds(s sql.Null[int64]) time.Time {
	if !s.Valid {
		return time.Time{}
	}
	return time.Unix(s.V, 0).UTC()
}
