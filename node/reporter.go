package node

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

const (
	maxReport   = 512     // openings, closings or ackings in one report
	firstReport = 64      // until routes have shown how fast they answer
	maxClosings = 1 << 16 // that wait for a route; reconciliation tells what is dropped
)

// reporter tells the routes what happens to connections. One report is in
// flight; what comes meanwhile forms the next one. A report that failed is made
// again until a route takes it: its parts may be repeated.
//
// A report is as large as routes answer in good time: half of one that failed or was
// slow, twice one that was fast. So a store that is slow, or has much to do, gets
// reports that it can finish, and what is done is never asked again.
//
// An opening has two steps. A route makes the session live and tells the groups of its
// user; then the node asks for these, in parts (entering.go), and says of those that it
// holds what it knows: of them only who belongs is looked up.
type reporter struct {
	node *Node
	wake chan struct{} // holds one

	progressed atomic.Int64 // when an opening or a group was last answered, since the node's start

	mu       sync.Mutex
	size     int // of the next report, up to maxReport
	openings []*session
	entering []*entering // in the order in which they were opened
	closings []*proto.Session
	ackings  map[*session]*acking
}

// acking is what a device was shown since the last report.
type acking struct {
	cursors []*proto.Mark // the newest of each log
	shown   []string      // keys of messages whose senders want to know
}

func newReporter(n *Node) *reporter {
	return &reporter{node: n, wake: make(chan struct{}, 1), size: firstReport, ackings: make(map[*session]*acking)}
}

// open has the session's opening reported.
func (r *reporter) open(s *session) {
	r.mu.Lock()
	r.openings = append(r.openings, s)
	r.mu.Unlock()
	r.rouse()
}

// closed has the number reported closed.
func (r *reporter) closed(s *proto.Session) {
	r.mu.Lock()
	full := len(r.closings) >= maxClosings
	if !full {
		r.closings = append(r.closings, s)
	}
	r.mu.Unlock()
	if full {
		r.node.metrics.closingsDropped.Inc()
		return
	}
	r.rouse()
}

// acked has the device's cursors moved, and senders told that messages with these
// keys were shown. Of each log the newest is reported, of the keys the first
// proto.MaxShown: a mark is a courtesy, and a client may invent what it likes.
func (r *reporter) acked(s *session, cursors []*proto.Mark, shown []string) {
	if len(cursors) == 0 || len(cursors) > maxReport {
		return
	}
	r.mu.Lock()
	a := r.ackings[s]
	if a == nil {
		a = new(acking)
		r.ackings[s] = a
	}
	dropped := a.add(cursors, shown)
	r.mu.Unlock()
	r.node.metrics.marksDropped.Add(float64(dropped))
	r.rouse()
}

// add merges in what came later, and returns how many keys had no room.
func (a *acking) add(cursors []*proto.Mark, shown []string) (dropped int) {
	for _, mark := range cursors {
		if len(a.cursors) < maxReport {
			a.cursors = link.Raise(a.cursors, mark)
		}
	}
	kept := min(len(shown), proto.MaxShown-len(a.shown))
	a.shown = append(a.shown, shown[:kept]...)
	return len(shown) - kept
}

func (r *reporter) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// report is a request with the sessions that its parts belong to.
type report struct {
	request *proto.ReportRequest
	opened  []*session // one for each opening
	asked   []asked    // one for each entering
	acked   []*session // one for each acking
}

// items is how many operations of the store a report is, in openings.
func (b *report) items() int {
	groups := 0
	for _, a := range b.asked {
		groups += len(a.groups)
	}
	return max(len(b.request.Opened), len(b.request.Closed), len(b.request.Acked), groups/groupsPerOpening)
}

// take returns the next report, or nil.
func (r *reporter) take() *report {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := &report{request: &proto.ReportRequest{Origin: r.node.origin, Apart: true}}
	for _, part := range r.takeGroupsLocked(r.size * groupsPerOpening) {
		b.request.Entering = append(b.request.Entering, part.ask)
		b.asked = append(b.asked, part)
	}
	r.takeOpeningsLocked(b)
	n := min(len(r.closings), r.size)
	for _, s := range r.closings[:n] {
		b.request.Closed = append(b.request.Closed, &proto.Closing{Session: s})
	}
	r.closings = slices.Delete(r.closings, 0, n)
	for s, a := range r.ackings {
		if len(b.acked) == r.size {
			break
		}
		delete(r.ackings, s)
		b.request.Acked = append(b.request.Acked, &proto.Acking{Session: s.current(), Cursors: a.cursors, Shown: a.shown})
		b.acked = append(b.acked, s)
	}
	if len(b.request.Opened)+len(b.request.Entering)+len(b.request.Closed)+len(b.request.Acked) > 0 {
		return b
	}
	if len(r.openings) > 0 { // all that were looked at had gone
		r.rouse()
	}
	return nil
}

