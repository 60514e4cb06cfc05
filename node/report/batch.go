package report

import (
	"slices"

	"github.com/cim-go/cim/proto"
)

// report is a request to a route, with the sessions to which the parts of the request
// belong.
type report struct {
	request *proto.ReportRequest
	opened  []Opener // one for each opening
	asked   []asked  // one for each entering
	acked   []Acker  // one for each acking
	closed  []closing
}

// items returns how much work a report makes for the store. The unit is the work of one
// opening.
func (b *report) items() int {
	groups := 0
	for _, a := range b.asked {
		groups += len(a.groups)
	}
	return max(len(b.request.Opened), len(b.request.Closed), len(b.request.Acked), groups/groupsPerOpening)
}

// take returns the next report, or nil if nothing waits.
func (r *Sessions) take() *report {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := &report{request: &proto.ReportRequest{Apart: true}}
	for _, part := range r.takeGroupsLocked(r.size * groupsPerOpening) {
		b.request.Entering = append(b.request.Entering, part.ask)
		b.asked = append(b.asked, part)
	}
	r.takeOpeningsLocked(b)
	n := min(len(r.closings), r.size)
	b.closed = slices.Clone(r.closings[:n])
	for _, c := range b.closed {
		b.request.Closed = append(b.request.Closed, &proto.Closing{Session: c.of})
		r.takeAckingLocked(b, c.acked)
	}
	r.closings = slices.Delete(r.closings, 0, n)
	for s := range r.ackings {
		if len(b.acked) >= r.size {
			break
		}
		r.takeAckingLocked(b, s)
	}
	r.asking = b.acked
	if len(b.request.Opened)+len(b.request.Entering)+len(b.request.Closed)+len(b.request.Acked) > 0 {
		return b
	}
	if len(r.openings) > 0 { // the sessions of the first openings have all gone
		r.rouse()
	}
	return nil
}

// takeAckingLocked moves the acknowledgements of the session s, if there are any, to
// the report.
func (r *Sessions) takeAckingLocked(b *report, s Acker) {
	a := r.ackings[s]
	if a == nil {
		return
	}
	delete(r.ackings, s)
	b.request.Acked = append(b.request.Acked, &proto.Acking{
		Session: s.Current(), Cursors: a.cursors, Received: a.received, Left: a.left, Shown: a.shown, Ended: a.ended,
	})
	b.acked = append(b.acked, s)
}

// takeOpeningsLocked moves openings to the report, in the order in which they came. It
// moves none while too many groups of earlier openings wait to be entered.
func (r *Sessions) takeOpeningsLocked(b *report) {
	if r.waitingLocked() > 2*r.size*groupsPerOpening {
		return
	}
	n := min(len(r.openings), r.size)
	for i, s := range r.openings[:n] {
		if slices.Contains(r.openings[:i], s) {
			continue // the session was queued twice
		}
		if opening := s.Opening(); opening != nil {
			b.request.Opened = append(b.request.Opened, opening)
			b.opened = append(b.opened, s)
		}
	}
	if r.openings = slices.Delete(r.openings, 0, n); len(r.openings) == 0 {
		r.openings = nil // free the memory, because many openings come at once, and then none for a long time
	}
}

// idle reports whether nothing waits.
func (r *Sessions) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.openings)+len(r.entering)+len(r.closings)+len(r.ackings) == 0
}

// putBack queues the parts of a failed report again, before newer ones.
func (r *Sessions) putBack(b *report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.openings = slices.Concat(b.opened, r.openings)
	r.closings = slices.Concat(b.closed, r.closings)
	for i, s := range b.acked {
		failed := b.request.Acked[i]
		merged := &acking{cursors: failed.Cursors, received: failed.Received, left: failed.Left, shown: failed.Shown, ended: failed.Ended}
		if since := r.ackings[s]; since != nil {
			r.config.MarksDropped.Add(float64(merged.add(since)))
		}
		r.ackings[s] = merged
	}
}
