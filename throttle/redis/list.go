package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sparekey-dev/sparekey/throttle"
)

var _ throttle.Lister = (*Counts)(nil)

// maxListed bounds how many keys List returns, and scanned how many are asked for at a time.
const (
	maxListed = 100_000
	scanned   = 1000
)

// List is part of [throttle.Lister]. It returns at most 100,000 keys.
func (c *Counts) List(ctx context.Context) ([]throttle.Debt, error) {
	now, err := c.client.Time(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("list what Redis counts: %w", err)
	}
	var debts []throttle.Debt
	for cursor := uint64(0); ; {
		var names []string
		names, cursor, err = c.client.ScanType(ctx, cursor, prefix+"*", scanned, "string").Result()
		if err != nil {
			return nil, fmt.Errorf("list what Redis counts: %w", err)
		}
		if debts, err = c.read(ctx, debts, names, now); err != nil {
			return nil, err
		}
		if cursor == 0 || len(debts) >= maxListed {
			return debts, nil
		}
	}
}

// read adds what keys of these names owe.
func (c *Counts) read(ctx context.Context, debts []throttle.Debt, names []string, now time.Time) ([]throttle.Debt, error) {
	if len(names) == 0 {
		return debts, nil
	}
	values, err := c.client.MGet(ctx, names...).Result()
	if err != nil {
		return nil, fmt.Errorf("list what Redis counts: %w", err)
	}
	for i, value := range values {
		text, _ := value.(string) // nil: it has expired meanwhile
		at, userID, _ := strings.Cut(text, " ")
		micros, err := strconv.ParseInt(at, 10, 64)
		key, keyErr := throttle.ParseKey(strings.TrimPrefix(names[i], prefix))
		if err == nil && keyErr == nil && micros > now.UnixMicro() {
			debts = append(debts, throttle.Debt{Key: key, UserID: userID, Owed: time.UnixMicro(micros).Sub(now)})
		}
	}
	return debts, nil
}

// Delete is part of [throttle.Lister].
func (c *Counts) Delete(ctx context.Context, keys []throttle.Key) error {
	for len(keys) > 0 {
		n := min(len(keys), scanned)
		names := make([]string, n)
		for i, k := range keys[:n] {
			names[i] = prefix + k.String()
		}
		if err := c.client.Del(ctx, names...).Err(); err != nil {
			return fmt.Errorf("clear what Redis counts: %w", err)
		}
		keys = keys[n:]
	}
	return nil
}
