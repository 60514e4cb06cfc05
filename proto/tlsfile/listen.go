package tlsfile

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/proto"
)

// startTLS is the first byte of a handshake. No request of HTTP begins with it.
const startTLS = 0x16

const (
	refuseTime = time.Second // how long a plain caller may take to read why it is refused
	maxLate    = 256 << 10   // how many bytes of the caller are discarded meanwhile
)

// errPlain ends a plain connection to a listener that takes TLS only.
var errPlain = errors.New("connection is not TLS")

// Listen returns a listener of HTTP over ln. The first byte of a connection decides
// whether it speaks TLS or plain HTTP. If only is true, plain connections are refused
// before any more bytes are read, with an answer that has the code NeedsTLS. The accepted
// connections are of the type *Conn. Closing the listener closes ln.
func Listen(ln net.Listener, config *tls.Config, only bool) net.Listener {
	return &listener{Listener: ln, config: config, only: only}
}

// refusal returns the HTTP/1.1 answer to a plain connection if only TLS is allowed. Its
// body is an ErrorAnswer, as in other refusals of our servers.
var refusal = sync.OnceValue(func() []byte {
	failed := proto.ErrorAnswer{Code: proto.NeedsTLS, Name: proto.NeedsTLS.String(), Message: proto.NeedsTLS.Text()}
	body, err := json.Marshal(failed)
	if err != nil {
		panic(err) // this cannot fail for a value of this type
	}
	status := proto.NeedsTLS.HTTPStatus()
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), len(body), body)
})

type listener struct {
	net.Listener
	config *tls.Config
	only   bool // plain connections are refused
}

// Accept implements net.Listener. It does not wait for a connection's first byte.
func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: conn, listener: l}, nil
}

// SetDeadline bounds Accept, if the listener below can do so.
func (l *listener) SetDeadline(t time.Time) error {
	if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		return d.SetDeadline(t)
	}
	return errors.ErrUnsupported
}

// Conn is a connection that speaks TLS or plain HTTP. Its first Read finds out which.
// It blocks for the TLS handshake, which the read deadline bounds.
type Conn struct {
	net.Conn // the accepted connection
	listener *listener

	once   sync.Once
	secure bool                     // set by once
	err    error                    // set by once
	spoken atomic.Pointer[net.Conn] // the connection that is read and written, with TLS or without; set by once, nil before that and after an error
}

// Raw returns the accepted connection.
func (c *Conn) Raw() net.Conn { return c.Conn }

// Secure reports whether the connection speaks TLS. It must be called after the first
// Read.
func (c *Conn) Secure() bool { return c.secure }

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	c.once.Do(c.begin)
	if c.err != nil {
		return 0, c.err
	}
	return (*c.spoken.Load()).Read(p)
}

// Write implements net.Conn. Before the first Read it would wait for a byte of the
// peer, but a server of HTTP always reads first.
func (c *Conn) Write(p []byte) (int, error) {
	c.once.Do(c.begin)
	if c.err != nil {
		return 0, c.err
	}
	return (*c.spoken.Load()).Write(p)
}

// Close implements net.Conn. It does not wait for the handshake.
func (c *Conn) Close() error {
	if conn := c.spoken.Load(); conn != nil {
		return (*conn).Close()
	}
	return c.Conn.Close()
}

// begin reads the first byte and decides whether the connection speaks TLS.
func (c *Conn) begin() {
	first := make([]byte, 1)
	if _, c.err = io.ReadFull(c.Conn, first); c.err != nil {
		return
	}
	var spoken net.Conn = &replay{Conn: c.Conn, head: first}
	switch {
	case first[0] == startTLS:
		conn := tls.Server(spoken, c.listener.config)
		c.secure, spoken, c.err = true, conn, conn.Handshake()
	case c.listener.only:
		c.err = errPlain
		c.refuse()
	}
	if c.err == nil {
		c.spoken.Store(&spoken)
	}
}

// refuse answers a plain caller. After the answer it still reads for a moment. If a
// socket is closed with unread bytes, the caller may lose the answer.
func (c *Conn) refuse() {
	_ = c.Conn.SetDeadline(time.Now().Add(refuseTime))
	if _, err := c.Conn.Write(refusal()); err != nil {
		return
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.CopyN(io.Discard, c.Conn, maxLate)
}

// replay is a connection whose first byte was read before. Read returns that byte
// first.
type replay struct {
	net.Conn
	head []byte
}

func (r *replay) Read(p []byte) (int, error) {
	if len(r.head) == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.head)
	r.head = r.head[n:]
	return n, nil
}
