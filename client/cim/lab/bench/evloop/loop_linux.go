package evloop

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// readSize is how many bytes one read takes at most. That is more than the bytes of
	// 64 messages, so one read per round is enough for a connection.
	readSize = 256 << 10
	// roundSize is how many connections one round looks at.
	roundSize = 512
	// spareSize is the largest write buffer that is kept for the next connection.
	spareSize = 64 << 10
)

// Loop is a set of connections. Make it with New.
type Loop struct {
	events   Events
	poller   int // epoll's descriptor
	listener int // -1: none

	conns []*Conn // by descriptor; nil: none
	dirty []*Conn // connections that have something to write
	in    []byte
	ready []unix.EpollEvent
	spare [][]byte // write buffers that nobody uses
}

// New returns a loop without connections. Close ends it.
func New(events Events) (*Loop, error) {
	poller, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make epoll: %w", err)
	}
	return &Loop{
		events: events, poller: poller, listener: -1,
		in: make([]byte, readSize), ready: make([]unix.EpollEvent, roundSize),
	}, nil
}

// Listen accepts connections at a port of this machine, zero for a free one, and
// returns their address. It may be called once.
func (l *Loop) Listen(port int) (netip.AddrPort, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("make socket: %w", err)
	}
	l.listener = fd
	at := &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Bind(fd, at); err != nil {
		return netip.AddrPort{}, fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(fd, unix.SOMAXCONN); err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen: %w", err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen: %w", err)
	}
	port = bound.(*unix.SockaddrInet4).Port
	return netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(port)), l.watch(fd, unix.EPOLLIN)
}

// Dial begins to connect to a host and port. It does not block. Opened or Closed reports
// the outcome. Bytes that are sent before Opened are written once the connection is open.
func (l *Loop) Dial(address string, owner any) (*Conn, error) {
	addr, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make socket: %w", err)
	}
	to := &unix.SockaddrInet4{Port: addr.Port, Addr: addr.AddrPort().Addr().Unmap().As4()}
	if err := unix.Connect(fd, to); err != nil && err != unix.EINPROGRESS {
		unix.Close(fd)
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	c := l.add(fd, owner)
	c.dialling, c.full = true, true
	return c, l.watch(fd, unix.EPOLLIN|unix.EPOLLOUT)
}

func (l *Loop) add(fd int, owner any) *Conn {
	// If this fails, small writes wait for each other, which is slower but does no harm.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	c := &Conn{Owner: owner, loop: l, fd: int32(fd)}
	for len(l.conns) <= fd {
		l.conns = append(l.conns, nil)
	}
	l.conns[fd] = c
	return c
}

func (l *Loop) watch(fd int, events uint32) error {
	return unix.EpollCtl(l.poller, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// Poll writes the bytes that wait. Then it waits until something happens, and handles
// that. The parameter wait is the longest time for which it waits. If wait is not
// positive, Poll does not wait.
func (l *Loop) Poll(wait time.Duration) error {
	l.flush()
	n, err := l.wait(wait)
	if err != nil {
		return fmt.Errorf("wait for events: %w", err)
	}
	for _, e := range l.ready[:n] {
		if int(e.Fd) == l.listener {
			l.accept()
			continue
		}
		c := l.conns[e.Fd]
		if c == nil { // the connection was closed earlier in this round
			continue
		}
		if e.Events&unix.EPOLLOUT != 0 {
			l.writable(c)
		}
		if e.Events&^uint32(unix.EPOLLOUT) != 0 && c.fd >= 0 {
			l.read(c)
		}
	}
	l.flush()
	return nil
}

// wait waits for events, and keeps its time to a microsecond. The call epoll_wait alone
// counts only milliseconds.
func (l *Loop) wait(d time.Duration) (int, error) {
	if d > 0 {
		until := unix.NsecToTimespec(int64(d))
		if _, err := unix.Ppoll([]unix.PollFd{{Fd: int32(l.poller), Events: unix.POLLIN}}, &until, nil); err != nil && err != unix.EINTR {
			return 0, err
		}
	}
	n, err := unix.EpollWait(l.poller, l.ready, 0)
	if err == unix.EINTR {
		return 0, nil
	}
	return n, err
}

func (l *Loop) accept() {
	for {
		fd, _, err := unix.Accept4(l.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return // no connection waits to be accepted, or it has ended already
		}
		c := l.add(fd, nil)
		if err := l.watch(fd, unix.EPOLLIN); err != nil {
			c.fail(err)
			continue
		}
		l.events.Opened(c)
	}
}

func (l *Loop) read(c *Conn) {
	kept := copy(l.in, c.rest)
	n, err := unix.Read(int(c.fd), l.in[kept:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil:
		c.fail(err)
		return
	case n == 0:
		c.fail(io.EOF)
		return
	}
	b := l.in[:kept+n]
	b = b[l.events.Read(c, b):]
	if len(b) == len(l.in) {
		c.fail(io.ErrShortBuffer)
		return
	}
	c.rest = append(c.rest[:0], b...)
}

// writable handles the event that a socket takes bytes, or that dialling has ended.
func (l *Loop) writable(c *Conn) {
	if c.dialling {
		code, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err != nil {
			c.fail(err)
			return
		}
		c.dialling = false
		l.events.Opened(c)
	}
	if c.fd >= 0 {
		c.setFull(false)
		c.write()
	}
}

func (l *Loop) flush() {
	// While this loop runs, a connection may fail, and Events may then send to other
	// connections. Those connections are appended to the list.
	for i := 0; i < len(l.dirty); i++ {
		c := l.dirty[i]
		c.dirty = false
		if c.fd >= 0 && !c.full {
			c.write()
		}
	}
	clear(l.dirty)
	l.dirty = l.dirty[:0]
}

// buffer returns an empty write buffer.
func (l *Loop) buffer() []byte {
	if n := len(l.spare); n > 0 {
		b := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return b
	}
	return make([]byte, 0, 1024)
}

func (l *Loop) recycle(b []byte) {
	if cap(b) <= spareSize {
		l.spare = append(l.spare, b[:0])
	}
}

// Close closes the loop and all connections, without calling Closed. Close twice is fine.
func (l *Loop) Close() {
	if l.poller < 0 {
		return
	}
	for _, c := range l.conns {
		if c != nil {
			c.Close()
		}
	}
	if l.listener >= 0 {
		unix.Close(l.listener)
	}
	unix.Close(l.poller)
	l.poller, l.listener = -1, -1
}
