//go:build !unix

package server

import (
	"os"
	"syscall"
)

// survived are the signals that a server survives.
func survived() []os.Signal { return []os.Signal{syscall.SIGHUP} }

func isBrokenPipe(os.Signal) bool { return false }
