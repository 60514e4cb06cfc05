//go:build unix

package link

import (
	"io"
	"net"
	"syscall"
)

// socketSource reads a socket without holding a buffer while it waits. For each attempt
// it takes a buffer from the pool, and puts it back if there were no bytes.
type socketSource struct {
	raw  syscall.RawConn
	try  func(fd uintptr) bool // s.attempt, bound once so that a call allocates nothing
	buf  *[chunk]byte
	n    int
	fail error
}

func newSource(conn net.Conn) source {
	socket, ok := conn.(*net.TCPConn)
	if !ok {
		return &plainSource{conn: conn}
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return &plainSource{conn: conn} // the connection is closed, which its Read will report
	}
	s := &socketSource{raw: raw}
	s.try = s.attempt
	return s
}

func (s *socketSource) next() ([]byte, error) {
	if err := s.raw.Read(s.try); err != nil {
		return nil, err
	}
	switch {
	case s.fail != nil:
		return nil, s.fail
	case s.n == 0:
		s.done()
		return nil, io.EOF
	}
	return s.buf[:s.n], nil
}

// attempt tries to read, and reports whether the wait for bytes is over.
func (s *socketSource) attempt(fd uintptr) bool {
	s.buf = chunks.Get().(*[chunk]byte)
	for {
		s.n, s.fail = syscall.Read(int(fd), s.buf[:])
		if s.fail != syscall.EINTR {
			break
		}
	}
	if s.fail == nil {
		return true
	}
	s.done()
	return s.fail != syscall.EAGAIN
}

func (s *socketSource) done() {
	chunks.Put(s.buf)
	s.buf = nil
}
