package server

import (
	"io/fs"
	"log/slog"
	"os"
	"runtime"
)

// openToOthers are the permissions that no file with a key should give: any to
// everybody, and writing to the group. The group may read it, as an application must
// that has the same key.
const openToOthers fs.FileMode = 0o027

// warnOfKeyFiles tells of files with keys that others on the machine can read or
// replace. It refuses none: where files have no such permissions, or a container has
// one account, they say nothing.
func (c *server) warnOfKeyFiles(auditKey string, log *slog.Logger) {
	if runtime.GOOS == "windows" { // which has other permissions
		return
	}
	for _, file := range []struct{ flag, path string }{
		{"--signing-key", c.SigningKey}, {"--audit-key", auditKey}, {"--tls-key", c.TLSKey},
	} {
		if file.path == "" {
			continue
		}
		info, err := os.Stat(file.path)
		if err != nil || info.Mode()&openToOthers == 0 { // who reads it says what is wrong
			continue
		}
		log.Warn("others on this machine can read or replace the key: take the permissions away with chmod 600, or 640 for a group that needs it, and make a new key if strangers have accounts here",
			"flag", file.flag, "file", file.path, "mode", info.Mode().Perm().String())
	}
}
