package link

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cim-go/cim/node/link/records"
)

// epoll is the engine for sockets on Linux: a few loops (loop_linux.go), each of which
// reads and writes its share of the links. A link costs a descriptor and no goroutine, no
// net.Conn and no buffer. A link that speaks TLS also costs a tls.Conn
// (secured_linux.go).
type epoll struct {
	server *Server
	ln     *net.TCPListener
	copied *os.File // a copy of the listener's descriptor, because a net.Listener cannot be polled
	raw    syscall.RawConn
	try    func(fd uintptr) bool // e.attempt, made once, so that no call allocates it

	links   table
	loops   []*loop
	running sync.WaitGroup
	corks   corks

	// Owned by accept.
	next int // index of the loop that gets the next link
	fd   int // the accepted socket
	from netip.Addr
	fail error
}

// newEpoll starts one loop, of two goroutines, for every two processors. More loops
// would send a room's messages in more and smaller writes, and compete with their
// readers for processors.
func newEpoll(s *Server, ln *net.TCPListener) (engine, error) {
	copied, err := ln.File()
	if err != nil {
		return nil, err
	}
	raw, err := copied.SyscallConn()
	if err != nil {
		return nil, err
	}
	e := &epoll{server: s, ln: ln, copied: copied, raw: raw}
	e.try = e.attempt
	e.corks.resume = e.resume
	shakes := records.NewPool(max(1, runtime.GOMAXPROCS(0)/2)) // a crowd that connects leaves half of the processors to the links
	for range (runtime.GOMAXPROCS(0) + 1) / 2 {
		l, err := newLoop(s, &e.links, &e.corks, shakes)
		if err != nil {
			e.end()
			return nil, err
		}
		e.loops = append(e.loops, l)
		e.running.Go(l.read)
		e.running.Go(l.write)
	}
	return e, nil
}

// setOptions sets the options that package net sets. A socket inherits them from the
// listener, but not if it connected before the listener had them.
func setOptions(fd int) error {
	for _, o := range []struct{ level, name, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

func (e *epoll) accept() error {
	if err := e.raw.Read(e.try); err != nil {
		return err
	}
	if e.fail != nil {
		return os.NewSyscallError("accept4", e.fail)
	}
	if e.server.refuses() {
		_ = unix.Close(e.fd)
		return nil
	}
	if err := setOptions(e.fd); err != nil {
		_ = unix.Close(e.fd)
		return nil // the peer has gone
	}
	e.next = (e.next + 1) % len(e.loops)
	e.loops[e.next].adopt(e.fd, e.from)
	return nil
}

// attempt reports whether the wait for a connection is over.
func (e *epoll) attempt(fd uintptr) bool {
	for {
		var from unix.Sockaddr
		e.fd, from, e.fail = unix.Accept4(int(fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		e.from = addrOf(from)
		if e.fail != unix.EINTR && e.fail != unix.ECONNABORTED {
			return e.fail != unix.EAGAIN
		}
	}
}

// addrOf returns the IP address in a socket address.
func addrOf(a unix.Sockaddr) netip.Addr {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(a.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(a.Addr).Unmap()
	}
	return netip.Addr{}
}

// cork implements engine.
func (e *epoll) cork() (uncork func()) {
	e.corks.begin()
	return e.corks.end
}

func (e *epoll) resume() {
	for _, p := range e.loops {
		p.resume()
	}
}

func (e *epoll) stop() {
	_ = e.ln.Close()
	_ = e.copied.Close()
}

func (e *epoll) end() {
	e.stop()
	for _, l := range e.loops {
		l.end()
	}
	e.running.Wait()
}
