package client

import (
	"slices"
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	// earlyWait is how long a message that came too early waits for the missing
	// one before the gap is read from the route. Pushes of two routes overtake each
	// other by less.
	earlyWait = 50 * time.Millisecond
	// longestEarlyWait bounds the doubling of that wait while reading does not fill
	// the gap, as when a replica is behind.
	longestEarlyWait = 5 * time.Second
	// earlyMax is how many messages of a log may wait for a missing one; what comes
	// on top is read from the route.
	earlyMax = 256
	// standing is how many of a log's latest keys are held to tell a repeated push
	// from a number that was given again.
	standing = 64
)

// delivery is an entry of a log on its way to the application.
type delivery struct {
	at      proto.Position
	prev    string         // key of the entry before it
	message *proto.Message // nil: nothing to show there, only the position moves
	own     bool           // sent by this client: kept, not shown
}

// follower puts the entries of one log in order: what is pushed, what is read,
// and the positions of own messages. It does no I/O and has no clock; the
// client's mu guards it.
type follower struct {
	last  proto.Position // of the latest entry that was taken
	keys  []proto.Position
	early map[int64]delivery // by number, above last

	end        int64     // the highest number that it was told of
	heard      int       // pushes and ends that it was told
	doubt      bool      // something does not fit, or there is more: read after last
	earlySince time.Time // when early became not empty, or was last read in vain
	patience   time.Duration
}

// follow returns a follower that stands at the first of the positions, which are
// newest first; none means before the oldest entry.
func follow(log int64, positions []proto.Position) *follower {
	f := &follower{last: proto.Position{Log: log}, early: make(map[int64]delivery), patience: earlyWait}
	if len(positions) > 0 {
		f.last = positions[0]
	}
	for _, p := range slices.Backward(positions) {
		f.stand(p)
	}
	return f
}

// push offers an entry that was pushed, or an own message's. It returns those
// that may be delivered now, in order.
func (f *follower) push(d delivery, now time.Time) []delivery {
	f.heard++
	f.end = max(f.end, d.at.Number)
	switch {
	case f.follows(d):
		f.take(d)
		return append([]delivery{d}, f.drain()...)
	case f.stands(d.at):
		return nil
	case f.ahead(d.at) && len(f.early) < earlyMax:
		if len(f.early) == 0 {
			f.earlySince = now
		}
		f.early[d.at.Number] = d
		return nil
	default:
		// Another epoch, a number that somebody else has, a prev that is not what
		// stands here, or more than can wait: the route knows.
		f.doubt = true
		return nil
	}
}

// observe learns where the log ends.
func (f *follower) observe(newest proto.Position) {
	f.heard++
	f.end = max(f.end, newest.Number)
	if newest.Number == 0 && f.last.Number == 0 || f.stands(newest) {
		return
	}
	f.doubt = true
}

// read takes a page that was read after a position that f stands at or has
// passed since, and returns what of it is new, in order. The page's entries
// follow each other; numbers between them are of entries that are not shown.
//
// What was pushed while the page was read may be lost by now, and the page hold
// another entry at its number. Then f takes no more of it and reads again.
func (f *follower) read(page *proto.PulledMessages, self func(proto.Message) bool, now time.Time) []delivery {
	var fresh []delivery
	for _, d := range pageEntries(page, self) {
		switch {
		case f.contradicts(d.at):
			f.doubt = true
			return fresh
		case !f.passed(d.at):
			f.take(d)
			fresh = append(fresh, d)
		}
	}
	fresh = append(fresh, f.drain()...)
	f.settle(page, now)
	return fresh
}

// pageEntries returns a page's messages and, behind them, the last entry looked at.
func pageEntries(page *proto.PulledMessages, self func(proto.Message) bool) []delivery {
	list := make([]delivery, 0, len(page.Messages)+1)
	for i := range page.Messages {
		m := &page.Messages[i]
		d := delivery{at: m.At, message: m, own: self(*m)}
		d.at.Key = m.Key()
		if !m.Kind.Shown() {
			d.message = nil
		}
		list = append(list, d)
	}
	if page.Through.Number > 0 {
		list = append(list, delivery{at: page.Through})
	}
	return list
}

