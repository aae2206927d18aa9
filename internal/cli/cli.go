// Package cli is the program's command line: its commands, the settings that they take, and
// the formats in which they answer.
package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Main executes the command line of this process and returns the status to exit with. The
// first signal to stop ends the command in order, the second one ends the process.
func Main() (status int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the program at once, as if there were no handler
	return run(ctx, os.Args[1:], terminal{os.Stdin, os.Stdout, highlighted(os.Stderr)})
}
