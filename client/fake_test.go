package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	alice = int64(42)
	bob   = int64(7)
	room  = int64(9) // a group
)

// cluster is a route, its store and its nodes in one: as much of them as a client
// sees, over pipes, with faults on demand. Its user is alice.
type cluster struct {
	mu      sync.Mutex
	nodes   []proto.Node
	logs    map[int64]*storedLog
	cursors []proto.Position // of the login answer
	number  int64
	live    []*session

	// What was asked of it.
	logins []proto.LoginRequest
	sends  []*proto.Frame
	acks   []ackSeen
	pings  int
	pulls  []proto.Position

	// Faults; each is asked under mu, nil means none.
	unreachable map[string]bool                                   // nodes that cannot be dialled
	mute        map[string]bool                                   // nodes that read and say nothing after the login
	onCall      func(path string, body []byte) *proto.ErrorAnswer // non-nil: the answer instead
	onLogin     func(s *session) *proto.Frame                     // non-nil: the login answer instead
	onSend      func(f *proto.Frame) fate
}

type ackSeen struct {
	at      time.Time
	cursors []proto.Position
	shown   []string
}

// fate is what happens to a send.
type fate struct {
	code       proto.Code // non-zero: refused with it, not stored
	loseAnswer bool       // stored, and the connection breaks before the answer
}

type storedLog struct {
	epoch   proto.Epoch
	trimmed int64
	joined  int64 // number of alice's joining: nothing before it is for her; zero: an inbox or everyone
	left    int64 // number of the last entry that she may read; zero: she has not left
	entries []proto.Message
}

func (l *storedLog) newest(log int64) proto.Position {
	if len(l.entries) == 0 {
		return proto.Position{Log: log}
	}
	return l.entries[len(l.entries)-1].At
}

func (l *storedLog) append(log int64, m proto.Message) proto.Message {
	m.Prev = l.newest(log).Key
	m.At = proto.Position{Log: log, Epoch: l.epoch, Number: l.trimmed + int64(len(l.entries)) + 1, Key: m.Key()}
	l.entries = append(l.entries, m)
	return m
}

// newCluster has two nodes, and logs with a genesis entry each.
func newCluster() *cluster {
	k := &cluster{
		nodes: []proto.Node{{ID: "node-1", Address: "node-1:1"}, {ID: "node-2", Address: "node-2:1"}},
		logs: map[int64]*storedLog{
			proto.Inbox: {epoch: 0xa}, proto.Everyone: {epoch: 0xb},
		},
		unreachable: map[string]bool{}, mute: map[string]bool{},
	}
	for log, l := range k.logs {
		l.append(log, proto.Message{ID: "genesis", Kind: proto.Kind_GENESIS})
	}
	return k
}

func (k *cluster) config() Config {
	return Config{
		Routes: []string{"http://route"}, Name: "alice", Password: "secret", Device: "laptop",
		HTTP: &http.Client{Transport: k}, Dial: k.dial,
	}
}

// store appends a message from bob to a log without pushing it.
func (k *cluster) store(log int64, text string) proto.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := proto.Message{ID: text, From: bob, FromName: "bob", Text: text, Time: time.Now().UnixMilli()}
	if log == proto.Inbox {
		m.To = alice
	} else {
		m.Group = log
	}
	return k.logs[log].append(log, m)
}

// push sends a stored message to every live connection.
func (k *cluster) push(m proto.Message) { k.tell(m.Frame()) }

// say stores and pushes.
func (k *cluster) say(log int64, text string) { k.push(k.store(log, text)) }

func (k *cluster) tell(f *proto.Frame) {
	for _, s := range k.sessions() {
		s.out.put(f)
	}
}

func (k *cluster) sessions() []*session {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.live)
}

// tellNewest says where the logs end, as a reconciliation would.
func (k *cluster) tellNewest() {
	k.mu.Lock()
	ends := k.newestLocked()
	k.mu.Unlock()
	k.tell(&proto.Frame{Cmd: proto.Command_NEWEST, Newest: ends})
}

