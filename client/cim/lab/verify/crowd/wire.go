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
	tearing // sends half of the next write, and then closes the connection
	mute    // loses everything in both directions, like a network that forgot the connection
)

const (
	slowBytes = 512                   // how many bytes a slow reader reads at a time
	slowPause = 40 * time.Millisecond // the pause before each such read, which makes 12.5 kB/s
	// readBuffer is the size of the kernel's buffer in bytes. It is small, so that the
	// node notices a slow reader.
	readBuffer = 4 << 10
	// halfOpen is how long the node does not notice that a roaming device is gone. It is
	// longer than any time for which a fault pauses a node.
	halfOpen = 25 * time.Second
)

// wire is a device's connection to a node.
type wire struct {
	net.Conn
	slow   *atomic.Bool // the device's
	roams  bool         // the node does not notice when the connection ends
	ended  func(*wire)  // called once, by Close
	state  atomic.Int32
	hears  bool        // reads everything that comes, even while the wire is mute
	halved atomic.Bool // a CIM client has ended its sending, but the node cannot notice that
	closed chan struct{}
	once   sync.Once
}

func newWire(conn net.Conn, slow *atomic.Bool, roams bool, ended func(*wire)) *wire {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(readBuffer) // if this fails, the test is only less strict
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

// Close implements net.Conn. The connection of a roaming device stays half open for a
// while, like that of a phone that has left the network. A connection that lost bytes is
// reset, because an orderly end would prove that the bytes were read.
func (w *wire) Close() error {
	w.once.Do(func() {
		if tcp, ok := w.Conn.(*net.TCPConn); ok && w.state.Load() == mute {
			_ = tcp.SetLinger(0) // if this fails, the test is only less strict
		}
		close(w.closed)
		w.ended(w)
		if w.roams {
			time.AfterFunc(halfOpen, func() { w.Conn.Close() })
		}
	})
	if w.roams {
		return w.Conn.SetDeadline(time.Unix(1, 0)) // this ends the reads and writes that are under way
	}
	return w.Conn.Close()
}
