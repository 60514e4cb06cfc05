package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	gproto "google.golang.org/protobuf/proto"

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

var errAway = errors.New("route is away")

// script is a Route in memory. It keeps the requests and answers by its hooks, which a
// test sets with set. A hook may block.
type script struct {
	mu         sync.Mutex
	reports    []*proto.ReportRequest
	sends      []*proto.SendRequest
	reconciles []*proto.ReconcileRequest
	pulls      []*proto.PullRequest
	moves      []*proto.MoveRequest
	fires      []*proto.FireRequest
	next       int64 // last session number given to a CIM connection
	logs       map[int64][]*proto.Stored
	groups     map[int64][]int64 // of users
	apart      bool              // it lets the node ask for groups; else it is of an earlier release

	entering    func(*proto.Entering) *proto.Entered
	opening     func(*proto.Opening) *proto.Opened
	report      func(*proto.ReportRequest) error
	send        func(*proto.SendRequest) (*proto.SendAnswer, error)
	reconciling func(*proto.ReconcileRequest) (*proto.ReconcileAnswer, error)
	pull        func(*proto.PullRequest) (*proto.PullAnswer, error)
	move        func(*proto.MoveRequest) (*proto.MoveAnswer, error)
	fire        func(*proto.FireRequest) (*proto.FireAnswer, error)
}

