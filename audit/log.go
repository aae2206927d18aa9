package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// The defaults of a [Config].
const (
	DefaultFlushInterval     = 10 * time.Second
	DefaultAggregateInterval = time.Hour
	DefaultCallers           = 1000
	DefaultAddresses         = 10
)

const (
	pruneInterval   = time.Hour
	pruneBatch      = 2000             // lines; other writers wait while a batch is removed
	shutdownTimeout = 10 * time.Second // for the last flush, after the context of Run ended
)

// Config holds the options of a [Log]. The zero Config is right for most
// programs.
type Config struct {
	// Key keys the hashes. It must stay the same while the log is kept, in every process that
	// writes to it: see [KeyError]. Default: no key.
	Key Key

	// Operator says who manages with the machine in hand, such as the name of
	// the account in the operating system. Default: "operator".
	Operator string

	// FlushInterval is how long uses and refusals stay in memory before they are written. If
	// the program is killed, they are lost. Default: DefaultFlushInterval.
	FlushInterval time.Duration

	// AggregateInterval is how long the uses of one credential from one address, and the
	// refusals of one caller for one reason, are aggregated into one record after their first
	// record. Default: DefaultAggregateInterval.
	AggregateInterval time.Duration

	// Callers is how many callers are counted separately within a AggregateInterval, each for
	// uses, refusals of right secrets, other refusals, sign-ins and failed sign-ins. All
	// others are counted together; sign-ins always by user. It limits memory and the growth
	// of the log. Default: DefaultCallers.
	Callers int

	// Addresses is how many addresses are kept of each credential. Default:
	// DefaultAddresses.
	Addresses int

	// Keep is how long records are kept. Default: forever.
	Keep time.Duration

	// Failed receives the errors of Run's writes; Run tries again. Default: none.
	Failed func(error)

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Log writes the log into a [Store]. It is safe for concurrent use.
type Log struct {
	store  Store
	config Config

	mu              sync.Mutex
	uses            aggregator
	matchedRefusals aggregator // of callers with the right secret, which other refusals must not hide
	otherRefusals   aggregator
	signIns         aggregator        // sign-ins that succeeded, and sign-outs, which other events must not hide
	failedIns       aggregator        // sign-ins that were refused
	public          aggregator        // anonymous requests
	reconciled      aggregator        // what a store reconciled; without an actor
	usage           map[string]*usage // by UUID

	flushing sync.Mutex // held while what is in memory is written
}

// New returns a Log in store.
func New(store Store, config Config) *Log {
	if store == nil {
		panic("audit.New: a Store is required")
	}
	if config.Operator == "" {
		config.Operator = "operator"
	}
	if config.FlushInterval <= 0 {
		config.FlushInterval = DefaultFlushInterval
	}
	if config.AggregateInterval <= 0 {
		config.AggregateInterval = DefaultAggregateInterval
	}
	if config.Callers <= 0 {
		config.Callers = DefaultCallers
	}
	if config.Addresses <= 0 {
		config.Addresses = DefaultAddresses
	}
	if config.Failed == nil {
		config.Failed = func(error) {}
	}
	if config.Now == nil {
		config.Now = time.Now //nolint:forbidigo // the default clock
	}
	l := &Log{
		store: store, config: config,
		uses: newAggregator(config.Callers), matchedRefusals: newAggregator(config.Callers), otherRefusals: newAggregator(config.Callers),
		signIns: newAggregator(config.Callers), failedIns: newAggregator(config.Callers), reconciled: newAggregator(config.Callers),
		public: newAggregator(config.Callers),
		usage:  map[string]*usage{},
	}
	l.signIns.byUser, l.signIns.unbounded = true, true
	l.failedIns.byUser = true
	return l
}

// Record writes a record of an event before it returns. It is for [sparekey.Config].Record, so
// that each acknowledged change is on record.
func (l *Log) Record(ctx context.Context, e sparekey.Event) error {
	r := recordOf(e)
	if r.Actor == "" {
		r.Operator = l.config.Operator
	}
	if err := l.append(ctx, r); err != nil {
		return fmt.Errorf("write a record of the kind %s: %w", e.Kind, err)
	}
	return nil
}

// append adds records if the log was written with the same key.
func (l *Log) append(ctx context.Context, records ...Record) error {
	var damaged Line // an end of the log that may be continued despite its hash
	for {
		var mismatch Line
		err := l.store.AppendAudit(ctx, func(last Line) (Addition, error) {
			if mismatch = (Line{}); last != damaged && !l.config.Key.continues(last) {
				mismatch = last
				return Addition{}, nil // an error would end the transaction that this may be in
			}
			return Addition{Lines: headOf(last).link(l.config.Key, records...)}, nil
		})
		if err != nil || mismatch == (Line{}) {
			return err
		}
		if err := l.keyError(ctx); err != nil {
			return err
		}
		damaged = mismatch
	}
}

// Observe counts uses and refusals in memory, so that requests do not wait for a write. It is
// for [sparekey.Config].Observe; Run writes what was counted.
func (l *Log) Observe(_ context.Context, e sparekey.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case sparekey.KindAuthenticated:
		l.uses.add(e)
		l.countUse(e)
	case sparekey.KindPublic:
		l.public.add(e)
	case KindSignedIn, KindSignedOut:
		l.signIns.add(e)
	case KindSignInRefused:
		l.failedIns.add(e)
	case sparekey.KindRefused:
		if e.Credential.UUID != "" {
			l.matchedRefusals.add(e)
		} else {
			l.otherRefusals.add(e)
		}
	case sparekey.KindReRevoked, sparekey.KindRestored, sparekey.KindConflict:
		l.reconciled.add(e)
	default: // those have their record, or need none
	}
}

// Run writes what was counted, periodically and once more when the context ends. It removes
// records that are older than [Config].Keep.
func (l *Log) Run(ctx context.Context) {
	flush := time.NewTicker(l.config.FlushInterval)
	defer flush.Stop()
	prune := time.NewTicker(pruneInterval)
	defer prune.Stop()
	l.reportError(l.pruneOld(ctx))
	for {
		select {
		case <-flush.C:
			l.reportError(l.flush(ctx, false))
		case <-prune.C:
			l.reportError(l.pruneOld(ctx))
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
			defer cancel()
			l.reportError(l.Flush(ctx))
			return
		}
	}
}

func (l *Log) reportError(err error) {
	if err != nil {
		l.config.Failed(err)
	}
}

// Flush writes all that was counted.
func (l *Log) Flush(ctx context.Context) error { return l.flush(ctx, true) }

// flush writes the usage, and the groups that are due; with all, the other groups, too.
func (l *Log) flush(ctx context.Context, all bool) error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	return errors.Join(l.flushUsage(ctx), l.flushRecords(ctx, all))
}

func (l *Log) flushRecords(ctx context.Context, all bool) error {
	now := l.now()
	before := now.Add(-l.config.AggregateInterval)
	if all {
		before = now
	}
	var batch []drained
	l.mu.Lock()
	for _, a := range []*aggregator{&l.uses, &l.matchedRefusals, &l.otherRefusals, &l.signIns, &l.failedIns, &l.reconciled, &l.public} {
		batch = append(batch, a.drain(now, before)...)
	}
	l.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	slices.SortFunc(batch, byTime)
	records := make([]Record, len(batch))
	for i, d := range batch {
		records[i] = d.summary()
	}
	if err := l.append(ctx, records...); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, d := range batch {
			d.requeue()
		}
		return fmt.Errorf("record uses and refusals: %w", err)
	}
	return nil
}

func (l *Log) now() time.Time { return l.config.Now().UTC().Truncate(time.Second) }
