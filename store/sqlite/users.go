package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/internal/loginname"
)

// The ID of the dummy user; those of users begin at 1.
const nobody = "0"

// UserByLogin implements [sparekey.Directory]. Case, Unicode's normalization form, and
// blanks and invisible characters at either end make no difference.
func (s *Store) UserByLogin(ctx context.Context, login string) (sparekey.User, error) {
	u, err := scanUser(s.userByLogin.QueryRowContext(ctx, key(login)))
	if err == nil && u.ID == nobody {
		u, err = sparekey.User{}, sparekey.ErrUserNotFound
	}
	return u, failed("find a user by login", err)
}

// UserByID implements [sparekey.Directory].
func (s *Store) UserByID(ctx context.Context, id string) (sparekey.User, error) {
	row, err := rowID(id)
	if err != nil {
		return sparekey.User{}, err
	}
	u, err := scanUser(s.userByID.QueryRowContext(ctx, row))
	return u, failed("find a user", err)
}

// Users implements [sparekey.UserLister].
func (s *Store) Users(ctx context.Context, q sparekey.UserQuery) (users []sparekey.User, total int, err error) {
	search := strings.ToLower(q.Search)
	err = s.read(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, queryUserCount, search, q.Role).Scan(&total); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, queryUsers, search, q.Role, rowLimit(q.Limit), q.Offset)
		users, err = collect(scanUser, rows, err)
		return err
	})
	if err != nil {
		return nil, 0, failed("list users", err)
	}
	return users, total, nil
}

// CreateUser adds a user with the hash of their own password, which the store
// only keeps. It returns the user with the ID that it assigned: a decimal number
// that no other user ever had; u.ID does not matter. It refuses with
// [sparekey.ErrLoginTaken], [sparekey.ErrEmailTaken], or [sparekey.ErrInvalid] for an
// empty login.
func (s *Store) CreateUser(ctx context.Context, u sparekey.User, passwordHash string) (sparekey.User, error) {
	columns, err := userValues(u)
	if err != nil {
		return sparekey.User{}, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, queryInsertUser, append(columns, passwordHash)...)
		if err != nil {
			return orTaken(ctx, tx, u.Login, 0, err)
		}
		row, err := result.LastInsertId()
		if err != nil {
			return err
		}
		u, err = scanUser(tx.QueryRowContext(ctx, queryUserByID, row))
		return err
	})
	if err != nil {
		return sparekey.User{}, failed("create a user", err)
	}
	return u, nil
}

// UpdateUser applies change to a user, whose ID stays as it is, and returns what
// they became. Where change returns an error, nothing is written and UpdateUser
// returns that error. It refuses with [sparekey.ErrUserNotFound], and like
// CreateUser.
func (s *Store) UpdateUser(ctx context.Context, id string, change func(*sparekey.User) error) (sparekey.User, error) {
	var u sparekey.User
	err := s.writeUser(ctx, id, func(tx *sql.Tx, row int64) (err error) {
		if u, err = scanUser(tx.QueryRowContext(ctx, queryUserByID, row)); err != nil {
			return err
		}
		if err := change(&u); err != nil {
			return err
		}
		columns, err := userValues(u)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, queryUpdateUser, append(columns, row)...); err != nil {
			return orTaken(ctx, tx, u.Login, row, err)
		}
		u, err = scanUser(tx.QueryRowContext(ctx, queryUserByID, row))
		return err
	})
	if err != nil {
		return sparekey.User{}, failed("update a user", err)
	}
	return u, nil
}

// DeleteUser removes a user together with their credentials, and returns who it
// was. It refuses with [sparekey.ErrUserNotFound].
func (s *Store) DeleteUser(ctx context.Context, id string) (sparekey.User, error) {
	var removed sparekey.User
	err := s.writeUser(ctx, id, func(tx *sql.Tx, row int64) (err error) {
		if removed, err = scanUser(tx.QueryRowContext(ctx, queryDeleteUser, row)); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, queryDeleteAll, id)
		return err
	})
	if err != nil {
		return sparekey.User{}, failed("delete a user", err)
	}
	return removed, nil
}

// PasswordHash returns the hash of a user's own password. It refuses with
// [sparekey.ErrUserNotFound].
func (s *Store) PasswordHash(ctx context.Context, id string) (hash string, err error) {
	row, err := rowID(id)
	if err != nil {
		return "", err
	}
	err = s.readers.QueryRowContext(ctx, queryPasswordHash, row).Scan(&hash)
	return hash, failed("read a user's password hash", orUserNotFound(err))
}

// SetPasswordHash gives a user another own password, by its hash, and makes their
// SessionEpoch another one. It refuses with [sparekey.ErrUserNotFound].
func (s *Store) SetPasswordHash(ctx context.Context, id, hash string) error {
	err := s.writeUser(ctx, id, func(tx *sql.Tx, row int64) error {
		return orUserNotFound(tx.QueryRowContext(ctx, querySetPasswordHash, hash, row).Scan(&row))
	})
	return failed("set a user's password hash", err)
}

// writeUser is write for one user's row.
func (s *Store) writeUser(ctx context.Context, id string, do func(tx *sql.Tx, row int64) error) error {
	row, err := rowID(id)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error { return do(tx, row) })
}

// rowID reads a user's ID. Other ways to write the same number are unknown users.
func rowID(id string) (int64, error) {
	row, err := strconv.ParseInt(id, 10, 64)
	if err != nil || strconv.FormatInt(row, 10) != id {
		return 0, sparekey.ErrUserNotFound
	}
	return row, nil
}

// userValues returns what the database keeps of a user, in the order that
// queryInsertUser and queryUpdateUser share.
func userValues(u sparekey.User) ([]any, error) {
	if key(u.Login) == "" {
		return nil, &sparekey.InvalidError{Field: "login", Problem: "must not be empty"}
	}
	roles, err := json.Marshal(append([]string{}, u.Roles...))
	if err != nil {
		return nil, fmt.Errorf("encode the roles: %w", err)
	}
	email := sql.Null[string]{V: key(u.Email)}
	email.Valid = email.V != ""
	search := strings.ToLower(u.Login + "\n" + u.Email + "\n" + u.DisplayName)
	return []any{
		u.Login, key(u.Login), u.Email, email, u.DisplayName, search, string(roles), seconds(u.Registered),
	}, nil
}

// key returns the text by which logins and e-mail addresses are compared.
func key(s string) string { return loginname.Key(s) }

// orTaken says what of a user another one has, where that is why their row, 0 of a
// new user, was not written.
func orTaken(ctx context.Context, tx *sql.Tx, login string, row int64, err error) error {
	if !isTaken(err) {
		return err
	}
	var byLogin bool
	if err := tx.QueryRowContext(ctx, queryIsLoginTaken, key(login), row).Scan(&byLogin); err != nil {
		return err
	}
	if byLogin {
		return sparekey.ErrLoginTaken
	}
	return sparekey.ErrEmailTaken
}

func orUserNotFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return sparekey.ErrUserNotFound
	}
	return err
}
