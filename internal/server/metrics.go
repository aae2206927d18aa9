package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/gateway"
	"github.com/sparekey-dev/sparekey/metrics"
	"github.com/sparekey-dev/sparekey/throttle"
)

// numbers is what a server counts, and where it shows that. nil counts nothing.
type numbers struct {
	*metrics.Metrics
	throttled func(*throttle.Limiter) error // adds what a limiter does
	handler   http.Handler
	listener  net.Listener
}

// metrics makes the numbers that the settings ask for, and listens where they will
// be shown.
func (c *server) metrics(ctx context.Context) (*numbers, error) {
	if c.MetricsListen == "" {
		return nil, nil //nolint:nilnil // none is a way to count
	}
	registry := metrics.NewRegistry()
	m, err := metrics.New(registry)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.Handler(registry))
	listener, err := listen(ctx, "metrics-listen", c.MetricsListen)
	if err != nil {
		return nil, err
	}
	throttled := func(l *throttle.Limiter) error { return metrics.Throttle(registry, l) }
	return &numbers{m, throttled, mux, listener}, nil
}

// throttle adds what a limiter does, if there is one.
func (n *numbers) throttle(limiter *throttle.Limiter) error {
	if n == nil || limiter == nil {
		return nil
	}
	return n.throttled(limiter)
}

// close ends the listening.
func (n *numbers) close() error {
	if n != nil {
		_ = n.listener.Close() // the server may have
	}
	return nil
}

// observe counts events, and passes them on to another observer.
func (n *numbers) observe(other func(context.Context, sparekey.Event)) func(context.Context, sparekey.Event) {
	if n == nil {
		return other
	}
	return sparekey.Observers(other, n.Observe)
}

// decided counts the decisions of a gateway.
func (n *numbers) decided() func(context.Context, gateway.Decision) {
	if n == nil {
		return nil
	}
	return n.Decided
}

// ended counts the requests under way that a proxy ended.
func (n *numbers) ended() func(context.Context, gateway.Decision) {
	if n == nil {
		return nil
	}
	return n.Ended
}

// server returns what shows the numbers until its context ends.
func (n *numbers) server(ctx context.Context, log *slog.Logger) (run func(context.Context)) {
	if n == nil {
		return func(context.Context) {}
	}
	server := &http.Server{
		Handler:           n.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	log.InfoContext(ctx, "metrics", "url", "http://"+n.listener.Addr().String()+"/metrics")
	return func(ctx context.Context) {
		context.AfterFunc(ctx, func() { _ = server.Close() })
		if err := server.Serve(n.listener); ctx.Err() == nil {
			log.ErrorContext(ctx, "metrics are no longer served", "error", err)
		}
	}
}
