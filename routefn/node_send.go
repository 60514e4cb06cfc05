package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// NodeSend serves POST /node/send: the frames that a node's connections sent
// since its last request. Each is answered for itself.
//
// A sender's order holds, because the store takes all that a batch has for one log
// or nothing of it, and in the batch's order: what fails and may be tried again
// fails together with all that goes behind it into that log. A node has one batch
// in flight and puts what failed first in the next one, marked so.
func (rt *Route) NodeSend(w http.ResponseWriter, r *http.Request) { serveNode(rt, w, r, nodeSend) }

func (rt *Route) sendBatch(ctx context.Context, q *proto.SendRequest) (*proto.SendAnswer, error) {
	answer := &proto.SendAnswer{Items: make([]*proto.SendResult, len(q.Items))}
	messages := make([]record.Message, 0, len(q.Items))
	places := make([]int, 0, len(q.Items))
	for i, item := range q.Items {
		if err := rt.checkItem(item, q.Origin.Node); err != nil {
			answer.Items[i] = rt.sendResult(&record.Appended{Err: err})
			continue
		}
		s := item.Session
		places = append(places, i)
		messages = append(messages, record.Message{
			From: s.User, FromName: s.Name, ID: item.Id, To: item.To, Group: item.Group, Text: item.Text, Again: item.Again,
			Confirm: item.Confirm, Sent: q.Sent,
		})
	}
	if len(messages) == 0 {
		return answer, nil
	}
	for i, a := range rt.store(ctx, messages) {
		s := q.Items[places[i]].Session
		if a.Err = rt.orRepeat(ctx, a.Err, s.User, s.Name); a.Err == nil {
			rt.deliver(sender{user: s.User, name: s.Name, device: s.Device, number: s.Number}, &a)
		}
		answer.Items[places[i]] = rt.sendResult(&a)
	}
	answer.Time = rt.cfg.Store.Now()
	return answer, nil
}

func (rt *Route) checkItem(item *proto.SendItem, node string) error {
	if item.GetSession().GetNumber() <= 0 {
		return invalid("The session has no number.")
	}
	if err := rt.checkSession(item.GetSession(), node); err != nil {
		return err
	}
	return rt.checkMessage(item.GetId(), item.GetTo(), item.GetGroup(), item.GetText(), item.GetConfirm())
}

func (rt *Route) sendResult(a *record.Appended) *proto.SendResult {
	if a.Err != nil {
		e := rt.asError(a.Err)
		return &proto.SendResult{Code: int32(e.Code), Message: e.Error()}
	}
	own := a.Own().Stored
	return &proto.SendResult{At: own.GetAt(), Prev: own.GetPrev(), Time: a.Time, Repeated: a.Repeated}
}
