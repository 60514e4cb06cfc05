package node

import (
	"log/slog"
	"slices"
	"time"

	"github.com/cim-go/cim/node/cim"
	"github.com/cim-go/cim/node/groups"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/node/report"
	"github.com/cim-go/cim/node/tickets"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/audit"
	"github.com/cim-go/cim/proto/token"
)

// login admits a connection whose ticket is valid. If no known key verifies the ticket,
// the connection waits until a route has returned the keys. The node answers its pings
// meanwhile.
func (s *session) login(f *proto.Frame) {
	s.mu.Lock()
	waits := s.unverified
	s.mu.Unlock()
	switch {
	case !waits:
	case f.Cmd == proto.Command_PING:
		s.link.Send(pong)
		return
	default:
		s.link.Close(proto.BadFrame, "Nothing may be sent before the login answer.")
		return
	}
	who, refused := s.node.tickets.Identify(f, s.link.Plain())
	switch {
	case refused == nil:
		s.enter(who)
	case refused != tickets.ErrUnknownKey:
		s.refuse(refused)
	default:
		s.mu.Lock()
		s.unverified, s.since = true, time.Since(s.node.start)
		s.mu.Unlock()
		if !s.node.tickets.Wait(s, f) {
			s.link.Close(proto.Unavailable, "")
		}
	}
}

// Judge implements tickets.Login. If no known key verifies the ticket, the ticket may
// still be valid. So the refusal asks the client to retry. It is final only if settled
// is true, that is, if a route has confirmed that there are no other keys.
func (s *session) Judge(f *proto.Frame, settled bool) {
	who, refused := s.node.tickets.Identify(f, s.link.Plain())
	switch {
	case refused == nil:
		s.enter(who)
	case refused == tickets.ErrUnknownKey && !settled:
		s.link.Close(proto.Unavailable, "")
	default:
		s.refuse(refused)
	}
}

func (s *session) refuse(why *proto.Error) {
	s.node.config.Audit.Refused("connection", why.Code, slog.String(audit.From, s.link.Client()))
	s.link.Close(why.Code, why.Message)
}

// announce writes to the audit log who connects, and from where. It is called before
// the link forgets the client's address.
func (s *session) announce(who tickets.Identity) {
	if s.node.config.Audit == nil {
		return
	}
	s.node.config.Audit.Event("connection",
		slog.String(audit.From, s.link.Client()), slog.Int64(audit.User, who.User), slog.String(audit.Name, who.Name), slog.String(audit.Device, who.Device))
}

// enter lets a connection in as pending and asks a route to open it.
func (s *session) enter(who tickets.Identity) {
	n := s.node
	s.announce(who)
	s.link.Proved()
	if n.config.Limits.Capacity > 0 && n.hub.Entries() >= n.config.Limits.Capacity {
		s.link.Close(proto.Full, "")
		s.neverEntered(who)
		return
	}
	s.mu.Lock()
	if s.phase == closed {
		s.mu.Unlock()
		s.neverEntered(who)
		return
	}
	s.entry.Identify(who.User, who.Name, who.Device, s)
	s.number, s.displaces = who.Number, who.Displaces
	shown := proof(who.Proof)
	s.proof.Store(&shown)
	if who.CIM {
		s.catchUp = cim.NewCatchUp(&n.catchUps, s, s.link)
	}
	s.phase, s.since = pending, time.Since(n.start)
	s.mu.Unlock()

	n.hub.Enter(&s.entry, who.Number)
	if s.at() == closed { // it was closed before Enter, and nobody has called Leave for it
		n.hub.Leave(&s.entry)
		s.neverEntered(who)
		return
	}
	n.reports.Open(s)
}

// neverEntered reports to CIM's routes that the user has no connection here. They sent
// the user here, so they believe that the user is connected.
func (s *session) neverEntered(who tickets.Identity) {
	if who.CIM {
		s.node.offline.Add(who.User, who.Name, 0)
	}
}

// Opening implements report.Opener.
func (s *session) Opening() *proto.Opening {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != pending && s.phase != open {
		return nil
	}
	again := s.asked && s.number == 0
	s.asked = true
	first, displaces := s.phase == pending, s.displaces
	if !first { // the session was confirmed before, so it may be opened again even if the store has lost it
		displaces = token.Any
	}
	// The opening and the session are one allocation. A proto.Session has the size of a
	// Link, so Go would allocate Sessions and Links from the same blocks of memory. Freed
	// proto.Sessions would then leave holes between Links.
	var made struct {
		opening proto.Opening
		session proto.Session
	}
	o := &made.opening
	o.Session, o.Displaces, o.Again, o.First = &made.session, displaces, again, first
	// If CIM's own routes log users in, a device that connects here has given up its old
	// connection.
	o.Replaces = s.catchUp != nil && s.node.config.CIM.Offline != nil
	s.describe(o.Session, s.number)
	return o
}