func (k *cluster) newestLocked() []*proto.Mark {
	var list []proto.Position
	for _, log := range slices.Sorted(maps.Keys(k.logs)) {
		if l := k.logs[log]; log <= proto.Everyone || l.joined > 0 && l.left == 0 {
			list = append(list, l.newest(log))
		}
	}
	return proto.Marks(list)
}

// kick closes every live connection, with a code if there is one.
func (k *cluster) kick(code proto.Code) {
	for _, s := range k.sessions() {
		if code != proto.OK {
			s.out.put(&proto.Frame{Cmd: proto.Command_KICK, Code: int32(code)})
		}
		s.out.close()
	}
}

// RoundTrip is the route.
func (k *cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	answer, refused := k.serve(r, body)
	status := http.StatusOK
	if refused != nil {
		if refused.Name == "unreachable" {
			return nil, errors.New("connection refused")
		}
		status, answer = refused.Code.HTTPStatus(), refused
	}
	header := make(http.Header)
	if status == http.StatusTooManyRequests {
		header.Set("Retry-After", "3")
	}
	b, _ := json.Marshal(answer)
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(b)), Request: r}, nil
}

func refuse(code proto.Code) *proto.ErrorAnswer {
	return &proto.ErrorAnswer{Code: code, Name: code.String(), Message: code.Text()}
}

func (k *cluster) serve(r *http.Request, body []byte) (any, *proto.ErrorAnswer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.onCall != nil {
		if refused := k.onCall(r.URL.Path, body); refused != nil {
			return nil, refused
		}
	}
	switch r.URL.Path {
	case proto.PathLogin:
		var in proto.LoginRequest
		json.Unmarshal(body, &in)
		return k.loginLocked(in)
	case proto.PathPull:
		var in proto.PullMessages
		json.Unmarshal(body, &in)
		return k.pullLocked(in)
	case proto.PathSend:
		var in proto.SendMessage
		json.Unmarshal(body, &in)
		m := k.acceptLocked(&proto.Frame{Id: in.ID, To: in.To, Group: in.Group, ReqMsg: in.Text, Again: true})
		return proto.SendReceipt{ID: in.ID, Time: m.Time, At: m.At, Prev: m.Prev}, nil
	case proto.PathRegister:
		return proto.RegisterAnswer{User: alice, Name: "alice"}, nil
	case proto.PathUser:
		return proto.User{User: bob, Name: "bob"}, nil
	case proto.PathOnline:
		if r.URL.Query().Get("after") == "" {
			return proto.OnlineAnswer{Users: []proto.User{{User: bob, Name: "bob"}}, Next: bob, Total: 2}, nil
		}
		return proto.OnlineAnswer{Users: []proto.User{{User: alice, Name: "alice"}}, Total: 2}, nil
	case proto.PathGroupCreate:
		var in proto.CreateGroup
		json.Unmarshal(body, &in)
		return proto.CreatedGroup{Group: room, Missing: in.Members}, nil
	case proto.PathGroupJoin:
		return proto.JoinedGroup{Group: room}, nil
	case proto.PathGroupLeave:
		return proto.LeftGroup{}, nil
	case proto.PathGroupAdd:
		return proto.AddedMember{}, nil
	case proto.PathGroupRemove:
		return proto.RemovedMember{}, nil
	case proto.PathGroups:
		return proto.GroupsAnswer{Groups: []proto.Group{{Group: room, Name: "friends", Members: 2}}}, nil
	case proto.PathGroupMembers:
		if r.URL.Query().Get("group") != "9" {
			return nil, refuse(proto.NotMember)
		}
		if r.URL.Query().Get("after") == "" {
			return proto.GroupMembersAnswer{Users: []proto.User{{User: bob, Name: "bob"}}, Next: bob, Total: 2}, nil
		}
		return proto.GroupMembersAnswer{Users: []proto.User{{User: alice, Name: "alice"}}, Total: 2}, nil
	case proto.PathSchedule:
		var in proto.ScheduleMessage
		json.Unmarshal(body, &in)
		return proto.Scheduled{ID: in.ID, State: proto.StatePending, Due: 1}, nil
	case proto.PathScheduled:
		if r.URL.Query().Get("after") == "" {
			return proto.ScheduledAnswer{Messages: []proto.Scheduled{{ID: "a"}}, Next: "1:a"}, nil
		}
		return proto.ScheduledAnswer{Messages: []proto.Scheduled{{ID: "b"}}}, nil
	case proto.PathCancel:
		if bytes.Contains(body, []byte("sent")) {
			return nil, refuse(proto.TooLate)
		}
		return proto.CancelAnswer{}, nil
	case proto.PathDelivered:
		if q := r.URL.Query(); q.Get("to") != "7" || q.Get("id") != "a b&c" {
			return nil, refuse(proto.Invalid)
		}
		return proto.DeliveredAnswer{Found: true, Delivered: true}, nil
	case proto.PathLogout:
		return proto.LogoutAnswer{}, nil
	}
	return nil, refuse(proto.NotFound)
}

