package sparekey

import (
	"context"
	"net/netip"

	"github.com/sparekey-dev/sparekey/scope"
)

type identityKey struct{}

// identityContext is a context with an identity, in one piece of memory since it
// is made for every request.
type identityContext struct {
	context.Context //nolint:containedctx // it is one
	identity        Identity
}

// Value returns the identity for its key.
func (c *identityContext) Value(key any) any {
	if key == (identityKey{}) {
		return &c.identity
	}
	return c.Context.Value(key)
}

// NewContext returns a context that carries the identity of the request's
// caller. Package basicauth does this for the handlers it guards.
func NewContext(ctx context.Context, id Identity) context.Context {
	return &identityContext{ctx, id}
}

// FromContext returns the identity of the request's caller, if it has one.
func FromContext(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(*Identity)
	if !ok {
		return Identity{}, false
	}
	return *id, true
}

type callerKey struct{}

type caller struct {
	addr    netip.Addr
	request scope.Request
}

// WithCaller returns a context that says from where, and with which request,
// somebody manages credentials, for the record of it. target is the request target
// as it was received.
func WithCaller(ctx context.Context, addr netip.Addr, method, target string) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{addr, scope.Request{Method: method, Target: target}})
}

// CallerFrom returns what WithCaller put into a context, or what is zero.
func CallerFrom(ctx context.Context) (netip.Addr, scope.Request) {
	c, _ := ctx.Value(callerKey{}).(caller) // zero where nobody said it
	return c.addr, c.request
}
