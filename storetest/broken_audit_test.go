package storetest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey/audit"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/storetest"
)

// TestAuditSuiteNotices does the same for stores of the audit log.
func TestAuditSuiteNotices(t *testing.T) {
	t.Parallel()
	testNotices(t, storetest.AuditCases(), map[string]wrong[storetest.AuditStore]{
		"an empty log has a last line":   {"AuditEmpty", func() storetest.AuditStore { return neverEmpty{memory.New()} }},
		"appends one line at a time":     {"AuditAppend", func() storetest.AuditStore { return oneLine{memory.New()} }},
		"orders by number as text":       {"AuditAppend", func() storetest.AuditStore { return textOrder{memory.New()} }},
		"appends in spite of an error":   {"AuditError", func() storetest.AuditStore { return appendsAnyway{memory.New()} }},
		"wraps the error away":           {"AuditError", func() storetest.AuditStore { return wrapsAway{memory.New()} }},
		"finds owners alone":             {"AuditQuery", func() storetest.AuditStore { return ownersOnly{memory.New()} }},
		"forgets fractions of a second":  {"AuditQuery", func() storetest.AuditStore { return cutsSeconds{memory.New()} }},
		"knows no before":                {"AuditQuery", func() storetest.AuditStore { return noBefore{memory.New()} }},
		"the limit counts from the end":  {"AuditQuery", func() storetest.AuditStore { return limitsFirst{memory.New()} }},
		"removes nothing":                {"AuditPrune", func() storetest.AuditStore { return keepsAll{memory.New()} }},
		"removes too much":               {"AuditPrune", func() storetest.AuditStore { return removesMore{memory.New()} }},
		"appends after giving up":        {"AuditCancelled", func() storetest.AuditStore { return appendsCancelled{memory.New()} }},
		"counts after giving up":         {"AuditCancelled", func() storetest.AuditStore { return countsCancelled{memory.New()} }},
		"reads the last, then appends":   {"AuditConcurrent", func() storetest.AuditStore { return readsLast{memory.New()} }},
		"undoes nothing":                 {"Atomically", func() storetest.AuditStore { return undoesNothing{memory.New()} }},
		"sets the count":                 {"Usage", func() storetest.AuditStore { return setsCount{memory.New()} }},
		"counts all as one":              {"Usage", func() storetest.AuditStore { return &countsTogether{Store: memory.New()} }},
		"keeps the first addresses":      {"UsageAddresses", func() storetest.AuditStore { return firstAddresses{memory.New()} }},
		"forgets when it was first seen": {"UsageAddresses", func() storetest.AuditStore { return forgetsFirst{memory.New()} }},
		"counts what it does not know":   {"UsageOfUnknown", func() storetest.AuditStore { return &countsUnknown{Store: memory.New()} }},
		"keeps the count of the deleted": {"UsageOfDeleted", func() storetest.AuditStore { return &countsUnknown{Store: memory.New()} }},
		"reads, then adds":               {"UsageConcurrent", func() storetest.AuditStore { return &readsThenAdds{Store: memory.New()} }},
	})
}

type build = func(audit.Line) (audit.Addition, error)

// changed is a build whose result is changed.
func changed(b build, change func(*audit.Addition)) build {
	return func(last audit.Line) (audit.Addition, error) {
		a, err := b(last)
		change(&a)
		return a, err
	}
}

type neverEmpty struct{ *memory.Store }

func (s neverEmpty) AppendAudit(ctx context.Context, b build) error {
	return s.Store.AppendAudit(ctx, func(last audit.Line) (audit.Addition, error) {
		last.Seq = max(last.Seq, 1)
		return b(last)
	})
}

type oneLine struct{ *memory.Store }

func (s oneLine) AppendAudit(ctx context.Context, b build) error {
	return s.Store.AppendAudit(ctx, changed(b, func(a *audit.Addition) { a.Lines = a.Lines[:min(len(a.Lines), 1)] }))
}

type textOrder struct{ *memory.Store }

func (s textOrder) ReadAudit(ctx context.Context, q audit.Query) ([]audit.Line, error) {
	lines, err := s.Store.ReadAudit(ctx, q)
	slices.SortFunc(lines, func(a, b audit.Line) int {
		if fmt.Sprint(a.Seq) < fmt.Sprint(b.Seq) {
			return -1
		}
		return 1
	})
	return lines, err
}

type appendsAnyway struct{ *memory.Store }

func (s appendsAnyway) AppendAudit(ctx context.Context, b build) (err error) {
	_ = s.Store.AppendAudit(ctx, func(last audit.Line) (a audit.Addition, _ error) {
		a, err = b(last)
		return a, nil
	})
	return err
}

type wrapsAway struct{ *memory.Store }

func (s wrapsAway) AppendAudit(ctx context.Context, b build) error {
	if err := s.Store.AppendAudit(ctx, b); err != nil {
		return fmt.Errorf("append: %v", err) //nolint:errorlint // it is wrong
	}
	return nil
}

type ownersOnly struct{ *memory.Store }

func (s ownersOnly) ReadAudit(ctx context.Context, q audit.Query) ([]audit.Line, error) {
	lines, err := s.Store.ReadAudit(ctx, q)
	return slices.DeleteFunc(lines, func(line audit.Line) bool {
		r, _ := audit.ParseLine(line.Text)
		return q.User != "" && r.User != q.User
	}), err
}

type cutsSeconds struct{ *memory.Store }

