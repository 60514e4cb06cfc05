package records

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// ErrRefused says that the peer broke the protocol, or that it shares no version or
// cipher with this server. If the peer did not end the connection by an alert, then an
// alert for the peer was sealed.
var ErrRefused = errors.New("TLS refused")

// Socket carries the records of a Conn.
type Socket interface {
	// Await blocks until bytes come, and reads them into b. Only Handshake calls it. The
	// error is io.EOF, net.ErrClosed or an error of the system.
	Await(b []byte) (int, error)
	// Sealed takes records, which must be written after those of earlier calls. It must
	// not block and must not keep b.
	Sealed(b []byte)
	// Addrs returns the addresses of both ends.
	Addrs() (local, remote net.Addr)
}

// Conn is the server's end of a TLS connection over a Socket. Prepare must be called
// first. Then one goroutine may call Handshake, Drain and Open, and at the same time
// another one may call Seal and CloseWrite.
type Conn struct {
	tls    *tls.Conn
	socket Socket

	// Owned by the goroutine that reads.
	in    []byte // bytes that TLS has not taken yet
	cut   cut    // the place in the records up to which TLS has got the bytes
	shook bool   // the handshake is complete, so reading does not wait
}

// Prepare makes c the server's end of a connection whose first bytes are head. head must
// have a whole record (see Begun). c keeps it until the handshake is complete.
func (c *Conn) Prepare(config *tls.Config, head []byte, socket Socket) {
	c.socket, c.in = socket, split(head)
	c.tls = tls.Server(below{c}, config)
}

// Handshake blocks until the handshake is complete or has failed. The error is
// ErrRefused, or an error of Socket.Await.
func (c *Conn) Handshake() error {
	if err := c.tls.Handshake(); err != nil {
		return judge(err)
	}
	c.shook = true
	c.cut.pass(c.in)
	return nil
}

// Drain handles the bytes that came together with the end of the handshake, as Open does.
// It must be called once after Handshake.
func (c *Conn) Drain(buf []byte, use func(b []byte) error) error {
	for {
		more, err := c.read(buf, use)
		if err != nil || !more {
			c.in = nil
			return err
		}
	}
}

// Open decrypts the records in b into buf, and calls use with the content of each. If b
// ends within a record, it keeps that part until the rest comes. buf must have 16 KiB,
// which is the most that a record has. The error is io.EOF if the peer has ended its
// sending, ErrRefused, or the first error of use.
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

// read reads from TLS once. It returns false if TLS needs more bytes.
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

// Seal encrypts b into records, and hands them to the Socket.
func (c *Conn) Seal(b []byte) error {
	_, err := c.tls.Write(b)
	return err
}

// CloseWrite hands the Socket the record that ends our sending. It does nothing after the
// first call.
func (c *Conn) CloseWrite() error { return c.tls.CloseWrite() }

// If the socket caused an error of crypto/tls, judge returns the error unchanged.
// Otherwise it returns the error wrapped in ErrRefused.
func judge(err error) error {
	var system syscall.Errno
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &system):
		return err
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}
