package forward

import (
	"slices"
	"sync"
	"time"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// The backlog of one connection at which its link is no longer read.
const (
	maxUnanswered      = 64
	maxUnansweredBytes = 256 << 10
)

const (
	// maxRefused is how many ids of a connection's refused messages are kept, the
	// latest ones. A client has fewer messages in flight.
	maxRefused = 1024
	// signTime is how long a client may send after its first refusal without showing that
	// it read a refusal. Messages that were on their way are read within that time.
	signTime = 3 * time.Second
)

// Connection is the client's connection. Its methods do not block.
type Connection interface {
	// Answer sends the outcome of a message to the client.
	Answer(id string, r *proto.SendResult)
	// Gone reports whether the connection takes nothing more.
	Gone() bool
}

// Sender is a connection that sends messages.
type Sender struct {
	forwarder *Forwarder
	queue     *queue
	conn      Connection
	link      *link.Link
	session   *proto.Session // as routes know it; never changed

	novelty novelty

	// Owned by the queue.
	refused *refusals // nil: nothing has to be sent again

	mu         sync.Mutex
	unanswered int  // messages at the queue
	bytes      int  // of their texts and ids
	held       bool // the link does not read
}

// NewSender returns the Sender of a connection that sends for the first time. The
// session is the one that routes know, and must not be changed.
func (f *Forwarder) NewSender(conn Connection, l *link.Link, session *proto.Session) *Sender {
	return &Sender{forwarder: f, queue: f.queues[l.ID()%queueCount], conn: conn, link: l, session: session}
}

// Send forwards a SEND frame of an open session. It does not wait for the outcome.
// Calls come from the link's reader, one at a time.
func (s *Sender) Send(f *proto.Frame) {
	if code := sendable(f); code != proto.OK {
		s.answer(f.Id, &proto.SendResult{Code: int32(code)})
		return
	}
	suspect := s.forwarder.used.add(s.session.User, f.Id) || !s.novelty.shown.Load()
	m := &message{from: s, since: time.Now(), heard: f.Heard, item: &proto.SendItem{
		Session: s.session, Id: f.Id, To: f.To, Group: f.Group, Text: f.ReqMsg, Again: f.Again || suspect,
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

// answer counts an outcome and sends it to the client.
func (s *Sender) answer(id string, r *proto.SendResult) {
	s.forwarder.answers.WithLabelValues(proto.Code(r.Code).String()).Inc()
	s.conn.Answer(id, r)
}

// owe changes the connection's backlog. Too much of it stops the reading of the link,
// which is the back-pressure towards the client.
//
// If all connections together have too much, each may have one message in the backlog,
// beside those that its reader has read already. So the answer to a connection's last
// message resumes its reading, and no other event has to.
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
	first time.Time // when the first one was answered
}

// known reports whether a message shows that its client has read the answers. Either
// the message is marked so (Heard), or it is one of the refused messages.
func (r *refusals) known(m *message) bool { return m.heard || slices.Contains(r.ids, m.item.Id) }

// deaf reports whether a client has sent for longer than signTime without showing that it
// read a refusal. Otherwise all its messages would be refused for ever. Its next
// connection starts afresh, and no message of this connection can arrive after those of
// the next one.
func (r *refusals) deaf(m *message) bool { return m.since.Sub(r.first) > signTime }

func (r *refusals) add(id string) {
	if len(r.ids) == maxRefused {
		r.ids = slices.Delete(r.ids, 0, 1)
	}
	r.ids = append(r.ids, id)
}
