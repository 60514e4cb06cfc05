package node

import (
	"context"
	"slices"
	"sync"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// pullLimit is how many entries a feed asks for at once.
const pullLimit = proto.MaxPull

// cimFeed shows a CIM connection its logs, in their order and without gaps,
// because it can do neither by itself: a push that does not follow the last one
// is not written but pulled, with all that is missing.
//
// It acknowledges for it, too: what the socket has taken counts as shown when a
// ping comes after that, since a peer that pings is alive.
type cimFeed struct {
	session *session

	mu      sync.Mutex
	logs    [2]cimLog // the inbox, everyone
	started bool
	pulling bool // a pull is queued or running: only it writes
}

const (
	// keptShown is how many of a log's latest places a feed keeps, as the relay does:
	// to tell a repetition, and to go on from one of them when the log lost its tail.
	keptShown = keptPlaces
	// maxLacking is how many pulls in a row, one per second, may lack what was pushed
	// until the route is believed: the log lost it.
	maxLacking = 5
)

// cimLog is how far one log got.
type cimLog struct {
	last    proto.Position // written to the link
	taken   proto.Position // the socket has taken it
	acked   proto.Position
	shown   []proto.Position // the latest that were written or passed over, newest last
	pushed  proto.Position   // the furthest that was pushed
	lacking int              // pulls in a row that ended before pushed
	behind  bool             // there is more than last
}

// move notes that the log was written up to a place.
func (l *cimLog) move(to proto.Position) {
	l.last, l.lacking = to, 0
	if to.Number == 0 || l.stands(to) {
		return
	}
	if len(l.shown) == keptShown {
		l.shown = slices.Delete(l.shown, 0, 1)
	}
	l.shown = append(l.shown, to)
}

// stands reports whether the entry is known to stand where it says: it is a
// repetition.
func (l *cimLog) stands(at proto.Position) bool { return slices.Contains(l.shown, at) }

// has reports whether a message was shown lately, wherever it stood.
func (l *cimLog) has(key string) bool {
	return slices.ContainsFunc(l.shown, func(at proto.Position) bool { return at.Key == key })
}

// follows reports whether a message stands right behind the last one.
func (l *cimLog) follows(m proto.Message) bool {
	if l.last.Number == 0 {
		return m.At.Number == 1
	}
	return m.At.Epoch == l.last.Epoch && m.At.Number == l.last.Number+1 && m.Prev == l.last.Key
}

// points returns where to try to go on when the log does not know a place any more:
// of what was shown, latest first, ever wider apart, so that a long loss takes few
// tries; then the earliest known, and the very beginning.
func (l *cimLog) points(lost proto.Position) (points []proto.Position) {
	known := slices.DeleteFunc(slices.Clone(l.shown), func(at proto.Position) bool { return at == lost })
	slices.Reverse(known)
	for i, step := 0, 1; i < len(known); i, step = i+step, 2*step {
		points = append(points, known[i])
	}
	if n := len(known); n > 0 && points[len(points)-1] != known[n-1] {
		points = append(points, known[n-1])
	}
	return append(points, proto.Position{Log: lost.Log})
}

func newFeed(s *session) *cimFeed {
	f := &cimFeed{session: s}
	f.logs[1].last.Log, f.logs[1].acked.Log = proto.Everyone, proto.Everyone
	return f
}

func (f *cimFeed) log(id int64) *cimLog {
	switch id {
	case proto.Inbox:
		return &f.logs[0]
	case proto.Everyone:
		return &f.logs[1]
	}
	return nil
}

// start begins at the cursors and pulls what is there up to newest. Without a
// cursor the inbox begins at its oldest entry and everyone where the route found its
// end, which the first ping makes the cursor.
func (f *cimFeed) start(cursors, ends, newest []*proto.Mark) {
	f.mu.Lock()
	for _, mark := range ends {
		if mark.Log == proto.Everyone {
			f.logs[1].last = mark.Position()
		}
	}
	for _, mark := range cursors {
		if l := f.log(mark.Log); l != nil {
			l.last, l.acked = mark.Position(), mark.Position()
		}
	}
	for i := range f.logs {
		l := &f.logs[i]
		l.taken = l.last
		l.move(l.last)
	}
	for _, mark := range newest {
		if l := f.log(mark.Log); l != nil && beyond(l.last, mark) {
			l.behind = true
		}
	}
	f.started = true
	f.mu.Unlock()
	f.catchUp()
}

// beyond reports whether the log of which the mark is the end has more than what is
// up to at: it goes further, or another entry stands there.
func beyond(at proto.Position, mark *proto.Mark) bool {
	other := mark.Number == at.Number && mark.Key != at.Key && mark.Key != "" && at.Key != ""
	return uint64(at.Epoch) != mark.Epoch || mark.Number > at.Number || other
}

// push writes a pushed message if it is the next one of its log. One that stands
// before the last and was not shown is pulled, too: it may be an old one pushed
// again, or a new one in a log that lost its tail, and only a route can tell.
func (f *cimFeed) push(p *link.Packet) {
	m := p.Frame().Message()
	f.mu.Lock()
	l := f.log(m.At.Log)
	if l == nil || l.stands(m.At) {
		f.mu.Unlock()
		return
	}
	if !f.pulling && l.follows(m) && (l.has(m.At.Key) || f.write(m)) {
		l.move(m.At)
		f.mu.Unlock()
		return
	}
	if m.At.Epoch != l.pushed.Epoch || m.At.Number > l.pushed.Number {
		l.pushed, l.lacking = m.At, 0
	}
	l.behind = true
	f.mu.Unlock()
	f.catchUp()
}

// write offers a live message to the link and reports whether it is dealt with.
func (f *cimFeed) write(m proto.Message) bool {
	user := f.session.entry.User()
	return !cimShown(m, user) || f.session.link.Offer(link.NewPacket(cimLive(m, user)))
}

// observe learns where a log ends.
func (f *cimFeed) observe(newest proto.Position) {
	f.mu.Lock()
	if l := f.log(newest.Log); l != nil && !l.stands(newest) {
		l.behind = true
	}
	f.mu.Unlock()
	f.catchUp()
}

// catchUp has a pull queued if one is needed and would have room to write. What
// it leaves is done by tick.
func (f *cimFeed) catchUp() {
	room := f.session.link.Queued() < pullRoom
	f.mu.Lock()
	start := f.started && !f.pulling && room && (f.logs[0].behind || f.logs[1].behind)
	if start {
		f.pulling = true
	}
	f.mu.Unlock()
	if start {
		f.session.node.puller.add(f)
	}
}

// pullRoom is how much may wait in an outbox for a pull to begin.
const pullRoom = 64 << 10

// tick is called once a second.
func (f *cimFeed) tick() {
	f.mu.Lock()
	reached := [2]proto.Position{f.logs[0].last, f.logs[1].last}
	f.mu.Unlock()
	if f.session.link.Queued() == 0 { // asked after: all up to reached was written before
		f.mu.Lock()
		for i := range f.logs {
			f.logs[i].taken = reached[i]
		}
		f.mu.Unlock()
	}
	f.catchUp()
}

// pinged acknowledges what the socket had taken when the last tick looked.
func (f *cimFeed) pinged() {
	var cursors []*proto.Mark
	f.mu.Lock()
	for i := range f.logs {
		l := &f.logs[i]
		if l.taken != l.acked {
			l.acked = l.taken
			cursors = append(cursors, l.acked.Mark())
		}
	}
	f.mu.Unlock()
	f.session.node.reporter.acked(f.session, cursors, nil)
}

// pull writes what the logs hold beyond what was written. A failure, or a link
// that takes no more, leaves the log behind for tick to try again.
func (f *cimFeed) pull(ctx context.Context) {
	for {
		i, after, ok := f.nextPull()
		if !ok {
			return
		}
		more, err := f.pullOnce(ctx, i, after)
		if err != nil {
			f.session.node.metrics.calls.WithLabelValues("pull").Inc()
			f.session.node.log.Warn("pull failed", "user", f.session.entry.User(), "err", err)
		}
		if err != nil || more == stopped {
			f.mu.Lock()
			f.logs[i].behind, f.pulling = true, false
			f.mu.Unlock()
			return
		}
		if more == unfinished {
			f.mu.Lock()
			f.logs[i].behind = true
			f.mu.Unlock()
		}
	}
}

// nextPull returns a log that is behind; none ends the pull.
func (f *cimFeed) nextPull() (i int, after proto.Position, ok bool) {
	gone := f.session.at() == closed
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.logs {
		if l := &f.logs[i]; l.behind && !gone {
			l.behind = false
			return i, l.last, true
		}
	}
	f.pulling = false
	return 0, after, false
}
