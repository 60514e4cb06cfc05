package record

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// retireEvery bounds how often connections are given up: a server that is read-only
// for long must not be connected to anew for each write that it refuses.
const retireEvery = time.Second

// A generation is what tells the connections of a Store that they are old: the server
// behind them turned out to be read-only, while its name or proxy may lead new ones
// to the primary by now. The library closes a connection for that only when the
// answer begins with READONLY and is the first of a pipeline.
type generation struct {
	number  atomic.Int64
	retired atomic.Int64 // when the last one ended, in ms; zero: never
}

// retire has each connection that there is now used no more.
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

// agingSocket is one at whose socket the library looks, to see whether it was closed.
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

// Write writes, or returns an error that wraps errDead, and has written nothing, if
// the generation is over.
func (a *aging) Write(b []byte) (int, error) {
	if !a.owed.Load() && a.born != a.generation.number.Load() {
		return 0, fmt.Errorf("%w: its server was read-only", errDead)
	}
	a.owed.Store(true)
	return a.Conn.Write(b)
}
