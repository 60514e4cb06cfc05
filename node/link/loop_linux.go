package link

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cim-go/cim/node/link/records"
	"github.com/cim-go/cim/node/link/tcp"
	"github.com/cim-go/cim/proto"
)

// loop reads its links in one goroutine and writes them in another. Each goroutine has
// one buffer for all links.
type loop struct {
	server *Server
	links  *table        // of all loops
	corks  *corks        // of all loops
	shakes *records.Pool // of all loops
	fd     int           // the epoll descriptor
	file   *os.File      // has fd, and is polled by Go's runtime, so that waiting costs no thread
	raw    syscall.RawConn
	ready  func(fd uintptr) bool // p.wait, made once, so that no call allocates it

	// Owned by read.
	events [128]unix.EpollEvent
	n      int // how many events there are
	in     [chunk]byte
	opened [chunk]byte // the content of one record

	// Owned by write.
	out [chunk]byte

	// Guarded by mu, which is taken under that of a link.
	mu     sync.Mutex
	agenda agenda
	asleep bool // write waits for wake
	ended  bool
	wake   chan struct{} // of size 1
}

func newLoop(s *Server, links *table, corks *corks, shakes *records.Pool) (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // otherwise Go's runtime would not poll the file
		_ = unix.Close(fd)
		return nil, err
	}
	p := &loop{
		server: s, links: links, corks: corks, shakes: shakes,
		fd: fd, file: os.NewFile(uintptr(fd), "epoll"), wake: make(chan struct{}, 1),
	}
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
		p.server.config.Logger.Error("link refused", "err", errNoRoom)
		return
	}
	l := p.server.newLink(peer)
	if !p.server.meet(l, peer) {
		_ = unix.Close(fd)
		return
	}
	l.wire, l.poll.fd = p, int32(fd)
	p.server.admit(l)
	l.mu.Lock()
	err := p.addLocked(l)
	l.mu.Unlock()
	if err != nil {
		p.server.config.Logger.Error("link refused", "err", os.NewSyscallError("epoll_ctl", err))
		l.abort(proto.OK)
	}
}

// addLocked adds a link to epoll, unless the link has ended meanwhile.
func (p *loop) addLocked(l *Link) error {
	if l.poll.fd == none {
		return nil
	}
	fd := int(l.poll.fd)
	p.links.place(fd).Store(l)
	l.poll.watched = watchIn
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, event(l, fd, unix.EPOLLIN))
}

// unpin releases a pinned descriptor.
func (p *loop) unpin(l *Link) {
	l.mu.Lock()
	l.poll.pins--
	last := p.closeLocked(l)
	l.mu.Unlock()
	if last {
		p.server.left(l)
	}
}

// shut implements wire.
func (p *loop) shut(l *Link) {
	l.mu.Lock()
	last := p.closeLocked(l)
	l.mu.Unlock()
	if last {
		p.server.left(l)
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
	p.links.place(fd).Store(nil)
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

// listen implements wire. The link was not read until now, so the peer's silence begins
// now.
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

func (p *loop) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
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
