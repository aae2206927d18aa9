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
	DefaultFlushInterval = 10 * time.Second
	DefaultFoldInterval  = time.Hour
	DefaultCallers       = 1000
	DefaultAddresses     = 10
)

const (
	pruneInterval = time.Hour
	pruneAtOnce   = 2000             // lines; other writers wait while these are removed
	lastFlush     = 10 * time.Second // for how long Run goes on after its context has ended
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

	// FoldInterval is for how long uses of one credential from one address, and
	// refusals of one caller for one reason, are one record after their first
	// one was written. Default: DefaultFoldInterval.
	FoldInterval time.Duration

	// Callers is how many callers are counted separately within a FoldInterval, each for
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

	mu        sync.Mutex
	uses      fold
	refusals  fold // of callers with the right secret; a flood of strangers must not hide them
	strangers fold
	signIns   fold                // sign-ins that succeeded, and sign-outs: a flood of other events must not hide them
	failedIns fold                // sign-ins that were refused, aggregated only with one another
	public    fold                // anonymous requests, counted by caller
	repairs   fold                // reconciled changes of another program; they have no actor
	counted   map[string]*counted // by UUID

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
	if config.FoldInterval <= 0 {
		config.FoldInterval = DefaultFoldInterval
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
		uses: newFold(config.Callers), refusals: newFold(config.Callers), strangers: newFold(config.Callers),
		signIns: newFold(config.Callers), failedIns: newFold(config.Callers), repairs: newFold(config.Callers),
		public:  newFold(config.Callers),
		counted: map[string]*counted{},
	}
	l.signIns.byUser, l.signIns.everyUser = true, true
	l.failedIns.byUser = true
	return l
}

// Record writes a record of an event before it returns. It is for
// [sparekey.Config].Record, so that nothing is acknowledged that is not on
// record.
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

// append adds records, if the log is kept with the key at hand.
func (l *Log) append(ctx context.Context, records ...Record) error {
	var damaged Line // goes on after this one, which does not fit
	for {
		var unfit Line
		err := l.store.AppendAudit(ctx, func(last Line) (Addition, error) {
			if unfit = (Line{}); last != damaged && !l.config.Key.fits(last) {
				unfit = last
				return Addition{}, nil // an error would end the transaction that this may be in
			}
			return Addition{Lines: headOf(last).link(l.config.Key, records...)}, nil
		})
		if err != nil || unfit == (Line{}) {
			return err
		}
		if err := l.keyError(ctx); err != nil {
			return err
		}
		damaged = unfit
	}
}

// Observe counts uses and refusals in memory, at no cost of a write to who causes
// them. It is for [sparekey.Config].Observe; Run writes what was counted.
func (l *Log) Observe(_ context.Context, e sparekey.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case sparekey.KindAuthenticated:
		l.uses.add(e)
		l.count(e)
	case sparekey.KindPublic:
		l.public.add(e)
	case KindSignedIn, KindSignedOut:
		l.signIns.add(e)
	case KindSignInRefused:
		l.failedIns.add(e)
	case sparekey.KindRefused:
		if e.Credential.UUID != "" {
			l.refusals.add(e)
		} else {
			l.strangers.add(e)
		}
	case sparekey.KindReRevoked, sparekey.KindRestored, sparekey.KindConflict:
		l.repairs.add(e)
	default: // those have their record, or need none
	}
}

// Run writes what was counted, time and again until the context ends and once
// more then. It removes what was kept for long enough.
func (l *Log) Run(ctx context.Context) {
	flush := time.NewTicker(l.config.FlushInterval)
	defer flush.Stop()
	prune := time.NewTicker(pruneInterval)
	defer prune.Stop()
	l.try(l.pruneOld(ctx))
	for {
		select {
		case <-flush.C:
			l.try(l.flush(ctx, false))
		case <-prune.C:
			l.try(l.pruneOld(ctx))
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			l.try(l.Flush(ctx))
			return
		}
	}
}

func (l *Log) try(err error) {
	if err != nil {
		l.config.Failed(err)
	}
}

// Flush writes all that was counted.
func (l *Log) Flush(ctx context.Context) error { return l.flush(ctx, true) }

// flush writes what was counted: records of which one was written within the
// FoldInterval only if all is true.
func (l *Log) flush(ctx context.Context, all bool) error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	return errors.Join(l.flushCounts(ctx), l.flushRecords(ctx, all))
}

func (l *Log) flushRecords(ctx context.Context, all bool) error {
	now := l.now()
	written := now.Add(-l.config.FoldInterval)
	if all {
		written = now
	}
	var batch []taken
	l.mu.Lock()
	for _, f := range []*fold{&l.uses, &l.refusals, &l.strangers, &l.signIns, &l.failedIns, &l.repairs, &l.public} {
		batch = append(batch, f.take(now, written)...)
	}
	l.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	slices.SortFunc(batch, inTime)
	records := make([]Record, len(batch))
	for i, t := range batch {
		records[i] = t.finish()
	}
	if err := l.append(ctx, records...); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, t := range batch {
			t.giveBack()
		}
		return fmt.Errorf("record uses and refusals: %w", err)
	}
	return nil
}

func (l *Log) now() time.Time { return l.config.Now().UTC().Truncate(time.Second) }
