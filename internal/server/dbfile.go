package server

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/visible"
)

// databaseOpenToOthers are the permissions that a file of a database should not have: any
// for other accounts. It holds the hashes of all passwords, and the sessions.
const databaseOpenToOthers fs.FileMode = 0o077

// OpenFile is a file with permissions that it should not have.
type OpenFile struct {
	path string
	mode fs.FileMode
}

// String says what is wrong and how to put it right.
func (f OpenFile) String() string {
	return fmt.Sprintf("other accounts of this machine can read or change %s (mode %s): run \"chmod 600 %s\"",
		visible.Escape(f.path), f.mode.Perm(), visible.Escape(config.ShellQuote(f.path)))
}

// openFiles returns those of the files at paths that have a permission in mask. Missing
// files are left out. Windows has other permissions, so it returns nothing there.
func openFiles(mask fs.FileMode, paths ...string) (found []OpenFile) {
	if runtime.GOOS == "windows" {
		return nil
	}
	for _, path := range paths {
		if info, err := os.Stat(path); path != "" && err == nil && info.Mode().IsRegular() && info.Mode()&mask != 0 {
			found = append(found, OpenFile{path, info.Mode()})
		}
	}
	return found
}

// databaseFiles are the files of a database that is a SQLite file: the file itself, its
// write-ahead log and the index of that.
func databaseFiles(database string) []string {
	scheme, _, isURL := strings.Cut(database, ":")
	if isURL && len(scheme) > 1 && scheme != "sqlite" {
		return nil
	}
	path := sqlitePath(database)
	return []string{path, path + "-wal", path + "-shm"}
}

// OpenDatabaseFiles returns those files of a database that have permissions that they should
// not have.
func OpenDatabaseFiles(database string) []OpenFile {
	return openFiles(databaseOpenToOthers, databaseFiles(database)...)
}

// OpenKeyFiles does the same for files with keys.
func OpenKeyFiles(paths ...string) []OpenFile { return openFiles(openToOthers, paths...) }
