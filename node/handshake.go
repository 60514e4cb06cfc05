package node

import (
	"slices"
	"time"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// login lets a verified connection in. One whose ticket no known key verifies waits until
// the routes were asked for the keys.
func (s *session) login(f *proto.Frame) {
	s.mu.Lock()
	waits := s.unverified
	s.mu.Unlock()
	if waits {
		s.link.Close(proto.BadFrame, "Nothing may be sent before the login answer.")
		return
	}
	who, refused := s.node.identify(f, s.link.Plain())
	switch {
	case refused == nil:
		s.enter(who)
	case refused != errUnknownKey:
		s.link.Close(refused.Code, refused.Message)
	default:
		s.mu.Lock()
		s.unverified = true
		s.mu.Unlock()
		if !s.node.keys.wait(s, f) {
			s.link.Close(proto.Unavailable, "")
		}
	}
}

// judge logs in again once a route was asked for keys. Unless the route was sure that
// there are no others, a ticket that none of them verifies may be good all the same.
func (s *session) judge(f *proto.Frame, settled bool) {
	who, refused := s.node.identify(f, s.link.Plain())
	switch {
	case refused == nil:
		s.enter(who)
	case refused == errUnknownKey && !settled:
		s.link.Close(proto.Unavailable, "")
	default:
		s.link.Close(refused.Code, refused.Message)
	}
}

// enter lets a connection in as pending and asks a route to open it.
func (s *session) enter(who identity) {
	n := s.node
	if n.config.Capacity > 0 && n.hub.Entries() >= n.config.Capacity {
		s.link.Close(proto.Full, "")
		return
	}
	s.mu.Lock()
	if s.phase == closed {
		s.mu.Unlock()
		return
	}
	s.entry.Identify(who.user, who.name, who.device, s)
	s.number, s.displaces, s.proof = who.number, who.displaces, who.proof
	if who.cim {
		s.feed = newFeed(s)
	}
	s.phase, s.since = pending, time.Since(n.start)
	s.mu.Unlock()

	n.hub.Enter(&s.entry, who.number)
	if s.at() == closed { // and left before it entered
		n.hub.Leave(&s.entry)
		return
	}
	n.reporter.open(s)
}

// opening returns what a report says to open the session, or nil if it is too
// late for that.
func (s *session) opening() *proto.Opening {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != pending && s.phase != open {
		return nil
	}
	again := s.asked && s.number == 0
	s.asked = true
	first, displaces := s.phase == pending, s.displaces
	if !first { // it was let in, and a record that forgot that knows none with more right
		displaces = token.Any
	}
	// Both in one: a session for routes has the size of a link, and one for each login
	// would leave a hole beside each link.
	var made struct {
		opening proto.Opening
		session proto.Session
	}
	o := &made.opening
	o.Session, o.Displaces, o.Again, o.First = &made.session, displaces, again, first
	s.describe(o.Session, s.number)
	return o
}

// opened takes a route's answer to the opening and reports whether to ask again.
func (s *session) opened(a *proto.Opened) (again bool) {
	switch code := proto.Code(a.Code); {
	case code == proto.OK && len(a.Groups) > 0 && s.feed == nil:
		s.node.reporter.enter(s, a)
	case code == proto.OK:
		s.confirm(a)
	case code.Retry() == proto.RetryLater:
		// A pending one is given up by Tick; an open one is met again by
		// reconciliation.
		return s.at() == pending
	default:
		s.dismiss(code, a.Message)
	}
	return false
}

// dismiss ends a session that a route calls none of this node's.
func (s *session) dismiss(code proto.Code, message string) {
	s.node.hub.Leave(&s.entry)
	s.link.Close(code, message)
}

// confirm makes a pending session open.
func (s *session) confirm(a *proto.Opened) {
	s.mu.Lock()
	if a.Number == 0 {
		a.Number = s.number // the ticket's
	}
	was := s.phase
	if was == pending {
		s.phase, s.number = open, a.Number
	}
	took := time.Since(s.node.start) - s.since
	s.mu.Unlock()
	switch was {
	case pending:
		s.node.metrics.handshake.Observe(took.Seconds())
		s.welcome(a)
	case open: // the store had lost it and knows it again, or there are other groups
		s.heard(a.Newest)
		s.Push(link.NewPacket(&proto.Frame{Cmd: proto.Command_NEWEST, Newest: s.follow(a)}))
	case closed:
		if s.feed != nil { // its number was not known when it closed
			s.node.reporter.closed(s.proto(a.Number))
		}
	}
}

// welcome answers the login and lets the hub send to the session. The answer is
// queued before any push can be; what came in between is told after it.
func (s *session) welcome(a *proto.Opened) {
	s.heard(a.Newest)
	newest := s.follow(a)
	missed := s.node.hub.Missed(&s.entry)
	for _, mark := range missed {
		newest = link.Raise(newest, mark)
	}
	if s.feed == nil {
		s.link.Send(s.loginAnswer(a, newest))
	} else {
		s.feed.start(a.Cursors, a.Newest, newest)
	}
	promotion, ok := s.node.hub.Open(&s.entry, a.Number)
	if !ok { // a newer one of the device was confirmed first, or this one has gone
		s.evict(proto.Replaced)
		return
	}
	for _, old := range promotion.Displaced {
		code := proto.Replaced
		if old.current().GetNumber() > a.Number { // the store lost it, and numbers tell nothing: it may come back
			code = proto.SessionUnknown
		}
		old.link.Close(code, "")
	}
	for _, mark := range promotion.Missed {
		if !slices.Contains(missed, mark) {
			s.tell(mark)
		}
	}
}

// follow makes the session a member of the groups that a route told, a CIM
// connection of none but everyone, and returns up to where it has to fetch its
// logs: what comes behind is sent to it. Of a group that its user left, without the
// relay having come to that, it has to fetch the rest.
func (s *session) follow(a *proto.Opened) (newest []*proto.Mark) {
	for _, mark := range a.Newest {
		if mark.Log != proto.Inbox {
			s.node.relays.of(mark.Log).observe(mark)
		}
	}
	if s.feed == nil {
		s.join(a)
	} else {
		s.node.hub.FollowNone(&s.entry, a.Version)
	}
	for _, mark := range a.Newest {
		at, member := mark, true
		if mark.Log != proto.Inbox {
			at, member = s.node.relays.of(mark.Log).reached(s.entry.User(), mark)
		}
		if member {
			newest = append(newest, at)
		} else { // he left after the route looked
			s.node.hub.Quit(s.entry.User(), mark.Log)
		}
	}
	return newest
}

// join makes the session a member of the groups that a route told, and of no others.
// What these wrote up to where the route looked is not sent to it.
func (s *session) join(a *proto.Opened) {
	var groups []int64
	for _, mark := range a.Newest {
		if mark.Log > proto.Everyone {
			groups = append(groups, mark.Log)
			s.node.relays.of(mark.Log).spare(s, mark)
		}
	}
	for _, group := range s.node.hub.SetGroups(&s.entry, groups, a.Version) {
		s.tell(s.node.relays.of(group).beyond())
	}
}

func (s *session) loginAnswer(a *proto.Opened, newest []*proto.Mark) *link.Packet {
	return link.NewPacket(&proto.Frame{
		Cmd: proto.Command_LOGIN_ANSWER, Number: a.Number, Newest: newest, Cursors: a.Cursors,
		Time: s.node.config.Now().UnixMilli(), PingSeconds: int32(s.node.config.PingEvery / time.Second),
	})
}

// heard notes the newest place of the user's inbox that the peer is told. Groups
// are not noted: what a node knows of them, all who are here were told.
func (s *session) heard(newest []*proto.Mark) {
	for _, mark := range newest {
		s.node.hub.Know(&s.entry, mark)
	}
}
