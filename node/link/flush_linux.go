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
	l.mu.Lock()
	if l.poll.fd == none || l.state == stateClosed {
		l.writing = false
		l.mu.Unlock()
		return
	}
	b := l.nextLocked(buf)
	if len(b) == 0 {
		p.restLocked(l)
		l.mu.Unlock()
		return
	}
	l.poll.pins++
	fd := int(l.poll.fd)
	l.mu.Unlock()

	n, err := tcp.TryWrite(fd, b)

	l.mu.Lock()
	l.poll.pins--
	failed := err != nil && err != unix.EAGAIN
	if !failed && l.state != stateClosed {
		p.sentLocked(l, n, len(b))
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
	l.wroteLocked(n, offered)
	switch {
	case n < offered:
		l.poll.blocked = true
		p.watchLocked(l, l.poll.watched|watchOut)
	case l.out.Idle():
		p.restLocked(l)
	default: // write the rest after the other links
		p.flush(l, later)
	}
}

// restLocked ends the writing of a link that has nothing more to write. A link that is
// closing has sent its goodbye by then.
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
