package link

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/sourceip"
)

// onTLS runs a test on each engine with peers that speak TLS. change may be nil.
func onTLS(t *testing.T, change func(server *tls.Config), f func(t *testing.T, w *world, client *tls.Config)) {
	onPlainEngines(t, func(t *testing.T, e Engine) {
		server, client := certified()
		server, client = server.Clone(), client.Clone()
		if change != nil {
			change(server)
		}
		f(t, onTCP(t, Config{Engine: e, TLS: server}), client)
	})
}

// pieces is a connection whose writes go out in pieces of some bytes.
type pieces struct {
	net.Conn
	size int
}

func (p pieces) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = p.Conn.Write(b[n:min(n+p.size, len(b))])
		n += m
		time.Sleep(time.Microsecond) // so that the server reads some of them by themselves
	}
	return n, err
}

func TestTLSComesInPieces(t *testing.T) {
	onTLS(t, nil, func(t *testing.T, w *world, client *tls.Config) {
		for _, size := range []int{1, 2, 5, 6, 100, 1000} {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				client.MaxVersion = version
				conn := tls.Client(pieces{w.dial(), size}, client)
				r := <-w.accepted
				write(t, conn, ourLogin)
				<-r.frames
				text := strings.Repeat("0123456789", 2*size)
				write(t, conn, &proto.Frame{Cmd: proto.Command_SEND, ReqMsg: text})
				if f := <-r.frames; f.ReqMsg != text {
					t.Errorf("in pieces of %d: a text of %d bytes came as %d", size, len(text), len(f.ReqMsg))
				}
				r.link.Send(NewPacket(message(1, text)))
				if f := read(t, conn); f.ReqMsg != text {
					t.Errorf("in pieces of %d: the client got %d bytes", size, len(f.ReqMsg))
				}
				_ = conn.Close()
			}
		}
	})
}

func TestTLSEndsWithTheRecordThatSaysSo(t *testing.T) {
	onTLS(t, nil, func(t *testing.T, w *world, client *tls.Config) {
		conn := tls.Client(w.dial(), client)
		r := <-w.accepted
		write(t, conn, ourLogin)
		<-r.frames
		if err := conn.CloseWrite(); err != nil { // the socket stays open
			t.Fatal(err)
		}
		wantCode(t, r, proto.OK)

		conn = tls.Client(w.dial(), client)
		r = <-w.accepted
		write(t, conn, ourLogin)
		<-r.frames
		r.link.Close(proto.GoingAway, "")
		read(t, conn)
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF { // and not that the connection was cut
			t.Errorf("the end is %v", err)
		}
	})
}

func TestTLSChoosesTheProtocol(t *testing.T) {
	onTLS(t, func(server *tls.Config) { server.NextProtos = []string{"http/1.1", "cim"} }, func(t *testing.T, w *world, client *tls.Config) {
		for offered, want := range map[string]string{"h2,http/1.1": "http/1.1", "cim": "cim", "h2": "refused"} {
			client.NextProtos = strings.Split(offered, ",")
			conn := tls.Client(w.dial(), client)
			r := <-w.accepted
			err := conn.Handshake()
			got := conn.ConnectionState().NegotiatedProtocol
			if want == "refused" {
				var alert *net.OpError
				if !errors.As(err, &alert) || alert.Op != "remote error" {
					t.Errorf("%s: no alert, but %v", offered, err)
				}
				<-r.closed
			} else if err != nil || got != want {
				t.Errorf("%s: chose %q, %v", offered, got, err)
			}
			_ = conn.Close()
		}
	})
}

func TestTLSAsksForCertificatesOfClients(t *testing.T) {
	server, trust := certified()
	ask := func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, trust.RootCAs }
	onTLS(t, ask, func(t *testing.T, w *world, client *tls.Config) {
		conn := tls.Client(w.dial(), client)
		r := <-w.accepted
		_ = conn.Handshake() // in TLS 1.3 the client learns the refusal by its first read
		_, err := conn.Read(make([]byte, 1))
		var alert *net.OpError
		if !errors.As(err, &alert) || alert.Op != "remote error" {
			t.Errorf("no alert, but %v", err)
		}
		<-r.closed

		client.Certificates = server.Certificates
		conn = tls.Client(w.dial(), client)
		r = <-w.accepted
		write(t, conn, ourLogin)
		<-r.frames
	})
}