// Opened implements report.Opener.
func (s *session) Opened(a *proto.Opened) report.Next {
	switch code := proto.Code(a.Code); {
	case code == proto.OK && len(a.Groups) > 0 && s.catchUp == nil:
		return report.Enter
	case code == proto.OK:
		s.confirm(a)
	case code.Retry() == proto.RetryLater:
		// The route has failed. If the session is pending, Tick gives it up. If it is
		// open, reconciliation finds it.
		if s.at() == pending {
			return report.Again
		}
	default:
		s.dismiss(code, a.Message)
	}
	return report.Settled
}

// dismiss ends a session that, by a route's answer, does not belong to this node.
func (s *session) dismiss(code proto.Code, message string) {
	s.node.hub.Leave(&s.entry)
	s.link.Close(code, message)
}

// confirm makes a pending session open.
func (s *session) confirm(a *proto.Opened) {
	s.mu.Lock()
	if a.Number == 0 {
		a.Number = s.number // the number in the ticket
	}
	was := s.phase
	if was == pending {
		s.phase, s.number = open, a.Number
	}
	took := time.Since(s.node.start) - s.since
	s.mu.Unlock()
	s.renew(a.Proof)
	switch was {
	case pending:
		s.node.metrics.Handshake.Observe(took.Seconds())
		s.welcome(a)
	case open: // the route has opened the session again, because the store had lost it or the user's groups have changed
		s.know(a.Newest)
		newest, left := s.follow(a)
		s.Push(groups.Newest(append(newest, left...)...))
	case closed:
		if s.catchUp != nil { // a CIM session had no number yet when it closed
			s.node.reports.Closed(s, s.proto(a.Number))
		}
	}
}

// welcome answers the login and lets the hub send to the session. The answer is queued
// before any push. Then follow the places of entries that were pushed while the session
// was pending.
func (s *session) welcome(a *proto.Opened) {
	s.know(a.Newest)
	newest, _ := s.follow(a) // newest need not name all groups: a device reads the others itself, if it lacks entries there
	missed := s.node.hub.Missed(&s.entry)
	for _, mark := range missed {
		newest = proto.Raise(newest, mark)
	}
	if s.catchUp == nil {
		s.link.Send(s.loginAnswer(a, newest))
	} else {
		s.catchUp.Start(a.Cursors, a.Newest, newest)
	}
	promotion, ok := s.node.hub.Open(&s.entry, a.Number)
	if !ok { // a newer session of the device was confirmed first, or this one has gone
		s.evict(proto.Replaced)
		return
	}
	for _, old := range promotion.Displaced {
		code := proto.Replaced
		if old.Current().GetNumber() > a.Number { // the store had lost the old session, so the higher number does not make it newer; the old session's client may come back
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

// follow makes the session a member of the groups in a route's answer. A CIM connection
// becomes a member of the group of everyone only. The result newest has the places up to
// which the session has to fetch its logs. The node sends the later entries to the
// session.
//
// If the user left a group after the route had read the list of groups, the result left
// has a place in the group's log. The sequencer may have sent the entry about the leaving
// before the session was a member in the hub. So the session has to fetch the log up to
// that place.
func (s *session) follow(a *proto.Opened) (newest, left []*proto.Mark) {
	for _, mark := range a.Newest {
		if mark.Log != proto.Inbox {
			s.node.groups.Of(mark.Log).Observe(mark)
		}
	}
	if s.catchUp == nil {
		s.join(a)
	} else {
		s.node.hub.FollowNone(&s.entry, a.Version)
	}
	for _, mark := range a.Newest {
		if mark.Log == proto.Inbox {
			newest = append(newest, mark)
			continue
		}
		log := s.node.groups.Of(mark.Log)
		if at, member := log.Reached(s.entry.User(), mark); member {
			newest = append(newest, at)
			continue
		}
		s.node.hub.Quit(s.entry.User(), mark.Log)
		left = append(left, log.Beyond())
	}
	return newest, left
}

// join makes the session a member of the groups in a route's answer, and removes it from
// all others. From each group, the session gets only the entries after the place in the
// answer.
func (s *session) join(a *proto.Opened) {
	var ids []int64
	for _, mark := range a.Newest {
		if mark.Log > proto.Everyone {
			ids = append(ids, mark.Log)
			s.node.groups.Of(mark.Log).Spare(s, mark)
		}
	}
	for _, group := range s.node.hub.SetGroups(&s.entry, ids, a.Version) {
		s.tell(s.node.groups.Of(group).Beyond())
	}
}

func (s *session) loginAnswer(a *proto.Opened, newest []*proto.Mark) *link.Packet {
	return link.NewPacket(&proto.Frame{
		Cmd: proto.Command_LOGIN_ANSWER, Number: a.Number, Newest: newest, Cursors: a.Cursors,
		Time: s.node.config.Now().UnixMilli(), PingSeconds: int32(s.node.config.Timeouts.PingEvery / time.Second),
	})
}

// know records the newest place of the user's inbox that the client gets. Places of
// groups are not recorded, because a node sends them to all members who are here.
func (s *session) know(newest []*proto.Mark) {
	for _, mark := range newest {
		s.node.hub.Know(&s.entry, mark)
	}
}
