package cim

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/node/pull"
	"github.com/cim-go/cim/node/report"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/order"
)

// Session is a CIM connection's session. Its methods do not block.
type Session interface {
	report.Acker
	User() int64
	// Gone reports whether the connection has ended.
	Gone() bool
}

// Puller reads the logs of the routes.
type Puller interface {
	Pull(ctx context.Context, r *proto.PullRequest) (*proto.PullAnswer, error)
}

// Reports sends routes what sessions have acknowledged. See report.Sessions.
type Reports interface {
	Acked(s report.Acker, cursors []*proto.Mark, shown []string)
	Ended(s report.Acker, cursors []*proto.Mark)
	Left(s report.Acker, read []*proto.Mark)
	Received(s report.Acker, marks []*proto.Mark)
}

// Config of all CatchUps of a node. All fields are required.
type Config struct {
	Puller  Puller
	Queue   *pull.Queue // runs the pulls
	Reports Reports

	Failed prometheus.Counter // counts pulls that failed
	Logger *slog.Logger
}

// CatchUp sends a CIM connection the logs of its user, in order and without gaps. CIM's
// client can neither sort entries nor fetch missing ones. As soon as an entry comes
// early, CatchUp pulls the missing ones. CatchUp also acknowledges for the client
// (receipt.go). It is safe for concurrent use.
type CatchUp struct {
	config  *Config
	session Session
	link    *link.Link

	mu      sync.Mutex
	logs    [2]clientLog // the inbox, and the log of everyone
	started bool
	pulling bool // a pull is queued or running
	notices notices
	receipt receipt
}

const (
	// keptShown is how many places of shown entries a CatchUp remembers for each log. The
	// CatchUp does not show these entries again, and can follow the log from any of the
	// places.
	keptShown = order.Kept
	// A pull begins only if less than pullRoom bytes wait in the outbox.
	pullRoom = 64 << 10
	// pullRetry is the pause after a pull that failed, or whose messages the link did not
	// take.
	pullRetry = time.Second
)

// clientLog is one log of the connection.
type clientLog struct {
	follower *order.Follower[proto.Message]
	last     proto.Position // of the last entry that was written to the link
	acked    proto.Position // the client's cursor, as it was reported to routes
	shown    []order.Place  // the latest places that were written or passed over, newest last
	read     time.Time      // when the last page came
	later    time.Time      // no pull before this time
	frames   int            // how many frames pulls have written since paceLocked last made the client a pause
}

// move records that the log was written up to a place.
func (l *clientLog) move(to proto.Position) {
	l.last = to
	if to.Number == 0 {
		return
	}
	if len(l.shown) == keptShown {
		l.shown = slices.Delete(l.shown, 0, 1)
	}
	l.shown = append(l.shown, to.Place())
}

// has reports whether a message with this key was shown lately, at whatever place. So a
// message that is stored at two places is shown once.
func (l *clientLog) has(key string) bool {
	return slices.ContainsFunc(l.shown, func(at order.Place) bool { return at.Key == key })
}

// known returns the places of shown messages, newest first.
func (l *clientLog) known() []order.Place {
	known := slices.Clone(l.shown)
	slices.Reverse(known)
	return known
}

// due reports whether to pull the log now. When an entry comes early, the log is pulled
// at once. If that pull finds nothing, the next one comes after a while.
func (l *clientLog) due(now time.Time) bool {
	ms, due := l.follower.Due()
	vain := ms > order.EarlyWait && now.Before(l.read.Add(time.Duration(ms)*time.Millisecond))
	return due && !vain && !now.Before(l.later)
}

// again makes the next pull begin after the last written entry. It is called when the
// link has refused an entry.
func (l *clientLog) again() {
	l.follower = order.New[proto.Message](l.known()...)
	l.follower.Doubt()
	l.later = time.Now().Add(pullRetry)
}

// NewCatchUp returns the CatchUp of the session s and its link. It does nothing before
// Start.
func NewCatchUp(c *Config, s Session, l *link.Link) *CatchUp {
	f := &CatchUp{config: c, session: s, link: l}
	for i, log := range []int64{proto.Inbox, proto.Everyone} {
		at := proto.Position{Log: log}
		f.logs[i] = clientLog{follower: new(order.Follower[proto.Message]), last: at, acked: at}
	}
	return f
}

func (f *CatchUp) log(id int64) *clientLog {
	switch id {
	case proto.Inbox:
		return &f.logs[0]
	case proto.Everyone:
		return &f.logs[1]
	}
	return nil
}

