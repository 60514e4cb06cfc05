package node

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

func TestMain(m *testing.M) {
	if !aside() {
		goleak.VerifyTestMain(m)
	}
}

// aside does the work of a child process if this process is one. It returns false if
// the tests are to be run.
var aside = func() bool { return false }

const epoch = 9

const (
	pullWait   = 50 * time.Millisecond // before the node pulls what a group lacks
	lateAnswer = 10 * time.Second      // that an answer may take which pushes overtook

	noticeTime = 2 * time.Second        // from the beginning of a drain to its first step
	stepEvery  = 100 * time.Millisecond // of a drain
	moveTime   = 20 * time.Second       // that a redirected client has

	pullRoom     = 64 << 10               // bytes that may wait in an outbox for a CIM connection to pull
	mostNotices  = 5                      // that a CIM connection gets within noticesTime
	noticesTime  = 10 * time.Second       //
	callsAtATime = 8                      // of CIM's routes
	callTime     = 3 * time.Second        // of one of them
	callsLast    = 250 * time.Millisecond // what CIM's route sent before a call may be on its way
	giveUpAfter  = 30 * time.Second       // since the connection ended
)

// town is a node with its route and ways to connect.
type town struct {
	*Node
	route    *script
	registry *prometheus.Registry
	issuer   *token.Issuer
	ln       *pipes
	stop     func()        // ends Run and waits for it
	ended    chan struct{} // closed when Run has returned
}

const nodeID = "n1"

// start runs a node in memory until the test ends. Call it in a bubble.
func start(t testing.TB, change func(*Config)) *town {
	t.Helper()
	issuer, err := token.NewIssuer([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	w := &town{route: new(script), registry: prometheus.NewRegistry(), issuer: issuer, ln: newPipes()}
	c := Config{
		ID: nodeID, Boot: 77, Address: "10.0.0.1:8081", Clients: w.ln, Internal: newPipes(),
		Sessions: w.route, Messages: w.route, Verifier: token.NewVerifier(issuer.Public()...), ServiceToken: "secret", Registerer: w.registry,
	}
	if change != nil {
		change(&c)
	}
	if w.Node, err = New(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	w.ended = make(chan struct{})
	running.Go(func() {
		defer close(w.ended)
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	w.stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(w.stop)
	return w
}

func inOpenMode(c *Config) { c.CIM.Open = true }

// inBubble runs a test in a synctest bubble.
func inBubble(f func(t *testing.T)) func(*testing.T) {
	return func(t *testing.T) { synctest.Test(t, f) }
}

func (w *town) ticket(t testing.TB, user, number int64, change func(*token.Ticket)) string {
	t.Helper()
	ticket := token.Ticket{
		User: user, Name: names[user], Device: "phone", Number: number, Displaces: token.Any,
		Node: nodeID, Expires: time.Now().Add(time.Minute),
	}
	if change != nil {
		change(&ticket)
	}
	s, err := w.issuer.Ticket(ticket)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dial connects and sends a first frame.
func (w *town) dial(t testing.TB, first *proto.Frame) *peer {
	t.Helper()
	ours, theirs := net.Pipe()
	w.ln.conns <- theirs
	p := newPeer(ours)
	t.Cleanup(func() { _ = ours.Close() })
	p.write(t, first)
	return p
}

func (w *town) withTicket(t testing.TB, user, number int64) *peer {
	t.Helper()
	return w.dial(t, &proto.Frame{Ticket: w.ticket(t, user, number, nil)})
}

// login returns a connection that a route has confirmed.
func (w *town) login(t testing.TB, user, number int64) *peer {
	t.Helper()
	p := w.withTicket(t, user, number)
	if f := p.next(t); f.Cmd != proto.Command_LOGIN_ANSWER {
		t.Fatalf("login was answered with %v", f)
	}
	synctest.Wait()
	return p
}

func (w *town) cim(t testing.TB, user int64) *peer {
	t.Helper()
	return w.dial(t, &proto.Frame{RequestId: user, ReqMsg: names[user]})
}

// peer is the other end of a connection. It reads all the time.
type peer struct {
	conn   net.Conn
	frames chan *proto.Frame // closed at the end of the connection
	over   chan struct{}     // closed then, too
}

func newPeer(conn net.Conn) *peer {
	p := &peer{conn: conn, frames: make(chan *proto.Frame, 4096), over: make(chan struct{})}
	go p.read()
	return p
}

type byteReader struct{ net.Conn }

func (r byteReader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Conn, b[:])
	return b[0], err
}

func (p *peer) read() {
	defer close(p.over)
	defer close(p.frames)
	for {
		f, err := proto.ReadFrame(byteReader{p.conn}, 1<<20)
		if err != nil {
			return
		}
		p.frames <- f
	}
}

func (p *peer) write(t testing.TB, frames ...*proto.Frame) {
	t.Helper()
	for _, f := range frames {
		b, err := proto.AppendFrame(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.conn.Write(b); err != nil {
			t.Fatal(err)
		}
	}
}

// next waits for a frame.
func (p *peer) next(t testing.TB) *proto.Frame {
	t.Helper()
	f, ok := <-p.frames
	if !ok {
		t.Fatal("the connection ended")
	}
	return f
}

// quiet fails if a frame has come.
func (p *peer) quiet(t testing.TB) {
	t.Helper()
	synctest.Wait()
	select {
	case f, ok := <-p.frames:
		t.Errorf("got %v, %v, want nothing", f, ok)
	default:
	}
}

// kicked waits for a KICK with the code and the end.
func (p *peer) kicked(t testing.TB, code proto.Code) {
	t.Helper()
	if f := p.next(t); f.Cmd != proto.Command_KICK || proto.Code(f.Code) != code || f.ReqMsg == "" {
		t.Errorf("got %v, want a KICK with %v", f, code)
	}
	p.ended(t)
}

// ended waits for the end and fails if a frame comes before it.
func (p *peer) ended(t testing.TB) {
	t.Helper()
	for f := range p.frames {
		t.Errorf("got %v before the end", f)
	}
}

func push(items ...*proto.PushItem) *proto.PushRequest {
	return &proto.PushRequest{Boot: 77, Items: items}
}

func numbersOf(marks []*proto.Mark) []int64 {
	var list []int64
	for _, m := range marks {
		list = append(list, m.Number)
	}
	return list
}

// pipes is a listener of connections in memory.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

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

func wantNumbers(t testing.TB, what string, got []int64, want ...int64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s %v, want %v", what, got, want)
	}
}

// waitABit lets the clock of the bubble advance.
func waitABit() { time.Sleep(10 * time.Millisecond) }
