package sourceip

import (
	"context"
	"net/netip"
)

type placeKey struct{}

// WithPlace returns the context for requests over a connection that holds the place p.
func WithPlace(ctx context.Context, p *Place) context.Context {
	return context.WithValue(ctx, placeKey{}, p)
}

// Proved is called when the peer of a request has proved who it is. If the connection of
// ctx holds a place, Proved frees it. Calling it again does nothing.
func Proved(ctx context.Context) {
	p, _ := ctx.Value(placeKey{}).(*Place)
	p.Leave()
}

type clientKey struct{}

// WithClient returns the context for a request that came from the address a.
func WithClient(ctx context.Context, a netip.Addr) context.Context {
	return context.WithValue(ctx, clientKey{}, a)
}

// Client returns the address that WithClient put into ctx, or the zero Addr.
func Client(ctx context.Context) netip.Addr {
	a, _ := ctx.Value(clientKey{}).(netip.Addr)
	return a
}
