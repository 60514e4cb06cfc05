package link

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const hasEpoll = true

// epoll is the engine for plain sockets on Linux: a few loops (loop_linux.go),
// each of which reads and writes its share of the links. A link costs a
// descriptor and no goroutine, no net.Conn and no buffer.
type epoll struct {
	server *Server
	ln     *net.TCPListener
	copied *os.File // of the listener's descriptor: a net.Listener lets nobody wait for it
	raw    syscall.RawConn
	try    func(fd uintptr) bool // e.attempt, made once

	links      table
	loops      []*loop
	running    sync.WaitGroup
	gatherings gatherings

	// Owned by accept.
	next int // loop of the next link
	fd   int // accepted
	fail error
}

// newEpoll starts the loops: two goroutines for two processors. More would write a
// room in more and smaller pieces, and take the processors from those who read them.
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
	for range (runtime.GOMAXPROCS(0) + 1) / 2 {
		l, err := newLoop(e)
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

// setOptions gives a socket what package net does. It could be inherited from the
// listener, but not by those who came before that was told.
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
	e.loops[e.next].adopt(e.fd)
	return nil
}

// attempt reports whether the wait for a connection is over.
func (e *epoll) attempt(fd uintptr) bool {
	for {
		e.fd, _, e.fail = unix.Accept4(int(fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if e.fail != unix.EINTR && e.fail != unix.ECONNABORTED {
			return e.fail != unix.EAGAIN
		}
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

// tryWait looks at an epoll descriptor and does not wait, so Go's scheduler is not
// told of it, as it is not of reads and writes: see package sock.
func tryWait(fd int, events []unix.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// table finds the link of a descriptor. A descriptor's number is used again as
// soon as it was closed, so what epoll says of one carries the link's id, too,
// and counts only if that link still has it.
type table struct {
	mu    sync.Mutex // of growing
	pages [tablePages]atomic.Pointer[page]
}

const (
	pageLinks  = 1024
	tablePages = 1 << 12 // four million descriptors
)

type page [pageLinks]atomic.Pointer[Link]

func (t *table) place(fd int) *atomic.Pointer[Link] {
	p := &t.pages[fd/pageLinks]
	if p.Load() == nil {
		t.mu.Lock()
		if p.Load() == nil {
			p.Store(new(page))
		}
		t.mu.Unlock()
	}
	return &p.Load()[fd%pageLinks]
}

// find returns the link that an event is for, or nil if that has ended.
func (t *table) find(ev *unix.EpollEvent) *Link {
	l := t.place(int(ev.Fd)).Load()
	if l == nil || int32(l.id) != ev.Pad {
		return nil
	}
	return l
}

// event returns what epoll is to say of a link's descriptor.
func event(l *Link, fd int, of uint32) *unix.EpollEvent {
	return &unix.EpollEvent{Events: of, Fd: int32(fd), Pad: int32(l.id)}
}

// errNoRoom is returned for a descriptor beyond the table.
var errNoRoom = fmt.Errorf("more than %d descriptors", tablePages*pageLinks)
