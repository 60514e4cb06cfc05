package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto"
)

// Delivered says that a message with the wish to be confirmed (Outgoing.Confirm)
// was shown to its receiver, on whichever of his devices was first. All connected
// devices of the sender are told; those that are not are told nothing, and a mark
// may be lost: see WasDelivered. It may come before Send returns.
//
// It is the word of the user To, who may have made up the ID: it is about a message
// of yours only if that is whom you sent it to.
type Delivered struct {
	ID   string // of the message
	To   int64  // who was shown it
	Time time.Time
}

func (Delivered) event() {}

func (e Delivered) String() string { return fmt.Sprintf("message %s was shown to %d", e.ID, e.To) }

// DeliveryState says whether a message was shown to its receiver.
type DeliveryState = proto.DeliveredAnswer

// WasDelivered asks whether a device of the user to has shown the private message
// that this account sent to him under the id, whether or not that was to be
// confirmed. Of what stands before the latest 1,000 messages of his log it is not
// known any more.
func (c *Client) WasDelivered(ctx context.Context, to int64, id string) (DeliveryState, error) {
	return c.account.wasDelivered(ctx, to, id)
}

// WasDelivered is Client.WasDelivered.
func (s *Sender) WasDelivered(ctx context.Context, to int64, id string) (DeliveryState, error) {
	return s.account.wasDelivered(ctx, to, id)
}

func (a *account) wasDelivered(ctx context.Context, to int64, id string) (DeliveryState, error) {
	q := url.Values{"id": {id}, "to": {strconv.FormatInt(to, 10)}}
	var state DeliveryState
	if err := a.call(ctx, http.MethodGet, proto.PathDelivered+"?"+q.Encode(), nil, &state); err != nil {
		return DeliveryState{}, fmt.Errorf("ask for delivery of %s: %w", id, err)
	}
	return state, nil
}

// marksKept is how many delivery marks wait to be read, and how many are known
// again when they are repeated.
const marksKept = 1024

// mark names a delivery.
type mark struct {
	id string
	to int64
}

// delivered tells of a mark, unless it is known: several devices of the receiver
// may give one.
func (c *Client) delivered(f *proto.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := mark{f.Id, f.To}
	if slices.Contains(c.marks, m) {
		return
	}
	c.marks = append(c.marks, m)
	c.marks = c.marks[max(0, len(c.marks)-marksKept):]
	c.tellLocked(Delivered{ID: f.Id, To: f.To, Time: time.UnixMilli(f.Time)})
}