func (k *cluster) loginLocked(in proto.LoginRequest) (any, *proto.ErrorAnswer) {
	k.logins = append(k.logins, in)
	if in.Token != "token" && in.Password != "secret" {
		return nil, refuse(proto.WrongPassword)
	}
	node := k.nodes[0]
	for _, n := range k.nodes {
		if !slices.Contains(in.Avoid, n.ID) {
			node = n
			break
		}
	}
	k.number++
	return proto.LoginAnswer{
		User: alice, Name: "alice", Device: in.Device, Number: k.number,
		Node: node, Ticket: "ticket", Token: "token", PingSeconds: 10,
	}, nil
}

func (k *cluster) pullLocked(in proto.PullMessages) (any, *proto.ErrorAnswer) {
	k.pulls = append(k.pulls, in.After)
	l := k.logs[in.After.Log]
	if l.left > 0 && in.After.Number >= l.left {
		return nil, refuse(proto.NotMember)
	}
	first := max(l.trimmed, l.joined-1)
	after := max(in.After.Number, first)
	if i := in.After.Number - l.trimmed - 1; in.After.Number > 0 && i >= 0 {
		if i >= int64(len(l.entries)) || l.entries[i].At != in.After {
			return nil, refuse(proto.Diverged)
		}
	} else if in.After.Number > 0 && in.After.Epoch != l.epoch {
		return nil, refuse(proto.Diverged)
	}
	page := proto.PulledMessages{Epoch: l.epoch, Oldest: first + 1, Newest: l.newest(in.After.Log), Through: in.After}
	if l.left > 0 {
		page.Newest = l.entries[l.left-l.trimmed-1].At
	}
	for _, m := range l.entries[after-l.trimmed:] {
		if m.At.Number > page.Newest.Number {
			break
		}
		if len(page.Messages) == in.Limit {
			break
		}
		page.Through = m.At
		if m.Kind != proto.Kind_GENESIS {
			page.Messages = append(page.Messages, m)
		}
	}
	return page, nil
}

// acceptLocked stores what alice sends. Only what says that it may have been sent
// before is looked for.
func (k *cluster) acceptLocked(f *proto.Frame) proto.Message {
	m := proto.Message{ID: f.Id, From: alice, FromName: "alice", To: f.To, Group: f.Group, Text: f.ReqMsg, Time: time.Now().UnixMilli()}
	l := k.logs[f.Group]
	if f.Again {
		if i := slices.IndexFunc(l.entries, func(e proto.Message) bool { return e.Key() == m.Key() }); i >= 0 {
			return l.entries[i]
		}
	}
	return l.append(f.Group, m)
}

// dial is the way to a node.
func (k *cluster) dial(_ context.Context, node proto.Node) (net.Conn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.unreachable[node.ID] {
		return nil, fmt.Errorf("dial %s: connection refused", node.ID)
	}
	mine, theirs := net.Pipe()
	s := &session{cluster: k, node: node.ID, conn: theirs, out: newFrames()}
	go s.read()
	go s.write()
	return mine, nil
}

