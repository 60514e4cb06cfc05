package link

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
)

// portable is the engine that works wherever Go does, over any connection.
type portable struct {
	server *Server
	ln     net.Listener
}

func (p *portable) accept() error {
	conn, err := p.ln.Accept()
	if err != nil {
		return err
	}
	if p.server.refuses() {
		_ = conn.Close()
		return nil
	}
	from := sourceip.Addr(conn.RemoteAddr())
	l := p.server.newLink(from)
	if !p.server.meet(l, from) {
		_ = conn.Close()
		return nil
	}
	s := newStream(l, conn)
	l.wire = s
	p.server.admit(l)
	go s.read()
	return nil
}

// cork does nothing, because each link has a writer of its own.
func (p *portable) cork() (uncork func()) { return func() {} }

func (p *portable) stop() { _ = p.ln.Close() }
func (p *portable) end()  {}

// stream is a link's wire over a net.Conn. One goroutine reads it. Another one writes,
// and exists only while frames wait.
type stream struct {
	link   *Link
	raw    net.Conn // the accepted socket; closing it ends every read and write
	conn   net.Conn // raw, or TLS over it
	source source
	start  func() // s.write, bound once so that starting a writer allocates nothing

	resume chan struct{} // closed when a waiting reader may go on; nil: none waits; guarded by the link's mu
}

func newStream(l *Link, conn net.Conn) *stream {
	s := &stream{link: l, raw: conn, conn: conn, source: newSource(conn)}
	s.start = s.write
	return s
}

// source waits for bytes of a connection. The caller may use and change the slice that
// next returns until it calls done. It has at most one such slice at a time.
type source interface {
	next() ([]byte, error)
	done()
}

// read is the reader goroutine. It passes bytes to the link until the connection ends.
// If the link speaks TLS, another reader goroutine takes over.
func (s *stream) read() {
	l := s.link
	for {
		b, err := s.source.next()
		if err == io.EOF {
			l.finish()
			l.server.left(l)
			return
		}
		if err != nil {
			break
		}
		err = l.receive(b)
		s.source.done()
		if errors.Is(err, errTLS) && l.secure(s.raw) {
			return
		}
		if err != nil {
			break
		}
		s.waitForRoom()
	}
	l.abort(proto.OK)
	l.server.left(l)
}

// waitForRoom blocks while the link must not be read.
func (s *stream) waitForRoom() {
	l := s.link
	for {
		l.mu.Lock()
		if l.mayReadLocked() {
			l.mu.Unlock()
			return
		}
		if s.resume == nil {
			s.resume = make(chan struct{})
		}
		wait := s.resume
		l.mu.Unlock()
		<-wait
	}
}

// listen implements wire. The link was not read until now, so the peer's silence begins
// now.
func (s *stream) listen(l *Link) {
	if s.resume != nil {
		l.since.Store(l.server.clock.Load())
		close(s.resume)
		s.resume = nil
	}
}

func (s *stream) flush(l *Link, _ turn) {
	l.server.writers.Add(1)
	go s.start()
}

// control implements wire.
func (s *stream) control(_ *Link, f func(fd int)) bool {
	conn, ok := s.raw.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := conn.SyscallConn()
	return err == nil && raw.Control(func(fd uintptr) { f(int(fd)) }) == nil
}

// keep implements wire.
func (s *stream) keep(l *Link) socket {
	if _, ok := s.raw.(syscall.Conn); !ok {
		return piped
	}
	kept := unknown
	s.control(l, func(fd int) { kept = copied(fd) })
	return kept
}

func (s *stream) shut(*Link) { _ = s.raw.Close() }

func (s *stream) peer(*Link) net.Addr { return s.raw.RemoteAddr() }

func (s *stream) local(*Link) net.Addr { return s.raw.LocalAddr() }

// secure puts TLS between the socket raw and a link whose first bytes are TLS. It
// returns false if the link has ended or is being written.
func (l *Link) secure(raw net.Conn) bool {
	head := l.in.(*sniffer).head
	conn := tls.Server(&replay{Conn: raw, head: head}, l.server.config.TLS)
	s := newStream(l, conn)
	s.raw = raw
	l.in = &sniffer{}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != stateOpen || l.writing {
		return false
	}
	l.wire = s
	go s.shake(conn)
	return true
}

// shake runs the TLS handshake, which the sweep bounds like any login. Then it starts a
// new goroutine to read the link, because the handshake has left this one with a large
// stack.
func (s *stream) shake(conn *tls.Conn) {
	_ = conn.Handshake() // the first read returns its error, too
	go s.read()
}

// replay is a connection whose first bytes, head, were read before. Read returns them
// first.
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

// plainSource reads with a small buffer of its own. It is for TLS, which has larger
// buffers inside, and for connections without a descriptor.
type plainSource struct {
	conn net.Conn
	buf  [1024]byte
}

func (s *plainSource) next() ([]byte, error) {
	n, err := s.conn.Read(s.buf[:])
	if n > 0 {
		return s.buf[:n], nil // the next read returns the error again
	}
	return nil, err
}

func (s *plainSource) done() {}
