package cli

import (
	"context"
	"log/slog"

	"github.com/sparekey-dev/sparekey/internal/config"
	"github.com/sparekey-dev/sparekey/internal/server"
)

// serveCommand runs a server.
type serveCommand struct{ config.Server }

// Run serves until the context ends.
func (c *serveCommand) Run(ctx context.Context, all *commands, t terminal) error {
	return server.Run(ctx, &all.Site, &c.Server, c.logger(t), func(first server.FirstStart) { greet(t, all, first) })
}

func (c *serveCommand) logger(t terminal) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		panic(err) // kong allows no other
	}
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(t.err, options))
	}
	return slog.New(slog.NewTextHandler(t.err, options))
}
