package link

import (
	"net"
	"sync"

	"github.com/cim-go/cim/proto"
)

// chunk is the most that one system call writes. It also bounds how slow a
// socket may be: one that takes less than this within Config.StallTimeout is
// closed.
const chunk = 16 << 10

var chunks = sync.Pool{New: func() any {
	b := make([]byte, 0, chunk)
	return &b
}}

// write is the writer goroutine. It copies small frames into one buffer, which
// for the sizes of chat is cheaper than a vector of them, and ends when nothing
// waits.
func (l *Link) write() {
	defer l.server.writers.Done()
	buf := chunks.Get().(*[]byte)
	defer chunks.Put(buf)
	for {
		conn, b, last := l.nextWrite((*buf)[:0])
		if last {
			closeSending(conn)
			return
		}
		if len(b) == 0 {
			return
		}
		n, err := conn.Write(b)
		l.wrote(n)
		if err != nil {
			l.abort(proto.OK)
			return
		}
	}
}

// nextWrite returns the bytes to write. None ends the writer; last says that the
// goodbye is out too. The writer is over the moment it is told so: another one
// may start.
func (l *Link) nextWrite(buf []byte) (conn net.Conn, b []byte, last bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b = l.out.next(buf, l.form)
	if len(b) > 0 {
		l.out.since = max(1, l.server.clock.Load()) // zero means none
		return l.conn, b, false
	}
	l.out.writing, l.out.since = false, 0
	return l.conn, nil, l.state == stateClosing
}

func (l *Link) wrote(n int) {
	l.mu.Lock()
	wasFull := l.out.full()
	l.out.wrote(n)
	if wasFull && !l.out.full() {
		l.resumeLocked()
	}
	l.mu.Unlock()
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
