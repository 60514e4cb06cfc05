package records

import (
	"net"
	"time"
)

// below is what a tls.Conn uses as its connection.
type below struct{ c *Conn }

// Read returns the bytes that came. If there are none left, it blocks until some come
// during the handshake; afterwards it returns errEmpty.
func (b below) Read(p []byte) (n int, err error) {
	c := b.c
	switch {
	case len(c.in) > 0:
		n = copy(p, c.in)
		c.in = c.in[n:]
	case c.shook:
		return 0, errEmpty
	default:
		n, err = c.socket.Await(p)
	}
	if !c.shook {
		c.cut.pass(p[:n])
	}
	return n, err
}

// Write never fails, because a failure would end TLS for good. The socket's own failures
// end the link.
func (b below) Write(p []byte) (int, error) {
	b.c.socket.Sealed(p)
	return len(p), nil
}

// Close does nothing, because the link closes its socket.
func (b below) Close() error { return nil }

func (b below) LocalAddr() net.Addr {
	local, _ := b.c.socket.Addrs()
	return local
}

func (b below) RemoteAddr() net.Addr {
	_, remote := b.c.socket.Addrs()
	return remote
}

// Nothing blocks, so there are no deadlines.

func (below) SetDeadline(time.Time) error      { return nil }
func (below) SetReadDeadline(time.Time) error  { return nil }
func (below) SetWriteDeadline(time.Time) error { return nil }

// empty is the error of a Read that finds no bytes. It counts as temporary, so TLS goes
// on with the next Read.
type empty struct{}

var errEmpty error = empty{}

func (empty) Error() string   { return "no bytes yet" }
func (empty) Timeout() bool   { return true }
func (empty) Temporary() bool { return true }