// takeOpeningsLocked adds openings, unless those before them have many groups that
// were not asked for: who came first is to be in first.
func (r *reporter) takeOpeningsLocked(b *report) {
	if r.waitingLocked() > 2*r.size*groupsPerOpening {
		return
	}
	n := min(len(r.openings), r.size)
	for i, s := range r.openings[:n] {
		if slices.Contains(r.openings[:i], s) {
			continue // several had a reason
		}
		if opening := s.opening(); opening != nil {
			b.request.Opened = append(b.request.Opened, opening)
			b.opened = append(b.opened, s)
		}
	}
	if r.openings = slices.Delete(r.openings, 0, n); len(r.openings) == 0 {
		r.openings = nil // many come at once, and then for long none
	}
}

// idle reports whether nothing waits.
func (r *reporter) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.openings)+len(r.entering)+len(r.closings)+len(r.ackings) == 0
}

// putBack queues what was not reported, before what came since.
func (r *reporter) putBack(b *report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.openings = slices.Concat(b.opened, r.openings)
	closings := make([]*proto.Session, 0, len(b.request.Closed)+len(r.closings))
	for _, c := range b.request.Closed {
		closings = append(closings, c.Session)
	}
	r.closings = append(closings, r.closings...)
	for i, s := range b.acked {
		merged := &acking{cursors: b.request.Acked[i].Cursors, shown: b.request.Acked[i].Shown}
		if since := r.ackings[s]; since != nil {
			r.node.metrics.marksDropped.Add(float64(merged.add(since.cursors, since.shown)))
		}
		r.ackings[s] = merged
	}
}

// run reports until ctx ends, or until ended is closed and nothing waits.
func (r *reporter) run(ctx context.Context, ended <-chan struct{}) {
	pause := backoff{most: 500 * time.Millisecond}
	for ctx.Err() == nil {
		b := r.take()
		if b == nil {
			select {
			case <-r.wake:
				continue
			case <-ended:
				if r.idle() {
					return
				}
				continue
			case <-ctx.Done():
				return
			}
		}
		begun := time.Now()
		again, err := r.report(ctx, b)
		r.resize(b.items(), time.Since(begun), err)
		if err != nil {
			r.node.metrics.calls.WithLabelValues("report").Inc()
			r.node.log.Warn("report failed", "err", err)
			r.putBack(b)
		}
		if err != nil || again {
			pause.wait(ctx, err)
			continue
		}
		pause.reset()
	}
}

// resize decides how large the next report may be, after one of so many items.
func (r *reporter) resize(items int, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.size = nextSize(r.size, items, took, r.node.config.CallTimeout, untouched(err), err != nil)
}

// nextSize is the size of the next report: one that was too much is halved, whatever
// was allowed, and where a third of the time was enough for all that was allowed there
// may be twice as much. A route that refused before it did anything says nothing of
// the size.
func nextSize(size, items int, took, timeout time.Duration, untouched, failed bool) int {
	switch {
	case untouched:
		return size
	case failed || took > timeout/2:
		return max(1, min(size, items)/2)
	case took < timeout/6 && 2*items >= size:
		return min(2*size, maxReport)
	default:
		return size
	}
}

// report sends b and acts on the answer. It reports whether some openings have
// to be asked for again.
func (r *reporter) report(ctx context.Context, b *report) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.node.config.CallTimeout)
	defer cancel()
	r.node.metrics.batch.WithLabelValues("report").Observe(
		float64(len(b.request.Opened) + len(b.request.Entering) + len(b.request.Closed) + len(b.request.Acked)))
	left := time.Now()
	answer, err := r.node.config.Route.Report(ctx, b.request)
	if err != nil {
		return false, err
	}
	if len(answer.Opened) != len(b.opened) {
		return false, fmt.Errorf("route answered %d of %d openings", len(answer.Opened), len(b.opened))
	}
	progress := r.enteredAll(b, answer.Entered, left)
	again = !progress && len(b.asked) > 0
	for i, s := range b.opened {
		if s.opened(answer.Opened[i]) {
			r.open(s)
			again = true
		} else {
			progress = true
		}
	}
	if progress {
		r.progressed.Store(int64(time.Since(r.node.start)))
	}
	return again, nil
}

// enteredAll acts on what a route answered for groups, and reports whether there was
// progress. A route of an earlier release passes them over, and tells of all groups
// when a session is opened again.
func (r *reporter) enteredAll(b *report, answers []*proto.Entered, left time.Time) (progress bool) {
	if len(answers) != len(b.asked) {
		for _, part := range b.asked {
			r.forget(part.session)
			r.open(part.session)
		}
		return false
	}
	for i, part := range b.asked {
		later := r.entered(part, answers[i], left)
		progress = progress || later < len(part.groups)
	}
	return progress
}

// backoff waits longer each time, between half and all of its step, so that
// nodes do not come back in step; and where a route said when to come back, that
// much longer.
type backoff struct {
	most time.Duration
	step time.Duration
}

// next returns when to try again after err; nil: what was tried told nothing.
func (b *backoff) next(err error) time.Time {
	b.step = min(max(2*b.step, 50*time.Millisecond), b.most)
	from := time.Now()
	if told := toldUntil(err); told.After(from) {
		from = told
	}
	return from.Add(b.step/2 + rand.N(b.step/2))
}

func (b *backoff) wait(ctx context.Context, err error) { sleepUntil(ctx, b.next(err)) }

func sleepUntil(ctx context.Context, at time.Time) {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func (b *backoff) reset() { b.step = 0 }
