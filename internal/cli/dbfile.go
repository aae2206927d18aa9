package cli

import (
	"fmt"
	"strings"

	"github.com/sparekey-dev/sparekey/internal/server"
)

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
	var found []server.OpenFile
	for _, database := range databases {
		found = append(found, server.OpenDatabaseFiles(database)...)
	}
	for _, f := range append(found, server.OpenKeyFiles(c.AuditKey)...) {
		fmt.Fprintf(t.err, "Warning: %s\n", f)
	}
}
