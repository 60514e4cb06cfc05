package link

import (
	"golang.org/x/sys/unix"

	"github.com/cim-go/cim/node/link/tcp"
)

// flush implements wire. It adds the link to the list of the writing goroutine. Frames
// that are queued before its turn go out in the same write.
func (p *loop) flush(l *Link, t turn) {
	p.mu.Lock()
	p.agenda.add(l, t)
	wake := p.asleep && !p.corks.defers()
	if wake {
		p.asleep = false
	}
	p.mu.Unlock()
	if wake {
		p.rouse()
	}
}

// write is the writing goroutine.
func (p *loop) write() {
	for l := p.next(); l != nil; l = p.next() {
		p.send(l, &p.out)
	}
}

// next waits for a link to write. It returns nil if the loop has ended.
func (p *loop) next() *Link {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if l := p.agenda.next(); l != nil || p.ended {
			return l
		}
		p.asleep = true
		p.mu.Unlock()
		<-p.wake
		p.mu.Lock()
	}
}

// inlineWrites is how many links uncork writes itself. To wake another goroutine costs
// as much as two or three writes.
const inlineWrites = 4

// resume writes the frames that corks held back. If they are for many links, it wakes
// the writing goroutine instead.
func (p *loop) resume() {
	var links [inlineWrites]*Link
	p.mu.Lock()
	n := p.agenda.len()
	if !p.asleep || n == 0 {
		p.mu.Unlock()
		return
	}
	if n > inlineWrites {
		p.asleep = false
		p.mu.Unlock()
		p.rouse()
		return
	}
	for i := range n {
		links[i] = p.agenda.next()
	}
	p.mu.Unlock()
	buf := chunks.Get().(*[chunk]byte)
	for _, l := range links[:n] {
		p.send(l, buf)
	}
	chunks.Put(buf)
}

// send writes at most a chunk of a link's frames.
func (p *loop) send(l *Link, buf *[chunk]byte) {
	b, s, fd := p.begin(l, buf)
	if fd == none {
		return
	}
	var n int
	var err error
	if s != nil {
		b, err = s.seal(b)
	}
	if err == nil {
		n, err = tcp.TryWrite(fd, b)
	}
	p.record(l, n, len(b), err)
}

// begin returns the bytes to write next, and pins the descriptor for the write. If s is
// not nil, the caller must first call s.seal with the bytes. If there is nothing to
// write, begin returns no bytes. Otherwise the caller must call record.
func (p *loop) begin(l *Link, buf *[chunk]byte) (b []byte, s *secured, fd int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.poll.fd == none || l.state == stateClosed {
		l.writing = false
		return nil, nil, none
	}
	room := buf[:0]
	if s = securedOf(l); s != nil {
		room = buf[:0:sealable]
		if l.out.Sealed() {
			s = nil
		} else if !s.seals {
			p.deferLocked(l)
			return nil, nil, none
		}
	}
	if b = l.nextLocked(room); len(b) == 0 && (s == nil || !s.endsLocked()) {
		p.restLocked(l)
		return nil, nil, none
	}
	l.poll.pins++
	return b, s, int(l.poll.fd)
}

// deferLocked leaves the frames queued until the handshake is complete. If the link is
// closing, the handshake never will be complete, so deferLocked drops the frames.
func (p *loop) deferLocked(l *Link) {
	if l.state == stateClosing {
		l.out.Drop()
	}
	p.restLocked(l)
}

// record records that the socket took n of the offered bytes, or failed with err, and
// unpins the descriptor. The link may have ended meanwhile.
func (p *loop) record(l *Link, n, offered int, err error) {
	failed := err != nil && err != unix.EAGAIN
	l.mu.Lock()
	l.poll.pins--
	switch {
	case failed:
	case l.state == stateClosed:
		l.out.Wrote(n)
		l.stopLocked() // bytes that this write did not take will not be written
	default:
		p.sentLocked(l, n, offered)
	}
	last := p.closeLocked(l)
	l.mu.Unlock()
	if last {
		p.server.left(l)
	}
	if failed {
		l.writeFailed(err)
	}
}

// sentLocked decides how to go on after the socket took n of the offered bytes.
func (p *loop) sentLocked(l *Link, n, offered int) {
	l.wroteLocked(n)
	switch {
	case n < offered:
		l.poll.blocked = true
		p.watchLocked(l, l.poll.watched|watchOut)
	case l.out.Idle() && !owes(l):
		p.restLocked(l)
	default: // write the rest after the other links
		p.flush(l, later)
	}
}

// owes reports whether a link speaks TLS and still has to write the record that ends our
// sending.
func owes(l *Link) bool {
	s := securedOf(l)
	return s != nil && s.endsLocked()
}

// restLocked ends the writing of a link that has nothing more to write. If the link is
// closing, the goodbye is written by then.
func (p *loop) restLocked(l *Link) {
	l.writing = false
	if l.state == stateClosing {
		_ = unix.Shutdown(int(l.poll.fd), unix.SHUT_WR)
	}
}

// unblock continues the writing to a socket that takes bytes again.
func (p *loop) unblock(l *Link) {
	l.mu.Lock()
	p.watchLocked(l, l.poll.watched&^watchOut)
	if l.poll.blocked {
		l.poll.blocked = false
		p.flush(l, later)
	}
	l.mu.Unlock()
}
