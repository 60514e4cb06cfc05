package link

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/cim-go/cim/node/link/tcp"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
)

// portable is the engine that works on every system, over any connection.
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
	source tcp.Source
	start  func() // s.write, bound once so that starting a writer allocates nothing

	resume chan struct{} // closed when a waiting reader may go on; nil: none waits; guarded by the link's mu
}

func newStream(l *Link, conn net.Conn) *stream {
	s := &stream{link: l, raw: conn, conn: conn, source: tcp.NewSource(conn)}
	s.start = s.write
	return s
}

// read is the reader goroutine. It passes bytes to the link until the connection ends.
// If the link speaks TLS, another reader goroutine takes over.
func (s *stream) read() {
	l := s.link
	for {
		b, err := s.source.Next()
		if err == io.EOF {
			l.finish()
			l.server.left(l)
			return
		}
		if err != nil {
			l.readFailed(err)
			l.server.left(l)
			return
		}
		err = l.receive(b)
		s.source.Done()
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
func (s *stream) keep(l *Link) tcp.Copy {
	if _, ok := s.raw.(syscall.Conn); !ok {
		return tcp.Piped
	}
	kept := tcp.Unknown
	s.control(l, func(fd int) { kept = tcp.CopyOf(fd) })
	return kept
}

func (s *stream) shut(*Link) { _ = s.raw.Close() }

func (s *stream) peer(*Link) net.Addr { return s.raw.RemoteAddr() }

func (s *stream) local(*Link) net.Addr { return s.raw.LocalAddr() }

// secure puts TLS between the socket raw and a link whose first bytes are TLS. It
// returns false if the link has ended or is being written.
func (l *Link) secure(raw net.Conn) bool {
	head := l.in.(*sniffer).head
	conn := tls.Server(&tcp.Replay{Conn: raw, Head: head}, l.server.config.TLS)
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
		l.wroteLocked(n)
		l.mu.Unlock()
		if err != nil {
			l.writeFailed(err)
			return
		}
	}
}

// nextWrite returns the bytes to write. If there are none, the writer must end. The
// writer counts as ended at once, so another one may start. If the goodbye was written,
// last is true.
func (s *stream) nextWrite(buf *[chunk]byte) (b []byte, last bool) {
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if b = l.nextLocked(buf[:0]); len(b) > 0 {
		return b, false
	}
	l.writing = false
	return nil, l.state == stateClosing
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
