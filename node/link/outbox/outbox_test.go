package outbox

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cim-go/cim/node/link/tcp"
	"github.com/cim-go/cim/proto"
)

func TestQueuePutsNextBehindAPartlyTakenFrame(t *testing.T) {
	q := new(queue)
	q.push([]byte("abc"))
	q.push([]byte("def"))
	got := string(q.peek(make([]byte, 0, 2)))
	if got != "ab" {
		t.Errorf("%q goes out first", got)
	}
	q.take(len(got))
	q.pushNext([]byte("XY"))
	q.pushNext([]byte("Z"))
	rest := q.peek(make([]byte, 0, 20))
	q.take(len(rest))
	if got += string(rest); got != "abcXYZdef" || !q.empty() {
		t.Errorf("got %q", got)
	}
}

// Whatever the sizes of frames and of writes, the bytes come out once and in order.
func TestBytesComeOutInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var o Outbox
	var in, out strings.Builder
	for step := range 20_000 {
		if random.IntN(2) == 0 {
			frame := strings.Repeat(string(rune('a'+step%26)), 1+random.IntN(40))
			o.Add([]byte(frame), 100)
			in.WriteString(frame)
		}
		b := o.Next(make([]byte, 0, 1+random.IntN(60)), 1)
		n := random.IntN(len(b) + 1)
		out.Write(b[:n])
		o.Wrote(n)
		if waits := in.Len() - out.Len(); o.Bytes() != waits || o.Idle() != (waits == 0) {
			t.Fatalf("step %d: %d bytes, idle %v; %d wait", step, o.Bytes(), o.Idle(), waits)
		}
	}
	for !o.Idle() {
		b := o.Next(make([]byte, 0, 64), 1)
		out.Write(b)
		o.Wrote(len(b))
	}
	if in.String() != out.String() {
		t.Error("other bytes came out")
	}
}

func TestOutboxLagsUntilHalfOfItIsFree(t *testing.T) {
	var o Outbox
	o.Add(make([]byte, 80), 100)
	if !o.Takes(20) || o.Lagging() || o.Full() {
		t.Error("there was room")
	}
	if o.Fits(21, 100) || o.Lagging() {
		t.Error("Fits took too much, or made the outbox lag")
	}
	if o.Takes(21) || !o.Lagging() || !o.Full() {
		t.Error("there was no room")
	}
	o.Missed(&proto.Mark{Log: 7, Epoch: 1, Number: 3})
	o.Missed(&proto.Mark{Log: 7, Epoch: 1, Number: 5})
	o.Wrote(len(o.Next(make([]byte, 0, 29), 1)))
	if o.Takes(1) {
		t.Errorf("%d bytes of 100 wait, and a frame was taken", o.Bytes())
	}
	o.Wrote(len(o.Next(make([]byte, 0, 1), 1)))
	if !o.Takes(1) || o.Lagging() {
		t.Errorf("%d bytes of 100 wait, and no frame was taken", o.Bytes())
	}
	if missed := o.TakeMissed(); len(missed) != 1 || missed[0].Number != 5 {
		t.Errorf("missed %v", missed)
	}
	if again := o.TakeMissed(); len(again) > 0 {
		t.Errorf("missed %v twice", again)
	}
}

func TestMissedPlaceKeepsTheOutboxBusy(t *testing.T) {
	var o Outbox
	o.Add(make([]byte, 100), 10)
	if o.Takes(1) {
		t.Fatal("there was no room")
	}
	o.Missed(&proto.Mark{Log: 7, Epoch: 1, Number: 3})
	o.Wrote(len(o.Next(make([]byte, 0, 200), 1)))
	if o.Idle() {
		t.Fatal("nothing tells the peer of the place")
	}
	if missed := o.TakeMissed(); len(missed) != 1 {
		t.Errorf("missed %v", missed)
	}
	o.PushNext([]byte("newest"))
	if b := o.Next(make([]byte, 0, 200), 1); string(b) != "newest" {
		t.Errorf("%q goes out", b)
	}
	if o.Wrote(6); !o.Idle() {
		t.Error("nothing waits")
	}
}

