package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sparekey-dev/sparekey/audit"
)

// How long each part of stopping may take. Together they are less than 5 seconds, so that
// a service manager never has to kill the program, and what it has counted is written.
const (
	drainTimeout  = 1500 * time.Millisecond // requests under way may finish by themselves
	endTimeout    = time.Second             // then they are ended: streams, websockets, uploads
	noticeTimeout = 1500 * time.Millisecond // the program of --notify may finish
)

// stopTimeout is how long all of it may take after the signal, also where the database
// hangs.
const stopTimeout = 4700 * time.Millisecond

// errNotWritten says what is lost where the database does not take it in time.
var errNotWritten = errors.New("stopped although the database did not answer: uses, refusals and sign-ins since the audit log was last written, at most every " +
	audit.DefaultFlushInterval.String() + ", may be missing in it")

// stopDeadline returns a context that ends stopTimeout after ctx has.
func stopDeadline(ctx context.Context) (deadline context.Context, release func()) {
	deadline, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(stopTimeout, cancel) })
	return deadline, func() {
		stop()
		cancel()
	}
}

// finish does what is last, and does not wait for it past the deadline.
func finish(deadline context.Context, last func() error) error {
	done := make(chan error, 1)
	go func() { done <- last() }()
	select {
	case err := <-done:
		return err
	case <-deadline.Done():
		return errNotWritten
	}
}

// errStopping is the cause of the end of requests that are under way for too long when the
// server stops.
var errStopping = errors.New("the server is stopping")

// requests are those that a server is answering, also those that have switched to
// websocket, which http.Server no longer knows.
type requests struct {
	open atomic.Int64
	base context.Context //nolint:containedctx // that of each request
	end  context.CancelCauseFunc
}

// newRequests returns requests that do not end with ctx, but when end is called.
func newRequests(ctx context.Context) *requests {
	q := &requests{}
	q.base, q.end = context.WithCancelCause(context.WithoutCancel(ctx))
	return q
}

// count has a handler's requests counted.
func (q *requests) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q.open.Add(1)
		defer q.open.Add(-1) // also where an answer breaks off, which is a panic
		next.ServeHTTP(w, r)
	})
}

// wait returns how many requests are still open when none is, or when the context ends.
func (q *requests) wait(ctx context.Context) int64 {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for q.open.Load() > 0 && ctx.Err() == nil {
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	return q.open.Load()
}

// untilDone serves until the context ends. Requests that are under way then have
// drainTimeout to finish; those that remain are ended, which is not an error: a stream or
// a websocket has no end of its own.
func (c *server) untilDone(ctx context.Context, server *http.Server, listener net.Listener, log *slog.Logger) error {
	open := newRequests(ctx)
	defer open.end(nil)
	server.BaseContext = func(net.Listener) context.Context { return open.base }
	server.Handler = open.count(server.Handler)
	failed := make(chan error, 1)
	go func() {
		if c.TLSCert != "" {
			failed <- server.ServeTLS(listener, c.TLSCert, c.TLSKey)
			return
		}
		failed <- server.Serve(listener)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping")
	open.stop(context.WithoutCancel(ctx), server, log)
	return nil
}

// stop ends a server: nothing new begins, and what is under way is waited for and ended.
func (q *requests) stop(ctx context.Context, server *http.Server, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout+endTimeout)
	defer cancel()
	drained, stopDraining := context.WithTimeout(ctx, drainTimeout)
	defer stopDraining()
	_ = server.Shutdown(drained) // or its time is up: then Close does the rest
	if left := q.wait(drained); left > 0 {
		log.Info("ended requests that were under way", "requests", left)
	}
	q.end(errStopping)
	ending, stopEnding := context.WithTimeout(ctx, endTimeout/2)
	defer stopEnding()
	q.wait(ending)
	_ = server.Close() // also ends the connections of clients that neither read nor send
	if left := q.wait(ctx); left > 0 {
		log.Warn("stopped before all requests had ended", "requests", left)
	}
}
