package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/cim-go/cim/proto"
)

// batch collects the messages of one request.
type batch struct {
	items []*outgoing
	size  int
	later map[*session]bool // whose next messages must not go yet
}

// add takes the message if it fits. One that does not fit keeps those behind it
// back, too.
func (b *batch) add(o *outgoing) {
	if b.later[o.from] {
		return
	}
	if len(b.items) == maxBatch || len(b.items) > 0 && b.size+o.size() > maxBatchSize {
		b.later[o.from] = true
		return
	}
	b.items = append(b.items, o)
	b.size += o.size()
}

// nextBatch returns what goes into the next request: first what may have been
// stored, then the messages of connections that have nothing such.
func nextBatch(waiting []*outgoing) []*outgoing {
	b := batch{later: make(map[*session]bool)}
	unsettled := make(map[*session]bool)
	for _, o := range waiting {
		if o.unknown {
			b.add(o)
			unsettled[o.from] = true
		}
	}
	for _, o := range waiting {
		if !unsettled[o.from] {
			b.add(o)
		}
	}
	return b.items
}

// errNothingSettled is hand's when a route answered and could store nothing.
var errNothingSettled = errors.New("route stored nothing for now")

// hand makes one request and settles what the answer settles. An error says that
// this was nothing: it is no use to ask again at once.
func (l *lane) hand(ctx context.Context, items []*outgoing) error {
	answer, err := l.call(ctx, items)
	if err != nil {
		l.node.metrics.calls.WithLabelValues("send").Inc()
		l.node.log.Warn("send failed", "err", err)
		if !untouched(err) {
			for _, o := range items {
				o.repeat()
			}
		}
		return err
	}
	defer l.node.links.Gather()()
	err = errNothingSettled
	for i, o := range items {
		r := answer.Items[i]
		if proto.Code(r.Code) != proto.OK && proto.Code(r.Code).Retry() == proto.RetryLater {
			o.repeat()
			continue
		}
		if o.item.Again {
			o.from.sending.novelty.learn(r)
		}
		o.done, err = true, nil
		l.settle(o, r)
	}
	l.keep(func(o *outgoing) bool { return !o.done })
	return err
}

// repeat marks a message that will be in another request.
func (o *outgoing) repeat() { o.unknown, o.item.Again = true, true }

func (l *lane) call(ctx context.Context, items []*outgoing) (*proto.SendAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, l.node.config.CallTimeout)
	defer cancel()
	l.node.metrics.batch.WithLabelValues("send").Observe(float64(len(items)))
	request := &proto.SendRequest{
		Origin: l.node.origin, Items: make([]*proto.SendItem, len(items)), Sent: l.node.storeTime.now(),
	}
	for i, o := range items {
		request.Items[i] = o.item
	}
	answer, err := l.node.config.Route.Send(ctx, request)
	if err != nil {
		return nil, err
	}
	l.node.storeTime.learn(answer.Time)
	if len(answer.Items) != len(items) {
		return nil, fmt.Errorf("route answered %d of %d messages", len(answer.Items), len(items))
	}
	return answer, nil
}
