package link

import (
	"net"

	"github.com/cim-go/cim/node/link/tcp"
)

// chunk bounds the bytes that one system call writes. It also decides how slow a socket
// may be: a socket that takes fewer bytes than this within Config.StallTimeout is closed.
const chunk = tcp.Chunk

// chunks are buffers that are not in use.
var chunks = &tcp.Chunks

// write is the writer goroutine of a stream. It ends when nothing waits to be written.
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
			l.writeFailed(err)
			return
		}
	}
}

// nextWrite returns the bytes to write. If there are none, the writer must end. It
// counts as ended at once, so another one may start. last is then true if the goodbye
// was written.
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

// nextLocked returns the bytes to write next. It copies small frames into one buffer.
// For frames of the size of chat messages, that is cheaper than a system call with a
// list of buffers.
func (l *Link) nextLocked(buf *[chunk]byte) []byte {
	return l.out.next(buf[:0], l.form, l.server.clock.Load())
}

// wroteLocked records that the socket took n bytes of those that were offered to it.
func (l *Link) wroteLocked(n, offered int) {
	wasFull := l.out.full()
	l.out.wrote(n, offered)
	if wasFull {
		l.resumeLocked()
	}
}

// closeSending ends the sending half of a connection, and leaves the other half open so
// that the peer can still read the goodbye. If the connection has no such half (in
// memory, or before a TLS handshake), closeSending closes it.
func closeSending(conn net.Conn) {
	half, ok := conn.(interface{ CloseWrite() error })
	if ok && half.CloseWrite() == nil {
		return
	}
	_ = conn.Close()
}
