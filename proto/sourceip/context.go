package sourceip

import (
	"context"
	"net/netip"
)

type placeKey struct{}

// WithPlace returns a context of what came over a connection that holds a place.
func WithPlace(ctx context.Context, p *Place) context.Context {
	return context.WithValue(ctx, placeKey{}, p)
}

// Proved frees the place that the connection of ctx takes in its address's limit, if it
// takes one, because the peer has proved who it is. A second call does nothing.
func Proved(ctx context.Context) {
	p, _ := ctx.Value(placeKey{}).(*Place)
	p.Leave()
}

type clientKey struct{}

// WithClient returns a context of a request that came from a.
func WithClient(ctx context.Context, a netip.Addr) context.Context {
	return context.WithValue(ctx, clientKey{}, a)
}

// Client returns the address of WithClient, or the zero Addr.
func Client(ctx context.Context) netip.Addr {
	a, _ := ctx.Value(clientKey{}).(netip.Addr)
	return a
}
