package link

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/cim-go/cim/proto"
)

// source waits for bytes of a connection. What next returns is valid, and may be
// changed, until done is called; there is at most one such slice at a time.
type source interface {
	next() ([]byte, error)
	done()
}

// maxLate is how many bytes are read and thrown away after Close, in the hope
// that the peer reads our goodbye meanwhile.
const maxLate = 1 << 20

// read is the reader goroutine: it feeds the input until the connection ends.
func (l *Link) read() {
	defer l.end()
	for {
		b, err := l.source.next()
		if err != nil {
			return
		}
		l.heard.Store(l.server.clock.Load())
		err = l.feed(b)
		l.source.done()
		if err != nil && !l.refuse(err) {
			return
		}
		l.waitForRoom()
	}
}

// feed pushes bytes to the input of an open link and throws away others.
func (l *Link) feed(b []byte) error {
	if l.isOpen() {
		return l.in.push(b)
	}
	l.late += len(b)
	if l.late > maxLate {
		return net.ErrClosed
	}
	return nil
}

// refuse handles an error of the input and reports whether to read on.
func (l *Link) refuse(err error) bool {
	if errors.Is(err, errTLS) {
		l.startTLS()
		return true
	}
	var coded *proto.Error
	if !errors.As(err, &coded) {
		return false
	}
	l.server.config.Logger.Debug("link refused", "link", l.id, "peer", l.raw.RemoteAddr(), "code", coded.Code)
	l.Close(coded.Code, coded.Message)
	return true
}

// startTLS puts TLS between the socket and what follows. The handshake runs
// within the first read; the sweep bounds it like any login.
func (l *Link) startTLS() {
	head := l.in.(*sniffer).head
	conn := tls.Server(&replay{Conn: l.raw, head: head}, l.server.config.TLS)
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
	l.source = newSource(conn)
	l.in = &sniffer{link: l}
}

// waitForRoom blocks while the link must not read.
func (l *Link) waitForRoom() {
	for {
		l.mu.Lock()
		wait := l.waitLocked()
		l.mu.Unlock()
		if wait == nil {
			return
		}
		<-wait
	}
}

// end is the last act of a link.
func (l *Link) end() {
	l.abort(proto.OK)
	l.server.list.remove(l)
}

// replay is a connection some of whose bytes were read already.
type replay struct {
	net.Conn
	head []byte
}

func (r *replay) Read(p []byte) (int, error) {
	if len(r.head) == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.head)
	r.head = r.head[n:]
	return n, nil
}

// plainSource reads with a small buffer of its own: for TLS, which has larger
// ones inside, and for connections without a descriptor.
type plainSource struct {
	conn net.Conn
	buf  [1024]byte
}

func (s *plainSource) next() ([]byte, error) {
	n, err := s.conn.Read(s.buf[:])
	if n > 0 {
		return s.buf[:n], nil // an error comes again
	}
	return nil, err
}

func (s *plainSource) done() {}