// session is one connection at a node.
type session struct {
	cluster *cluster
	node    string
	conn    net.Conn
	out     *frames
}

func (s *session) read() {
	defer s.end()
	in := bufio.NewReader(s.conn)
	for {
		f, err := proto.ReadFrame(in, maxFrame)
		if err != nil {
			return
		}
		if !s.handle(f) {
			return
		}
	}
}

func (s *session) handle(f *proto.Frame) bool {
	k := s.cluster
	k.mu.Lock()
	defer k.mu.Unlock()
	switch f.Cmd {
	case proto.Command_LOGIN_REQUEST:
		return k.openLocked(s)
	case proto.Command_PING:
		k.pings++
		if !k.mute[s.node] {
			s.out.put(&proto.Frame{Cmd: proto.Command_PING})
		}
	case proto.Command_ACK:
		k.acks = append(k.acks, ackSeen{time.Now(), proto.Positions(f.Cursors), f.Shown})
	case proto.Command_SEND:
		return k.sendLocked(s, f)
	}
	return true
}

func (k *cluster) openLocked(s *session) bool {
	if k.onLogin != nil {
		if f := k.onLogin(s); f != nil {
			s.out.put(f)
			return true
		}
	}
	k.live = append(k.live, s)
	s.out.put(&proto.Frame{
		Cmd: proto.Command_LOGIN_ANSWER, Number: k.number, PingSeconds: 10,
		Newest: k.newestLocked(), Cursors: proto.Marks(k.cursors),
	})
	return true
}

func (k *cluster) sendLocked(s *session, f *proto.Frame) bool {
	k.sends = append(k.sends, f)
	if k.mute[s.node] {
		return true
	}
	var fate fate
	if k.onSend != nil {
		fate = k.onSend(f)
	}
	answer := &proto.Frame{Cmd: proto.Command_SEND_ANSWER, Id: f.Id, Code: int32(fate.code)}
	if fate.code == proto.OK {
		m := k.acceptLocked(f)
		answer.At, answer.Prev, answer.Time = m.At.Mark(), m.Prev, m.Time
	}
	if fate.loseAnswer {
		return false
	}
	s.out.put(answer)
	return true
}

func (s *session) write() {
	defer s.conn.Close()
	for {
		f, ok := s.out.take()
		if !ok {
			return
		}
		b, err := proto.AppendFrame(nil, f)
		if err != nil {
			panic(err)
		}
		if _, err := s.conn.Write(b); err != nil {
			return
		}
	}
}

func (s *session) end() {
	s.out.close()
	s.conn.Close()
	k := s.cluster
	k.mu.Lock()
	defer k.mu.Unlock()
	k.live = slices.DeleteFunc(k.live, func(other *session) bool { return other == s })
}

// frames is a queue without a bound: the fake never waits for the client.
type frames struct {
	mu     sync.Mutex
	cond   *sync.Cond
	list   []*proto.Frame
	closed bool
}

func newFrames() *frames {
	q := new(frames)
	q.cond = sync.NewCond(&q.mu)
	return q
}

func (q *frames) put(f *proto.Frame) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.list = append(q.list, f)
		q.cond.Signal()
	}
}

// close lets take return what is there and then false.
func (q *frames) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.cond.Signal()
}

func (q *frames) take() (*proto.Frame, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.list) == 0 && !q.closed {
		q.cond.Wait()
	}
	if len(q.list) == 0 {
		return nil, false
	}
	f := q.list[0]
	q.list = q.list[1:]
	return f, true
}

// connect connects and closes at the end of the test.
func connect(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// receive returns the next text, or what went wrong within a minute.
func receive(c *Client) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m, err := c.Receive(ctx)
	if err != nil {
		return err.Error()
	}
	return m.Text
}

// next skips to the next event of a kind.
func next[E Event](t *testing.T, c *Client) E {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		e, err := c.Event(ctx)
		if err != nil {
			t.Fatalf("wait for %T: %v", *new(E), err)
		}
		if e, ok := e.(E); ok {
			return e
		}
	}
}
