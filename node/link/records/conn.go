package records

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// ErrRefused is returned when a peer breaks the protocol, or when it and this server have
// nothing in common. Unless the peer has ended the connection by an alert, an alert for it
// was sealed.
var ErrRefused = errors.New("TLS refused")

// Socket carries the records of a Conn.
type Socket interface {
	// Await blocks until bytes come, and reads them into b. Only Handshake calls it. The
	// error is io.EOF, net.ErrClosed or one of the system.
	Await(b []byte) (int, error)
	// Sealed is called with records, which must be written after those of earlier calls.
	// It must not block and must not keep b.
	Sealed(b []byte)
	// Addrs returns the addresses of both ends.
	Addrs() (local, remote net.Addr)
}

// Conn is the server's end of a connection over a Socket. One goroutine at a time may call
// Handshake, Drain and Open. Meanwhile another one may call Seal and CloseWrite. Prepare
// must be called first.
type Conn struct {
	tls    *tls.Conn
	socket Socket

	// Owned by the goroutine that reads.
	in    []byte // bytes that TLS has not taken yet
	cut   cut    // how far the bytes that TLS gets have come
	shook bool   // the handshake is complete, so reading does not wait
}

// Prepare makes c the server's end of a connection whose first bytes are head. They must
// have a whole record (Begun), and c keeps them until the handshake is complete.
func (c *Conn) Prepare(config *tls.Config, head []byte, socket Socket) {
	c.socket, c.in = socket, split(head)
	c.tls = tls.Server(below{c}, config)
}

// Handshake blocks until the handshake is complete or has failed. The error is
// ErrRefused, or one of Socket.Await.
func (c *Conn) Handshake() error {
	if err := c.tls.Handshake(); err != nil {
		return judge(err)
	}
	c.shook = true
	c.cut.pass(c.in)
	return nil
}

// Drain does what Open does, for the bytes that came with the end of the handshake. It must
// be called once after Handshake.
func (c *Conn) Drain(buf []byte, use func(b []byte) error) error {
	for {
		more, err := c.read(buf, use)
		if err != nil || !more {
			c.in = nil
			return err
		}
	}
}

// Open decrypts the records in b, and calls use with their content, which is in buf. It
// keeps the beginning of a record until its rest comes. buf must have 16 KiB, which is the
// most that a record has. The error is io.EOF if the peer has ended its sending, ErrRefused,
// or the first one of use.
func (c *Conn) Open(b, buf []byte, use func(b []byte) error) error {
	for len(b) > 0 {
		n := c.cut.next(b)
		c.in, b = b[:n], b[n:]
		if _, err := c.read(buf, use); err != nil {
			return err
		}
	}
	c.in = nil
	return nil
}

// read reads once. It returns false if TLS needs more bytes.
func (c *Conn) read(buf []byte, use func(b []byte) error) (more bool, err error) {
	n, err := c.tls.Read(buf)
	if n > 0 {
		if err := use(buf[:n]); err != nil {
			return false, err
		}
	}
	switch err {
	case nil:
		return true, nil
	case errEmpty:
		return false, nil
	}
	return false, judge(err)
}

// Seal makes records of b for the Socket.
func (c *Conn) Seal(b []byte) error {
	_, err := c.tls.Write(b)
	return err
}

// CloseWrite makes the record that ends our sending. It does nothing after the first call.
func (c *Conn) CloseWrite() error { return c.tls.CloseWrite() }

// judge returns the error of crypto/tls. One that does not come from the socket becomes an
// ErrRefused.
func judge(err error) error {
	var system syscall.Errno
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &system):
		return err
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}
