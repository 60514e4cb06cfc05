package report

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
)

const (
	maxReport   = 512     // the largest number of openings, of closings or of ackings in one report
	firstReport = 64      // the size of a report before it is known how fast routes answer
	maxClosings = 1 << 16 // how many closings may wait for a route; reconciliation finds those that are dropped
)

// Opener is a session that a route has to open. Its methods do not block.
type Opener interface {
	// Opening returns the item of a report that opens the session, or nil if the
	// session has ended.
	Opening() *proto.Opening
	// Opened handles a route's answer, which the session may keep, and returns what to do
	// next. If Opened returns Enter, it is called again after the groups of the answer
	// were entered. That second answer has no groups.
	Opened(a *proto.Opened) Next
	// Gone reports whether the session is closed.
	Gone() bool
}

// Next says what to do with a session after the answer to its opening.
type Next int

const (
	Settled Next = iota // there is nothing to do
	Again               // report the opening again
	Enter               // enter the groups of the answer first
)

// Acker is a session that acknowledges messages. It must be comparable.
type Acker interface {
	// Current returns the session as routes know it. It does not block.
	Current() *proto.Session
}

// Route takes reports. After an error the caller may repeat the report.
type Route interface {
	Report(ctx context.Context, r *proto.ReportRequest) (*proto.ReportAnswer, error)
}

// Groups knows where the logs of groups end.
type Groups interface {
	// Held returns the end of a group's log if the node holds the group, and otherwise
	// nil.
	Held(group int64, now time.Time) *proto.Mark
	// Leased handles an answer that gives the node a lease of a group. The parameter end
	// is the end of the group's log. The parameter left is the time at which the request
	// left the node.
	Leased(end *proto.Mark, left time.Time)
}

// Config of Sessions. All fields are required.
type Config struct {
	Route   Route
	Groups  Groups
	Timeout time.Duration // for one report

	Items           prometheus.Observer // gets the number of parts of each report
	Failed          prometheus.Counter  // counts reports without an answer
	ClosingsDropped prometheus.Counter  // counts closings for which there was no room
	MarksDropped    prometheus.Counter  // counts delivery marks for which there was no room
	Logger          *slog.Logger
}

// Sessions reports to routes what happens to sessions. It repeats a failed report until
// a route takes it. It is safe for concurrent use. Make it with NewSessions.
//
// The size of reports adapts to the routes. After a report that failed or was slow, the
// next one is half as large. After a fast report, the next one may be twice as large. So
// a slow or busy store gets reports that it can finish in time, and need not do the same
// work again.
//
// An opening has two steps. A route makes the session live and answers with the groups of
// its user. Then the node enters these groups, in parts (entering.go). For a group that
// the node holds, it sends the log's end, and a route only looks up whether the user is
// a member.
type Sessions struct {
	config Config
	begun  time.Time
	wake   chan struct{} // holds one

	progressed atomic.Int64 // when a route last answered for an opening or a group, as a time.Duration since begun

	mu       sync.Mutex
	size     int // size of the next report, up to maxReport
	openings []Opener
	entering []*entering // sessions whose groups are to be entered, in the order in which they were opened
	closings []closing
	ackings  map[Acker]*acking
	asking   []Acker // sessions whose acking is in flight
}

// closing is the number of a session that has ended.
type closing struct {
	of    *proto.Session
	acked Acker // the session whose acking must go to the route with the closing or before it; nil: there is none
}

// acking has what a device has acknowledged since the last report.
type acking struct {
	cursors  []*proto.Mark // the newest cursor of each log
	received []*proto.Mark // places up to which the TCP of a CIM client has received the logs
	left     []*proto.Mark // what a CIM client has read if it logs out, see Left
	shown    []string      // keys of messages whose senders want a delivery mark
	ended    bool          // the client has read everything up to cursors and ended its connection
}

// NewSessions starts nothing.
func NewSessions(c Config) *Sessions {
	return &Sessions{
		config: c, begun: time.Now(), wake: make(chan struct{}, 1), size: firstReport, ackings: make(map[Acker]*acking),
	}
}

// Stuck returns for how long no route has answered for an opening.
func (r *Sessions) Stuck(now time.Time) time.Duration {
	return now.Sub(r.begun) - time.Duration(r.progressed.Load())
}

// Open queues the opening of the session s.
func (r *Sessions) Open(s Opener) {
	r.mu.Lock()
	r.openings = append(r.openings, s)
	r.mu.Unlock()
	r.rouse()
}

// Closed queues the report that a session's number is closed. The parameter "of" is the
// session as routes know it, with this number. The store takes no cursors from a closed
// number. So the session's acknowledgements are reported before the closing, or with it.
func (r *Sessions) Closed(s Acker, of *proto.Session) {
	c := closing{of: of}
	r.mu.Lock()
	if r.ackings[s] != nil || slices.Contains(r.asking, s) {
		c.acked = s
	}
	full := len(r.closings) >= maxClosings
	if !full {
		r.closings = append(r.closings, c)
	}
	r.mu.Unlock()
	if full {
		r.config.ClosingsDropped.Inc()
		return
	}
	r.rouse()
}

// Acked queues the cursors that the device moved. shown has the keys of messages whose
// senders want delivery marks. Only the newest cursor of each log is reported, and only
// the first proto.MaxShown keys. A mark may be lost, and a client may invent keys.
func (r *Sessions) Acked(s Acker, cursors []*proto.Mark, shown []string) {
	r.acking(s, &acking{cursors: cursors, shown: shown})
}

