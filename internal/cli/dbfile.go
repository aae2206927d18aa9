package cli

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// databaseOpenToOthers are the permissions that a file of a database should not have: any
// for other accounts. It holds the hashes of all passwords, and the sessions.
const databaseOpenToOthers fs.FileMode = 0o077

// openFile is a file with permissions that it should not have.
type openFile struct {
	path string
	mode fs.FileMode
}

// String says what is wrong and how to put it right.
func (f openFile) String() string {
	return fmt.Sprintf("other accounts of this machine can read or change %s (mode %s): run \"chmod 600 %s\"",
		escapeControls(f.path), f.mode.Perm(), escapeControls(shellQuote(f.path)))
}

// openFiles returns those of the files at paths that have a permission in mask. Missing
// files are left out. Windows has other permissions, so it returns nothing there.
func openFiles(mask fs.FileMode, paths ...string) (found []openFile) {
	if runtime.GOOS == "windows" {
		return nil
	}
	for _, path := range paths {
		if info, err := os.Stat(path); path != "" && err == nil && info.Mode().IsRegular() && info.Mode()&mask != 0 {
			found = append(found, openFile{path, info.Mode()})
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

// warnOfDatabaseFiles warns on standard error of files that the command uses and other
// accounts of the machine can read or change. The server logs that instead.
func (c *commands) warnOfDatabaseFiles(command string, t terminal) {
	var databases []string
	switch name, _, _ := strings.Cut(command, " "); name {
	case "user", "audit":
		databases = []string{c.Database}
	case "import":
		databases = []string{c.Import.Wordpress.To}
	case "export":
		databases = []string{c.Export.Wordpress.From}
	default:
		return
	}
	var found []openFile
	for _, database := range databases {
		found = append(found, openFiles(databaseOpenToOthers, databaseFiles(database)...)...)
	}
	for _, f := range append(found, openFiles(openToOthers, c.AuditKey)...) {
		fmt.Fprintf(t.err, "Warning: %s\n", f)
	}
}