func (s *script) set(change func(*script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// keep adds a request to its list and returns the hook for it.
func keep[T gproto.Message, H any](s *script, list *[]T, r T, hook *H) H {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, gproto.CloneOf(r))
	return *hook
}

func (s *script) Report(_ context.Context, r *proto.ReportRequest) (*proto.ReportAnswer, error) {
	if hook := keep(s, &s.reports, r, &s.report); hook != nil {
		if err := hook(r); err != nil {
			return nil, err
		}
	}
	answer := new(proto.ReportAnswer)
	for _, o := range r.Opened {
		answer.Opened = append(answer.Opened, s.open(o))
	}
	for _, e := range r.Entering {
		if s.apart {
			answer.Entered = append(answer.Entered, s.enter(e))
		}
	}
	return answer, nil
}

func (s *script) enter(e *proto.Entering) *proto.Entered {
	s.mu.Lock()
	hook := s.entering
	s.mu.Unlock()
	if hook != nil {
		if entered := hook(e); entered != nil {
			return entered
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := new(proto.Entered)
	for _, group := range e.Groups {
		a.Newest = append(a.Newest, s.newestLocked(group))
	}
	for _, mark := range e.Known {
		a.Held = append(a.Held, mark.Log)
	}
	return a
}

func (s *script) open(o *proto.Opening) *proto.Opened {
	s.mu.Lock()
	hook := s.opening
	s.mu.Unlock()
	if hook != nil {
		if opened := hook(o); opened != nil {
			return opened
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	number := o.Session.Number
	if number == 0 {
		s.next++
		number = 1000 + s.next
	}
	newest := []*proto.Mark{s.newestLocked(proto.Inbox), s.newestLocked(proto.Everyone)}
	if s.apart {
		return &proto.Opened{Number: number, Newest: newest, Version: 1, Groups: s.groups[o.Session.User]}
	}
	for _, group := range s.groups[o.Session.User] {
		newest = append(newest, s.newestLocked(group))
	}
	return &proto.Opened{Number: number, Newest: newest, Version: int64(len(newest))}
}

func (s *script) newestLocked(log int64) *proto.Mark {
	mark := &proto.Mark{Log: log, Epoch: epoch}
	if entries := s.logs[log]; len(entries) > 0 {
		mark = gproto.CloneOf(entries[len(entries)-1].At)
		mark.Key = entries[len(entries)-1].Key
	}
	return mark
}

func (s *script) Send(_ context.Context, r *proto.SendRequest) (*proto.SendAnswer, error) {
	if hook := keep(s, &s.sends, r, &s.send); hook != nil {
		return hook(r)
	}
	answer := new(proto.SendAnswer)
	for i := range r.Items {
		answer.Items = append(answer.Items, &proto.SendResult{At: &proto.Mark{Epoch: epoch, Number: int64(i + 1)}, Time: 5})
	}
	return answer, nil
}

func (s *script) Reconcile(_ context.Context, r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
	if hook := keep(s, &s.reconciles, r, &s.reconciling); hook != nil {
		return hook(r)
	}
	return new(proto.ReconcileAnswer), nil
}

func (s *script) Pull(_ context.Context, r *proto.PullRequest) (*proto.PullAnswer, error) {
	if hook := keep(s, &s.pulls, r, &s.pull); hook != nil {
		return hook(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := &proto.PullAnswer{Newest: s.newestLocked(r.After.Log)}
	for _, e := range s.logs[r.After.Log] {
		if e.At.Number > r.After.Number && len(answer.Entries) < int(r.Limit) {
			answer.Entries = append(answer.Entries, e)
		}
	}
	return answer, nil
}

func (s *script) Move(_ context.Context, r *proto.MoveRequest) (*proto.MoveAnswer, error) {
	if hook := keep(s, &s.moves, r, &s.move); hook != nil {
		return hook(r)
	}
	answer := new(proto.MoveAnswer)
	for _, item := range r.Items {
		answer.Items = append(answer.Items, &proto.Moved{
			Ticket: fmt.Sprintf("ticket of %d", item.Session.User), Node: "n2", Address: "10.0.0.2:11211", Tls: true,
		})
	}
	return answer, nil
}

func (s *script) Fire(_ context.Context, r *proto.FireRequest) (*proto.FireAnswer, error) {
	if hook := keep(s, &s.fires, r, &s.fire); hook != nil {
		return hook(r)
	}
	return &proto.FireAnswer{Next: 1000}, nil
}

// store appends a message to a log and returns its entry.
func (s *script) store(t testing.TB, log, from, to int64, text string) *proto.Stored {
	t.Helper()
	return s.storeKind(t, log, from, to, text, proto.Kind_TEXT)
}

func (s *script) storeKind(t testing.TB, log, from, to int64, text string, kind proto.Kind) *proto.Stored {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logs == nil {
		s.logs = make(map[int64][]*proto.Stored)
	}
	before := s.newestLocked(log)
	group := int64(0)
	if log != proto.Inbox {
		group, to = log, 0
	}
	entry, err := gproto.Marshal(&proto.Entry{FromName: names[from], To: to, Group: group, Text: text, Time: 5, Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	stored := &proto.Stored{
		At:   &proto.Mark{Log: log, Epoch: epoch, Number: before.Number + 1},
		Prev: before.Key, Key: proto.Key(from, text), Entry: entry,
	}
	s.logs[log] = append(s.logs[log], stored)
	return stored
}

var names = map[int64]string{1: "alice", 2: "bob", 3: "carol"}

// closings returns the numbers that were reported closed, in order.
func (s *script) closings() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var numbers []int64
	for _, r := range s.reports {
		for _, c := range r.Closed {
			numbers = append(numbers, c.Session.Number)
		}
	}
	return numbers
}

// ackings returns how far each log was acknowledged.
func (s *script) ackings() map[int64]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	logs := make(map[int64]int64)
	for _, r := range s.reports {
		for _, a := range r.Acked {
			for _, mark := range a.Cursors {
				logs[mark.Log] = mark.Number
			}
		}
	}
	return maps.Clone(logs)
}

// received returns how far each log was received by the systems of CIM clients.
func (s *script) received() map[int64]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	logs := make(map[int64]int64)
	for _, r := range s.reports {
		for _, a := range r.Acked {
			for _, mark := range a.Received {
				logs[mark.Log] = mark.Number
			}
		}
	}
	return logs
}

// left returns how far each log counts as read by CIM clients if they log out.
func (s *script) left() map[int64]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	logs := make(map[int64]int64)
	for _, r := range s.reports {
		for _, a := range r.Acked {
			for _, mark := range a.Left {
				logs[mark.Log] = mark.Number
			}
		}
	}
	return logs
}

func (s *script) reported() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.reports)
}

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
