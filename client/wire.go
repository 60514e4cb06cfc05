package client

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/coder/websocket"
	pb "google.golang.org/protobuf/proto"
)

// maxFrame bounds a node's frames in bytes. It is above the default limit for
// frames of clients, because a node adds names and positions.
const maxFrame = 4 * proto.MaxFrame

// writeChunk is how many bytes of frames are collected for one system call. The last
// frame may exceed it.
const writeChunk = 64 << 10

// wire carries frames to and from one node. One goroutine reads and one writes. Any
// goroutine may call close, which ends both.
type wire interface {
	read() (*proto.Frame, error)
	// write sends the frames in order, with few system calls. It fails if a system call
	// takes longer than writeTimeout.
	write(frames ...*proto.Frame) error
	close()
}

// dial connects to a node, within dialTimeout. Its error has no code, because no node
// has answered.
func (c Config) dial(ctx context.Context, node proto.Node) (wire, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	w, err := c.dialTransport(ctx, node)
	if err != nil {
		return nil, fmt.Errorf("connect to node %s at %s: %w", node.ID, node.Address, err)
	}
	return w, nil
}

func (c Config) dialTransport(ctx context.Context, node proto.Node) (wire, error) {
	if c.Transport == WebSocket || node.Path != "" {
		return c.dialSocket(ctx, node)
	}
	conn, err := c.Dial(ctx, node)
	if err != nil {
		return nil, err
	}
	if node.TLS {
		if conn, err = handshakeTLS(ctx, conn, c.tlsFor(node)); err != nil {
			return nil, err
		}
	}
	return &stream{conn: conn, in: bufio.NewReader(conn)}, nil
}

func handshakeTLS(ctx context.Context, conn net.Conn, cfg *tls.Config) (net.Conn, error) {
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// tlsFor returns the TLS configuration for a node. Unless Config.TLS has a server name,
// the host of the node's address is verified.
func (c Config) tlsFor(node proto.Node) *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS != nil {
		cfg = c.TLS.Clone()
	}
	if host, _, err := net.SplitHostPort(node.Address); err == nil && cfg.ServerName == "" {
		cfg.ServerName = host
	}
	return cfg
}

// stream is a wire over TCP or TLS.
type stream struct {
	conn net.Conn
	in   *bufio.Reader // owned by the reader
	out  []byte        // owned by the writer
}

func (s *stream) read() (*proto.Frame, error) { return proto.ReadFrame(s.in, maxFrame) }

func (s *stream) write(frames ...*proto.Frame) error {
	for _, f := range frames {
		var err error
		if s.out, err = proto.AppendFrame(s.out, f); err != nil {
			return err
		}
		if len(s.out) >= writeChunk {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return s.flush()
}

func (s *stream) flush() error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := s.conn.Write(s.out)
	s.out = s.out[:0]
	return err
}

func (s *stream) close() { s.conn.Close() }

// socket is a wire over WebSocket.
type socket struct {
	conn *websocket.Conn
}

func (c Config) dialSocket(ctx context.Context, node proto.Node) (wire, error) {
	scheme := "ws"
	if node.TLS {
		scheme = "wss"
	}
	raw := func(ctx context.Context, _, _ string) (net.Conn, error) { return c.Dial(ctx, node) }
	secure := func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := raw(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return handshakeTLS(ctx, conn, c.tlsFor(node))
	}
	conn, _, err := websocket.Dial(ctx, scheme+"://"+node.Address+cmp.Or(node.Path, proto.PathSocket), &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: &http.Transport{DialContext: raw, DialTLSContext: secure, DisableKeepAlives: true}},
		Subprotocols: []string{proto.SubprotocolBinary},
	})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxFrame)
	return &socket{conn}, nil
}

func (s *socket) read() (*proto.Frame, error) {
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

func (s *socket) write(frames ...*proto.Frame) error {
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
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageBinary, b)
}

func (s *socket) close() { _ = s.conn.CloseNow() }
