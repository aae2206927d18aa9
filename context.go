package sparekey

import (
	"context"
	"net/netip"
)

type identityKey struct{}

// identityContext is a context with an identity: in one small piece of memory, since
// it is made for every request, and many handlers never ask who it is.
type identityContext struct {
	context.Context //nolint:containedctx // it is one

	whole   *Identity // or nil
	record  string    // the encoded identity, if whole is nil
	service *Service  // that made the record
}

// Value returns itself for the key of identities.
func (c *identityContext) Value(key any) any {
	if key == (identityKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// NewContext returns a context that carries the identity of the request's
// caller. Package basicauth does this for the handlers it guards.
func NewContext(ctx context.Context, id Identity) context.Context {
	return &identityContext{Context: ctx, whole: &id}
}

// FromContext returns the identity of the request's caller, if it has one.
func FromContext(ctx context.Context) (id Identity, ok bool) {
	c, ok := ctx.Value(identityKey{}).(*identityContext)
	switch {
	case !ok:
	case c.whole != nil:
		id = *c.whole
	default:
		decodeIdentity(c.record, &id)
		id.service = c.service
	}
	return id, ok
}

// EndsSoon reports whether the caller should get a warning, because UpcomingExpiry or OldSecret
// is set in the identity. It costs less than FromContext.
func EndsSoon(ctx context.Context) bool {
	c, ok := ctx.Value(identityKey{}).(*identityContext)
	return ok && c.whole != nil && (c.whole.OldSecret || !c.whole.UpcomingExpiry.IsZero())
}

type callerKey struct{}

type caller struct {
	addr    netip.Addr
	request Request
}

// WithCaller returns a context with the address and the request with which credentials are
// managed, for the events about it. target is the request target as it was received.
func WithCaller(ctx context.Context, addr netip.Addr, method, target string) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{addr, Request{Method: method, Target: target}})
}

// CallerFrom returns what WithCaller put into a context, or zero values.
func CallerFrom(ctx context.Context) (netip.Addr, Request) {
	c, _ := ctx.Value(callerKey{}).(caller) // zero where it is not set
	return c.addr, c.request
}
