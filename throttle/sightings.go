package throttle

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"sync"
	"time"
)

// Sightings keep what was right from where for longer than a process lives, so that known addresses
// stay known after a restart. They hold no secret, login or address, but keyed hashes of networks
// and of logins at networks. It must be safe for concurrent use.
//
// The types are plain, so that a store need not import this package.
type Sightings interface {
	// LoadSightings returns the key of the hashes, a random one of 32 bytes that the first call
	// makes, and the latest sightings, at most limit: by their hash, when it was last seen.
	LoadSightings(ctx context.Context, limit int) (key []byte, seen map[[16]byte]time.Time, err error)
	// SaveSightings adds sightings or makes them later, and keeps the latest limit of all.
	SaveSightings(ctx context.Context, seen map[[16]byte]time.Time, limit int) error
}

const (
	recordEvery  = 24 * time.Hour   // how often one sighting is written
	flushEvery   = time.Minute      // how often what is new is written
	loadEvery    = 10 * time.Minute // how often the writes of other processes are read
	flushTimeout = 5 * time.Second  // for the last write, when the process ends
)

// durable is the record of sightings that survives a restart.
type durable struct {
	store    Sightings // optional
	keys     int
	validFor time.Duration

	mu      sync.Mutex
	key     []byte // nil: not loaded yet
	seen    map[[16]byte]durableSighting
	pending map[[16]byte]time.Time // what is to be written
}

type durableSighting struct {
	last  time.Time
	skips int // how many attempts have skipped the queue by it since it was confirmed
}

// hash identifies a login at a network or, with an empty login, the network.
func (d *durable) hash(network Key, login string) (h [16]byte) {
	var fixed [10]byte
	binary.BigEndian.PutUint64(fixed[:], network.network)
	fixed[8], fixed[9] = network.origin, uint8(network.kind)
	mac := hmac.New(sha256.New, d.key)
	_, _ = mac.Write(fixed[:]) // never fails, as it documents
	_, _ = mac.Write([]byte(normalise(login)))
	copy(h[:], mac.Sum(nil))
	return h
}

func (d *durable) record(network Key, login string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.key == nil {
		return
	}
	for _, h := range [...][16]byte{d.hash(network, login), d.hash(network, "")} {
		s, exists := d.seen[h]
		if exists && now.Sub(s.last) < recordEvery {
			d.seen[h] = durableSighting{last: s.last}
			continue
		}
		if !exists && len(d.seen) >= d.keys {
			evictLowest(d.seen, func(s durableSighting) int64 { return s.last.Unix() })
		}
		if len(d.pending) >= d.keys {
			evictLowest(d.pending, func(t time.Time) int64 { return t.Unix() })
		}
		d.seen[h], d.pending[h] = durableSighting{last: now}, now
	}
}

// has reports whether a secret of a login, or with an empty login of any, succeeded at a network.
func (d *durable) has(network Key, login string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.find(network, login, now)
	return ok
}

// allowsSkip is like has, limited to maxUnconfirmed attempts since the last success.
func (d *durable) allowsSkip(network Key, login string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, ok := d.find(network, login, now)
	if !ok || d.seen[h].skips >= maxUnconfirmed {
		return false
	}
	s := d.seen[h]
	s.skips++
	d.seen[h] = s
	return true
}

// find is called with the lock held.
func (d *durable) find(network Key, login string, now time.Time) (h [16]byte, ok bool) {
	if d.key == nil {
		return h, false
	}
	h = d.hash(network, login)
	s, ok := d.seen[h]
	return h, ok && now.Sub(s.last) <= d.validFor
}

func (d *durable) size() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.seen)
}

func (d *durable) load(ctx context.Context) error {
	key, seen, err := d.store.LoadSightings(ctx, d.keys)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.key = key
	for h, last := range seen {
		if s := d.seen[h]; last.After(s.last) && (len(d.seen) < d.keys || !s.last.IsZero()) {
			s.last = last
			d.seen[h] = s
		}
	}
	return nil
}

// flush writes new sightings. It retries failed writes the next time.
func (d *durable) flush(ctx context.Context) error {
	d.mu.Lock()
	pending := d.pending
	d.pending = map[[16]byte]time.Time{}
	d.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	err := d.store.SaveSightings(ctx, pending, d.keys)
	if err == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for h, last := range pending {
		if len(d.pending) < d.keys && d.pending[h].Before(last) {
			d.pending[h] = last
		}
	}
	return err
}

// Load reads what was right from where in earlier processes. It does nothing where
// [Config.Sightings] is nil.
func (l *Limiter) Load(ctx context.Context) error {
	if l == nil || l.durable.store == nil {
		return nil
	}
	return l.durable.load(ctx)
}

// Run keeps the Sightings until the context ends, and writes what is left then. It does nothing
// where [Config.Sightings] is nil. An error is logged, and tried again.
func (l *Limiter) Run(ctx context.Context) {
	if l == nil || l.durable.store == nil {
		return
	}
	flush, load := time.NewTicker(flushEvery), time.NewTicker(loadEvery)
	defer flush.Stop()
	defer load.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
			defer cancel()
			l.warn(last, l.durable.flush(last))
			return
		case <-flush.C:
			err = l.durable.flush(ctx)
		case <-load.C:
			err = l.durable.load(ctx)
		}
		if ctx.Err() == nil {
			l.warn(ctx, err)
		}
	}
}

func (l *Limiter) warn(ctx context.Context, err error) {
	if err != nil {
		l.config.Log.WarnContext(ctx, "cannot keep from where credentials were right", "error", err)
	}
}
