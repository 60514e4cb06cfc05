package client

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
)

// ErrOutcomeUnknown is in the error of a send that ended before a route answered. The
// message may be stored or not. The client does not send it again by itself. The caller
// may send it again with the same id. If the message was stored, Receive returns the
// user's own copy, with that user as From. A copy that the client read before the send
// ended is in the history, and is not returned.
var ErrOutcomeUnknown = errors.New("whether the message was accepted is not known")

// Receipt confirms that a message is stored. It has the message's id, its time, and the
// position of the sender's own copy.
type Receipt = proto.SendReceipt

// Outgoing is a message to send: to a user or to a group, not both.
type Outgoing struct {
	ID    string // makes repetitions harmless, see proto.ValidID; empty: a random one. A route refuses the id of another message with proto.IDReused
	To    int64
	Group int64 // proto.Everyone or a group's id
	Text  string

	// Confirm requests the event Delivered. It comes when a private message was shown to
	// its receiver. A message to oneself is never confirmed.
	Confirm bool
}

// checked fills in the id, and returns an error for a message that every route
// would refuse.
func (m Outgoing) checked() (Outgoing, error) {
	if m.ID == "" {
		m.ID = strings.ToLower(rand.Text())
	}
	switch {
	case !proto.ValidID(m.ID):
		return m, fmt.Errorf("send: %w", proto.Err(proto.Invalid, "The message's id is not valid."))
	case (m.To > 0) == (m.Group > 0):
		return m, fmt.Errorf("send %s: %w", m.ID, proto.Err(proto.Invalid, "A message goes to one user or one group."))
	case m.Confirm && m.Group > 0:
		return m, fmt.Errorf("send %s: %w", m.ID, proto.Err(proto.Invalid, "Only a private message can be confirmed."))
	case !utf8.ValidString(m.Text):
		return m, fmt.Errorf("send %s: %w", m.ID, proto.Err(proto.Invalid, "The text is not valid UTF-8."))
	case pb.Size(m.frame(true)) > proto.MaxFrame:
		return m, fmt.Errorf("send %s: %w", m.ID, proto.Err(proto.TooLarge, "The text is too long."))
	}
	return m, nil
}

func (m Outgoing) frame(again bool) *proto.Frame {
	return &proto.Frame{
		Cmd: proto.Command_SEND, Id: m.ID, To: m.To, Group: m.Group, ReqMsg: m.Text, Again: again, Confirm: m.Confirm,
	}
}

// Pending is a message that was enqueued, and perhaps not answered yet.
type Pending struct {
	out    Outgoing
	client *Client

	// Guarded by Client.mu.
	written   bool         // it was written to a connection at least once, so another write is a repetition
	flying    bool         // written to the present connection and not answered
	heard     bool         // the frame is marked as Heard: the client has read all answers
	abandoned bool         // its sender has given it up, so it is not written again
	unsure    bool         // an earlier write may have been stored
	refusal   *proto.Error // the answer to the last write, if it was refused for now

	done    chan struct{} // closed when receipt and err are set
	receipt Receipt
	err     error
}

// ID returns the message's id.
func (p *Pending) ID() string { return p.out.ID }

// frameLocked returns the frame to write. From its second call on, the frame is marked
// as a repetition.
func (p *Pending) frameLocked() *proto.Frame {
	f := p.out.frame(p.written)
	f.Heard = p.heard
	p.written, p.refusal = true, nil
	return f
}

func (p *Pending) finishLocked(r Receipt, err error) {
	p.receipt = r
	if err != nil {
		p.err = fmt.Errorf("send %s: %w", p.out.ID, err)
	}
	close(p.done)
	<-p.client.slots // free p's slot
}

// failLocked finishes a message without a final answer. If each write was refused because
// of a rate, the error wraps that refusal. If the message was written in any other case,
// the error wraps ErrOutcomeUnknown.
func (p *Pending) failLocked(err error) {
	switch {
	case p.refusal != nil && p.refusal.Code == proto.Limited && !p.unsure:
		err = fmt.Errorf("%w: %w", p.refusal, err)
	case p.written:
		err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	p.finishLocked(Receipt{}, err)
}
