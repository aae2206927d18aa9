package sparekey

import "context"

type identityKey struct{}

// NewContext returns a context that carries the identity of the request's
// caller. Package basicauth does this for the handlers it guards.
func NewContext(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, &id)
}

// FromContext returns the identity of the request's caller, if it has one.
func FromContext(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(*Identity)
	if !ok {
		return Identity{}, false
	}
	return *id, true
}