func TestTLSResumesAtAnotherServer(t *testing.T) {
	onPlainEngines(t, func(t *testing.T, e Engine) {
		server, client := certified()
		client = client.Clone()
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		for i, resumed := range []bool{false, true, true} {
			server := server.Clone()
			server.SetSessionTicketKeys([][32]byte{{1}})
			w := onTCP(t, Config{Engine: e, TLS: server})
			conn := tls.Client(w.dial(), client)
			r := <-w.accepted
			write(t, conn, ourLogin)
			<-r.frames
			r.link.Send(NewPacket(message(1, "hi")))
			read(t, conn) // and the ticket before it
			if got := conn.ConnectionState().DidResume; got != resumed {
				t.Errorf("connection %d resumed: %v", i, got)
			}
		}
	})
}

func TestTLSBehindAProxyHeader(t *testing.T) {
	server, client := certified()
	proxies := sourceip.Proxies{netip.MustParsePrefix("127.0.0.1/32")}
	w := onTCP(t, Config{Engine: EngineEpoll, TLS: server, PerAddress: 1, Proxies: proxies})
	for name, head := range headers(t, "198.51.100.1:5") {
		raw := w.dial()
		r := <-w.accepted
		if _, err := raw.Write(head); err != nil {
			t.Fatal(err)
		}
		conn := tls.Client(raw, client)
		write(t, conn, ourLogin)
		<-r.frames
		if got := r.link.Client(); got != "198.51.100.1" {
			t.Errorf("%s: comes from %s", name, got)
		}
		r.link.Proved()
	}
}

// hello returns the first record of a client.
func hello(t *testing.T) []byte {
	ours, theirs := net.Pipe()
	defer ours.Close()
	_, client := certified()
	go func() { _ = tls.Client(theirs, client).Handshake() }()
	b := make([]byte, 16<<10)
	n, err := ours.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// Peers that begin a handshake and say nothing more cost a goroutine each, and no place
// in the pool. Peers that do not even finish their first record cost neither.
func TestStalledHandshakesHoldUpNobody(t *testing.T) {
	server, _ := certified()
	w := onTCP(t, Config{Engine: EngineEpoll, TLS: server}, byHand)
	begun := hello(t)
	before := runtime.NumGoroutine()
	const each = 40
	for i := range 2 * each {
		conn := w.dial()
		if _, err := conn.Write(begun[:len(begun)-i%2]); err != nil {
			t.Fatal(err)
		}
		r := <-w.accepted
		eventually(t, "the server has answered, or waits", func() bool { return i%2 == 1 || shaking(r.link) })
	}
	if more := runtime.NumGoroutine() - before; more > each+each/4 {
		t.Errorf("%d peers of which %d have sent a whole record have %d goroutines", 2*each, each, more)
	}
	_, client := certified()
	conn := tls.Client(w.dial(), client)
	r := <-w.accepted
	write(t, conn, ourLogin)
	<-r.frames
	w.pass(31 * time.Second) // the time for a login is over
	eventually(t, "the stalled ones end", func() bool { w.pass(5 * time.Second); return w.server.Len() <= 1 })
	eventually(t, "their goroutines end", func() bool { return runtime.NumGoroutine() <= before+4 })
}

// shaking reports whether a handshake has answered, and waits for its peer.
func shaking(l *Link) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := securedOf(l)
	return s != nil && s.wake != nil && l.out.Idle() && l.poll.watched&watchIn != 0
}

