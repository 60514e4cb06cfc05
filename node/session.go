package node

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/node/cim"
	"github.com/cim-go/cim/node/drain"
	"github.com/cim-go/cim/node/forward"
	"github.com/cim-go/cim/node/groups"
	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// phase is the phase of a session. It only changes to a higher value.
type phase uint8

const (
	connecting phase = iota // no login yet
	pending                 // the ticket was verified, and no route has confirmed the session yet
	open                    // confirmed: the live connection of its device, as far as the node knows
	closed                  // the link takes no more packets
)

// proof shows routes that the node got the session's ticket. Only routes can make and
// check it.
type proof [token.ProofSize]byte

// session is a connection and the user's device to which it belongs. It is the handler
// of its link and the peer of its entry in the hub. There is one for every idle
// connection, so it is small.
type session struct {
	// Set at the start, read by all.
	node *Node
	link *link.Link

	// Set by enter before the phase is pending, read by all after that.
	entry     hub.Entry[*session]   // the user and the device
	displaces int64                 // the number of the session that the ticket may displace
	proof     atomic.Pointer[proof] // proves to routes that the ticket with these values came to this node; nil in a CIM connection
	catchUp   *cim.CatchUp          // nil unless this is a CIM connection

	// Made by the read loop with the first message.
	sender atomic.Pointer[forward.Sender]

	mu         sync.Mutex
	phase      phase
	unverified bool             // the login waits for the keys of tickets
	silent     bool             // the node closed the session because the client was silent
	asked      bool             // the session's opening was sent to a route, so a closing must follow
	leaving    bool             // the CIM client has logged out, and may end the connection before the node does
	since      time.Duration    // the time since the node's start at which the connection was accepted; later that at which its ticket began to wait for a key, or at which it logged in
	number     int64            // the session's number; a CIM connection learns it at its opening
	departure  *drain.Departure // its redirection by a drain; nil: there is none
}

func (s *session) at() phase {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase
}

// Handle implements link.Handler.
func (s *session) Handle(f *proto.Frame) {
	switch at := s.at(); {
	case at == closed:
	case at == connecting:
		s.login(f)
	case f.Cmd == proto.Command_PING:
		s.ping()
	case s.catchUp != nil:
		// CIM's client sends nothing but its login and pings. Any other frame shows only
		// that the client lives.
		s.catchUp.Heard()
	case f.Cmd == proto.Command_SEND && at == open:
		sender := s.sender.Load()
		if sender == nil {
			sender = s.node.forwarder.NewSender(s, s.link, s.Current())
			s.sender.Store(sender)
			sender.Renew(s.Current()) // the proof may have been renewed since the last line
		}
		sender.Send(f)
	case f.Cmd == proto.Command_ACK && at == open:
		s.node.reports.Acked(s, f.Cursors, f.Shown)
	case at == pending:
		s.link.Close(proto.BadFrame, "Nothing may be sent before the login answer.")
	default:
		s.link.Close(proto.BadFrame, "")
	}
}

// User returns the session's user.
func (s *session) User() int64 { return s.entry.User() }

// Gone implements forward.Connection, report.Opener and cim.Session.
func (s *session) Gone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == closed || s.leaving
}

// Answer implements forward.Connection. The sender's own copy of the message is not
// pushed to this connection. The client learns the place of the copy from the answer.
func (s *session) Answer(id string, r *proto.SendResult) {
	code := proto.Code(r.Code)
	if at := r.At; at != nil && code == proto.OK {
		s.node.hub.Know(&s.entry, &proto.Mark{
			Log: at.Log, Epoch: at.Epoch, Number: at.Number, Key: proto.Key(s.entry.User(), id),
		})
	}
	f := &proto.Frame{
		Cmd: proto.Command_SEND_ANSWER, Id: id, Code: r.Code, ReqMsg: r.Message, At: r.At, Prev: r.Prev, Time: r.Time,
	}
	if code != proto.OK && f.ReqMsg == "" {
		f.ReqMsg = code.Text()
	}
	s.link.Send(link.NewPacket(f))
}

var (
	pong    = link.NewPacket(&proto.Frame{Cmd: proto.Command_PING})
	pongCIM = link.NewPacket(&proto.Frame{Cmd: proto.Command_PING, ReqMsg: "pong"})
)

