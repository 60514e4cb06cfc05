package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// ErrDead means that a connection died while nobody used it. Nothing was sent on it.
var ErrDead = fmt.Errorf("%w: connection died while it was idle", ErrUnsent)

// probeTimeout is how long a server may take to answer a probe. A live server answers
// in a millisecond. If a gateway on the way has dropped the connection, no answer ever
// comes.
const probeTimeout = 300 * time.Millisecond

var (
	probe = []byte("*1\r\n$4\r\nPING\r\n")
	alive = []byte("+PONG\r\n")
)

// probedConn is a connection that is probed before its first use after a pause, such as
// the freeze of a function. During the pause, the server or a gateway on the way may
// have dropped it.
//
// Without the probe, a write on a dead connection would fail. The caller could not safely
// repeat it, because the server may have received it. With the probe, only the probe is
// lost. The caller's commands were not sent, so they may be sent on another connection.
//
// The pause is measured by the wall clock, because a frozen function's monotonic
// clock may stand still.
type probedConn struct {
	net.Conn
	idle time.Duration

	used    atomic.Int64 // wall clock of the last read or write, in nanoseconds
	owed    atomic.Bool  // something was written, and no answer was read since
	reading atomic.Bool  // a caller waits in Read, as a subscriber does, and will notice if the connection ends
}

// probeDialer returns a dial function for connections that are probed if they were unused
// for the duration idle.
func probeDialer(dial func(context.Context, string, string) (net.Conn, error), idle time.Duration) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		p := &probedConn{Conn: conn, idle: idle}
		p.touch()
		return p, nil
	}
}

func (p *probedConn) touch() { p.used.Store(time.Now().UnixNano()) }

// rested reports whether the connection was unused for so long that it must be probed.
func (p *probedConn) rested() bool {
	pause := time.Duration(time.Now().UnixNano() - p.used.Load())
	return (pause >= p.idle || pause < 0) && !p.owed.Load() && !p.reading.Load()
}

// Read reads from the connection, and notes the time.
func (p *probedConn) Read(b []byte) (int, error) {
	p.reading.Store(true)
	n, err := p.Conn.Read(b)
	p.reading.Store(false)
	p.owed.Store(false)
	p.touch()
	return n, err
}

// Write writes to the connection, and notes the time. If the connection has rested, Write
// probes it first. If the probe gets no answer, Write writes nothing, and returns an
// error that wraps ErrDead.
func (p *probedConn) Write(b []byte) (int, error) {
	if p.rested() {
		if err := p.probe(); err != nil {
			return 0, fmt.Errorf("%w: %w", ErrDead, err)
		}
	}
	p.owed.Store(true)
	n, err := p.Conn.Write(b)
	p.touch()
	return n, err
}

// probe sends a PING and reads the answer.
func (p *probedConn) probe() error {
	if err := p.Conn.SetReadDeadline(time.Now().Add(probeTimeout)); err != nil {
		return err
	}
	if _, err := p.Conn.Write(probe); err != nil {
		return err
	}
	answer := make([]byte, len(alive))
	if _, err := io.ReadFull(p.Conn, answer); err != nil {
		return err
	}
	if string(answer) != string(alive) {
		return errors.New("connection did not answer PING with PONG")
	}
	return p.Conn.SetReadDeadline(time.Time{})
}
