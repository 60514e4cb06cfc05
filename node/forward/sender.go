package forward

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// If the backlog of one connection reaches one of these limits, its link is not read
// any more.
const (
	maxUnanswered      = 64
	maxUnansweredBytes = 256 << 10
)

const (
	// maxRefused is how many ids of refused messages are kept for a connection. They
	// are the latest ones. A client has fewer messages in flight.
	maxRefused = 1024
	// mostUnheard is how many refusals a client may get without a sign that it has read
	// one. Refusals cost the node work and the client nothing. Without this bound, a
	// client that reads no answers could flood the node at full speed until signTime.
	mostUnheard = 16 << 10
	// After its first refusal, a client may send for signTime without a sign that it has
	// read a refusal. A message that was on its way when the refusal was sent arrives
	// within that time.
	signTime = 3 * time.Second
)

// Connection is the client's connection. Its methods do not block.
type Connection interface {
	// Answer sends the outcome of a message to the client.
	Answer(id string, r *proto.SendResult)
	// Gone reports whether the connection has ended.
	Gone() bool
}

// Sender is a connection that sends messages.
type Sender struct {
	forwarder *Forwarder
	queue     *queue
	conn      Connection
	link      *link.Link
	session   atomic.Pointer[proto.Session] // the session as routes know it; replaced by Renew, never changed

	novelty novelty

	// Owned by the queue.
	refused *refusals // nil: the client need not send anything again
	rate    rate

	mu         sync.Mutex
	unanswered int  // how many messages are in the queue
	bytes      int  // of the texts and ids of these messages
	held       bool // the link is not read
}

// NewSender returns the Sender of a connection that sends for the first time. The
// session is the one that routes know, and must not be changed.
func (f *Forwarder) NewSender(conn Connection, l *link.Link, session *proto.Session) *Sender {
	s := &Sender{forwarder: f, queue: f.queues[l.ID()%queueCount], conn: conn, link: l}
	s.session.Store(session)
	return s
}

// Renew replaces the session by one that differs in its proof alone.
func (s *Sender) Renew(session *proto.Session) { s.session.Store(session) }

// Send forwards a SEND frame of an open session. It does not wait for the outcome.
// Only the link's reader calls it.
func (s *Sender) Send(f *proto.Frame) {
	if code := sendable(f); code != proto.OK {
		s.answer(f.Id, &proto.SendResult{Code: int32(code)})
		return
	}
	suspect := s.forwarder.used.add(s.session.Load().User, f.Id) || !s.novelty.shown.Load()
	m := &message{from: s, since: time.Now(), heard: f.Heard, item: &proto.SendItem{
		Session: s.session.Load(), Id: f.Id, To: f.To, Group: f.Group, Text: f.ReqMsg, Again: f.Again || suspect,
		Confirm: f.Confirm,
	}}
	s.owe(1, m.size())
	s.queue.add(m)
}

// sendable checks a message as far as that is possible without a route.
func sendable(f *proto.Frame) proto.Code {
	one := (f.To > 0) != (f.Group > 0)
	if !proto.ValidID(f.Id) || !one || f.Confirm && f.Group > 0 || f.To < 0 || f.Group < 0 || f.To > proto.MaxUser || f.ReqMsg == "" {
		return proto.Invalid
	}
	return proto.OK
}

// overdue returns the code for a message that has waited too long. It is Limited if the
// message has waited for its sender's rate alone, so that no request of this node stored
// it.
func (s *Sender) overdue(m *message) proto.Code {
	if s.rate.limited && !m.unknown {
		return proto.Limited
	}
	return proto.Unknown
}

// answer counts the outcome of a message and sends it to the client.
func (s *Sender) answer(id string, r *proto.SendResult) {
	s.forwarder.answers.WithLabelValues(proto.Code(r.Code).String()).Inc()
	s.conn.Answer(id, r)
}

// owe adds to the connection's backlog, or subtracts from it. If the backlog is too
// large, the link is not read any more. That is the back-pressure towards the client.
//
// If the backlog of all connections together is too large, a link is read only while its
// connection has no message in the backlog. So the answer to the connection's last
// message resumes the reading, and no other event is needed.
func (s *Sender) owe(messages, bytes int) {
	all := s.forwarder.backlog.Add(int64(bytes))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unanswered += messages
	s.bytes += bytes
	over := s.unanswered >= maxUnanswered || s.bytes >= maxUnansweredBytes ||
		s.unanswered > 0 && all > int64(s.forwarder.config.BacklogBytes)
	if over != s.held {
		s.held = over
		s.link.Hold(over)
	}
}

// refusals has the messages that a client must send again. Until the client has shown
// that it read a refusal, no other message of its connection is accepted. Otherwise
// messages that it wrote before it read the answer would be stored before the repeated
// ones.
type refusals struct {
	ids   []string  // the latest maxRefused, oldest first
	first time.Time // when the first of them was refused
	count int       // of all that were refused
}

// known reports whether m shows that its client has read the answers. Either m is
// marked so (Heard), or m is one of the refused messages.
func (r *refusals) known(m *message) bool { return m.heard || slices.Contains(r.ids, m.item.Id) }

// deaf reports whether a client has sent for longer than signTime, or more than mostUnheard
// messages, without showing that it read a refusal. Then its connection is closed, because
// all its messages would be refused for ever. Its next connection begins without refusals,
// and no message of this connection can arrive after those of the next one.
func (r *refusals) deaf(m *message) bool {
	return m.since.Sub(r.first) > signTime || r.count > mostUnheard
}

func (r *refusals) add(id string) {
	r.count++
	if len(r.ids) == maxRefused {
		r.ids = slices.Delete(r.ids, 0, 1)
	}
	r.ids = append(r.ids, id)
}