func (s *session) ping() {
	if s.catchUp == nil {
		s.link.Send(pong)
		return
	}
	s.link.Send(pongCIM)
	s.catchUp.Heard()
}

// Tick implements link.Handler.
func (s *session) Tick(now time.Time) {
	s.mu.Lock()
	waits, waited := s.phase == pending, now.Sub(s.node.start)-s.since
	opened := s.phase == open && !s.leaving
	unverified := s.phase == connecting && s.unverified
	s.mu.Unlock()
	switch {
	case unverified && waited > s.node.config.Timeouts.Open:
		s.link.Close(proto.Unavailable, "") // no route returned the keys; another node may have them
	case waits && s.late(now, waited):
		s.link.Close(proto.NotOpened, "")
	case opened && s.catchUp != nil:
		s.catchUp.Tick(now)
	}
}

// While routes confirm other sessions, a session waits for its confirmation for up to
// queuedAtMost times Timeouts.Open. The wait is so long because a new connection of the
// client would have to wait behind all others.
const queuedAtMost = 6

// late reports whether to give up the session. The parameter waited is how long it has
// waited.
func (s *session) late(now time.Time, waited time.Duration) bool {
	most := s.node.config.Timeouts.Open
	stuck := s.node.reports.Stuck(now)
	return waited > most && (stuck > most || waited > queuedAtMost*most)
}

// Push implements hub.Peer.
func (s *session) Push(p *link.Packet) {
	switch cmd := p.Frame().Cmd; {
	case s.catchUp == nil && cmd == proto.Command_DELIVERED:
		if !s.link.Offer(p) { // if the link lags, the mark is dropped
			s.node.metrics.MarksDropped.Inc()
		}
	case s.catchUp == nil:
		s.link.Send(p)
	case cmd == proto.Command_MESSAGE:
		s.catchUp.Push(p)
	default:
		for _, mark := range p.Marks() {
			s.catchUp.Observe(mark.Position())
		}
	}
}

// PushAll implements hub.Peer.
func (s *session) PushAll(b *link.Batch) {
	if s.catchUp == nil {
		s.link.SendAll(b)
		return
	}
	for _, p := range b.Packets() {
		s.Push(p)
	}
}

// tell sends the end of a log to the client.
func (s *session) tell(mark *proto.Mark) { s.Push(groups.Newest(mark)) }

// Reopen implements groups.Member.
func (s *session) Reopen() { s.node.reports.Open(s) }

// reader pulls pages of logs on behalf of sessions.
type reader struct{ calls *routes.Calls }

// Pull implements groups.Puller.
func (r reader) Pull(ctx context.Context, s *session, after *proto.Mark) (*proto.PullAnswer, error) {
	return r.calls.Pull(ctx, &proto.PullRequest{Session: s.Current(), After: after, Limit: proto.MaxPull})
}

// evict closes a session that a route reports as closed or displaced. It reports nothing
// to routes, because they know.
//
// CIM's SDK closes its channel on one thread and calls /offLine on another, so the logout
// may come before the end of the connection. If the node then ended the connection, it
// could not find out any more whether the client had read everything. The reason is that
// a system sends no reset for unread bytes after the node has ended its sending. So the
// node gives the client time to end the connection. Meanwhile the node writes only what
// it was about to write.
func (s *session) evict(code proto.Code) {
	s.node.hub.Leave(&s.entry)
	if s.catchUp == nil || code != proto.LoggedOut {
		s.link.Close(code, "")
		return
	}
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	s.link.Mute()
	time.AfterFunc(leaveTimeOf(s.catchUp.Leave(time.Now())), func() { s.link.Close(code, "") })
}

// If a CIM client has surely read everything, it has leaveTime after its logout to end
// its connection. Otherwise it has longLeaveTime, because its process may not get a
// processor at once. Routes answer a logout after more than leaveTime (routefn/compat,
// endIn).
const (
	leaveTime     = 100 * time.Millisecond
	longLeaveTime = 2 * time.Second
)

func leaveTimeOf(read bool) time.Duration {
	if read {
		return leaveTime
	}
	return longLeaveTime
}

