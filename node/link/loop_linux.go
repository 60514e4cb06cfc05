package link

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cim-go/cim/node/link/tcp"
	"github.com/cim-go/cim/proto"
)

// poll is the epoll engine's state of a link. The link's mu guards it.
//
// The descriptor is used only with mu held, or by a goroutine that has pinned it. It is
// closed under mu, once the link's state is closed and no goroutine has it pinned. From
// then on fd is none. So no goroutine ever uses a number that was closed.
type poll struct {
	fd      int32
	pins    uint8
	watched uint8 // the events that epoll is to report: watchIn, watchOut
	blocked bool  // the socket takes no bytes now; epoll reports when it takes some again
}

const none = -1

const (
	watchIn  = 1 << iota // bytes came
	watchOut             // the socket takes bytes again
)

// loop reads its links in one goroutine and writes them in another. Each goroutine has
// one buffer for all links.
type loop struct {
	engine *epoll
	fd     int      // the epoll descriptor
	file   *os.File // has fd, and is polled by Go's runtime, so that waiting costs no thread
	raw    syscall.RawConn
	ready  func(fd uintptr) bool // p.wait, bound once so that a call allocates nothing

	// Owned by read.
	events [128]unix.EpollEvent
	n      int // how many events there are
	in     [chunk]byte

	// Owned by write.
	out [chunk]byte

	// Guarded by mu, which is taken under that of a link.
	mu     sync.Mutex
	agenda agenda
	asleep bool // write waits for wake
	ended  bool
	wake   chan struct{} // of size 1
}

func newLoop(e *epoll) (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or os.NewFile would not poll it
		_ = unix.Close(fd)
		return nil, err
	}
	p := &loop{engine: e, fd: fd, file: os.NewFile(uintptr(fd), "epoll"), wake: make(chan struct{}, 1)}
	p.ready = p.wait
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, err
	}
	return p, nil
}

// end ends both goroutines of a loop without links.
func (p *loop) end() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.rouse()
	_ = p.file.Close()
}

// adopt makes a link of the accepted socket fd, whose other end is at the address peer.
func (p *loop) adopt(fd int, peer netip.Addr) {
	if fd >= pageLinks*tablePages {
		_ = unix.Close(fd)
		p.engine.server.config.Logger.Error("link refused", "err", errNoRoom)
		return
	}
	l := p.engine.server.newLink(peer)
	if !p.engine.server.meet(l, peer) {
		_ = unix.Close(fd)
		return
	}
	l.wire, l.poll.fd = p, int32(fd)
	p.engine.server.admit(l)
	l.mu.Lock()
	err := p.addLocked(l)
	l.mu.Unlock()
	if err != nil {
		p.engine.server.config.Logger.Error("link refused", "err", os.NewSyscallError("epoll_ctl", err))
		l.abort(proto.OK)
	}
}

// addLocked adds a link to epoll, unless the link has ended meanwhile.
func (p *loop) addLocked(l *Link) error {
	if l.poll.fd == none {
		return nil
	}
	fd := int(l.poll.fd)
	p.engine.links.place(fd).Store(l)
	l.poll.watched = watchIn
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, event(l, fd, unix.EPOLLIN))
}

// read is the reading goroutine. Events are level-triggered: epoll reports a link again
// if one turn did not read all its bytes.
func (p *loop) read() {
	for p.raw.Read(p.ready) == nil {
		for i := range p.n {
			ev := &p.events[i]
			l := p.engine.links.find(ev)
			if l == nil {
				continue
			}
			if ev.Events&unix.EPOLLOUT != 0 {
				p.unblock(l)
			}
			if ev.Events&^unix.EPOLLOUT != 0 {
				p.engine.corks.open.Add(1) // the answers to one read go out together
				p.receive(l, ev.Events)
				p.engine.uncork()
			}
		}
	}
}

