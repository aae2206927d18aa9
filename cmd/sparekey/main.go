// Command sparekey gives every application its own password: it serves the
// application passwords of its users over HTTP, and manages them and the users
// on the command line.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the program at once, as if there were no handler
	code := run(ctx, os.Args[1:], terminal{os.Stdin, os.Stdout, highlighted(os.Stderr)})
	stop()
	os.Exit(code)
}
