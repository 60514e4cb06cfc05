package link

import (
	"errors"
	"net"
	"os"

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
		err := l.receive(p.in[:n])
		if errors.Is(err, errTLS) && p.handOver(l, fd) {
			return
		}
		if err != nil {
			l.abort(proto.OK)
		}
	}
	p.unpin(l)
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

// handOver gives a link whose peer speaks TLS to the portable engine. If a goroutine
// writes to the link, or the system has no descriptor left, handOver returns false and
// changes nothing. If it returns true, the link is no longer pinned and no longer
// belongs to this loop.
func (p *loop) handOver(l *Link, fd int) bool {
	conn, err := connOf(fd)
	if err != nil {
		p.server.config.Logger.Warn("link cannot speak TLS", "link", l.id, "err", err)
		return false
	}
	l.mu.Lock()
	alone := l.poll.pins == 1 && !l.writing
	if alone {
		l.poll.pins = 0
		_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) // closing would not remove it, because there is a copy
		p.dropLocked(l)
	}
	l.mu.Unlock()
	if alone && l.secure(conn) {
		return true
	}
	_ = conn.Close()
	if alone { // the link was closed meanwhile
		l.abort(proto.OK)
		p.server.left(l)
	}
	return alone
}

// connOf returns a connection over a copy of the descriptor.
func connOf(fd int) (net.Conn, error) {
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(again), "socket")
	defer file.Close() // FileConn copies it once more
	return net.FileConn(file)
}
