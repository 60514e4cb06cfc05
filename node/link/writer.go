package link

import (
	"net"
	"sync"

	"github.com/cim-go/cim/proto"
)

// chunk is the most that one system call writes or reads. It also bounds how
// slow a socket may be: one that takes less than this within
// Config.StallTimeout is closed.
const chunk = 16 << 10

var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

// write is the writer goroutine of a stream. It ends when nothing waits.
func (s *stream) write() {
	l := s.link
	defer l.server.writers.Done()
	buf := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buf)
	for {
		b, last := s.nextWrite(buf)
		if last {
			closeSending(s.conn)
			return
		}
		if len(b) == 0 {
			return
		}
		n, err := s.conn.Write(b)
		l.mu.Lock()
		l.wroteLocked(n, len(b))
		l.mu.Unlock()
		if err != nil {
			l.abort(proto.OK)
			return
		}
	}
}

// nextWrite returns the bytes to write. None ends the writer; last says that the
// goodbye is out too. The writer is over the moment it is told so: another one
// may start.
func (s *stream) nextWrite(buf *[chunk]byte) (b []byte, last bool) {
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if b = l.nextLocked(buf); len(b) > 0 {
		return b, false
	}
	l.writing = false
	return nil, l.state == stateClosing
}

// nextLocked returns what goes out next. Small frames are copied into one
// buffer, which for the sizes of chat is cheaper than a vector of them.
func (l *Link) nextLocked(buf *[chunk]byte) []byte {
	return l.out.next(buf[:0], l.form, l.server.clock.Load())
}

// wroteLocked notes that the socket took n bytes of those it was offered.
func (l *Link) wroteLocked(n, of int) {
	wasFull := l.out.full()
	l.out.wrote(n, of)
	if wasFull {
		l.resumeLocked()
	}
}

// closeSending tells the peer that nothing more comes, and leaves the other half
// open so that it can still read the goodbye. Where there is no such half, in
// memory or before a TLS handshake, all is closed.
func closeSending(conn net.Conn) {
	half, ok := conn.(interface{ CloseWrite() error })
	if ok && half.CloseWrite() == nil {
		return
	}
	_ = conn.Close()
}
