package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
)

// listen listens on an address that a flag names.
func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, listenError(flag, address, err)
	}
	return listener, nil
}

// listenError says what to do where an address that a flag names cannot be listened on.
func listenError(flag, listen string, err error) error {
	advice := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && flag == "listen":
		advice = "another program has this port: stop that, or choose another port, as in \"serve --listen 127.0.0.1:8081\" or \"make run LISTEN=127.0.0.1:8081\""
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "another program has this port: stop that, or choose another port with --" + flag
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "this machine has no such address: give one of its own with --" + flag
	case errors.Is(err, fs.ErrPermission):
		advice = "the system does not let this user have that port: choose one above 1023 with --" + flag
	default:
		return fmt.Errorf("listen on %s: %w", listen, err)
	}
	return fmt.Errorf("listen on %s: %s", listen, advice)
}
