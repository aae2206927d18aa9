package sqlite

import (
	"context"
	"database/sql"
)

// rekeyMark is the first line of a migration after which rekey runs.
const rekeyMark = "-- +sparekey rekey\n"

// rekey makes anew the texts by which logins and e-mail addresses are compared. Where two
// users now have the same one, it stays the older user's; the other keeps the key that
// they had, and is found by their e-mail address or their ID.
func rekey(ctx context.Context, tx *sql.Tx) error {
	type row struct {
		id                     int64
		login, loginKey, email string
		emailKey               sql.Null[string]
	}
	scan := func(rows scanner) (r row, err error) {
		return r, rows.Scan(&r.id, &r.login, &r.loginKey, &r.email, &r.emailKey)
	}
	rows, err := tx.QueryContext(ctx, queryUserKeys)
	users, err := collect(scan, rows, err)
	if err != nil {
		return err
	}
	for _, u := range users {
		if k := key(u.login); k != u.loginKey && k != "" {
			if _, err := tx.ExecContext(ctx, queryRekeyLogin, k, u.id); err != nil {
				return err
			}
		}
		if k := key(u.email); k != u.emailKey.V {
			email := sql.Null[string]{V: k, Valid: k != ""}
			if _, err := tx.ExecContext(ctx, queryRekeyEmail, email, u.id); err != nil {
				return err
			}
		}
	}
	return nil
}
