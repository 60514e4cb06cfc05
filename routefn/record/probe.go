package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// errDead marks what was to be sent on a connection that had died while it was
// idle. Not a byte of it was.
var errDead = fmt.Errorf("%w: connection died while it was idle", errUnsent)

// probeTimeout is what a server has to answer a probe. One that is there answers
// in a millisecond; a connection that something on the way forgot never answers.
const probeTimeout = 300 * time.Millisecond

var (
	probe = []byte("*1\r\n$4\r\nPING\r\n")
	alive = []byte("+PONG\r\n")
)

// probed is a connection that asks for a sign of life before it is used after a
// pause, as after the freeze of a function: the server, or a gateway on the way,
// may have given it up meanwhile.
//
// Repeating what was sent on a dead connection is not safe in general: nobody
// knows whether the server got it. The probe is what gets lost instead. Nothing
// of the caller's has been sent then, and all of it may go out on another
// connection, whatever it is: see mayRepeat.
//
// The pause is measured by the wall clock, because a frozen function's monotonic
// one may stand still.
type probed struct {
	net.Conn
	idle time.Duration

	used    atomic.Int64 // wall clock of the last read or write, in nanoseconds
	owed    atomic.Bool  // something was written that no read has answered yet
	reading atomic.Bool  // somebody waits in Read, as a subscriber does, and will hear of the end
}

// probing makes the connections of a dialer probed.
func probing(dial func(context.Context, string, string) (net.Conn, error), idle time.Duration) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		p := &probed{Conn: conn, idle: idle}
		p.touch()
		return p, nil
	}
}

func (p *probed) touch() { p.used.Store(time.Now().UnixNano()) }

// rested reports whether the connection is to be probed.
func (p *probed) rested() bool {
	pause := time.Duration(time.Now().UnixNano() - p.used.Load())
	return (pause >= p.idle || pause < 0) && !p.owed.Load() && !p.reading.Load()
}

// Read reads answers.
func (p *probed) Read(b []byte) (int, error) {
	p.reading.Store(true)
	n, err := p.Conn.Read(b)
	p.reading.Store(false)
	p.owed.Store(false)
	p.touch()
	return n, err
}

// Write probes the connection if it has rested, and then writes. The error wraps
// errDead if there was no sign of life.
func (p *probed) Write(b []byte) (int, error) {
	if p.rested() {
		if err := p.probe(); err != nil {
			return 0, fmt.Errorf("%w: %w", errDead, err)
		}
	}
	p.owed.Store(true)
	n, err := p.Conn.Write(b)
	p.touch()
	return n, err
}

// probe sends a PING and reads its answer. Its deadline is not left behind.
func (p *probed) probe() error {
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
		return errors.New("the answer is none to a PING")
	}
	return p.Conn.SetReadDeadline(time.Time{})
}
