package link

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sock"
)

// flush implements wire: the link joins those that the writing goroutine goes
// through. What is queued until it comes by goes out in the same write.
func (p *loop) flush(l *Link, t turn) {
	p.mu.Lock()
	p.agenda.add(l, t)
	wake := p.asleep && !p.engine.gatherings.puts()
	if wake {
		p.asleep = false
	}
	p.mu.Unlock()
	if wake {
		p.rouse()
	}
}

// gatherings holds back the waking of writers. Each lasts as long as a caller
// needs to queue what it has, and at its end writes what it or another one held
// back, or wakes those who do.
type gatherings struct {
	open atomic.Int32
	owed atomic.Bool // a writer was not woken
}

// puts reports whether the waking of a writer was put off.
func (g *gatherings) puts() bool {
	if g.open.Load() == 0 {
		return false
	}
	g.owed.Store(true)
	return g.open.Load() > 0 // or the last one may have looked before we said so
}

// gather implements engine.
func (e *epoll) gather() (done func()) {
	e.gatherings.open.Add(1)
	return e.gathered
}

func (e *epoll) gathered() {
	e.gatherings.open.Add(-1)
	if !e.gatherings.owed.Swap(false) {
		return
	}
	for _, p := range e.loops {
		p.resume()
	}
}

func (p *loop) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// write is the writing goroutine.
func (p *loop) write() {
	for l := p.next(); l != nil; l = p.next() {
		p.send(l, &p.out)
	}
}

// next waits for a link to write. Nil: the loop has ended.
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

// few is how many links a gathering writes itself: to wake another goroutine costs
// as much as two or three writes. Many are a millisecond's writes: fewer come at once
// whenever the machine had something else to do.
const (
	few  = 4
	many = 128
)

// resume writes what gatherings held back, or wakes the writing goroutine if it is
// much.
func (p *loop) resume() {
	var links [few]*Link
	p.mu.Lock()
	n := p.agenda.len()
	if !p.asleep || n == 0 {
		p.mu.Unlock()
		return
	}
	if n > few {
		p.asleep = false
		p.mu.Unlock()
		if n > many {
			p.engine.server.config.Busy()
		}
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

// send writes a chunk of what a link has.
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

	n, err := sock.TryWrite(fd, b)

	l.mu.Lock()
	l.poll.pins--
	failed := err != nil && err != unix.EAGAIN
	if !failed && l.state != stateClosed {
		p.sentLocked(l, n, len(b))
	}
	last := p.closeLocked(l)
	l.mu.Unlock()
	if last {
		p.engine.server.left(l)
	}
	if failed {
		l.abort(proto.OK)
	}
}

// sentLocked decides how to go on after a write of which the socket took n bytes.
func (p *loop) sentLocked(l *Link, n, of int) {
	l.wroteLocked(n, of)
	switch {
	case n < of:
		l.poll.blocked = true
		p.watchLocked(l, l.poll.watched|watchOut)
	case l.out.idle():
		p.restLocked(l)
	default: // after the others
		p.flush(l, later)
	}
}

// restLocked ends the writing of a link that has nothing more to write. One that
// is closing has said goodbye then.
func (p *loop) restLocked(l *Link) {
	l.writing = false
	if l.state == stateClosing {
		_ = unix.Shutdown(int(l.poll.fd), unix.SHUT_WR)
	}
}

// unblock goes on writing to a socket that takes bytes again.
func (p *loop) unblock(l *Link) {
	l.mu.Lock()
	p.watchLocked(l, l.poll.watched&^watchOut)
	if l.poll.blocked {
		l.poll.blocked = false
		p.flush(l, later)
	}
	l.mu.Unlock()
}
