package redis

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sparekey-dev/sparekey/throttle"
)

var _ throttle.Sightings = (*Counts)(nil)

// Where sightings are: a random key, and a sorted set of hashes by when they were seen.
const (
	sightingKey = prefix + "seen-key"
	sightings   = prefix + "seen"
)

// LoadSightings is part of [throttle.Sightings].
func (c *Counts) LoadSightings(ctx context.Context, limit int) (key []byte, seen map[[16]byte]time.Time, err error) {
	drawn := make([]byte, 32)
	rand.Read(drawn) // never fails, as it documents
	if err := c.client.SetNX(ctx, sightingKey, drawn, 0).Err(); err != nil {
		return nil, nil, fmt.Errorf("make the key of sightings in Redis: %w", err)
	}
	if key, err = c.client.Get(ctx, sightingKey).Bytes(); err != nil {
		return nil, nil, fmt.Errorf("read the key of sightings in Redis: %w", err)
	}
	found, err := c.client.ZRevRangeWithScores(ctx, sightings, 0, int64(limit)-1).Result()
	if err != nil {
		return nil, nil, fmt.Errorf("read sightings in Redis: %w", err)
	}
	seen = make(map[[16]byte]time.Time, len(found))
	for _, z := range found {
		if member, ok := z.Member.(string); ok && len(member) == 16 {
			seen[[16]byte([]byte(member))] = time.Unix(int64(z.Score), 0)
		}
	}
	return key, seen, nil
}

// SaveSightings is part of [throttle.Sightings].
func (c *Counts) SaveSightings(ctx context.Context, seen map[[16]byte]time.Time, limit int) error {
	pipe := c.client.TxPipeline()
	members := make([]goredis.Z, 0, len(seen))
	for h, at := range seen {
		members = append(members, goredis.Z{Score: float64(at.Unix()), Member: string(h[:])})
	}
	pipe.ZAddGT(ctx, sightings, members...)
	pipe.ZRemRangeByRank(ctx, sightings, 0, int64(-limit-1))
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("write sightings to Redis: %w", err)
	}
	return nil
}
