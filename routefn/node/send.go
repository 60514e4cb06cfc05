package node

import (
	"context"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/record"
)

// Send is POST /node/send. It stores the messages that a node's connections sent since
// its last request. Each message has its own answer.
//
// A sender's messages keep their order. Of the messages of a request that go to one log,
// the store takes all, in their order, or none. So if a message fails and may be retried,
// all later messages for its log fail, too. A node has one such request in flight. In the
// next request the failed messages come first, marked as repetitions. Messages that the
// store may have lost with the end of its logs also come first (unseenLoss).
func (n *Requests) Send(ctx context.Context, q *proto.SendRequest) (*proto.SendAnswer, error) {
	answer := &proto.SendAnswer{Items: make([]*proto.SendResult, len(q.Items))}
	if lost := n.unseenLoss(q); lost != 0 {
		answer.Lost = lost
		for i := range answer.Items {
			answer.Items[i] = &proto.SendResult{Code: int32(proto.Unknown)}
		}
		return answer, nil
	}
	messages := make([]record.Message, 0, len(q.Items))
	places := make([]int, 0, len(q.Items))
	for i, item := range q.Items {
		s := item.GetSession()
		m := record.Message{
			From: s.GetUser(), FromName: s.GetName(), ID: item.GetId(), To: item.GetTo(), Group: item.GetGroup(), Text: item.GetText(),
			Again: item.GetAgain(), Confirm: item.GetConfirm(), Sent: q.Sent,
		}
		if err := n.checkMessage(s, &m, q.Origin.Node); err != nil {
			answer.Items[i] = n.sendResult(&record.Appended{Err: err})
			continue
		}
		places = append(places, i)
		messages = append(messages, m)
	}
	if len(messages) == 0 {
		return answer, nil
	}
	out := n.cfg.Pusher.Begin()
	defer out.Send()
	for i, a := range n.cfg.Dispatch.Append(ctx, messages) {
		s := q.Items[places[i]].Session
		if a.Err = n.cfg.Accounts.OrRepeat(ctx, a.Err, s.User, s.Name); a.Err == nil {
			out.Deliver(push.Origin{User: s.User, Device: s.Device, Number: s.Number}, &a)
		}
		answer.Items[places[i]] = n.sendResult(&a)
	}
	answer.Time = n.cfg.Store.Now()
	return answer, nil
}

// unseenLoss returns the time of the latest loss of the store, in ms by the store's clock.
// If the node knows of that loss already, it returns zero.
//
// A loss matters only if the request repeats messages, as requests do after an outage.
// Earlier messages, which were stored before the loss, may then be lost. The node must
// send those again before the messages of this request. If the store does not answer,
// unseenLoss returns zero.
func (n *Requests) unseenLoss(q *proto.SendRequest) int64 {
	again := slices.ContainsFunc(q.Items, func(item *proto.SendItem) bool { return item.GetAgain() })
	if q.Lost == nil || !again || n.cfg.Check.Fresh() != nil {
		return 0
	}
	if lost, _ := n.cfg.Check.Lost(); lost != q.GetLost() {
		return lost
	}
	return 0
}

func (n *Requests) checkMessage(by *proto.Session, m *record.Message, node string) error {
	if by.GetNumber() <= 0 {
		return check.Invalid("The session has no number.")
	}
	if err := n.cfg.Accounts.Session(by, node); err != nil {
		return err
	}
	return check.Message(m, n.cfg.MaxText)
}

func (n *Requests) sendResult(a *record.Appended) *proto.SendResult {
	if a.Err != nil {
		e := n.cfg.Codes.Of(a.Err)
		return &proto.SendResult{Code: int32(e.Code), Message: e.Error(), Wait: failure.After(a.Err).Milliseconds()}
	}
	own := a.Own().Stored
	return &proto.SendResult{At: own.GetAt(), Prev: own.GetPrev(), Time: a.Time, Repeated: a.Repeated}
}
