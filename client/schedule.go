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

// Scheduled is the state of a delayed message.
type Scheduled = proto.Scheduled

// ScheduledPage is one page of a user's delayed messages. The first page also has the
// messages that were dropped lately.
type ScheduledPage = proto.ScheduledAnswer

// ScheduleAt makes the servers send m within a second of the given time by the store's
// clock. This client need not be connected then. The time may be up to proto.MaxAhead in
// the future. A time within the past 24 hours means now. When m is sent, Receive returns
// it on all devices of the user. Its id is m.ID or, if that is empty, the id in the
// answer. If m cannot be sent at that time, ScheduledPage returns the reason.
//
// ScheduleAt retries while that may help. If an earlier try succeeded, the answer
// describes the message of that try. The error wraps ErrOutcomeUnknown if ctx ends first.
// If m is refused, it is a *proto.Error.
func (c *Client) ScheduleAt(ctx context.Context, m Outgoing, at time.Time) (Scheduled, error) {
	return c.account.schedule(ctx, m, atTime(at))
}

// ScheduleAfter does what ScheduleAt does, for a delay from now. It does not depend on
// the clock of this machine.
func (c *Client) ScheduleAfter(ctx context.Context, m Outgoing, delay time.Duration) (Scheduled, error) {
	return c.account.schedule(ctx, m, afterDelay(delay))
}

// CancelScheduled cancels a delayed message that was not sent yet. Any device of the user
// may have scheduled it. It retries while that may help. Cancelling twice returns nil.
// The error has the code proto.TooLate if the message is being sent or was sent, and
// proto.NotScheduled for an unknown id.
func (c *Client) CancelScheduled(ctx context.Context, id string) error {
	return c.account.cancel(ctx, id)
}

// Scheduled returns the user's delayed messages that were not sent yet, the
// earliest due first. It reads the next page from the route whenever the iteration
// needs it. An error ends the iteration. Messages that are sent meanwhile may be
// missed.
func (c *Client) Scheduled(ctx context.Context) iter.Seq2[Scheduled, error] {
	return pages(func(after string) ([]Scheduled, string, error) {
		page, err := c.ScheduledPage(ctx, after, 0)
		return page.Messages, page.Next, err
	})
}

// ScheduledPage returns at most limit of the user's delayed messages. The parameter after
// is the field Next of the page before, or empty for the first page. If limit is zero, the
// route chooses it.
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

// ScheduleAt does what Client.ScheduleAt does.
func (s *Sender) ScheduleAt(ctx context.Context, m Outgoing, at time.Time) (Scheduled, error) {
	return s.account.schedule(ctx, m, atTime(at))
}

// ScheduleAfter does what Client.ScheduleAfter does.
func (s *Sender) ScheduleAfter(ctx context.Context, m Outgoing, delay time.Duration) (Scheduled, error) {
	return s.account.schedule(ctx, m, afterDelay(delay))
}

// CancelScheduled does what Client.CancelScheduled does.
func (s *Sender) CancelScheduled(ctx context.Context, id string) error {
	return s.account.cancel(ctx, id)
}

// A due is a function that writes the message's due time into a request. It is called just
// before each try.
type due func(*proto.ScheduleMessage)

func atTime(at time.Time) due {
	return func(q *proto.ScheduleMessage) { q.At = max(1, at.UnixMilli()) }
}

// afterDelay counts the delay from the call of afterDelay. So a later try has a shorter
// delay in its request.
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
