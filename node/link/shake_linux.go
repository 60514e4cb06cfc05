package link

import (
	"io"
	"net"

	"golang.org/x/sys/unix"

	"github.com/cim-go/cim/node/link/tcp"
	"github.com/cim-go/cim/proto"
)

// shakes reports whether the handshake reads the link. If so, shakes tells the handshake
// of the events.
func (s *secured) shakes(events uint32) bool {
	l := s.link
	l.mu.Lock()
	shakes := s.wake != nil
	if shakes {
		s.watchLocked(l, l.poll.watched&^watchIn)
		s.rouseLocked()
	}
	l.mu.Unlock()
	if shakes && events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		l.abort(proto.OK) // or epoll would report it again and again
	}
	return shakes
}

// shake runs the handshake. The sweep bounds its time like that of any login. Then shake
// handles the bytes that came together with the end of the handshake, and leaves the
// reading to the loop.
func (s *secured) shake() {
	defer s.server.writers.Done()
	l := s.link
	err := net.ErrClosed
	if l.isOpen() { // the link may have closed while the handshake waited for a place
		err = s.conn.Handshake()
	}
	s.loop.shakes.Leave()
	if err == nil {
		err = s.begin()
	}
	if err != nil {
		s.failed(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.wake = nil
	if l.mayReadLocked() {
		s.watchLocked(l, l.poll.watched|watchIn)
	}
}

// begin lets the link seal frames, and handles the bytes that came together with the end
// of the handshake.
func (s *secured) begin() error {
	l := s.link
	l.mu.Lock()
	s.seals = true
	if !l.out.Idle() {
		l.startLocked(soon)
	}
	l.mu.Unlock()
	fd := s.pin()
	if fd == none {
		return net.ErrClosed
	}
	defer s.unpin(l)
	buf := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buf)
	s.corks.begin()
	defer s.corks.end()
	return s.conn.Drain(buf[:], l.receive)
}

// Await implements records.Socket. While it waits, the handshake has no place in the
// pool.
func (s *secured) Await(b []byte) (int, error) {
	for {
		fd := s.pin()
		if fd == none {
			return 0, net.ErrClosed
		}
		n, err := tcp.TryRead(fd, b)
		s.unpin(s.link)
		switch {
		case err == unix.EAGAIN:
			s.await()
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// await blocks until bytes have come or the link is closing.
func (s *secured) await() {
	l := s.link
	l.mu.Lock()
	if l.state == stateOpen {
		s.watchLocked(l, l.poll.watched|watchIn)
	}
	wake := s.wake
	l.mu.Unlock()
	s.loop.shakes.Leave()
	<-wake
	s.loop.shakes.Enter()
}

// pin pins the descriptor of an open link. The caller must call unpin.
func (s *secured) pin() int {
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.poll.fd == none || l.state != stateOpen {
		return none
	}
	l.poll.pins++
	return int(l.poll.fd)
}
