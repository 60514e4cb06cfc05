package record

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// retireEvery bounds how often connections are retired. A server may be read-only for
// long, and must not get new connections for each write that it refuses.
const retireEvery = time.Second

// A generation marks connections of a Store as old. They are retired when their server
// turns out to be read-only, because by the same name or proxy, new connections may
// reach the primary. The library retires a connection by itself only if the answer
// begins with READONLY and is the first of its pipeline.
type generation struct {
	number  atomic.Int64
	retired atomic.Int64 // when the last one ended, in ms; zero: never
}

// retire retires all connections that exist now.
func (g *generation) retire() {
	now, last := time.Now().UnixMilli(), g.retired.Load()
	if now-last >= retireEvery.Milliseconds() && g.retired.CompareAndSwap(last, now) {
		g.number.Add(1)
	}
}

// aged makes the connections of a dialer end with their generation.
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

// aging is a connection of a generation.
type aging struct {
	net.Conn
	generation *generation
	born       int64
	owed       atomic.Bool // something was written that no read has answered yet
}

// agingSocket is an aging connection whose socket the library can inspect, to see
// whether it was closed.
type agingSocket struct {
	*aging
	syscall.Conn
}

// Read reads answers.
func (a *aging) Read(b []byte) (int, error) {
	n, err := a.Conn.Read(b)
	a.owed.Store(false)
	return n, err
}

// Write writes. If the generation is over, it writes nothing and returns an error
// that wraps errDead.
func (a *aging) Write(b []byte) (int, error) {
	if !a.owed.Load() && a.born != a.generation.number.Load() {
		return 0, fmt.Errorf("%w: its server was read-only", errDead)
	}
	a.owed.Store(true)
	return a.Conn.Write(b)
}