// A peer may go at any time of its handshake, and so may the server.
func TestHandshakeEndsWithItsPeer(t *testing.T) {
	server, _ := certified()
	for name, end := range map[string]func(w *world, r *recorder, conn *net.TCPConn){
		"it ends its sending": func(_ *world, _ *recorder, conn *net.TCPConn) { _ = conn.CloseWrite() },
		"it closes":           func(_ *world, _ *recorder, conn *net.TCPConn) { _ = conn.Close() },
		"it resets": func(_ *world, _ *recorder, conn *net.TCPConn) {
			_ = conn.SetLinger(0)
			_ = conn.Close()
		},
		"it breaks the protocol": func(_ *world, _ *recorder, conn *net.TCPConn) {
			_, _ = conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		},
		"the owner closes it": func(_ *world, r *recorder, conn *net.TCPConn) {
			r.link.Close(proto.GoingAway, "")
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		},
		"the sweep aborts it": func(_ *world, r *recorder, _ *net.TCPConn) { r.link.abort(proto.OK) },
	} {
		t.Run(name, func(t *testing.T) {
			w := onTCP(t, Config{Engine: EngineEpoll, TLS: server})
			conn := w.dial()
			r := <-w.accepted
			if _, err := conn.Write(hello(t)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the handshake waits", func() bool { return shaking(r.link) })
			end(w, r, conn.(*net.TCPConn))
			<-r.closed
			eventually(t, "the link ends", func() bool { return w.server.Len() == 0 })
		})
	}
}

// What the owner sends during the handshake comes after it.
func TestFramesWaitForTheHandshake(t *testing.T) {
	server, client := certified()
	w := onTCP(t, Config{Engine: EngineEpoll, TLS: server})
	raw := w.dial()
	r := <-w.accepted
	gate := &gated{Conn: raw, open: make(chan struct{})}
	conn := tls.Client(gate, client)
	shaken := make(chan error, 1)
	go func() { shaken <- conn.Handshake() }()
	eventually(t, "the handshake waits", func() bool { return shaking(r.link) })
	r.link.Send(NewPacket(message(1, "early")))
	close(gate.open)
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	if f := read(t, conn); f.ReqMsg != "early" {
		t.Errorf("got %v", f)
	}
}

// gated is a connection whose writes after the first one wait.
type gated struct {
	net.Conn
	open  chan struct{}
	begun bool
}

func (g *gated) Write(b []byte) (int, error) {
	if g.begun {
		<-g.open
	}
	g.begun = true
	return g.Conn.Write(b)
}

func TestRecordThatIsBrokenEndsTheLinkWithAnAlert(t *testing.T) {
	onTLS(t, nil, func(t *testing.T, w *world, client *tls.Config) {
		raw := w.dial()
		conn := tls.Client(raw, client)
		r := <-w.accepted
		write(t, conn, ourLogin)
		<-r.frames
		if _, err := raw.Write([]byte{23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0}); err != nil {
			t.Fatal(err)
		}
		var alert *net.OpError
		if _, err := conn.Read(make([]byte, 1)); !errors.As(err, &alert) || alert.Op != "remote error" {
			t.Errorf("no alert, but %v", err)
		}
		<-r.closed
		_ = conn.Close()
		eventually(t, "the link ends", func() bool { return w.server.Len() == 0 })
	})
}

// A peer could ask for new keys without end, and read none of the answers. They count like
// frames: the link is not read while they are too many, and a stalled one is closed.
func TestRecordsOfTLSCountInTheOutbox(t *testing.T) {
	server, client := certified()
	w := onTCP(t, Config{Engine: EngineEpoll, TLS: server, OutboxBytes: 16 << 10, SilentAfter: 10000 * time.Hour}, byHand)
	conn := tls.Client(w.dial(), client)
	r := <-w.accepted
	write(t, conn, ourLogin)
	<-r.frames
	r.link.mu.Lock()
	s := securedOf(r.link)
	r.link.mu.Unlock()
	answer := make([]byte, 8<<10)
	eventually(t, "the link is not read", func() bool {
		s.Sealed(answer)
		r.link.mu.Lock()
		defer r.link.mu.Unlock()
		return r.link.poll.blocked && !r.link.mayReadLocked()
	})
	w.pass(32 * time.Second)
	wantCode(t, r, proto.TooSlow)
	eventually(t, "it ends", func() bool { return w.server.Len() == 0 })
}
