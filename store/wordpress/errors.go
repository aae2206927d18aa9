package wordpress

import (
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"github.com/sparekey-dev/sparekey"
)

// Error numbers of the server.
const (
	errNoSuchTable = 1146
	errNoDatabase  = 1049
	errNotAdmitted = 1045 // user and password
	errDenied      = 1142 // of a command on a table
	errDeniedHere  = 1044 // of the whole database
	errReadOnly    = 1290
	errLockTimeout = 1205
	errDeadlock    = 1213
)

// errRowChanged means that PHP wrote the row first.
var errRowChanged = errors.New("the row changed in between")

// failed adds what was tried. Refusals are answers, and stay as they are.
func failed(what string, err error) error {
	if err == nil || sparekey.Refused(err) {
		return err
	}
	return fmt.Errorf("wordpress: %s: %w", what, err)
}

func isServerError(err error, numbers ...uint16) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	if !ok {
		return false
	}
	for _, n := range numbers {
		if e.Number == n {
			return true
		}
	}
	return false
}

// withAdvice says what to do where the server refuses the connection.
func withAdvice(err error) error {
	switch {
	case isServerError(err, errNotAdmitted):
		return fmt.Errorf("%w: the URL must have the DB_USER and DB_PASSWORD of wp-config.php (with %%40 for an @), and the server must admit them from this machine", err)
	case isServerError(err, errNoDatabase, errDeniedHere):
		return fmt.Errorf("%w: the URL must have the DB_NAME of wp-config.php behind the host, and its DB_USER must have rights there", err)
	}
	return err
}

func isTransient(err error) bool {
	return errors.Is(err, errRowChanged) || isServerError(err, errLockTimeout, errDeadlock)
}

// RowError reports that the application passwords of one user cannot be read. The row stays
// as it is, and Sparekey writes nothing for that user.
type RowError struct {
	UserID string
	MetaID int64 // umeta_id of the row
	Err    error
}

func (e *RowError) Error() string {
	return fmt.Sprintf("the application passwords of user %s cannot be read, so nothing of them is changed: %v "+
		"(meta_key '"+metaKey+"', umeta_id %d: repair the value, or delete the row to begin anew)", e.UserID, e.Err, e.MetaID)
}

// Unwrap returns what is wrong with the value.
func (e *RowError) Unwrap() error { return e.Err }

func isRowError(err error) bool {
	_, is := errors.AsType[*RowError](err)
	return is
}
