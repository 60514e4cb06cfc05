package link

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/tlsfile/localca"
)

func TestMain(m *testing.M) {
	if aside() {
		return
	}
	goleak.VerifyTestMain(m)
}

// aside does the work of a child process if this process is one. It returns false if
// the tests are to be run.
var aside = func() bool { return false }

// recorder is a handler that records its calls.
type recorder struct {
	link   *Link
	frames chan *proto.Frame
	closed chan proto.Code
	read   chan bool // what it is told when it has ended; nil: it does not ask
}

func (r *recorder) Ending() func(bool) {
	if r.read == nil {
		return nil
	}
	return func(read bool) { r.read <- read }
}

func (r *recorder) Handle(f *proto.Frame)  { r.frames <- f }
func (r *recorder) Tick(time.Time)         {}
func (r *recorder) Closed(code proto.Code) { r.closed <- code }

// world is a running server and what it accepted.
type world struct {
	server   *Server
	accepted chan *recorder
	addr     string
	secure   bool // peers speak TLS
	dial     func() net.Conn
}

// serve runs a server on ln until the test ends.
func serve(t testing.TB, c Config, ln net.Listener, change ...func(*Server)) *world {
	t.Helper()
	w := &world{accepted: make(chan *recorder, 16), addr: ln.Addr().String()}
	w.server = serveWith(t, c, ln, func(l *Link) Handler {
		r := &recorder{link: l, frames: make(chan *proto.Frame, 1024), closed: make(chan proto.Code, 1)}
		w.accepted <- r
		return r
	}, change...)
	return w
}

// serveWith is serve with other handlers than recorders.
func serveWith(t testing.TB, c Config, ln net.Listener, accept func(*Link) Handler, change ...func(*Server)) *Server {
	t.Helper()
	c.Accept = accept
	c = overTLS(c)
	s, err := NewServer(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx, ln); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return s
}

// onEachEngine runs a test of real sockets on every engine there is, and on epoll over
// TLS, too.
func onEachEngine(t *testing.T, f func(*testing.T, Engine)) {
	onPlainEngines(t, f)
	if hasEpoll {
		t.Run("epoll with TLS", func(t *testing.T) { f(t, epollTLS) })
	}
}

// onPlainEngines is onEachEngine for a test that decides itself who speaks TLS.
func onPlainEngines(t *testing.T, f func(*testing.T, Engine)) {
	for _, e := range engines {
		t.Run(e.String(), func(t *testing.T) { f(t, e) })
	}
}

// epollTLS is the epoll engine with peers that speak TLS. The functions that serve and
// dial understand it.
const epollTLS Engine = 100

var engines = func() []Engine {
	if hasEpoll {
		return []Engine{EnginePortable, EngineEpoll}
	}
	return []Engine{EnginePortable}
}()

// onTCP serves a real port.
func onTCP(t testing.TB, c Config, change ...func(*Server)) *world {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := serve(t, c, ln, change...)
	w.secure = c.Engine == epollTLS
	w.dial = func() net.Conn {
		conn, err := dialAs(c.Engine, w.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	return w
}

// dialAs connects to a port of the engine.
func dialAs(e Engine, addr string) (net.Conn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil || e != epollTLS {
		return conn, err
	}
	_, client := certified()
	return tls.Client(conn, client), nil
}

// overTLS returns the configuration of a server for epollTLS.
func overTLS(c Config) Config {
	if c.Engine == epollTLS {
		c.Engine = EngineEpoll
		c.TLS, _ = certified()
	}
	return c
}

// tcpOf returns the socket of a connection, which may speak TLS.
func tcpOf(conn net.Conn) *net.TCPConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return conn.(*net.TCPConn)
}

// certified returns configurations of a server and of its clients.
var certified = sync.OnceValues(func() (server, client *tls.Config) {
	dir, err := os.MkdirTemp("", "link")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ca, err := localca.New(dir)
	if err != nil {
		panic(err)
	}
	cert, key, err := ca.Issue("node", "example.com", "127.0.0.1")
	if err != nil {
		panic(err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		panic(err)
	}
	roots, err := tlsfile.Roots(ca.File)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, &tls.Config{RootCAs: roots, ServerName: "example.com"}
})

// inMemory serves pipes, for synctest.
func inMemory(t testing.TB, c Config) *world {
	t.Helper()
	ln := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	w := serve(t, c, ln)
	w.dial = func() net.Conn {
		ours, theirs := net.Pipe()
		ln.conns <- theirs
		t.Cleanup(func() { _ = ours.Close() })
		return ours
	}
	return w
}

// pipes is a listener of connections in memory.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func framed(t testing.TB, f *proto.Frame) []byte {
	t.Helper()
	b, err := proto.AppendFrame(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, conn net.Conn, frames ...*proto.Frame) {
	t.Helper()
	for _, f := range frames {
		if _, err := conn.Write(framed(t, f)); err != nil {
			t.Fatal(err)
		}
	}
}

// byteReader reads frames of a connection without reading ahead.
type byteReader struct{ net.Conn }

func (r byteReader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Conn, b[:])
	return b[0], err
}

func read(t testing.TB, conn net.Conn) *proto.Frame {
	t.Helper()
	f, err := proto.ReadFrame(byteReader{conn}, 1<<20)
	if err != nil {
		t.Fatalf("read frame: %v", err)
	}
	return f
}

// wantEnd fails unless the connection ends without another byte.
func wantEnd(t testing.TB, conn net.Conn) {
	t.Helper()
	if rest, _ := io.ReadAll(conn); len(rest) > 0 {
		t.Fatalf("%d bytes before the end: %q", len(rest), rest)
	}
}

func wantCode(t testing.TB, r *recorder, want proto.Code) {
	t.Helper()
	if got := <-r.closed; got != want {
		t.Fatalf("closed with %v, want %v", got, want)
	}
}

// Frames that begin a connection, of our clients and of CIM's.
var (
	ourLogin = &proto.Frame{Cmd: proto.Command_LOGIN_REQUEST, Ticket: "t"}
	cimLogin = &proto.Frame{Cmd: proto.Command_LOGIN_REQUEST, RequestId: 7, ReqMsg: "alice"}
)

// login returns a connection that has logged in with the frame, and its link.
func (w *world) login(t testing.TB, f *proto.Frame) (net.Conn, *recorder) {
	t.Helper()
	conn := w.dial()
	r := <-w.accepted
	write(t, conn, f)
	<-r.frames
	if w.secure {
		eventually(t, "the ticket of its session is written", func() bool { return r.link.Queued() == 0 })
	}
	return conn, r
}

func message(n int64, text string) *proto.Frame {
	return &proto.Frame{
		Cmd: proto.Command_MESSAGE, From: 1, Id: "m", ReqMsg: text, At: &proto.Mark{Epoch: 9, Number: n},
	}
}