// Closed implements link.Handler. It reports the session's number as closed only if no
// other connection here has it. A ticket may be used twice, and a closed number stays
// closed for ever. A CIM connection never shares its number, so Closed always reports its
// end. The report also shows routes that this node was alive when the connection ended.
func (s *session) Closed(code proto.Code) {
	s.mu.Lock()
	was, asked, number, way := s.phase, s.asked, s.number, s.departure
	loggedOut := s.leaving || code == proto.LoggedOut
	s.phase = closed
	s.silent = code == proto.Silent
	s.mu.Unlock()
	s.node.drainer.Left(way, code)
	if was != pending && was != open {
		return
	}
	last := s.node.hub.Leave(&s.entry)
	if s.catchUp != nil && !way.Announced() {
		newest := number
		if loggedOut { // a logout voids later numbers, too, so the store does not know whether there is a newer session
			newest = 0
		}
		s.node.offline.Add(s.entry.User(), s.entry.Name(), newest)
	}
	if (last || s.catchUp != nil) && asked && number != 0 {
		s.node.reports.Closed(s, s.proto(number))
	}
}

// Ending implements link.Handler. A CIM client acknowledges nothing. The end of its
// connection shows what it has read. But if the node closed the connection because the
// client was silent, the end shows nothing: the client's process may have stopped before
// it read some bytes.
func (s *session) Ending() (ended func(read bool)) {
	s.mu.Lock()
	opened, silent := s.number != 0, s.silent
	s.mu.Unlock()
	if s.catchUp == nil || !opened || silent {
		return nil
	}
	return s.catchUp.Ending(time.Now())
}

// proto returns the session as routes know it.
func (s *session) proto(number int64) *proto.Session {
	p := new(proto.Session)
	s.describe(p, number)
	return p
}

// describe fills p with the session as routes know it.
func (s *session) describe(p *proto.Session, number int64) {
	p.User, p.Name, p.Device, p.Number = s.entry.User(), s.entry.Name(), s.entry.Device(), number
	if s.catchUp == nil {
		p.Proof = s.proof.Load()[:]
	}
}

// renew replaces the proof of the session.
func (s *session) renew(b []byte) {
	if len(b) != token.ProofSize || s.catchUp != nil {
		return // an empty proof must not replace the old one
	}
	p := proof(b)
	s.proof.Store(&p)
	if sender := s.sender.Load(); sender != nil {
		sender.Renew(s.Current())
	}
}

// Current returns the session as routes know it, with the number that it has now. It
// implements report.Acker.
func (s *session) Current() *proto.Session {
	s.mu.Lock()
	number := s.number
	s.mu.Unlock()
	return s.proto(number)
}

// LeavesAt implements drain.Session.
func (s *session) LeavesAt(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == open && s.departure.Due(now)
}

// MoveItem implements drain.Session.
func (s *session) MoveItem() *proto.MoveItem {
	if s.catchUp != nil {
		return nil
	}
	current := s.Current()
	s.mu.Lock()
	defer s.mu.Unlock()
	return &proto.MoveItem{Session: current, Avoid: s.departure.Tried()}
}

// Depart implements drain.Session.
func (s *session) Depart(again time.Time, to *proto.Moved) {
	s.mu.Lock()
	if s.departure == nil {
		s.departure = new(drain.Departure)
	}
	s.departure.Note(again, to.GetNode())
	s.mu.Unlock()
	if to != nil {
		s.link.Send(link.NewPacket(&proto.Frame{
			Cmd: proto.Command_REDIRECT, Ticket: to.Ticket, Node: to.Node, NodeAddress: to.Address, Tls: to.Tls, NodePath: to.Path,
		}))
	}
}

// Announce implements cim.Leaving.
func (s *session) Announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.departure.Announce()
}

// Open implements cim.Leaving.
func (s *session) Open() bool { return s.at() == open }

// GoAway implements cim.Leaving.
func (s *session) GoAway() { s.link.Close(proto.GoingAway, "") }

// leaver closes CIM connections for a drain. It implements drain.Closer.
type leaver struct{ offline *cim.Offline }

func (l leaver) Leave(s *session) { l.offline.Leave(s, s.User(), s.entry.Name()) }
