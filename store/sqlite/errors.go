package sqlite

import (
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sparekey-dev/sparekey"
)

// failed says what could not be done. Refusals are answers, and stay as they are.
func failed(what string, err error) error {
	if err == nil || sparekey.Refused(err) {
		return err
	}
	return fmt.Errorf("sqlite: %s: %w", what, err)
}

// isForeign reports whether a file is none of SQLite's.
func isForeign(err error) bool { return resultCode(err)&0xff == sqlite3.SQLITE_NOTADB }

// isBusy reports whether another process was in the way.
func isBusy(err error) bool { return resultCode(err)&0xff == sqlite3.SQLITE_BUSY }

// isTaken reports whether a value must be unique, and is not.
func isTaken(err error) bool { return resultCode(err) == sqlite3.SQLITE_CONSTRAINT_UNIQUE }

// resultCode returns SQLite's extended result code of an error, or 0. Its lower
// eight bits are the primary one.
func resultCode(err error) int {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return e.Code()
	}
	return 0
}
