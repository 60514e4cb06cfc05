package routefn

import (
	"slices"
	"time"

	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

const (
	// maxQueued bounds what waits for one node. At a push of 300 ms it is far more
	// than a node takes in that time; more than that is found by reconciliation.
	maxQueued = 8 << 20 // bytes
	// maxBatch bounds one request: a second's worth at a gigabit would not be
	// answered in nodeTimeout.
	maxBatch = 1 << 20 // bytes
	// pushOverhead is what a push costs beside its encoded entry, in bytes.
	pushOverhead = 64
	// rememberFailure is how long a lane without traffic keeps in mind that its node
	// must reconcile. Nodes do so by themselves within 30 s.
	rememberFailure = time.Minute
)

// A push is one thing to tell a node: an item, or a kick, or nothing but that the
// queue was worked off to here.
type push struct {
	boot     uint64
	item     *proto.PushItem
	sessions []record.Session // of the item's numbers
	kick     *proto.Kick
	reached  chan struct{} // closed when its turn comes; see pusher.flush
	size     int
}

func pushSize(item *proto.PushItem) int { return pushOverhead + pb.Size(item) }

// A lane is what waits for one address. The pusher's mutex guards it.
type lane struct {
	queue     []push
	size      int
	sending   bool      // it is due, or somebody works on it
	reconcile bool      // something was dropped that the node does not know of
	failed    time.Time // when a push failed last
}

// add queues a push, or returns why it is dropped.
func (l *lane) add(next push, now time.Time) outcome {
	if l.leftAlone(now) {
		return pushLeftAlone
	}
	if l.size+next.size > maxQueued {
		l.reconcile = true
		return pushOverflow
	}
	l.queue = append(l.queue, next)
	l.size += next.size
	return ""
}

func (l *lane) leftAlone(now time.Time) bool {
	return !l.failed.IsZero() && now.Sub(l.failed) < leaveAlone && !now.Before(l.failed)
}

// marked reports whether the lane knows something worth keeping.
func (l *lane) marked(now time.Time) bool {
	return l.leftAlone(now) || l.reconcile && now.Sub(l.failed) < rememberFailure
}

// fail empties the queue and returns what was in it.
func (l *lane) fail(now time.Time) []push {
	dropped := l.queue
	l.queue, l.size = nil, 0
	l.failed, l.reconcile = now, true
	return dropped
}

// take removes the next batch: pushes for one boot, in their order, up to
// maxBatch bytes, and the markers among them.
func (l *lane) take() batchOf {
	b := batchOf{reconcile: l.reconcile}
	size, n := 0, 0
	for _, next := range l.queue {
		if next.reached != nil {
			b.markers = append(b.markers, next)
			n++
			continue
		}
		if len(b.pushes) > 0 && (next.boot != b.pushes[0].boot || size+next.size > maxBatch) {
			break
		}
		b.pushes = append(b.pushes, next)
		size += next.size
		n++
	}
	l.queue = l.queue[n:]
	l.size -= size
	if len(l.queue) == 0 {
		l.queue = nil // let go of the array
	}
	if len(b.pushes) > 0 {
		l.reconcile = false // told with this batch; a failure sets it again
	}
	return b
}

// A batchOf is one request's worth of pushes.
type batchOf struct {
	pushes    []push
	markers   []push
	reconcile bool
}

// done tells those who wait for the batch, and for what was dropped behind it.
func (b batchOf) done(dropped []push) {
	for _, m := range append(b.markers, dropped...) {
		if m.reached != nil {
			close(m.reached)
		}
	}
}

func countPushes(list []push) int {
	n := 0
	for _, next := range list {
		if next.reached == nil {
			n++
		}
	}
	return n
}

func (b batchOf) request() *proto.PushRequest {
	q := &proto.PushRequest{Boot: b.pushes[0].boot, Reconcile: b.reconcile}
	for _, next := range b.pushes {
		if next.kick != nil {
			q.Kicks = append(q.Kicks, next.kick)
		} else {
			q.Items = append(q.Items, next.item)
		}
	}
	return q
}

// gone returns the sessions that the answer says are not there. A number that was
// not asked for is ignored. The answer has a result for each item.
func (b batchOf) gone(answer *proto.PushAnswer) []record.Closing {
	var closings []record.Closing
	i := 0
	for _, next := range b.pushes {
		if next.item == nil {
			continue
		}
		numbers := answer.Items[i].GetGone()
		i++
		for _, s := range next.sessions {
			if slices.Contains(numbers, s.Number) {
				closings = append(closings, record.Closing{User: next.item.User, Device: s.Device, Number: s.Number})
			}
		}
	}
	return closings
}
