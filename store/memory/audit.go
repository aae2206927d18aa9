package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/audit"
)

var _ audit.Store = (*Store)(nil)

// auditRecord is a line, and what it can be selected by.
type auditRecord struct {
	audit.Line
	audit.Record
}

// AppendAudit implements [audit.Store].
func (s *Store) AppendAudit(ctx context.Context, build func(audit.Line) (audit.Addition, error)) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	var last audit.Line
	if n := len(s.audit); n > 0 {
		last = s.audit[n-1].Line
	}
	addition, err := build(last)
	if err != nil {
		return err
	}
	var added []auditRecord
	for _, line := range addition.Lines {
		r, err := audit.ParseLine(line.Text)
		if err != nil {
			return err
		}
		added = append(added, auditRecord{line, r})
	}
	s.audit = append(s.audit, added...)
	if addition.Through > 0 {
		s.audit = slices.DeleteFunc(s.audit, func(r auditRecord) bool { return r.Line.Seq <= addition.Through })
	}
	return nil
}

// ReadAudit implements [audit.Store].
func (s *Store) ReadAudit(ctx context.Context, q audit.Query) ([]audit.Line, error) {
	if err := s.rlock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.RUnlock()
	var lines []audit.Line
	for _, r := range s.audit {
		if selectsLine(q, r.Record) {
			lines = append(lines, r.Line)
		}
	}
	if q.Newest {
		slices.Reverse(lines)
	}
	if q.Limit > 0 {
		lines = lines[:min(q.Limit, len(lines))]
	}
	return lines, nil
}

func selectsLine(q audit.Query, r audit.Record) bool {
	switch {
	case r.Seq <= q.After || q.Before > 0 && r.Seq >= q.Before:
		return false
	case q.User != "" && q.User != r.User && q.User != r.Actor:
		return false
	case q.Credential != "" && q.Credential != r.Credential:
		return false
	case len(q.Kinds) > 0 && !slices.Contains(q.Kinds, r.Kind):
		return false
	case !q.Since.IsZero() && r.Time.Before(q.Since), !q.Until.IsZero() && !r.Time.Before(q.Until):
		return false
	}
	return true
}

// AddUsage implements [audit.Store].
func (s *Store) AddUsage(ctx context.Context, all []audit.Usage, addresses int) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, add := range all {
		if _, known := s.uuids[add.Credential]; known {
			s.usage[add.Credential] = sum(s.usage[add.Credential], add, addresses)
		}
	}
	return nil
}

func sum(u, add audit.Usage, addresses int) audit.Usage {
	u.Credential = add.Credential
	u.Count += add.Count
	u.Addresses = slices.Clone(u.Addresses)
	for _, a := range add.Addresses {
		at := slices.IndexFunc(u.Addresses, func(known audit.Address) bool { return known.Addr == a.Addr })
		if at < 0 {
			u.Addresses = append(u.Addresses, a)
			continue
		}
		known := &u.Addresses[at]
		if a.First.Before(known.First) {
			known.First = a.First
		}
		if a.Last.After(known.Last) {
			known.Last = a.Last
		}
	}
	slices.SortFunc(u.Addresses, func(a, b audit.Address) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Addr, b.Addr))
	})
	u.Addresses = u.Addresses[:min(addresses, len(u.Addresses))]
	return u
}

// Usage implements [audit.Store].
func (s *Store) Usage(ctx context.Context, uuid string) (audit.Usage, error) {
	if err := s.rlock(ctx); err != nil {
		return audit.Usage{}, err
	}
	defer s.mu.RUnlock()
	if _, known := s.uuids[uuid]; !known {
		return audit.Usage{Credential: uuid}, nil
	}
	u := s.usage[uuid]
	u.Credential, u.Addresses = uuid, slices.Clone(u.Addresses)
	return u, nil
}

// forget removes what goes with a credential.
func (s *Store) forget(c sparekey.Credential) {
	delete(s.uuids, c.UUID)
	delete(s.usage, c.UUID)
}
