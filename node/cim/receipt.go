package cim

import (
	"time"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
)

// CIM's client acknowledges nothing, so a feed has to find out what the client has read.
// An acknowledgement of the peer's TCP proves nothing, because the system sends it even
// for a process that stands still and is killed later. The window of the peer's TCP
// proves nothing either, because on Linux some unread kilobytes do not make it smaller.
// Two events do prove it.
//
// The first is a byte from the client, which sends a ping every 10 s. One goroutine of
// the client reads and pings. So the byte proves that the client has read all that its
// TCP had acknowledged a moment before. Once a second a feed notes what is
// acknowledged. It does so only if no bytes of the client wait to be read here, because
// those could be older.
//
// The second is the end of the connection, if the client ended it and did not reset it
// (link.Handler). A process that is killed with unread bytes resets it. A client that has
// not closed its socket yet may still reset it. The link finds that out with one more
// frame. This proof needs no ping. It holds for a client that closes, that is killed, or
// that answers when a route or a drain closes the connection.
//
// A node that is killed can prove nothing any more. So once per second it also reports
// which bytes the peer's TCP has, because a live client will read them. A route uses
// this report as the cursor only if the node dies before it reports the end of the
// connection (routefn/node/received.go).

// noteAge is how old a note must be when a byte comes from the client. A client that was
// interrupted between reading and pinging has read nothing since.
const noteAge = 250 * time.Millisecond

// lookAgain is the time after a tick at which a feed checks whether the bytes that were
// on their way have arrived. The tick alone would not do, because in a busy connection
// some bytes are always on their way.
const lookAgain = 300 * time.Millisecond

// places has the positions that were reached in the two logs of a feed.
type places [2]proto.Position

// receipt has what a feed knows about the bytes that its peer's TCP has.
type receipt struct {
	proven  places    // acknowledged at the tick before the last, or noteAge ago
	acked   places    // acknowledged at the last tick at which nothing of the peer's was unread
	at      time.Time // of the last tick
	has     places    // acknowledged when it was looked last
	written places    // the socket has taken them at given
	given   uint64    // bytes; 0: nothing is waited for
	news    bool      // has moved since it was reported
}

func (r *receipt) start(at places) { *r = receipt{proven: at, acked: at, has: at} }

// note records the state at a tick. reached is how far the feed wrote. all reports
// whether the socket has taken all of that. p is the socket's progress, read
// afterwards.
func (r *receipt) note(now time.Time, reached places, all bool, p link.Progress) {
	r.proven, r.at = r.acked, now
	r.look(p)
	switch {
	case all && p.Acked >= p.Given:
		r.hold(reached)
	case all && r.given == 0:
		r.written, r.given = reached, p.Given
	}
	if !p.Unread {
		r.acked = r.has
	}
}

// look records whether the peer's TCP has the bytes for which the feed waited.
func (r *receipt) look(p link.Progress) {
	if r.given > 0 && p.Acked >= r.given {
		r.hold(r.written)
	}
}

func (r *receipt) hold(at places) {
	r.news = r.news || r.has != at
	r.has, r.given = at, 0
}

// heard returns how far the client must have read, given that a byte has come from it.
func (r *receipt) heard(now time.Time) places {
	if now.Sub(r.at) >= noteAge {
		r.proven = r.acked
	}
	return r.proven
}

func (f *CatchUp) reachedLocked() places { return places{f.logs[0].last, f.logs[1].last} }

// Tick is called once a second.
func (f *CatchUp) Tick(now time.Time) {
	f.mu.Lock()
	reached := f.reachedLocked()
	quiet := reached == f.receipt.proven && reached == f.receipt.acked && reached == f.receipt.has
	f.mu.Unlock()
	if !quiet {
		all := f.link.Queued() == 0 // read last, so all up to reached was written before
		p, known := f.link.Progress()
		f.mu.Lock()
		f.receipt.note(now, reached, all, p) // where it is not known, the bytes that the socket took count
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
	f.receipt.look(p)
	f.mu.Unlock()
	f.tellReceived()
}

// tellReceived reports the places that the peer's TCP has, if they are new.
func (f *CatchUp) tellReceived() {
	f.mu.Lock()
	has := f.receipt.has
	news := f.receipt.news && has != places{f.logs[0].acked, f.logs[1].acked}
	f.receipt.news = false
	f.mu.Unlock()
	if !news {
		return
	}
	var marks []*proto.Mark
	for _, at := range has {
		if at.Number > 0 {
			marks = append(marks, at.Mark())
		}
	}
	f.config.Reports.Received(f.session, marks)
}

// Heard is called when a byte came from the client. It acknowledges the messages that
// the client has read by then. The cursors move at most once per second.
func (f *CatchUp) Heard() {
	f.mu.Lock()
	cursors := f.moveLocked(f.receipt.heard(time.Now()))
	f.mu.Unlock()
	f.config.Reports.Acked(f.session, cursors, nil)
}

// Ended acknowledges everything if the peer had read it when it ended the connection.
func (f *CatchUp) Ended(read bool) {
	if !read {
		return
	}
	f.mu.Lock()
	cursors := f.moveLocked(f.reachedLocked())
	f.mu.Unlock()
	f.config.Reports.Ended(f.session, cursors)
}

// moveLocked moves the cursors and returns those that were elsewhere.
func (f *CatchUp) moveLocked(to places) (cursors []*proto.Mark) {
	for i := range f.logs {
		if l := &f.logs[i]; to[i] != l.acked {
			l.acked = to[i]
			cursors = append(cursors, l.acked.Mark())
		}
	}
	return cursors
}
