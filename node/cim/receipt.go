package cim

import (
	"time"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// CIM's client acknowledges nothing, so a CatchUp has to find out what the client has
// read. An acknowledgement of the peer's TCP proves nothing, because the system sends it
// even for a process that stands still and is killed later. The window of the peer's TCP
// proves nothing either, because Linux does not shrink it while only some kilobytes are
// unread. Two events do prove it.
//
// The first event is a byte from the client, which sends a ping every 10 s. One thread of
// the client both reads and pings. So the byte proves that the client has read all that
// its TCP had acknowledged a moment before. Once a second a CatchUp notes how much is
// acknowledged. While bytes of the client wait to be read here, it notes nothing new,
// because the client may have sent these bytes before it read.
//
// The second event is the end of the connection, if the client ended it and did not reset
// it (link.Handler). A process that is killed with unread bytes resets it. A client that
// has ended its sending half may still reset the connection. The link finds that out by
// sending one more frame. This proof needs no ping. It works if the client closes or is
// killed. It also works if a route or a drain closes the connection, and the client then
// closes its end.
//
// A client that closes while messages arrive ends its sending half and then resets the
// connection. The thread that reads also ends the sending half, so that end proves as
// much as a ping. But a client that reads nothing more may end that half, too. So the end
// counts only if the client also logs out, as CIM's client does when it closes. No node
// learns for certain whether a client has logged out. So routes decide that at the next
// opening (routefn/node/received.go).
//
// A node that is killed can prove nothing any more. So once per second a node also
// reports up to which place the peer's TCP has received the logs, because a live client
// will read them. A route makes this place the cursor only if the node dies before it
// reports the end of the connection (routefn/node/received.go).

// A byte from the client proves what a note says only if the note is at least noteAge
// old. The client may have been interrupted between reading and pinging. Then it has not
// read what its TCP acknowledged in between.
const noteAge = 250 * time.Millisecond

// lookAgain is the time after a tick at which a CatchUp checks whether the bytes that
// were on their way at the tick have arrived. Ticks alone would not show that, because
// at each tick of a busy connection some bytes are on their way.
const lookAgain = 300 * time.Millisecond

// places has one position in each of the two logs of a CatchUp.
type places [2]proto.Position

// receipt is what a CatchUp knows about the bytes that its client's TCP has received.
type receipt struct {
	proven  places    // what the client has read, if a byte comes from it now: the previous value of acked, or the present one if that is at least noteAge old
	acked   places    // the value of the field has at the last note for which no bytes of the client waited here
	at      time.Time // when the last note was made
	has     places    // what the client's TCP is known to have acknowledged
	written places    // how far the logs were written when the socket had taken as many bytes as given says
	given   uint64    // receipt waits until the client's TCP has acknowledged this many bytes; 0: it does not wait
	news    bool      // the field has was changed since it was reported
	frozen  bool      // nothing more is noted
}

func (r *receipt) start(at places) { *r = receipt{proven: at, acked: at, has: at} }

// note records the state at a tick. reached is how far the CatchUp has written. The
// parameter all is true if the socket has taken everything up to reached. p is the
// socket's progress, which was read afterwards.
func (r *receipt) note(now time.Time, reached places, all bool, p link.Progress) {
	r.arrived(p)
	switch {
	case all && p.Acked >= p.Given:
		r.hold(reached)
	case all && r.given == 0:
		r.written, r.given = reached, p.Given
	}
	r.keep(now, p)
}

// look checks between two ticks whether the client's TCP has acknowledged the bytes for
// which receipt waits.
func (r *receipt) look(now time.Time, p link.Progress) {
	if r.arrived(p) {
		r.keep(now, p)
	}
}

// arrived reports whether the client's TCP has acknowledged the bytes for which receipt
// waits. If so, it updates the field has.
func (r *receipt) arrived(p link.Progress) bool {
	if r.given == 0 || p.Acked < r.given {
		return false
	}
	r.hold(r.written)
	return true
}

// keep makes a note of what is acknowledged. It does nothing if the previous note is
// younger than noteAge. If bytes of the client wait to be read here, the new note has the
// same place as the previous one.
func (r *receipt) keep(now time.Time, p link.Progress) {
	if r.frozen || now.Sub(r.at) < noteAge {
		return
	}
	r.proven, r.at = r.acked, now
	if !p.Unread {
		r.acked = r.has
	}
}

func (r *receipt) hold(at places) {
	r.news = r.news || r.has != at
	r.has, r.given = at, 0
}

// heard returns how far the client must have read, because a byte has come from it now.
func (r *receipt) heard(now time.Time) places {
	if now.Sub(r.at) >= noteAge {
		r.proven = r.acked
	}
	return r.proven
}

// freeze stops the notes, and returns the places that a byte from the client proves now.
// Later bytes, and the end of the client's sending, prove no more than that.
func (r *receipt) freeze(now time.Time) places {
	r.acked, r.frozen = r.heard(now), true
	return r.acked
}

func (f *CatchUp) reachedLocked() places { return places{f.logs[0].last, f.logs[1].last} }

// Tick is called once a second.
func (f *CatchUp) Tick(now time.Time) {
	f.mu.Lock()
	reached := f.reachedLocked()
	quiet := reached == f.receipt.proven && reached == f.receipt.acked && reached == f.receipt.has
	f.mu.Unlock()
	if !quiet {
		all := f.link.Queued() == 0 // Queued is called after reachedLocked, so if it is 0, the socket has taken all that reached covers
		p, known := f.link.Progress()
		f.mu.Lock()
		f.receipt.note(now, reached, all, p) // if the progress is not known, bytes that the socket took count as acknowledged
		waits := f.receipt.given > 0
		f.mu.Unlock()
		if known {
			f.tellReceived()
		}
		if known && waits {
			time.AfterFunc(lookAgain, f.lookAgain)
		}
	}
	f.catchUp()
}

// lookAgain checks between two ticks whether the bytes that were on their way at the
// first tick have arrived.
func (f *CatchUp) lookAgain() {
	p, known := f.link.Progress()
	if !known { // the connection has ended
		return
	}
	f.mu.Lock()
	f.receipt.look(time.Now(), p)
	f.mu.Unlock()
	f.tellReceived()
}

// tellReceived reports to routes up to which places the client's TCP has received the
// logs, if that is new.
func (f *CatchUp) tellReceived() {
	f.mu.Lock()
	has := f.receipt.has
	news := f.receipt.news && has != places{f.logs[0].acked, f.logs[1].acked}
	f.receipt.news = false
	f.mu.Unlock()
	if !news {
		return
	}
	f.config.Reports.Received(f.session, marksOf(has))
}

// marksOf returns the marks of the places, without those that are zero.
func marksOf(at places) (marks []*proto.Mark) {
	for _, p := range at {
		if p.Number > 0 {
			marks = append(marks, p.Mark())
		}
	}
	return marks
}

// Heard is called when bytes came from the client. It acknowledges the messages that
// the client has read by then. The cursors move at most once per second.
func (f *CatchUp) Heard() {
	f.mu.Lock()
	cursors := f.moveLocked(f.receipt.heard(time.Now()))
	f.mu.Unlock()
	f.config.Reports.Acked(f.session, cursors, nil)
}

// Leave is called when the client has logged out. The client may have stopped reading, so
// what its system acknowledges from then on proves nothing. Leave reports whether the
// client has surely read all that was written.
func (f *CatchUp) Leave(now time.Time) (read bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.receipt.freeze(now) == f.reachedLocked()
}

// Ending is called when the client has ended its sending half. The returned function is
// called once the connection has ended. If read is true, the client had read everything,
// and the function acknowledges it. Otherwise the function reports what the client has
// surely read. That report counts only if the client logs out, too.
func (f *CatchUp) Ending(now time.Time) (ended func(read bool)) {
	f.mu.Lock()
	sure := f.receipt.heard(now)
	f.mu.Unlock()
	return func(read bool) {
		if !read {
			f.config.Reports.Left(f.session, marksOf(sure))
			return
		}
		f.mu.Lock()
		cursors := f.moveLocked(f.reachedLocked())
		f.mu.Unlock()
		f.config.Reports.Ended(f.session, cursors)
	}
}

// moveLocked moves the cursors and returns those that have changed.
func (f *CatchUp) moveLocked(to places) (cursors []*proto.Mark) {
	for i := range f.logs {
		if l := &f.logs[i]; to[i] != l.acked {
			l.acked = to[i]
			cursors = append(cursors, l.acked.Mark())
		}
	}
	return cursors
}
