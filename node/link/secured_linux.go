package link

import (
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/cim-go/cim/node/link/records"
	"github.com/cim-go/cim/proto"
)

// secured is the wire of a link that speaks TLS: the loop of the link, with TLS on top.
// It implements records.Socket.
type secured struct {
	*loop
	link *Link
	conn records.Conn

	// Guarded by the link's mu.
	wake   chan struct{} // of size 1; while the handshake reads the link, it waits for this; nil: the loop reads the link
	seals  bool          // the handshake is complete, so frames may be sealed
	silent bool          // the record that ends our sending was sealed, or cannot be
}

// sealable bounds the bytes of frames that are sealed for one write, so that their
// records fit in a chunk. The heads take most room at the beginning of a connection,
// where TLS makes records of some 1200 bytes.
const sealable = chunk - chunk/16

// secure puts TLS under a link whose first bytes are TLS, and has the pool run the
// handshake.
func (p *loop) secure(l *Link) {
	s := &secured{loop: p, link: l, wake: make(chan struct{}, 1)}
	s.conn.Prepare(p.server.config.TLS, l.in.(*sniffer).head, s)
	l.in = &sniffer{}
	l.mu.Lock()
	ok := l.state == stateOpen && !l.writing
	if ok {
		l.wire = s
		p.watchLocked(l, 0)
	}
	l.mu.Unlock()
	if !ok {
		l.abort(proto.OK)
		return
	}
	p.server.writers.Add(1)
	p.shakes.Go(s.shake)
}

// securedOf returns the wire of a link that speaks TLS, or nil. The caller is the
// goroutine that reads the link, or has locked its mu.
func securedOf(l *Link) *secured {
	s, _ := l.wire.(*secured)
	return s
}

// open decrypts and handles the records that came for a link. Only the goroutine that
// reads the link may call it.
func (s *secured) open(b []byte, buf *[chunk]byte) {
	if !s.link.isOpen() { // the link is closing, so the peer's records are not decrypted any more
		if s.link.discard(len(b)) != nil {
			s.link.abort(proto.OK)
		}
		return
	}
	if err := s.conn.Open(b, buf[:], s.link.receive); err != nil {
		s.failed(err)
	}
}

// failed ends the link after an error of TLS, its socket or its owner.
func (s *secured) failed(err error) {
	l := s.link
	var system syscall.Errno
	switch {
	case err == io.EOF:
		l.finish()
	case errors.Is(err, records.ErrRefused):
		s.server.config.Logger.Debug("link refused", "link", l.id, "peer", l.RemoteAddr(), "err", err)
		l.mu.Lock()
		s.silent = true
		l.mu.Unlock()
		l.closeWith(proto.OK, func() []byte { return nil }) // the link closes after the alert, which is queued
	case errors.As(err, &system):
		l.readFailed(err)
	default:
		l.abort(proto.OK)
	}
}

// Sealed implements records.Socket. It queues records before all frames.
func (s *secured) Sealed(b []byte) {
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != stateClosed {
		l.out.AddSealed(b, s.server.config.OutboxBytes)
		l.startLocked(soon)
	}
}

// seal encrypts the frames that begin returned into records, and returns the bytes to
// write. If there are no frames, it ends our sending.
func (s *secured) seal(frames []byte) ([]byte, error) {
	l := s.link
	var err error
	if len(frames) > 0 {
		err = s.conn.Seal(frames)
	} else {
		_ = s.conn.CloseWrite() // it fails only after an alert, which has ended our sending
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(frames) == 0 {
		s.silent = true
	}
	l.out.Took()
	return l.out.Next(nil, l.server.clock.Load()), err
}

// endsLocked reports whether only one record is still to be sealed, the one that ends our
// sending.
func (s *secured) endsLocked() bool {
	return s.link.state == stateClosing && s.seals && !s.silent && s.link.out.Idle()
}

// Addrs implements records.Socket.
func (s *secured) Addrs() (local, remote net.Addr) { return s.local(s.link), s.peer(s.link) }

// listen implements wire. While the handshake reads the link, listen wakes the handshake
// only if the link is closing.
func (s *secured) listen(l *Link) {
	switch {
	case s.wake == nil:
		s.loop.listen(l)
	case l.state != stateOpen:
		s.rouseLocked()
	}
}

func (s *secured) rouseLocked() {
	select {
	case s.wake <- struct{}{}:
	default: // also if wake is nil
	}
}
