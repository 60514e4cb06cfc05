package node

import (
	"sync"
	"time"

	"github.com/cim-go/cim/node/hub"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// phase of a session; it only grows.
type phase uint8

const (
	connecting phase = iota // no login yet
	pending                 // the login was verified, no route has confirmed it
	open                    // the live connection of its device, as far as we know
	closed                  // the link takes nothing more
)

// session is a connection and who it belongs to. It is its link's handler and
// its hub entry's peer. There is one for every idle connection.
type session struct {
	// Set at the start, read by all.
	node *Node
	link *link.Link

	// Set by login before the phase is pending, read by all after that.
	entry     hub.Entry[*session]   // who it is
	displaces int64                 // the ticket says which number
	proof     [token.ProofSize]byte // for routes, of what the ticket says
	feed      *cimFeed              // of a CIM connection, else nil

	// Set by the read loop with the first message, before the lane has it.
	sending *sending

	mu         sync.Mutex
	phase      phase
	unverified bool          // the login waits for the keys of tickets
	asked      bool          // an opening left for a route, so a closing must follow
	held       bool          // the link does not read because of what is at the lane
	unanswered int32         // SENDs at the lane
	bytes      int32         // of their texts
	since      time.Duration // accepted, then logged in; from the node's start
	number     int64         // the session's; a CIM connection learns it at opening
	departure  *departure    // from a node that drains; nil: not asked to go
}

// sending is what is kept of a connection that sends.
type sending struct {
	novelty novelty
	refused *refusals // what its sender has to send again before anything else is taken; nil: nothing. Owned by the lane
}

// What one connection may have at the lane before it is not read any more.
const (
	maxUnanswered      = 64
	maxUnansweredBytes = 256 << 10
)

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
	case s.feed != nil:
		// CIM's client sends nothing but its login and pings; what another one
		// may send means nothing here.
	case f.Cmd == proto.Command_SEND && at == open:
		s.send(f)
	case f.Cmd == proto.Command_ACK && at == open:
		s.node.reporter.acked(s, f.Cursors, f.Shown)
	case at == pending:
		s.link.Close(proto.BadFrame, "Nothing may be sent before the login answer.")
	default:
		s.link.Close(proto.BadFrame, "")
	}
}

var (
	pong    = link.NewPacket(&proto.Frame{Cmd: proto.Command_PING})
	pongCIM = link.NewPacket(&proto.Frame{Cmd: proto.Command_PING, ReqMsg: "pong"})
)

func (s *session) ping() {
	if s.feed == nil {
		s.link.Send(pong)
		return
	}
	s.link.Send(pongCIM)
	s.feed.pinged()
}

// Tick implements link.Handler.
func (s *session) Tick(now time.Time) {
	s.mu.Lock()
	waits, waited := s.phase == pending, now.Sub(s.node.start)-s.since
	opened := s.phase == open
	s.mu.Unlock()
	switch {
	case waits && s.late(now, waited):
		s.link.Close(proto.NotOpened, "")
	case opened && s.feed != nil:
		s.feed.tick()
	}
}

// queuedAtMost is how many times Config.OpenTimeout a session waits to be confirmed as
// long as others are: its turn comes, and a new connection would begin anew.
const queuedAtMost = 6

// late reports whether a session that has waited so long to be confirmed is given up.
func (s *session) late(now time.Time, waited time.Duration) bool {
	most := s.node.config.OpenTimeout
	stuck := now.Sub(s.node.start) - time.Duration(s.node.reporter.progressed.Load())
	return waited > most && (stuck > most || waited > queuedAtMost*most)
}

// Push implements hub.Peer.
func (s *session) Push(p *link.Packet) {
	switch cmd := p.Frame().Cmd; {
	case s.feed == nil && cmd == proto.Command_DELIVERED:
		if !s.link.Offer(p) { // a link that lags is spared
			s.node.metrics.marksDropped.Inc()
		}
	case s.feed == nil:
		s.link.Send(p)
	case cmd == proto.Command_MESSAGE:
		s.feed.push(p)
	default:
		for _, mark := range p.Marks() {
			s.feed.observe(mark.Position())
		}
	}
}

// PushAll implements hub.Peer.
func (s *session) PushAll(b *link.Batch) {
	if s.feed == nil {
		s.link.SendAll(b)
		return
	}
	for _, p := range b.Packets() {
		s.Push(p)
	}
}

// tell says that a log goes further than the peer was sent.
func (s *session) tell(mark *proto.Mark) { s.Push(newestPacket(mark)) }

func newestPacket(mark *proto.Mark) *link.Packet {
	return link.NewPacket(&proto.Frame{Cmd: proto.Command_NEWEST, Newest: []*proto.Mark{mark}})
}

// evict closes a session that a route calls closed or displaced: there is
// nothing to report.
func (s *session) evict(code proto.Code) {
	s.node.hub.Leave(&s.entry)
	s.link.Close(code, "")
}

// Closed implements link.Handler. The number is reported closed, which is for
// good, only if no other connection has it: a ticket may have been used again.
func (s *session) Closed(code proto.Code) {
	s.mu.Lock()
	was, asked, number, way := s.phase, s.asked, s.number, s.departure
	s.phase = closed
	s.mu.Unlock()
	s.node.drainer.left(way, code)
	if was != pending && was != open {
		return
	}
	last := s.node.hub.Leave(&s.entry)
	if last && asked && number != 0 {
		s.node.reporter.closed(s.proto(number))
	}
}

// proto returns the session as routes know it.
func (s *session) proto(number int64) *proto.Session {
	p := new(proto.Session)
	s.describe(p, number)
	return p
}

// describe fills in the session as routes know it.
func (s *session) describe(p *proto.Session, number int64) {
	p.User, p.Name, p.Device, p.Number = s.entry.User(), s.entry.Name(), s.entry.Device(), number
	if s.feed == nil {
		p.Proof = s.proof[:]
	}
}

// current is proto with the number it has now.
func (s *session) current() *proto.Session {
	s.mu.Lock()
	number := s.number
	s.mu.Unlock()
	return s.proto(number)
}