func (s cutsSeconds) ReadAudit(ctx context.Context, q audit.Query) ([]audit.Line, error) {
	q.Since, q.Until = q.Since.Truncate(time.Second), q.Until.Truncate(time.Second)
	return s.Store.ReadAudit(ctx, q)
}

type noBefore struct{ *memory.Store }

func (s noBefore) ReadAudit(ctx context.Context, q audit.Query) ([]audit.Line, error) {
	q.Before = 0
	return s.Store.ReadAudit(ctx, q)
}

type limitsFirst struct{ *memory.Store }

func (s limitsFirst) ReadAudit(ctx context.Context, q audit.Query) ([]audit.Line, error) {
	newest := q.Newest
	q.Newest = false
	lines, err := s.Store.ReadAudit(ctx, q)
	if newest {
		slices.Reverse(lines)
	}
	return lines, err
}

type keepsAll struct{ *memory.Store }

func (s keepsAll) AppendAudit(ctx context.Context, b build) error {
	return s.Store.AppendAudit(ctx, changed(b, func(a *audit.Addition) { a.Through = 0 }))
}

type removesMore struct{ *memory.Store }

func (s removesMore) AppendAudit(ctx context.Context, b build) error {
	return s.Store.AppendAudit(ctx, changed(b, func(a *audit.Addition) {
		if a.Through > 0 {
			a.Through++
		}
	}))
}

type appendsCancelled struct{ *memory.Store }

func (s appendsCancelled) AppendAudit(ctx context.Context, b build) error {
	return s.Store.AppendAudit(context.WithoutCancel(ctx), b)
}

type countsCancelled struct{ *memory.Store }

func (s countsCancelled) AddUsage(ctx context.Context, all []audit.Usage, addresses int) error {
	_ = s.Store.AddUsage(context.WithoutCancel(ctx), all, addresses)
	return ctx.Err()
}

// readsLast appends in two steps.
type readsLast struct{ *memory.Store }

func (s readsLast) AppendAudit(ctx context.Context, b build) error {
	last, err := s.ReadAudit(ctx, audit.Query{Newest: true, Limit: 1})
	if err != nil {
		return err
	}
	a, err := b(append(last, audit.Line{})[0])
	if err != nil {
		return err
	}
	time.Sleep(time.Millisecond)
	return s.Store.AppendAudit(ctx, func(audit.Line) (audit.Addition, error) { return a, nil })
}

type undoesNothing struct{ *memory.Store }

func (undoesNothing) Atomically(ctx context.Context, do func(context.Context) error) error {
	return do(ctx)
}

type setsCount struct{ *memory.Store }

func (s setsCount) AddUsage(ctx context.Context, all []audit.Usage, addresses int) error {
	for i, u := range all {
		had, err := s.Usage(ctx, u.Credential)
		if err != nil {
			return err
		}
		all[i].Count -= had.Count
	}
	return s.Store.AddUsage(ctx, all, addresses)
}

// countsTogether has one count for all.
type countsTogether struct {
	*memory.Store
	total int
}

func (s *countsTogether) AddUsage(ctx context.Context, all []audit.Usage, addresses int) error {
	for _, u := range all {
		s.total += u.Count
	}
	return s.Store.AddUsage(ctx, all, addresses)
}

func (s *countsTogether) Usage(ctx context.Context, uuid string) (audit.Usage, error) {
	u, err := s.Store.Usage(ctx, uuid)
	u.Count = s.total
	return u, err
}

type firstAddresses struct{ *memory.Store }

func (s firstAddresses) AddUsage(ctx context.Context, all []audit.Usage, addresses int) error {
	for i := range all {
		had, err := s.Usage(ctx, all[i].Credential)
		if err != nil {
			return err
		}
		all[i].Addresses = all[i].Addresses[:min(len(all[i].Addresses), addresses-len(had.Addresses))]
	}
	return s.Store.AddUsage(ctx, all, addresses)
}

type forgetsFirst struct{ *memory.Store }

func (s forgetsFirst) Usage(ctx context.Context, uuid string) (audit.Usage, error) {
	u, err := s.Store.Usage(ctx, uuid)
	for i := range u.Addresses {
		u.Addresses[i].First = u.Addresses[i].Last
	}
	return u, err
}

// countsUnknown does not ask the store for its counts.
type countsUnknown struct {
	*memory.Store
	counts sync.Map // Usage by UUID
}

func (s *countsUnknown) AddUsage(_ context.Context, all []audit.Usage, _ int) error {
	for _, u := range all {
		s.counts.Store(u.Credential, u)
	}
	return nil
}

func (s *countsUnknown) Usage(_ context.Context, uuid string) (audit.Usage, error) {
	if u, ok := s.counts.Load(uuid); ok {
		return u.(audit.Usage), nil
	}
	return audit.Usage{Credential: uuid}, nil
}

// readsThenAdds adds in two steps.
type readsThenAdds struct {
	*memory.Store
	counts sync.Map // int by UUID
}

func (s *readsThenAdds) AddUsage(_ context.Context, all []audit.Usage, _ int) error {
	for _, u := range all {
		had, _ := s.counts.Load(u.Credential)
		count, _ := had.(int)
		time.Sleep(time.Millisecond)
		s.counts.Store(u.Credential, count+u.Count)
	}
	return nil
}

func (s *readsThenAdds) Usage(_ context.Context, uuid string) (audit.Usage, error) {
	had, _ := s.counts.Load(uuid)
	count, _ := had.(int)
	return audit.Usage{Credential: uuid, Count: count}, nil
}
