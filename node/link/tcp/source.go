package tcp

import (
	"net"
	"sync"
)

// Chunk is the most bytes of one read or write.
const Chunk = 16 << 10

// Chunks are buffers that are not in use. Each is a *[Chunk]byte.
var Chunks = sync.Pool{New: func() any { return new([Chunk]byte) }}

// Source waits for bytes of a connection. The caller may use and change the slice that
// Next returns until it calls Done. It has at most one such slice at a time. A Source is
// for one goroutine at a time.
type Source interface {
	// Next blocks until bytes come. The error is io.EOF if the peer has ended its sending.
	Next() ([]byte, error)
	// Done ends the use of the slice that Next returned.
	Done()
}

// plainSource reads with a small buffer of its own. It is for TLS, which has larger
// buffers inside, and for connections without a descriptor.
type plainSource struct {
	conn net.Conn
	buf  [1024]byte
}

// Next implements Source.
func (s *plainSource) Next() ([]byte, error) {
	n, err := s.conn.Read(s.buf[:])
	if n > 0 {
		return s.buf[:n], nil // the next read returns the error again
	}
	return nil, err
}

// Done implements Source.
func (s *plainSource) Done() {}