func TestOnlyAnUnfinishedChunkStalls(t *testing.T) {
	var o Outbox
	if o.Forgive(5); o.Stalled() != 0 {
		t.Error("an empty outbox stalls")
	}
	o.Add(make([]byte, 3*tcp.Chunk), 10)
	if o.Next(make([]byte, 0, tcp.Chunk), 40); o.Stalled() != 40 {
		t.Errorf("the write began at %d", o.Stalled())
	}
	o.Wrote(tcp.Chunk - 1)
	if o.Next(make([]byte, 0, tcp.Chunk), 50); o.Stalled() != 40 {
		t.Errorf("a chunk that lacks a byte began at %d", o.Stalled())
	}
	if o.Forgive(60); o.Stalled() != 60 {
		t.Errorf("after a pause of the process it began at %d", o.Stalled())
	}
	if o.Wrote(1); o.Stalled() != 0 {
		t.Error("a whole chunk was taken, and the write stalls")
	}
	o.Next(make([]byte, 0, tcp.Chunk), 70)
	if o.Drop(); !o.Idle() || o.Stalled() != 0 || o.Bytes() != 0 {
		t.Error("something is left of what was dropped")
	}
	o.Wrote(5) // by the writer, which did not know yet
	o.Next(make([]byte, 0, tcp.Chunk), 80)
	o.Drop()
	o.Add([]byte("bye"), 10)
	if o.Wrote(5); o.Bytes() != 3 {
		t.Errorf("%d bytes wait: a write of what was dropped counts for what came after it", o.Bytes())
	}
}

// When no more writes begin, only the bytes of a write that is under way can still go out.
func TestStopKeepsOnlyAWriteThatHasAll(t *testing.T) {
	for name, c := range map[string]struct {
		before func(o *Outbox)
		whole  bool
	}{
		"nothing waits":         {func(*Outbox) {}, true},
		"a write has all":       {func(o *Outbox) { o.Add([]byte("abc"), 10); o.Next(make([]byte, 0, 9), 1) }, true},
		"no write began":        {func(o *Outbox) { o.Add([]byte("abc"), 10) }, false},
		"a write has a part":    {func(o *Outbox) { o.Add([]byte("abc"), 10); o.Next(make([]byte, 0, 2), 1) }, false},
		"more came since":       {func(o *Outbox) { o.Add([]byte("abc"), 10); o.Next(make([]byte, 0, 9), 1); o.Add([]byte("d"), 10) }, false},
		"the write took a part": {func(o *Outbox) { o.Add([]byte("abc"), 10); o.Next(make([]byte, 0, 9), 1); o.Wrote(2) }, false},
		"a place was missed": {func(o *Outbox) {
			o.Add([]byte("abc"), 10)
			o.Next(make([]byte, 0, 9), 1)
			o.Missed(&proto.Mark{Log: 7, Epoch: 1, Number: 3})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var o Outbox
			c.before(&o)
			if whole := o.Stop(); whole != c.whole {
				t.Errorf("nothing was discarded: %v", whole)
			}
			if o.Wrote(o.Bytes()); !o.Idle() {
				t.Errorf("%d bytes are left", o.Bytes())
			}
		})
	}
}

// What is sealed goes out first and whole, and counts like frames.
func TestSealedGoesBeforeFrames(t *testing.T) {
	var o Outbox
	buf := make([]byte, 0, 8)
	o.Add([]byte("one"), 10)
	o.Add([]byte("two"), 10)
	if got := o.Next(buf, 5); string(got) != "onetwo" || o.Sealed() {
		t.Fatalf("the frames are %q", got)
	}
	o.AddSealed([]byte("<update>"), 10)
	o.AddSealed([]byte("<onetwo>"), 10)
	o.Took()
	o.Add([]byte("three"), 10)
	if !o.Sealed() || o.Bytes() != 21 || !o.Full() {
		t.Fatalf("%d bytes wait", o.Bytes())
	}
	for _, want := range []string{"<update><onetwo>", "te><onetwo>"} {
		if got := o.Next(buf, 6); string(got) != want {
			t.Fatalf("next is %q, want %q", got, want)
		}
		o.Wrote(5)
	}
	if o.Stalled() != 5 {
		t.Errorf("a socket that takes a part is stalled since %d", o.Stalled())
	}
	if o.Next(buf, 7); o.Stop() {
		t.Error("a write that is under way has all that waits")
	}
	if !o.Idle() {
		t.Error("Stop has discarded nothing")
	}

	o.AddSealed([]byte("<alert>"), 10)
	o.Next(buf, 8)
	if !o.Stop() {
		t.Error("a write that is under way has not all that waits")
	}
	o.Wrote(7)
	if !o.Idle() || o.Bytes() != 0 {
		t.Errorf("%d bytes wait", o.Bytes())
	}
}

// Frames that were discarded while they were sealed are not taken away from later ones.
func TestTookAfterDropTakesNothing(t *testing.T) {
	var o Outbox
	o.Add([]byte("one"), 10)
	o.Next(make([]byte, 0, 8), 1)
	o.Drop()
	o.AddSealed([]byte("<one>"), 10)
	o.Add([]byte("bye"), 10)
	o.Took()
	o.Next(nil, 1)
	o.Wrote(5)
	if got := o.Next(make([]byte, 0, 8), 1); string(got) != "bye" {
		t.Errorf("next is %q", got)
	}
}
