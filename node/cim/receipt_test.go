package cim

import (
	"testing"
	"time"

	"github.com/cim-go/cim/node/link"
)

// A receipt follows the acknowledgements even if bytes are always on their way. It does
// not take an unread byte of the client for one that was sent after the client had
// read.
func TestReceiptKnowsWhatThePeersTCPHas(t *testing.T) {
	at := func(n int64) places { return places{{Number: n}} }
	var r receipt
	r.start(at(0))
	now := time.Now()
	for i, step := range []struct {
		reached int64
		all     bool
		p       link.Progress
		again   bool // looked between two ticks
		has     int64
		acked   int64
	}{
		{reached: 1, all: true, p: link.Progress{Given: 100, Acked: 90}, has: 0, acked: 0},
		{p: link.Progress{Given: 150, Acked: 99}, again: true, has: 0, acked: 0},
		{p: link.Progress{Given: 150, Acked: 120}, again: true, has: 1, acked: 1},
		{reached: 3, all: true, p: link.Progress{Given: 200, Acked: 190, Unread: true}, has: 1, acked: 1},
		{reached: 4, all: true, p: link.Progress{Given: 300, Acked: 290, Unread: true}, has: 3, acked: 1},
		{reached: 5, p: link.Progress{Given: 400, Acked: 310}, has: 4, acked: 4},
		{reached: 5, all: true, p: link.Progress{Given: 400, Acked: 400, Unread: true}, has: 5, acked: 4},
		{reached: 5, all: true, p: link.Progress{Given: 400, Acked: 400}, has: 5, acked: 5},
	} {
		if step.again {
			now = now.Add(lookAgain)
			r.look(now, step.p)
		} else {
			now = now.Add(time.Second)
			r.note(now, at(step.reached), step.all, step.p)
		}
		if r.has != at(step.has) || r.acked != at(step.acked) {
			t.Errorf("step %d: the peer has %d, and %d of that is noted; want %d and %d", i, r.has[0].Number, r.acked[0].Number, step.has, step.acked)
		}
	}
}

// A byte from the client, or the end of its sending, proves what was noted noteAge
// before, however close the notes are.
func TestReceiptProvesWhatIsOldEnough(t *testing.T) {
	at := func(n int64) places { return places{{Number: n}} }
	begun := time.Now()
	all := link.Progress{Given: 1, Acked: 1}
	for name, test := range map[string]struct {
		second, heard time.Duration // of the second note, of the byte
		proven        int64
	}{
		"both notes are old":                    {time.Second, time.Second + noteAge, 2},
		"the second is new":                     {time.Second, time.Second + noteAge - 1, 1},
		"the second came too soon to be a note": {noteAge - 1, noteAge, 1},
		"both are new":                          {noteAge - 1, noteAge - 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var r receipt
			r.start(at(0))
			r.note(begun, at(1), true, all)
			r.note(begun.Add(test.second), at(2), true, all)
			if got := r.heard(begun.Add(test.heard)); got != at(test.proven) {
				t.Errorf("proven: %d, want %d", got[0].Number, test.proven)
			}
		})
	}
}

// What the system of a client acknowledges after the client's logout proves nothing.
func TestReceiptProvesNothingMoreAfterALogout(t *testing.T) {
	at := func(n int64) places { return places{{Number: n}} }
	now := time.Now()
	all := link.Progress{Given: 1, Acked: 1}
	var r receipt
	r.start(at(0))
	r.note(now, at(1), true, all)
	if got := r.freeze(now.Add(noteAge)); got != at(1) {
		t.Errorf("proven at the logout: %d, want 1", got[0].Number)
	}
	for range 3 {
		now = now.Add(time.Second)
		r.note(now, at(2), true, all)
	}
	if got := r.heard(now.Add(time.Second)); got != at(1) {
		t.Errorf("proven after the logout: %d, want 1", got[0].Number)
	}
}
