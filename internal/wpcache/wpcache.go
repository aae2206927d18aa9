// Package wpcache drops entries from a persistent object cache of WordPress's
// that is kept in Redis. WordPress reads application passwords from there where it
// has one, and does not see what others write to its database.
package wpcache

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// user stands for the ID of a user in the name of an entry.
const user = "{user}"

// timeout bounds how long a write waits for the cache.
const timeout = time.Second

// Cache is the object cache of one site. It is safe for concurrent use.
type Cache struct {
	client *redis.Client
	keys   []string
}

// New returns the cache that a URL names, such as
// redis://:password@127.0.0.1:6379/0?key=wp_:user_meta:{user}. key may have several names,
// separated by commas; in each, {user} is the ID of a user. It connects when it is
// first used. Its errors do not repeat the URL, which may have a password in it.
func New(rawURL string) (*Cache, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("the URL of the object cache must be one such as redis://127.0.0.1:6379/0?key=wp_:user_meta:{user}")
	}
	query := u.Query()
	keys := strings.Split(query.Get("key"), ",")
	if !strings.Contains(query.Get("key"), user) {
		return nil, errors.New("the URL of the object cache must have a parameter key with {user} in it, such as key=wp_:user_meta:{user}")
	}
	query.Del("key")
	u.RawQuery = query.Encode()
	options, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, errors.New("the URL of the object cache must begin with redis://, rediss:// or unix://, and name a host and the number of a database")
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = timeout, timeout, timeout
	options.MaxRetries = 1
	return &Cache{redis.NewClient(options), keys}, nil
}

// Drop removes what the cache has of a user.
func (c *Cache) Drop(ctx context.Context, userID string) error {
	names := make([]string, len(c.keys))
	for i, key := range c.keys {
		names[i] = strings.ReplaceAll(key, user, userID)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*timeout)
	defer cancel()
	if err := c.client.Del(ctx, names...).Err(); err != nil {
		return fmt.Errorf("drop user %s from WordPress's object cache, which may go on accepting what was revoked: %w", userID, err)
	}
	return nil
}

// Close closes the connections.
func (c *Cache) Close() error { return c.client.Close() }
