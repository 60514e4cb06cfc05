package crowd

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// The states of a wire decide what happens to the bytes written to it.
const (
	sound   = iota
	tearing // cuts the next write in half, and then itself
	mute    // loses everything in both directions, as a network that forgot the connection
)

const (
	slowBytes = 512                   // what a slow reader takes at a time
	slowPause = 40 * time.Millisecond // and how long it rests before that: 12.5 kB/s
	// readBuffer is the size of the kernel's buffer in bytes: small, so that a slow
	// reader is felt by the node.
	readBuffer = 4 << 10
	// halfOpen is how long the node does not hear that a roaming device is gone. It
	// is longer than a node is paused.
	halfOpen = 25 * time.Second
)

// wire is a device's connection to a node.
type wire struct {
	net.Conn
	slow   *atomic.Bool // the device's
	roams  bool         // its end is not heard of at the other side
	ended  func(*wire)  // called once, by Close
	state  atomic.Int32
	hears  bool        // what comes is read even while it is mute
	halved atomic.Bool // a CIM client closed one side, which tells the node nothing
	closed chan struct{}
	once   sync.Once
}

func newWire(conn net.Conn, slow *atomic.Bool, roams bool, ended func(*wire)) *wire {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(readBuffer) // a wish: the test is milder without it
	}
	return &wire{Conn: conn, slow: slow, roams: roams, ended: ended, closed: make(chan struct{})}
}

// Read implements net.Conn.
func (w *wire) Read(b []byte) (int, error) {
	if w.slow.Load() {
		b = b[:min(len(b), slowBytes)]
		select {
		case <-w.closed:
			return 0, net.ErrClosed
		case <-time.After(slowPause):
		}
	}
	n, err := w.Conn.Read(b)
	if w.state.Load() == mute && !w.hears {
		<-w.closed
		return 0, net.ErrClosed
	}
	return n, err
}

// Write implements net.Conn.
func (w *wire) Write(b []byte) (int, error) {
	switch w.state.Load() {
	case mute:
		return len(b), nil
	case tearing:
		n, _ := w.Conn.Write(b[:len(b)/2]) // the connection ends either way
		w.Close()
		return n, net.ErrClosed
	}
	return w.Conn.Write(b)
}

// Close implements net.Conn. The connection of a device that roams stays half open
// for a while, as that of a phone that left the network does. One that lost what came
// does not end in order, which would say that it was read.
func (w *wire) Close() error {
	w.once.Do(func() {
		if tcp, ok := w.Conn.(*net.TCPConn); ok && w.state.Load() == mute {
			_ = tcp.SetLinger(0) // a wish, see above
		}
		close(w.closed)
		w.ended(w)
		if w.roams {
			time.AfterFunc(halfOpen, func() { w.Conn.Close() })
		}
	})
	if w.roams {
		return w.Conn.SetDeadline(time.Unix(1, 0)) // what is under way ends
	}
	return w.Conn.Close()
}