// Start follows both logs from their cursors, and pulls the entries up to newest. The
// parameter ends has the end that a route has read for each log. The parameter newest
// has, for each log, the same end or a later place. If a log has no cursor, Start reads
// the inbox from its oldest entry, but everyone's log from its end. The client's first
// ping then makes that end the cursor of everyone's log.
func (f *CatchUp) Start(cursors, ends, newest []*proto.Mark) {
	f.mu.Lock()
	for i := range f.logs {
		l := &f.logs[i]
		cursor, end := markOf(cursors, l.last.Log), markOf(ends, l.last.Log)
		missed := l.follower.Lacks()
		begin := order.Start(nil, cursor.Place(), end.Place(), l.last.Log == proto.Everyone)
		l.follower = order.New[proto.Message](begin...)
		if len(begin) > 0 {
			l.move(proto.At(l.last.Log, begin[0]))
		}
		if cursor != nil {
			l.acked = l.last
		}
		if end := markOf(newest, l.last.Log); end != nil {
			l.follower.Observe(end.Place())
		}
		if missed {
			l.follower.Doubt()
		}
	}
	f.receipt.start(f.reachedLocked())
	f.started = true
	f.mu.Unlock()
	f.catchUp()
}

// Status is the state of a CatchUp. Index 0 is the inbox, and index 1 is the log of
// everyone.
type Status struct {
	Written [2]proto.Position // how far the logs were written
	Proven  [2]proto.Position // how far a ping would move the cursors now
	Early   [2]int64          // how many entries lie between Written and the furthest one that came
}

// Status returns the state, for tests and diagnosis.
func (f *CatchUp) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Status{Written: f.reachedLocked(), Proven: f.receipt.proven}
	for i := range f.logs {
		s.Early[i] = f.logs[i].follower.Furthest().Number - f.logs[i].last.Number
	}
	return s
}

// markOf returns the mark of a log, or nil if there is none.
func markOf(marks []*proto.Mark, log int64) *proto.Mark {
	i := slices.IndexFunc(marks, func(m *proto.Mark) bool { return m.Log == log })
	if i < 0 {
		return nil
	}
	return marks[i]
}

// Push writes a pushed message if it is the next one of its log.
func (f *CatchUp) Push(p *link.Packet) {
	m := p.Frame().Message()
	f.mu.Lock()
	switch l := f.log(m.At.Log); {
	case l == nil:
	case !f.started, l.follower.Lacks() && f.link.Queued() >= pullRoom:
		l.follower.Doubt() // m has no room to wait here, so a pull fetches it later
	default:
		e := order.Entry[proto.Message]{At: m.At.Place(), Prev: m.Prev, Size: len(m.Text), Item: m}
		f.writeLocked(l, l.follower.Push(make([]proto.Message, 0, 1), e))
	}
	f.mu.Unlock()
	f.catchUp()
}

// writeLocked writes pushed messages, except those that were shown before.
func (f *CatchUp) writeLocked(l *clientLog, ready []proto.Message) {
	user := f.session.User()
	for _, m := range ready {
		if cimShown(m, user) && !l.has(m.At.Key) && !f.link.Offer(link.NewPacket(cimLive(m, user))) {
			l.again()
			return
		}
		l.move(m.At)
	}
}

// Observe handles the end of a log, as a route reported it.
func (f *CatchUp) Observe(newest proto.Position) {
	f.mu.Lock()
	switch l := f.log(newest.Log); {
	case l == nil:
	case !f.started:
		l.follower.Doubt()
	default:
		l.follower.Observe(newest.Place())
	}
	f.mu.Unlock()
	f.catchUp()
}

// catchUp queues a pull if one is due. Tick calls it again and again.
func (f *CatchUp) catchUp() {
	f.mu.Lock()
	start := f.started && !f.pulling && f.dueLocked(time.Now()) != nil
	if start {
		f.pulling = true
	}
	f.mu.Unlock()
	if start {
		f.config.Queue.Add(f)
	}
}

// dueLocked returns a log that is due, if the link has room for its messages. It
// returns nil if there is none.
func (f *CatchUp) dueLocked(now time.Time) *clientLog {
	for i := range f.logs {
		if l := &f.logs[i]; l.due(now) && f.link.Queued() < pullRoom {
			return l
		}
	}
	return nil
}

// Pull pulls the logs that are due, and writes their entries. If a pull fails, Tick tries
// again. It implements pull.Job.
func (f *CatchUp) Pull(ctx context.Context) {
	for {
		l, after := f.nextPull()
		if l == nil {
			return
		}
		err := f.pullOnce(ctx, l, after)
		if err != nil && !errors.Is(err, order.ErrNoProgress) {
			f.config.Failed.Inc()
			f.config.Logger.Warn("pull failed", "user", f.session.User(), "err", err)
		}
	}
}

// nextPull returns a log to pull, and the place after which to read. If no log is due,
// it returns nil and the pull is over.
func (f *CatchUp) nextPull() (l *clientLog, after proto.Position) {
	gone := f.session.Gone()
	f.mu.Lock()
	defer f.mu.Unlock()
	if l = f.dueLocked(time.Now()); l == nil || gone {
		f.pulling = false
		return nil, after
	}
	return l, proto.At(l.last.Log, l.follower.Ask())
}
