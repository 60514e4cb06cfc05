// Package wire carries frames between a client and a node, over TCP, TLS or WebSocket.
package wire

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/coder/websocket"
	pb "google.golang.org/protobuf/proto"
)

// MaxFrame bounds a node's frames in bytes. It is above the default limit for
// frames of clients, because a node adds names and positions.
const MaxFrame = 4 * proto.MaxFrame

// WriteChunk is how many bytes of frames are collected for one system call. The last frame
// may go beyond this number.
const WriteChunk = 64 << 10

// Wire carries frames to and from one node. One goroutine reads and one writes. Any
// goroutine may call Close, which ends both.
type Wire interface {
	// Read blocks until a frame comes. If a node closed a WebSocket with a code, the
	// error is a *proto.Error with that code.
	Read() (*proto.Frame, error)
	// Write sends the frames in order, with few system calls. It fails if a system call
	// takes longer than Dialer.WriteTimeout.
	Write(frames ...*proto.Frame) error
	Close()
}

// Dialer connects to nodes.
type Dialer struct {
	Dial         func(ctx context.Context, node proto.Node) (net.Conn, error) // makes the TCP connection; required
	TLS          *tls.Config                                                  // for nodes with TLS; nil: the system's authorities
	WebSocket    bool                                                         // use WebSocket also for nodes that accept TCP
	WriteTimeout time.Duration                                                // for one write, of at most WriteChunk and one frame; required
}

// Connect connects to a node. It blocks until ctx ends, at the latest.
func (d Dialer) Connect(ctx context.Context, node proto.Node) (Wire, error) {
	if d.WebSocket || node.Path != "" {
		return d.dialSocket(ctx, node)
	}
	conn, err := d.Dial(ctx, node)
	if err != nil {
		return nil, err
	}
	if node.TLS {
		if conn, err = handshakeTLS(ctx, conn, d.tlsFor(node)); err != nil {
			return nil, err
		}
	}
	return &stream{conn: conn, in: bufio.NewReader(conn), timeout: d.WriteTimeout}, nil
}

func handshakeTLS(ctx context.Context, conn net.Conn, cfg *tls.Config) (net.Conn, error) {
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// tlsFor returns the TLS configuration for a node. If Dialer.TLS has no server name, the
// certificate must be valid for the host of the node's address.
func (d Dialer) tlsFor(node proto.Node) *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.TLS != nil {
		cfg = d.TLS.Clone()
	}
	if host, _, err := net.SplitHostPort(node.Address); err == nil && cfg.ServerName == "" {
		cfg.ServerName = host
	}
	return cfg
}

// stream is a Wire over TCP or TLS.
type stream struct {
	conn net.Conn
	in   *bufio.Reader // owned by the reader
	out  []byte        // owned by the writer

	timeout time.Duration // of a write
}

// Read implements Wire.
func (s *stream) Read() (*proto.Frame, error) { return proto.ReadFrame(s.in, MaxFrame) }

// Write implements Wire.
func (s *stream) Write(frames ...*proto.Frame) error {
	for _, f := range frames {
		var err error
		if s.out, err = proto.AppendFrame(s.out, f); err != nil {
			return err
		}
		if len(s.out) >= WriteChunk {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return s.flush()
}

func (s *stream) flush() error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.timeout)); err != nil {
		return err
	}
	_, err := s.conn.Write(s.out)
	s.out = s.out[:0]
	return err
}

// Close implements Wire.
func (s *stream) Close() { s.conn.Close() }

// socket is a Wire over WebSocket.
type socket struct {
	conn    *websocket.Conn
	timeout time.Duration // of a write
}

func (d Dialer) dialSocket(ctx context.Context, node proto.Node) (Wire, error) {
	scheme := "ws"
	if node.TLS {
		scheme = "wss"
	}
	raw := func(ctx context.Context, _, _ string) (net.Conn, error) { return d.Dial(ctx, node) }
	secure := func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := raw(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return handshakeTLS(ctx, conn, d.tlsFor(node))
	}
	conn, _, err := websocket.Dial(ctx, scheme+"://"+node.Address+cmp.Or(node.Path, proto.PathSocket), &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: &http.Transport{DialContext: raw, DialTLSContext: secure, DisableKeepAlives: true}},
		Subprotocols: []string{proto.SubprotocolBinary},
	})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(MaxFrame)
	return &socket{conn, d.WriteTimeout}, nil
}

// Read implements Wire.
func (s *socket) Read() (*proto.Frame, error) {
	kind, b, err := s.conn.Read(context.Background())
	if status := websocket.CloseStatus(err); status >= 4000 {
		return nil, proto.Err(proto.Code(status), "")
	}
	if err != nil {
		return nil, err
	}
	if kind != websocket.MessageBinary {
		return nil, proto.ErrBadFrame
	}
	f := new(proto.Frame)
	return f, f.Unmarshal(b)
}

// Write implements Wire.
func (s *socket) Write(frames ...*proto.Frame) error {
	for _, f := range frames {
		b, err := pb.Marshal(f)
		if err != nil {
			return err
		}
		if err := s.send(b); err != nil {
			return err
		}
	}
	return nil
}

func (s *socket) send(b []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageBinary, b)
}

// Close implements Wire.
func (s *socket) Close() { _ = s.conn.CloseNow() }
