package sock

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// portion is the most that one system call moves, in bytes.
const portion = 64 << 10

// Wrap returns a connection that reads from and writes to c's socket. It takes c
// over. What is no *net.TCPConn is returned as it is.
func Wrap(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil { // it is closed, as its first use will tell
		return c
	}
	w := &conn{TCPConn: tcp, raw: raw}
	w.in.move, w.out.move = w.in.read, w.out.write
	return w
}

type conn struct {
	*net.TCPConn
	raw     syscall.RawConn
	in, out transfer
}

// transfer is one direction.
type transfer struct {
	move func(fd uintptr) (done bool) // a method, made a function once

	mu  sync.Mutex // held by the Read or Write that is under way
	b   []byte
	n   int   // bytes of b that were moved
	err error // why no more were
}

// Read is net.Conn's.
func (c *conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := c.in.run(c.raw.Read, "read", b)
	if err != nil {
		return n, c.failed("read", err)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Write is net.Conn's.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.out.run(c.raw.Write, "write", b)
	if err != nil {
		return n, c.failed("write", err)
	}
	return n, nil
}

// failed says what package net would.
func (c *conn) failed(op string, err error) error {
	if e, ok := err.(*net.OpError); ok { // of the raw connection
		err = e.Err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// run has wait, of the raw connection, call t.move until it is done.
func (t *transfer) run(wait func(func(uintptr) bool) error, call string, b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b, t.n, t.err = b, 0, nil
	err := wait(t.move)
	t.b = nil
	if err == nil {
		err = os.NewSyscallError(call, t.err)
	}
	return t.n, err
}

// read is done when bytes, the end or an error came.
func (t *transfer) read(fd uintptr) (done bool) {
	t.n, t.err = TryRead(int(fd), t.b[:min(len(t.b), portion)])
	return t.err != syscall.EAGAIN
}

// write is done when all bytes are written, or when it fails.
func (t *transfer) write(fd uintptr) (done bool) {
	for t.n < len(t.b) {
		var n int
		n, t.err = TryWrite(int(fd), t.b[t.n:min(len(t.b), t.n+portion)])
		t.n += n
		if t.err != nil {
			return t.err != syscall.EAGAIN
		}
	}
	return true
}

// SyscallConn is that of the TCP connection, but for this: its Read calls f only when
// there is something to read, or the end, or an error. Pools ask so whether a
// connection that nobody uses is still well, before each use.
func (c *conn) SyscallConn() (syscall.RawConn, error) { return quiet{c.raw}, nil }

type quiet struct{ syscall.RawConn }

func (q quiet) Read(f func(fd uintptr) bool) error {
	nothing := false
	err := q.RawConn.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1,
			syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
		nothing = errno == syscall.EAGAIN
		return true
	})
	if err != nil || nothing {
		return err
	}
	return q.RawConn.Read(f)
}
