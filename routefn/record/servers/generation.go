package servers

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// retireEvery is the shortest time from one retirement of connections to the next.
// Without it, a server that stays read-only would get new connections for each write that
// it refuses.
const retireEvery = time.Second

// A generation knows which connections are too old to be used. When a server
// answers that it is read-only, all connections are retired. New connections by the
// same name or proxy may then reach the primary. The library does that by itself only
// if the answer begins with READONLY and is the first of its pipeline.
type generation struct {
	number  atomic.Int64
	retired atomic.Int64 // when connections were last retired, in ms since 1970; zero: never
}

// Retire implements Topology.
func (g *generation) Retire() {
	now, last := time.Now().UnixMilli(), g.retired.Load()
	if now-last >= retireEvery.Milliseconds() && g.retired.CompareAndSwap(last, now) {
		g.number.Add(1)
	}
}

// aged returns a dial function for connections that can be retired. A retired connection
// refuses to be used.
func (g *generation) aged(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		a := &aging{generation: g, born: g.number.Load()}
		var err error
		if a.Conn, err = dial(ctx, network, addr); err != nil {
			return nil, err
		}
		if socket, ok := a.Conn.(syscall.Conn); ok {
			return agingSocket{a, socket}, nil
		}
		return a, nil
	}
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// aging is a connection that can be retired. The field born is the number of its
// generation.
type aging struct {
	net.Conn
	generation *generation
	born       int64
	owed       atomic.Bool // something was written, and no answer was read since
}

// agingSocket is an aging connection that also lets the library check whether the peer
// has closed it.
type agingSocket struct {
	*aging
	syscall.Conn
}

// Read reads from the connection.
func (a *aging) Read(b []byte) (int, error) {
	n, err := a.Conn.Read(b)
	a.owed.Store(false)
	return n, err
}

// Write writes to the connection. If the connection was retired, Write writes nothing,
// and returns an error that wraps ErrDead.
func (a *aging) Write(b []byte) (int, error) {
	if !a.owed.Load() && a.born != a.generation.number.Load() {
		return 0, fmt.Errorf("%w: its server was read-only", ErrDead)
	}
	a.owed.Store(true)
	return a.Conn.Write(b)
}
