package node

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

const (
	maxReport   = 512     // openings, closings or ackings in one report
	maxClosings = 1 << 16 // that wait for a route; reconciliation tells what is dropped
)

// reporter tells the routes what happens to connections. One report is in
// flight; what comes meanwhile forms the next one. A report that failed is made
// again until a route takes it: its parts may be repeated.
type reporter struct {
	node *Node
	wake chan struct{} // holds one

	mu       sync.Mutex
	openings []*session
	closings []*proto.Session
	ackings  map[*session]*acking
}

// acking is what a device was shown since the last report.
type acking struct {
	cursors []*proto.Mark // the newest of each log
	shown   []string      // keys of messages whose senders want to know
}

func newReporter(n *Node) *reporter {
	return &reporter{node: n, wake: make(chan struct{}, 1), ackings: make(map[*session]*acking)}
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
	acked   []*session // one for each acking
}

// take returns the next report, or nil.
func (r *reporter) take() *report {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := &report{request: &proto.ReportRequest{Origin: r.node.origin}}
	n := min(len(r.openings), maxReport)
	for _, s := range r.openings[:n] {
		if opening := s.opening(); opening != nil {
			b.request.Opened = append(b.request.Opened, opening)
			b.opened = append(b.opened, s)
		}
	}
	if r.openings = slices.Delete(r.openings, 0, n); len(r.openings) == 0 {
		r.openings = nil // many come at once, and then for long none
	}
	n = min(len(r.closings), maxReport)
	for _, s := range r.closings[:n] {
		b.request.Closed = append(b.request.Closed, &proto.Closing{Session: s})
	}
	r.closings = slices.Delete(r.closings, 0, n)
	for s, a := range r.ackings {
		if len(b.acked) == maxReport {
			break
		}
		delete(r.ackings, s)
		b.request.Acked = append(b.request.Acked, &proto.Acking{Session: s.current(), Cursors: a.cursors, Shown: a.shown})
		b.acked = append(b.acked, s)
	}
	if len(b.request.Opened)+len(b.request.Closed)+len(b.request.Acked) > 0 {
		return b
	}
	if len(r.openings) > 0 { // all that were looked at had gone
		r.rouse()
	}
	return nil
}

// idle reports whether nothing waits.
func (r *reporter) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.openings)+len(r.closings)+len(r.ackings) == 0
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
		again, err := r.report(ctx, b)
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

// report sends b and acts on the answer. It reports whether some openings have
// to be asked for again.
func (r *reporter) report(ctx context.Context, b *report) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.node.config.CallTimeout)
	defer cancel()
	r.node.metrics.batch.WithLabelValues("report").Observe(
		float64(len(b.request.Opened) + len(b.request.Closed) + len(b.request.Acked)))
	answer, err := r.node.config.Route.Report(ctx, b.request)
	if err != nil {
		return false, err
	}
	if len(answer.Opened) != len(b.opened) {
		return false, fmt.Errorf("route answered %d of %d openings", len(answer.Opened), len(b.opened))
	}
	for i, s := range b.opened {
		if s.opened(answer.Opened[i]) {
			r.open(s)
			again = true
		}
	}
	return again, nil
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
