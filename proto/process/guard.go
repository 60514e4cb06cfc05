package process

import (
	"context"
	"flag"
	"net"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/cim-go/cim/proto/sourceip"
)

// Guard says how much a program accepts from strangers, and which proxies it trusts to
// name the addresses of clients.
type Guard struct {
	// PerAddress bounds what one address may have without a valid ticket or token: the
	// number of connections, and the number of requests whose bodies are still coming. 0
	// means DefaultPerAddress, or no bound if only this machine can connect. A negative
	// number means no bound.
	PerAddress int
	Proxies    sourceip.Proxies

	crowded atomic.Int64
}

// DefaultPerAddress is how many connections strangers at one address may have, if other
// machines can connect.
const DefaultPerAddress = 256

// Flags registers the flags of a Guard on fs.
func (g *Guard) Flags(fs *flag.FlagSet) {
	fs.IntVar(&g.PerAddress, "per-address", 0,
		"most `connections` from one address (or one /64 of IPv6) that have not logged in, and most requests from it\nwhose bodies are still coming. -1: no limit; 0: 256, or no limit if only this machine can connect")
	fs.Var(&g.Proxies, "trusted-proxies",
		"`addresses` or CIDR blocks of proxies in front, separated by commas. The address that they name for a client\ncounts (PROXY protocol, X-Forwarded-For)")
}

// Most returns how many connections the strangers at one address may have to a listener
// on address. 0 means any number.
func (g *Guard) Most(address string) int {
	switch {
	case g.PerAddress > 0:
		return g.PerAddress
	case g.PerAddress < 0 || Loopback(address):
		return 0
	}
	return DefaultPerAddress
}

// Crowded returns how many connections were closed because their address had too many.
func (g *Guard) Crowded() int64 { return g.crowded.Load() }

// Listen returns a listener for HTTP with the limits of g. It closes connections beyond
// the limits, and accepts the PROXY protocol from proxies. If Serve serves this listener,
// the context of a request has the place of its connection, which sourceip.Proved frees.
// Closing the listener closes ln.
func (g *Guard) Listen(ln net.Listener) net.Listener {
	l := &guardedListener{Listener: ln, guard: g, limiter: sourceip.NewLimiter(g.Most(ln.Addr().String()))}
	if len(g.Proxies) == 0 {
		return l
	}
	return &proxyproto.Listener{
		Listener: l,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if g.Proxies.Trust(sourceip.Addr(o.Upstream)) {
				return proxyproto.USE, nil
			}
			return proxyproto.SKIP, nil
		},
		ReadHeaderTimeout: headTime,
	}
}

type guardedListener struct {
	net.Listener
	guard   *Guard
	limiter *sourceip.Limiter
}

// Accept implements net.Listener. It does not count the connections of proxies, because
// one such connection carries requests of many clients.
func (l *guardedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := sourceip.Addr(conn.RemoteAddr())
		if l.limiter == nil || l.guard.Proxies.Trust(from) {
			return conn, nil
		}
		place, ok := l.limiter.Enter(from, time.Now(), func() { _ = conn.Close() })
		if ok {
			return &guardedConn{Conn: conn, place: place}, nil
		}
		l.guard.crowded.Add(1)
		_ = conn.Close()
	}
}

// guardedConn is a connection that holds a place until it ends.
type guardedConn struct {
	net.Conn
	place *sourceip.Place
}

func (c *guardedConn) Close() error {
	c.place.Leave()
	return c.Conn.Close()
}

// withConn returns the context for the requests of a connection. It has the
// connection's place, and whether the connection speaks TLS.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	ctx, conn = withSecure(ctx, conn)
	if p, ok := conn.(*proxyproto.Conn); ok {
		conn = p.Raw()
	}
	if c, ok := conn.(*guardedConn); ok {
		return sourceip.WithPlace(ctx, c.place)
	}
	return ctx
}
