package link

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
)

// some returns n numbered messages, and then a frame without a place.
func some(n int64) (packets []*Packet) {
	for number := range n {
		packets = append(packets, NewPacket(message(number+1, strings.Repeat("x", int(number)))))
	}
	return append(packets, NewPacket(&proto.Frame{Cmd: proto.Command_PING, ReqMsg: "behind"}))
}

func TestBatchIsItsPacketsInEachForm(t *testing.T) {
	for f := range forms {
		packets := some(20)
		var want []byte
		for _, p := range packets {
			b, err := p.encoded(f)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, b...)
		}
		if got := NewBatch(packets).encoded(f); !bytes.Equal(got, want) {
			t.Errorf("form %d: %d bytes, want %d", f, len(got), len(want))
		}
	}
}

func TestBatchIsSentAsItsPacketsAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{})
		conn, r := w.login(t, ourLogin)
		r.link.Send(NewPacket(message(1, "waits, so that the batch goes out behind it")))
		r.link.SendAll(NewBatch(some(3)))
		r.link.SendAll(NewBatch(some(2)))
		for _, want := range []int64{1, 1, 2, 3, 0, 1, 2, 0} {
			if f := read(t, conn); f.GetAt().GetNumber() != want {
				t.Fatalf("got %v, want number %d", f, want)
			}
		}
		m := w.server.metrics
		messages, pings := testutil.ToFloat64(m.out[slot(proto.Command_MESSAGE)]), testutil.ToFloat64(m.out[slot(proto.Command_PING)])
		if messages != 6 || pings != 2 {
			t.Errorf("counted %v messages and %v pings", messages, pings)
		}
	})
}

func TestBatchWithAFrameThatCannotBeEncodedIsSentWithoutIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{})
		conn, r := w.login(t, ourLogin)
		r.link.SendAll(NewBatch([]*Packet{
			NewPacket(message(1, "good")), NewPacket(message(2, "not UTF-8: \xff")), NewPacket(message(3, "good")),
		}))
		for _, want := range []int64{1, 3} {
			if f := read(t, conn); f.At.GetNumber() != want {
				t.Errorf("got %v, want number %d", f, want)
			}
		}
		if n := testutil.ToFloat64(w.server.metrics.drops[dropEncode]); n != 1 {
			t.Errorf("%v drops counted", n)
		}
	})
}

func TestClosingLinkDropsABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, Config{})
		conn, r := w.login(t, ourLogin)
		r.link.Close(proto.Replaced, "")
		r.link.SendAll(NewBatch(some(3)))
		if f := read(t, conn); f.Cmd != proto.Command_KICK {
			t.Errorf("got %v", f)
		}
		if n := testutil.ToFloat64(w.server.metrics.drops[dropClosed]); n != 4 {
			t.Errorf("%v drops counted, want 4", n)
		}
	})
}

// If a batch does not fit as a whole, as many of its packets as fit are sent, no matter
// what waits before them.
func TestBatchThatDoesNotFitIsSentInPart(t *testing.T) {
	for _, before := range []int64{0, 1, 3} {
		synctest.Test(t, func(t *testing.T) { overfill(t, before) })
	}
}

func overfill(t *testing.T, before int64) {
	w := inMemory(t, Config{OutboxBytes: 5000})
	conn, r := w.login(t, ourLogin)
	next := int64(0)
	letter := func(size int) *Packet { next++; return NewPacket(message(next, strings.Repeat("x", size))) }
	for range before {
		r.link.Send(letter(1000))
	}
	var packets []*Packet
	for next < 8 {
		packets = append(packets, letter(1000))
	}
	r.link.SendAll(NewBatch(packets))
	if queued := r.link.Queued(); queued > 5000 || queued < 4000 {
		t.Errorf("%d bytes wait", queued)
	}
	got, told := int64(0), int64(0)
	take := func() {
		f := read(t, conn)
		if f.Cmd == proto.Command_NEWEST {
			told = f.Newest[0].Number
		} else if got++; f.At.GetNumber() != got {
			t.Fatalf("got %v after %d", f, got-1)
		}
		synctest.Wait()
	}
	for got == 0 {
		take()
	}
	r.link.SendAll(NewBatch([]*Packet{letter(1)})) // has room, but not before what was left out
	for r.link.Queued() > 0 {
		take()
	}
	if got != 4 || told != 9 {
		t.Errorf("%d before it: got %d and was told of %d, want 4 and 9", before, got, told)
	}
}
