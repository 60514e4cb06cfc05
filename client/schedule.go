package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto"
)

// Scheduled is how a delayed message stands.
type Scheduled = proto.Scheduled

// ScheduledPage is one page of what a user has pending, and with the first what
// was dropped lately.
type ScheduledPage = proto.ScheduledAnswer

// ScheduleAt has m sent at a time, within a second, by the store's clock, whether
// or not this client is there then. It may lie proto.MaxAhead in the future; one
// within the last day is now. Receive returns it on all devices of the user, under
// m.ID or the one that the answer has, when it is sent; if it cannot be sent then,
// ScheduledPage tells why.
//
// It tries again while that may help; ids make a repetition harmless, and its
// answer says how the first one stands. The error wraps ErrOutcomeUnknown when
// ctx ends first, and a *proto.Error when m is refused.
func (c *Client) ScheduleAt(ctx context.Context, m Outgoing, at time.Time) (Scheduled, error) {
	return c.account.schedule(ctx, m, atTime(at))
}

// ScheduleAfter is ScheduleAt for a delay, which counts from now: the clock of this
// machine does not matter.
func (c *Client) ScheduleAfter(ctx context.Context, m Outgoing, delay time.Duration) (Scheduled, error) {
	return c.account.schedule(ctx, m, afterDelay(delay))
}

// CancelScheduled takes back a delayed message that was not sent yet, whichever
// device scheduled it. It tries again while that may help; cancelling twice is fine.
// The error has the code proto.TooLate once the message is being sent, and
// proto.NotScheduled for an id that is not known.
func (c *Client) CancelScheduled(ctx context.Context, id string) error {
	return c.account.cancel(ctx, id)
}

// Scheduled returns the user's delayed messages that were not sent yet, the earliest
// due first, asking the route for a page at a time as they are taken. An error ends
// the iteration. What is sent meanwhile may be missed.
func (c *Client) Scheduled(ctx context.Context) iter.Seq2[Scheduled, error] {
	return pages(func(after string) ([]Scheduled, string, error) {
		page, err := c.ScheduledPage(ctx, after, 0)
		return page.Messages, page.Next, err
	})
}

// ScheduledPage returns at most limit of the user's delayed messages behind the
// place that an earlier page named as its Next; empty: from the first. A limit of
// zero is the route's choice.
func (c *Client) ScheduledPage(ctx context.Context, after string, limit int) (ScheduledPage, error) {
	q := url.Values{}
	if after != "" {
		q.Set("after", after)
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	var page ScheduledPage
	if err := c.account.call(ctx, http.MethodGet, proto.PathScheduled+"?"+q.Encode(), nil, &page); err != nil {
		return ScheduledPage{}, fmt.Errorf("list delayed messages: %w", err)
	}
	return page, nil
}

// ScheduleAt is Client.ScheduleAt.
func (s *Sender) ScheduleAt(ctx context.Context, m Outgoing, at time.Time) (Scheduled, error) {
	return s.account.schedule(ctx, m, atTime(at))
}

// ScheduleAfter is Client.ScheduleAfter.
func (s *Sender) ScheduleAfter(ctx context.Context, m Outgoing, delay time.Duration) (Scheduled, error) {
	return s.account.schedule(ctx, m, afterDelay(delay))
}

// CancelScheduled is Client.CancelScheduled.
func (s *Sender) CancelScheduled(ctx context.Context, id string) error {
	return s.account.cancel(ctx, id)
}

// A due sets when a message is due in a request that is about to be made.
type due func(*proto.ScheduleMessage)

func atTime(at time.Time) due {
	return func(q *proto.ScheduleMessage) { q.At = max(1, at.UnixMilli()) }
}

// afterDelay counts from its own call, so that a request made later, because
// others failed, asks for less.
func afterDelay(delay time.Duration) due {
	start := time.Now()
	return func(q *proto.ScheduleMessage) { q.After = max(1, (delay - time.Since(start)).Milliseconds()) }
}

func (a *account) schedule(ctx context.Context, m Outgoing, when due) (Scheduled, error) {
	m, err := m.checked()
	if err != nil {
		return Scheduled{}, err
	}
	q := proto.ScheduleMessage{ID: m.ID, To: m.To, Group: m.Group, Text: m.Text, Confirm: m.Confirm}
	var out Scheduled
	err = a.insist(ctx, proto.PathSchedule, &out, func() any { when(&q); return q })
	if err != nil {
		return Scheduled{}, fmt.Errorf("schedule %s: %w", m.ID, err)
	}
	return out, nil
}

func (a *account) cancel(ctx context.Context, id string) error {
	var out proto.CancelAnswer
	err := a.insist(ctx, proto.PathCancel, &out, func() any { return proto.CancelMessage{ID: id} })
	if err != nil {
		return fmt.Errorf("cancel %s: %w", id, err)
	}
	return nil
}
