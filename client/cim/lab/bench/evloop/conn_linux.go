package evloop

import "golang.org/x/sys/unix"

// Conn is one connection. It has a buffer only while bytes wait in it.
type Conn struct {
	Owner any // a value that the loop's user wants to find again

	loop     *Loop
	fd       int32  // -1: closed
	dialling bool   // the connection is not open yet
	full     bool   // the socket did not take all bytes; epoll reports when it takes more
	dirty    bool   // the connection is in Loop.dirty
	rest     []byte // bytes that arrived and that Events has not taken yet
	out      []byte // bytes that wait to be written; nil: none wait
}

// Send copies b. At the end of the round, the loop writes b together with everything else
// that was sent in the round. If the connection is closed, Send does nothing.
func (c *Conn) Send(b []byte) {
	if c.fd < 0 {
		return
	}
	if c.out == nil {
		c.out = c.loop.buffer()
	}
	c.out = append(c.out, b...)
	if !c.dirty {
		c.dirty = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// Waiting returns how many bytes were sent that the socket has not taken yet.
func (c *Conn) Waiting() int { return len(c.out) }

// write writes the pending bytes. Bytes that the socket does not accept stay pending.
func (c *Conn) write() {
	if len(c.out) == 0 {
		return
	}
	n, err := unix.Write(int(c.fd), c.out)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		c.fail(err)
		return
	}
	if n = max(n, 0); n == len(c.out) {
		c.loop.recycle(c.out)
		c.out = nil
		return
	}
	c.out = c.out[:copy(c.out, c.out[n:])]
	c.setFull(true)
}

// setFull(true) makes epoll report when the socket takes bytes again. setFull(false) ends
// that.
func (c *Conn) setFull(full bool) {
	if c.full == full {
		return
	}
	c.full = full
	events := uint32(unix.EPOLLIN)
	if full {
		events |= unix.EPOLLOUT
	}
	// This fails only for a descriptor that is not in epoll, and all of ours are.
	_ = unix.EpollCtl(c.loop.poller, unix.EPOLL_CTL_MOD, int(c.fd), &unix.EpollEvent{Events: events, Fd: c.fd})
}

// Close closes the connection. Pending bytes are dropped.
func (c *Conn) Close() {
	if c.fd < 0 {
		return
	}
	c.loop.conns[c.fd] = nil
	unix.Close(int(c.fd))
	c.fd, c.rest, c.out = -1, nil, nil
}

func (c *Conn) fail(err error) {
	c.Close()
	c.loop.events.Closed(c, err)
}
