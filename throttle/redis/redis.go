// Package redis keeps the counts of package throttle in Redis or Valkey, so that
// several processes count together.
//
//	counts, err := redis.Open("redis://127.0.0.1:6379/0")
//	limiter := throttle.New(throttle.Config{Shared: counts})
//
// It needs Redis 6 or later, or any Valkey. Each call is one script, which runs
// by the clock of the server, so that those of the processes may differ.
package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/sparekey-dev/sparekey/throttle"
)

// timeout bounds each step of a call. The caller's context bounds the whole.
const timeout = 250 * time.Millisecond

// prefix begins all keys. The braces keep them on one node of a cluster.
const prefix = "{sparekey}:throttle:"

//go:embed add.lua
var addSource string

// Counts are counts in Redis. They are safe for concurrent use.
type Counts struct {
	client *goredis.Client
	add    *goredis.Script
}

// Open returns the counts in the database that a URL names:
// redis://user:password@host:port/db, rediss:// with TLS, or unix://path?db=0. It
// does not connect yet. The error does not hold the URL, which may have a
// password.
func Open(url string) (*Counts, error) {
	options, err := goredis.ParseURL(url)
	if err != nil {
		return nil, errors.New("invalid URL of a Redis server: use for example redis://127.0.0.1:6379/0")
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = timeout, timeout, timeout, timeout
	options.ContextTimeoutEnabled = true
	options.MaxRetries, options.DialerRetries = -1, 1 // the caller has a fallback
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Counts{goredis.NewClient(options), goredis.NewScript(addSource)}, nil
}

// Add is part of [throttle.Counts].
func (c *Counts) Add(ctx context.Context, n int, slots []throttle.Slot) ([]time.Duration, error) {
	keys := make([]string, len(slots))
	args := make([]any, 1, 1+3*len(slots))
	args[0] = n
	for i, s := range slots {
		keys[i] = prefix + s.Key.String()
		args = append(args, s.Every().Microseconds(), s.Most().Microseconds(), s.UserID)
	}
	micros, err := c.add.Run(ctx, c.client, keys, args...).Int64Slice()
	if err != nil {
		return nil, fmt.Errorf("count in Redis: %w", err)
	}
	if len(micros) != len(slots) {
		return nil, fmt.Errorf("count in Redis: %d answers for %d keys", len(micros), len(slots))
	}
	owed := make([]time.Duration, len(micros))
	for i, m := range micros {
		owed[i] = time.Duration(m) * time.Microsecond
	}
	return owed, nil
}

// LogTo has the client library write its own messages to a log, at the level
// DEBUG, instead of to standard error. It does so for the whole process, so it
// is for main.
func LogTo(log *slog.Logger) { goredis.SetLogger(logging{log}) }

type logging struct{ log *slog.Logger }

func (l logging) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, fmt.Sprintf(format, args...))
}

// Ping reports whether the server answers.
func (c *Counts) Ping(ctx context.Context) error {
	if err := c.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ask Redis: %w", err)
	}
	return nil
}

// Close ends the connections.
func (c *Counts) Close() error {
	if err := c.client.Close(); err != nil {
		return fmt.Errorf("close the connections to Redis: %w", err)
	}
	return nil
}
