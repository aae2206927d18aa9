//go:build unix

package server

import (
	"os"
	"syscall"
)

// survived are the signals that a server survives. Without SIGPIPE among them, Go ends a
// program whose standard output or error is a pipe without a reader.
func survived() []os.Signal {
	return []os.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGPIPE}
}

func isBrokenPipe(s os.Signal) bool { return s == syscall.SIGPIPE }
