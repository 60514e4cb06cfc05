package link

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/cim-go/cim/node/link/tcp"
	"github.com/cim-go/cim/proto"
)

// read is the reading goroutine. Events are level-triggered: epoll reports a link again
// if one turn did not read all its bytes.
func (p *loop) read() {
	for p.raw.Read(p.ready) == nil {
		for i := range p.n {
			ev := &p.events[i]
			l := p.links.find(ev)
			if l == nil {
				continue
			}
			if ev.Events&unix.EPOLLOUT != 0 {
				p.unblock(l)
			}
			if ev.Events&^unix.EPOLLOUT != 0 {
				p.corks.begin() // the answers to one read go out together
				p.receive(l, ev.Events)
				p.corks.end()
			}
		}
	}
}

// receive reads the bytes that came for a link.
func (p *loop) receive(l *Link, events uint32) {
	if s := securedOf(l); s != nil && s.shakes(events) {
		return
	}
	fd := p.readable(l, events)
	if fd == none {
		return
	}
	n, err := tcp.TryRead(fd, p.in[:])
	switch {
	case err == unix.EAGAIN:
	case err != nil:
		l.readFailed(err)
	case n == 0:
		l.finish()
	default:
		p.take(l, p.in[:n])
	}
	p.unpin(l)
}

// take handles the bytes that were read.
func (p *loop) take(l *Link, b []byte) {
	if s := securedOf(l); s != nil {
		s.open(b, &p.opened)
		return
	}
	err := l.receive(b)
	switch {
	case errors.Is(err, errTLS):
		p.secure(l)
	case err != nil:
		l.abort(proto.OK)
	}
}

// readable pins the descriptor of a link to read it. If the link must not be read, epoll
// stops watching it, unless its socket has failed.
func (p *loop) readable(l *Link, events uint32) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.poll.fd == none || l.state == stateClosed {
		return none
	}
	if events&(unix.EPOLLERR|unix.EPOLLHUP) == 0 && !l.mayReadLocked() {
		p.watchLocked(l, l.poll.watched&^watchIn)
		return none
	}
	l.poll.pins++
	return int(l.poll.fd)
}
