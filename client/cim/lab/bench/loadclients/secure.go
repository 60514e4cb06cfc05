package loadclients

import (
	"crypto/tls"
	"io"
	"iter"
	"net"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/evloop"
)

// recordSize is the largest number of bytes in a record of TLS.
const recordSize = 16 << 10

// secure is the client's end of TLS on a connection. crypto/tls expects that reads block
// during a handshake. So a handshake is a coroutine, which stops while it needs more
// bytes. It runs only when the pool calls it.
type secure struct {
	conn *evloop.Conn
	tls  *tls.Conn

	in   []byte   // bytes that arrived and that TLS has not taken yet
	rest []byte   // decrypted bytes that the client has not taken yet
	late [][]byte // frames that were sent before the end of the handshake

	// The handshake; nil after its end.
	proceed func() (struct{}, bool) // runs it until it needs more bytes
	pause   func(struct{}) bool     // stops it, within proceed
	abandon func()                  // ends it
	err     error                   // its outcome
}

// newSecure begins a handshake.
func newSecure(conn *evloop.Conn, config *tls.Config) *secure {
	s := &secure{conn: conn}
	s.tls = tls.Client(under{s}, config)
	s.proceed, s.abandon = iter.Pull(func(yield func(struct{}) bool) {
		s.pause = yield
		s.err = s.tls.Handshake()
		s.pause = nil
	})
	_ = s.shake() // before any byte has arrived, it fails only if the socket fails
	return s
}

// shake goes on with the handshake. After the end of the handshake it sends the frames
// that waited for that.
func (s *secure) shake() error {
	if _, more := s.proceed(); more {
		return nil
	}
	s.proceed, s.abandon = nil, nil
	for _, b := range s.late {
		s.send(b)
	}
	s.late = nil
	return s.err
}

// send encrypts b, and sends it as evloop.Conn.Send does.
func (s *secure) send(b []byte) {
	if s.proceed != nil {
		s.late = append(s.late, append([]byte(nil), b...))
		return
	}
	_, _ = s.tls.Write(b) // the write to the type under never fails, and after a TLS alert the connection ends anyway
}

// open decrypts the arrived bytes b into the buffer buf. It passes the bytes that the
// client has not taken yet to the function use. It returns the error that ends the
// connection.
func (s *secure) open(b, buf []byte, use func(b []byte) (taken int)) error {
	s.in = b
	if s.proceed != nil {
		if err := s.shake(); err != nil || s.proceed != nil {
			return err
		}
	}
	for more := true; more; {
		plain := append(buf[:0], s.rest...)
		for more && cap(plain)-len(plain) >= recordSize {
			n, err := s.tls.Read(plain[len(plain):cap(plain)])
			plain = plain[:len(plain)+n]
			if more = err == nil; err != nil && err != errNoBytes {
				return err
			}
		}
		taken := use(plain)
		if more && taken == 0 {
			return io.ErrShortBuffer
		}
		s.rest = append(s.rest[:0], plain[taken:]...)
	}
	s.in = nil
	return nil
}

// end ends a handshake that is under way.
func (s *secure) end() {
	if s.abandon != nil {
		s.abandon()
	}
}

// under is the connection that TLS reads from and writes to.
type under struct{ s *secure }

// Read returns the bytes that arrived. If there are none, it waits during the handshake.
// After the handshake, it returns errNoBytes.
func (u under) Read(p []byte) (int, error) {
	for len(u.s.in) == 0 {
		if u.s.pause == nil {
			return 0, errNoBytes
		}
		if !u.s.pause(struct{}{}) {
			return 0, net.ErrClosed
		}
	}
	n := copy(p, u.s.in)
	u.s.in = u.s.in[n:]
	return n, nil
}

// Write never fails. The event loop reports to the pool when the connection ends.
func (u under) Write(p []byte) (int, error) {
	u.s.conn.Send(p)
	return len(p), nil
}

// The pool closes the connection, and nothing here blocks.

func (under) Close() error                     { return nil }
func (under) LocalAddr() net.Addr              { return new(net.TCPAddr) }
func (under) RemoteAddr() net.Addr             { return new(net.TCPAddr) }
func (under) SetDeadline(time.Time) error      { return nil }
func (under) SetReadDeadline(time.Time) error  { return nil }
func (under) SetWriteDeadline(time.Time) error { return nil }

// noBytes is the error of a Read that finds nothing. It counts as temporary, so TLS goes
// on with the next Read.
type noBytes struct{}

var errNoBytes error = noBytes{}

func (noBytes) Error() string   { return "no bytes yet" }
func (noBytes) Timeout() bool   { return true }
func (noBytes) Temporary() bool { return true }