// settle decides whether to read on.
func (f *follower) settle(page *proto.PulledMessages, now time.Time) {
	f.end = page.Newest.Number // after a failover the log may end earlier
	if page.Through.Number < page.Newest.Number {
		f.doubt = true
		return
	}
	if len(f.early) > 0 {
		f.earlySince = now
		f.patience = min(2*f.patience, longestEarlyWait)
	}
}

// rewind goes back to an earlier position, after the store lost what stood
// behind it.
func (f *follower) rewind(to proto.Position) {
	f.last = to
	f.keys = slices.DeleteFunc(f.keys, func(p proto.Position) bool {
		return p.Epoch != to.Epoch || p.Number > to.Number
	})
	if len(f.early) > 0 {
		clear(f.early)
		f.doubt = true // what waited may be newer than what is read next
	}
}

// behind is how many entries of the log are known to stand behind the last one.
func (f *follower) behind() int64 { return f.end - f.last.Number }

// due is when the route should be asked; false: there is no need.
func (f *follower) due() (time.Time, bool) {
	switch {
	case f.doubt:
		return time.Time{}, true
	case len(f.early) > 0:
		return f.earlySince.Add(f.patience), true
	default:
		return time.Time{}, false
	}
}

func (f *follower) take(d delivery) {
	f.last = d.at
	f.patience = earlyWait
	delete(f.early, d.at.Number)
	f.stand(d.at)
}

// drain takes what waited and now follows. What waited and is passed, or does
// not fit, goes; in doubt the route is asked.
func (f *follower) drain() []delivery {
	var ready []delivery
	for {
		d, ok := f.early[f.last.Number+1]
		if !ok {
			break
		}
		delete(f.early, d.at.Number)
		if !f.follows(d) {
			f.doubt = true
			continue
		}
		f.take(d)
		ready = append(ready, d)
	}
	for n, d := range f.early {
		if n <= f.last.Number {
			delete(f.early, n)
			f.doubt = f.doubt || !f.stands(d.at)
		}
	}
	return ready
}

// follows reports whether the entry stands right behind the last one. A last
// position without a key comes from a cursor that has none; then numbers decide.
func (f *follower) follows(d delivery) bool {
	if f.last.Number == 0 {
		return d.at.Number == 1
	}
	return d.at.Epoch == f.last.Epoch && d.at.Number == f.last.Number+1 &&
		(d.prev == f.last.Key || f.last.Key == "")
}

func (f *follower) ahead(at proto.Position) bool {
	if f.last.Number == 0 {
		return true
	}
	return at.Epoch == f.last.Epoch && at.Number > f.last.Number+1
}

func (f *follower) passed(at proto.Position) bool {
	return f.last.Number > 0 && at.Epoch == f.last.Epoch && at.Number <= f.last.Number
}

// stand remembers which key stands where.
func (f *follower) stand(at proto.Position) {
	if f.keys = append(f.keys, at); len(f.keys) >= 2*standing {
		f.keys = append(f.keys[:0], f.keys[len(f.keys)-standing:]...)
	}
}

// stands reports whether the entry is known to stand where it says: it is a
// repetition.
func (f *follower) stands(at proto.Position) bool {
	return slices.ContainsFunc(f.keys, func(p proto.Position) bool {
		return p.Epoch == at.Epoch && p.Number == at.Number && p.Key == at.Key
	})
}

// contradicts reports whether another entry is known to stand there.
func (f *follower) contradicts(at proto.Position) bool {
	return !f.stands(at) && slices.ContainsFunc(f.keys, func(p proto.Position) bool {
		return p.Epoch == at.Epoch && p.Number == at.Number && p.Key != "" && at.Key != ""
	})
}
