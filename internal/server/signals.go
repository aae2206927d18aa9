package server

import (
	"log/slog"
	"os"
	"os/signal"
)

// surviveSignals has a server survive the signals that do not ask it to stop, but would end it:
// a terminal that closes, a program that rotates logs, and a log that is a pipe whose reader
// ended. The server logs that it ignores them. It lasts until stop is called. Programs that the
// server starts get these signals as usual, which they would not if they were ignored.
func surviveSignals(log *slog.Logger) (stop func()) {
	caught := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(caught, survived()...)
	go func() {
		defer close(done)
		for s := range caught {
			if !isBrokenPipe(s) { // or saying so would be the next one
				log.Info("this signal changes nothing: settings are read at the start, and logs are not files", "signal", s.String())
			}
		}
	}()
	return func() {
		signal.Stop(caught)
		close(caught)
		<-done
	}
}