// Ended queues the cursors of a CIM connection whose client has read everything and
// then ended the connection. They are reported even if the session's number is closed
// by then.
func (r *Sessions) Ended(s Acker, cursors []*proto.Mark) {
	r.acking(s, &acking{cursors: cursors, ended: true})
}

// Left queues the places up to which a CIM client has surely read the logs. The client
// has ended its sending, and then its connection was reset. So the places count only if
// the client logs out, too.
func (r *Sessions) Left(s Acker, read []*proto.Mark) {
	r.acking(s, &acking{left: read})
}

// Received queues the places up to which the TCP of a CIM client has acknowledged the
// logs. They move no cursor while this node lives.
func (r *Sessions) Received(s Acker, through []*proto.Mark) {
	r.acking(s, &acking{received: through})
}

func (r *Sessions) acking(s Acker, more *acking) {
	if len(more.cursors)+len(more.received)+len(more.left) == 0 || len(more.cursors) > maxReport {
		return
	}
	r.mu.Lock()
	a := r.ackings[s]
	if a == nil {
		a = new(acking)
		r.ackings[s] = a
	}
	dropped := a.add(more)
	r.mu.Unlock()
	r.config.MarksDropped.Add(float64(dropped))
	r.rouse()
}

// add merges later acknowledgements into a. It returns how many keys had no room.
func (a *acking) add(more *acking) (dropped int) {
	for _, mark := range more.cursors {
		if len(a.cursors) < maxReport {
			a.cursors = proto.Raise(a.cursors, mark)
		}
	}
	for _, mark := range more.received {
		a.received = proto.Raise(a.received, mark)
	}
	if len(more.left) > 0 {
		a.left = more.left
	}
	kept := min(len(more.shown), proto.MaxShown-len(a.shown))
	a.shown = append(a.shown, more.shown[:kept]...)
	a.ended = a.ended || more.ended
	return len(more.shown) - kept
}

func (r *Sessions) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run reports until ctx ends, or until ended is closed and nothing waits.
func (r *Sessions) Run(ctx context.Context, ended <-chan struct{}) {
	pause := routes.Backoff{Most: 500 * time.Millisecond}
	failing := false
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
			r.config.Failed.Inc()
			if !failing { // log it once, and not twice per second
				r.config.Logger.Warn("report failed", "err", err)
			}
			r.putBack(b)
		}
		failing = err != nil
		if err != nil || again {
			pause.Wait(ctx, err)
			continue
		}
		pause.Reset()
	}
}

// resize sets the size of the next report. The parameters are the number of items of the
// last report, how long that report took, and its error.
func (r *Sessions) resize(items int, took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.size = nextSize(r.size, items, took, r.config.Timeout, routes.Untouched(err), err != nil)
}

// nextSize returns the size of the next report, from the size and the outcome of the last
// one. The size is halved if the report failed, or took more than half of the timeout. It
// can grow only if the report had at least half as many items as the size allowed. It
// doubles if the report took less than a sixth of the timeout, and grows by a quarter if
// it took less than a third. If a route refused before it did anything, the size does not
// change.
func nextSize(size, items int, took, timeout time.Duration, untouched, failed bool) int {
	switch {
	case untouched:
		return size
	case failed || took > timeout/2:
		return max(1, min(size, items)/2)
	case took < timeout/6 && 2*items >= size:
		return min(2*size, maxReport)
	case took < timeout/3 && 2*items >= size:
		return min(size+max(1, size/4), maxReport)
	default:
		return size
	}
}

// report sends b and acts on the answer. It returns true if some openings have to be
// reported again.
func (r *Sessions) report(ctx context.Context, b *report) (again bool, err error) {
	r.config.Items.Observe(
		float64(len(b.request.Opened) + len(b.request.Entering) + len(b.request.Closed) + len(b.request.Acked)))
	left := time.Now()
	answer, err := r.config.Route.Report(ctx, b.request)
	if err != nil {
		return false, err
	}
	if len(answer.Opened) != len(b.opened) {
		return false, fmt.Errorf("route answered %d of %d openings", len(answer.Opened), len(b.opened))
	}
	progress := r.enteredAll(b, answer.Entered, left)
	again = !progress && len(b.asked) > 0
	for i, s := range b.opened {
		switch s.Opened(answer.Opened[i]) {
		case Again:
			r.Open(s)
			again = true
		case Enter:
			r.enter(s, b.request.Opened[i].Session, answer.Opened[i])
			progress = true
		default:
			progress = true
		}
	}
	if progress {
		r.progressed.Store(int64(time.Since(r.begun)))
	}
	return again, nil
}

// enteredAll handles a route's answers for groups, and reports whether there was
// progress. A route of an earlier release does not answer for groups. Such a route
// handles the groups when the session is opened again.
func (r *Sessions) enteredAll(b *report, answers []*proto.Entered, left time.Time) (progress bool) {
	if len(answers) != len(b.asked) {
		for _, part := range b.asked {
			r.forget(part.session)
			r.Open(part.session)
		}
		return false
	}
	for i, part := range b.asked {
		later := r.entered(part, answers[i], left)
		progress = progress || later < len(part.groups)
	}
	return progress
}
