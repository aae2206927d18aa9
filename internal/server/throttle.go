package server

import (
	"context"
	"log/slog"

	"github.com/sparekey-dev/sparekey/store/sqlite"
	"github.com/sparekey-dev/sparekey/store/wordpress"
	"github.com/sparekey-dev/sparekey/throttle"
	"github.com/sparekey-dev/sparekey/throttle/redis"
)

var ( // stores that keep what the throttle needs, by interfaces of plain types
	_ throttle.Sightings = (*sqlite.Store)(nil)
	_ throttle.Mailbox   = (*sqlite.Store)(nil)
	_ throttle.Sightings = (*wordpress.Store)(nil)
	_ throttle.Mailbox   = (*wordpress.Store)(nil)
)

// counts are the counts that the settings name in Redis, or nil. The server starts also where Redis
// is away, and counts for itself until it is there.
func (c *server) counts(log *slog.Logger) (*redis.Counts, error) {
	if c.Throttle == "on" || c.Throttle == "off" {
		return nil, nil //nolint:nilnil // they are not in Redis
	}
	redis.LogTo(log)
	return redis.Open(c.Throttle)
}

// limiter is the Limiter that the settings ask for on a database, or nil. counts may be nil.
func (c *server) limiter(ctx context.Context, b Backend, counts *redis.Counts, log *slog.Logger) *throttle.Limiter {
	if c.Throttle == "off" {
		return nil
	}
	config := throttle.Config{
		PerLogin: c.ThrottlePerLogin, PerAddress: c.ThrottlePerAddress, Site: c.ThrottleSite, Users: b, Log: log,
	}
	config.Sightings, _ = b.(throttle.Sightings)
	if counts != nil {
		config.Shared, config.Sightings = counts, counts
	}
	l := throttle.New(config)
	l.Reach(ctx)
	if err := l.Load(ctx); err != nil {
		log.WarnContext(ctx, "cannot read from where credentials were right", "error", err)
	}
	return l
}

// keepThrottle keeps what the limiter learns and answers "sparekey throttle", until the context
// ends.
func (s *Site) keepThrottle(ctx context.Context) {
	var parts group
	parts.run(context.WithoutCancel(ctx), s.limiter.Run)
	if mailbox, ok := s.Backend.(throttle.Mailbox); ok {
		parts.run(context.WithoutCancel(ctx), func(ctx context.Context) { s.limiter.Attend(ctx, mailbox) })
	}
	<-ctx.Done()
	_ = parts.stop() // nothing of it returns an error
}
