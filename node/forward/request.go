package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
)

const (
	maxItems = 256     // in one request
	maxBytes = 1 << 20 // bytes of the texts and ids in one request
)

// selection collects the messages of one request.
type selection struct {
	now      time.Time
	messages []*message
	size     int
	later    map[*Sender]bool // connections whose next messages must wait
}

// add takes the message if it fits. If it does not fit, add also leaves out the later
// messages of its connection.
func (s *selection) add(m *message) {
	if s.later[m.from] {
		return
	}
	if !m.from.rate.lets(s.now) {
		s.later[m.from] = true
		return
	}
	if len(s.messages) == maxItems || len(s.messages) > 0 && s.size+m.size() > maxBytes {
		s.later[m.from] = true
		return
	}
	s.messages = append(s.messages, m)
	s.size += m.size()
}

// nextRequest returns the messages of the next request. First come the messages that may
// have been stored already. Another message follows only if its connection has no message
// of the first kind. The request has few messages, or none, of a sender that is over its
// rate.
func nextRequest(waiting []*message, now time.Time) []*message {
	s := selection{now: now, later: make(map[*Sender]bool)}
	for _, m := range waiting {
		m.from.rate.taken = 0
	}
	unsettled := make(map[*Sender]bool)
	for _, m := range waiting {
		if m.unknown {
			s.add(m)
			unsettled[m.from] = true
		}
	}
	for _, m := range waiting {
		if !unsettled[m.from] {
			s.add(m)
		}
	}
	return s.messages
}

// errNothingSettled means that a route answered, but could store no message now.
var errNothingSettled = errors.New("route stored nothing for now")

// request makes one request and settles the messages whose outcome is in the answer. An
// error means that it settled no message, and that the caller must pause before the next
// request.
func (q *queue) request(ctx context.Context, messages []*message) error {
	f := q.forwarder
	answer, err := f.call(ctx, messages)
	if err != nil {
		f.config.Failed.Inc()
		f.config.Logger.Warn("send failed", "err", err)
		if !routes.Untouched(err) {
			for _, m := range messages {
				m.repeat()
			}
		}
		return err
	}
	defer f.config.Links.Cork()()
	now := time.Now()
	err = errNothingSettled
	for i, m := range messages {
		r := answer.Items[i]
		m.from.rate.learn(r, now)
		if proto.Code(r.Code) == proto.Limited {
			err = nil // the messages wait for their sender's rate, and for no route
			continue
		}
		if proto.Code(r.Code) != proto.OK && proto.Code(r.Code).Retry() == proto.RetryLater {
			m.repeat()
			continue
		}
		if m.item.Again {
			m.from.novelty.learn(r)
		}
		m.done, err = true, nil
		q.settle(m, r)
	}
	q.keep(func(m *message) bool { return !m.done })
	return err
}

// call makes one request. The answer that it returns has one item for each message.
func (f *Forwarder) call(ctx context.Context, messages []*message) (*proto.SendAnswer, error) {
	f.config.Items.Observe(float64(len(messages)))
	lost := f.lost.Load()
	request := &proto.SendRequest{Items: make([]*proto.SendItem, len(messages)), Sent: f.time.now(), Lost: &lost}
	for i, m := range messages {
		m.item.Session = m.from.session.Load() // with the present proof
		request.Items[i] = m.item
	}
	answer, err := f.config.Route.Send(ctx, request)
	if err != nil {
		return nil, err
	}
	f.time.learn(answer.Time)
	f.StoreLost(answer.Lost)
	if len(answer.Items) != len(messages) {
		return nil, fmt.Errorf("route answered %d of %d messages", len(answer.Items), len(messages))
	}
	return answer, nil
}