// wait reads the events and reports whether there are any. If not, Go's runtime waits
// until the epoll descriptor is readable, and calls wait again.
func (p *loop) wait(fd uintptr) bool {
	for {
		n, err := tcp.TryWait(int(fd), p.events[:])
		if err == unix.EINTR {
			continue
		}
		p.n = n
		return n != 0 || err != nil
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

// unpin releases a pinned descriptor.
func (p *loop) unpin(l *Link) {
	l.mu.Lock()
	l.poll.pins--
	last := p.closeLocked(l)
	l.mu.Unlock()
	if last {
		p.engine.server.left(l)
	}
}

// shut implements wire.
func (p *loop) shut(l *Link) {
	l.mu.Lock()
	last := p.closeLocked(l)
	l.mu.Unlock()
	if last {
		p.engine.server.left(l)
	}
}

// closeLocked closes the descriptor of a link that has ended, if nobody uses it, and
// reports whether it did so. Closing also removes the descriptor from epoll.
func (p *loop) closeLocked(l *Link) bool {
	if l.state != stateClosed || l.poll.pins > 0 || l.poll.fd == none {
		return false
	}
	p.dropLocked(l)
	return true
}

func (p *loop) dropLocked(l *Link) {
	fd := int(l.poll.fd)
	p.engine.links.place(fd).Store(nil)
	l.poll.fd = none
	_ = unix.Close(fd)
}

// control implements wire.
func (p *loop) control(l *Link, f func(fd int)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.poll.fd == none {
		return false
	}
	f(int(l.poll.fd))
	return true
}

// keep implements wire. A descriptor that has a copy must be removed from epoll,
// because closing it does not remove it.
func (p *loop) keep(l *Link) (s tcp.Copy) {
	s = tcp.Unknown
	p.control(l, func(fd int) {
		if s = tcp.CopyOf(fd); s != tcp.Unknown {
			_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
		}
	})
	return s
}

// watchLocked changes the events for which epoll watches a link.
func (p *loop) watchLocked(l *Link, want uint8) {
	if l.poll.watched == want || l.poll.fd == none {
		return
	}
	var events uint32
	if want&watchIn != 0 {
		events |= unix.EPOLLIN
	}
	if want&watchOut != 0 {
		events |= unix.EPOLLOUT
	}
	fd := int(l.poll.fd)
	l.poll.watched = want
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, event(l, fd, events)) // it cannot fail: the descriptor is in epoll, and no memory is needed
}

// listen implements wire. The link was not read meanwhile, so the peer's silence counts
// from now on.
func (p *loop) listen(l *Link) {
	if l.poll.watched&watchIn == 0 {
		l.since.Store(l.server.clock.Load())
		p.watchLocked(l, l.poll.watched|watchIn)
	}
}

// peer implements wire. A link does not keep addresses, because they are rarely needed and
// the kernel knows them.
func (p *loop) peer(l *Link) net.Addr { return p.address(l, unix.Getpeername) }

// local implements wire.
func (p *loop) local(l *Link) net.Addr { return p.address(l, unix.Getsockname) }

func (p *loop) address(l *Link, of func(fd int) (unix.Sockaddr, error)) net.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.poll.fd != none {
		switch at, _ := of(int(l.poll.fd)); at := at.(type) {
		case *unix.SockaddrInet4:
			return &net.TCPAddr{IP: at.Addr[:], Port: at.Port}
		case *unix.SockaddrInet6:
			return &net.TCPAddr{IP: at.Addr[:], Port: at.Port}
		}
	}
	return new(net.TCPAddr)
}

// handOver gives a link whose peer speaks TLS to the portable engine. If a goroutine
// writes to the link, or the system has no descriptor left, handOver returns false and
// changes nothing. If it returns true, the link is no longer pinned and no longer
// belongs to this loop.
func (p *loop) handOver(l *Link, fd int) bool {
	conn, err := connOf(fd)
	if err != nil {
		p.engine.server.config.Logger.Warn("link cannot speak TLS", "link", l.id, "err", err)
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
		p.engine.server.left(l)
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
