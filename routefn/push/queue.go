package push

import (
	"slices"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

const (
	// maxQueued bounds the queue for one node, in bytes. It is far more than a node can
	// take in the 300 ms of one push. The node finds entries that had no room in the
	// queue by reconciliation.
	maxQueued = 8 << 20
	// maxRequest bounds one request, in bytes, so that a node can receive and answer it
	// within 300 ms.
	maxRequest = 1 << 20
	// overhead is how many bytes a push counts in addition to its encoded item.
	overhead = 64
	// pauseAfterFailure is how long nothing is queued for a node after a failed push.
	pauseAfterFailure = time.Second
	// rememberFailure is how long an idle queue remembers that its node must reconcile.
	// Nodes reconcile on their own within 30 s.
	rememberFailure = time.Minute
)

// An Outcome is the result of a push.
type Outcome string

// The outcomes. Each push has one.
const (
	Done      Outcome = "done"       // the node answered
	Failed    Outcome = "failed"     // the node did not answer in time
	LeftAlone Outcome = "left-alone" // another push to the node failed a moment ago
	Overflow  Outcome = "overflow"   // too much waited for the node
	Closed    Outcome = "closed"     // the Pusher was closed
)

// A push is an item or a kick for a node, or a marker. The channel of a marker is
// closed when all pushes before it were handled.
type push struct {
	boot     uint64
	item     *proto.PushItem
	sessions []record.Session // the sessions whose numbers the item has
	kick     *proto.Kick
	reached  chan struct{} // only of a marker; see Pusher.Flush
	size     int           // bytes
}

func pushSize(item *proto.PushItem) int { return overhead + pb.Size(item) }

// A queue has the pushes that wait for the node at one address. The Pusher's mutex guards
// it.
type queue struct {
	pushes    []push
	size      int       // bytes
	sending   bool      // the queue is in Pusher.due, or a goroutine works on it
	reconcile bool      // a push was dropped, and the node was not asked to reconcile since
	failed    time.Time // when a push failed last
}

// add queues a push. If it drops the push, it returns the reason.
func (q *queue) add(next push, now time.Time) Outcome {
	if q.paused(now) {
		return LeftAlone
	}
	if q.size+next.size > maxQueued {
		q.reconcile = true
		return Overflow
	}
	q.pushes = append(q.pushes, next)
	q.size += next.size
	return ""
}

// paused reports whether a push to the node failed a moment ago.
func (q *queue) paused(now time.Time) bool {
	return !q.failed.IsZero() && now.Sub(q.failed) < pauseAfterFailure && !now.Before(q.failed)
}

// remembers reports whether an empty queue must be kept, because a push to its node
// failed.
func (q *queue) remembers(now time.Time) bool {
	return q.paused(now) || q.reconcile && now.Sub(q.failed) < rememberFailure
}

// fail empties the queue and returns what was in it.
func (q *queue) fail(now time.Time) []push {
	dropped := q.pushes
	q.pushes, q.size = nil, 0
	q.failed, q.reconcile = now, true
	return dropped
}

// take removes the pushes of the next request from the queue, and the markers between
// them. The pushes are for one boot, in their order, and have maxRequest bytes at most.
func (q *queue) take() request {
	r := request{reconcile: q.reconcile}
	size, n := 0, 0
	for _, next := range q.pushes {
		if next.reached != nil {
			r.markers = append(r.markers, next)
			n++
			continue
		}
		if len(r.pushes) > 0 && (next.boot != r.pushes[0].boot || size+next.size > maxRequest) {
			break
		}
		r.pushes = append(r.pushes, next)
		size += next.size
		n++
	}
	q.pushes = q.pushes[n:]
	q.size -= size
	if len(q.pushes) == 0 {
		q.pushes = nil // free the array
	}
	if len(r.pushes) > 0 {
		q.reconcile = false // this request asks the node to reconcile; if it fails, fail sets reconcile again
	}
	return r
}

// A request has the pushes that go to a node together.
type request struct {
	pushes    []push
	markers   []push
	reconcile bool
}

// The method done wakes the callers of Flush that wait for the request or for the
// dropped pushes.
func (r request) done(dropped []push) {
	for _, m := range append(r.markers, dropped...) {
		if m.reached != nil {
			close(m.reached)
		}
	}
}

// countPushes counts pushes without markers.
func countPushes(list []push) int {
	n := 0
	for _, next := range list {
		if next.reached == nil {
			n++
		}
	}
	return n
}

// message returns the request in the form that is sent.
func (r request) message() *proto.PushRequest {
	m := &proto.PushRequest{Boot: r.pushes[0].boot, Reconcile: r.reconcile}
	for _, next := range r.pushes {
		if next.kick != nil {
			m.Kicks = append(m.Kicks, next.kick)
		} else {
			m.Items = append(m.Items, next.item)
		}
	}
	return m
}

// The method gone returns the sessions of the request that the node does not hold
// according to its answer, which has a result per item. It ignores numbers that the
// request did not name. If another boot answers, the sessions were lost with their node,
// and the closings have that reason.
func (r request) gone(answer *proto.PushAnswer) []record.Closing {
	var closings []record.Closing
	lost := answer.Boot != 0 && answer.Boot != r.pushes[0].boot
	i := 0
	for _, next := range r.pushes {
		if next.item == nil {
			continue
		}
		numbers := answer.Items[i].GetGone()
		i++
		for _, s := range next.sessions {
			if slices.Contains(numbers, s.Number) {
				closings = append(closings, record.Closing{User: next.item.User, Device: s.Device, Number: s.Number, Lost: lost})
			}
		}
	}
	return closings
}
