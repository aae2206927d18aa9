// Command sparekey gives every application its own password: it serves the
// application passwords of its users over HTTP, and manages them and the users
// on the command line.
package main

import (
	"os"

	"github.com/sparekey-dev/sparekey/internal/cli"
)

func main() { os.Exit(cli.Main()) }
