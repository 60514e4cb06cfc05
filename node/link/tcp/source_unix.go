//go:build unix

package tcp

import (
	"io"
	"net"
	"syscall"
)

// socketSource reads a socket without holding a buffer while it waits. For each attempt
// it takes a buffer from the pool, and puts it back if there were no bytes.
type socketSource struct {
	raw  syscall.RawConn
	try  func(fd uintptr) bool // s.attempt, made once, so that no call allocates it
	buf  *[Chunk]byte
	n    int
	fail error
}

// NewSource returns a source that reads conn. It does not close conn.
func NewSource(conn net.Conn) Source {
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

func (s *socketSource) Next() ([]byte, error) {
	if err := s.raw.Read(s.try); err != nil {
		return nil, err
	}
	switch {
	case s.fail != nil:
		return nil, s.fail
	case s.n == 0:
		s.Done()
		return nil, io.EOF
	}
	return s.buf[:s.n], nil
}

// attempt tries to read, and reports whether the wait for bytes is over.
func (s *socketSource) attempt(fd uintptr) bool {
	s.buf = Chunks.Get().(*[Chunk]byte)
	for {
		s.n, s.fail = syscall.Read(int(fd), s.buf[:])
		if s.fail != syscall.EINTR {
			break
		}
	}
	if s.fail == nil {
		return true
	}
	s.Done()
	return s.fail != syscall.EAGAIN
}

func (s *socketSource) Done() {
	Chunks.Put(s.buf)
	s.buf = nil
}
