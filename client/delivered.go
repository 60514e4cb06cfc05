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

// DeliveryState says whether a message was shown to its receiver.
type DeliveryState = proto.DeliveredAnswer

// WasDelivered reports whether a device of the receiver has shown a private message that
// this account sent to the receiver under the id. It works with and without
// Outgoing.Confirm. The result is unknown if the message is not among the latest 1,000
// entries of the receiver's log.
func (c *Client) WasDelivered(ctx context.Context, receiver int64, id string) (DeliveryState, error) {
	return c.account.wasDelivered(ctx, receiver, id)
}

// WasDelivered does what Client.WasDelivered does.
func (s *Sender) WasDelivered(ctx context.Context, receiver int64, id string) (DeliveryState, error) {
	return s.account.wasDelivered(ctx, receiver, id)
}

func (a *account) wasDelivered(ctx context.Context, to int64, id string) (DeliveryState, error) {
	q := url.Values{"id": {id}, "to": {strconv.FormatInt(to, 10)}}
	var state DeliveryState
	if err := a.call(ctx, http.MethodGet, proto.PathDelivered+"?"+q.Encode(), nil, &state); err != nil {
		return DeliveryState{}, fmt.Errorf("ask for delivery of %s: %w", id, err)
	}
	return state, nil
}

// delivered reports a delivery mark to the application, unless it did so before. A
// message can have several marks, one from each device of the receiver.
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
