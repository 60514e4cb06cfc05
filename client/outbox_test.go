package client

import (
	"fmt"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

func fill(o *outbox, n int) {
	for i := range n {
		o.add(&Pending{out: Outgoing{ID: fmt.Sprint(i)}})
	}
}

func ids(list []*Pending) (s string) {
	for _, p := range list {
		s += p.out.ID
	}
	return s
}

func TestNothingIsWrittenBehindARefusedMessage(t *testing.T) {
	var o outbox
	fill(&o, 4)
	now := time.Unix(0, 0)
	if got := ids(o.next(now)); got != "0123" {
		t.Fatalf("wrote %s", got)
	}
	busy := proto.Err(proto.Unavailable, "")
	o.refuse(o.find("1"), busy, now)
	o.add(&Pending{out: Outgoing{ID: "4"}})
	later := now.Add(time.Hour)
	if got := ids(o.next(later)); got != "" {
		t.Errorf("wrote %s while answers are due", got)
	}
	o.remove(o.find("0"))
	o.refuse(o.find("3"), busy, now)
	o.refuse(o.find("2"), busy, now)
	if at, ok := o.due(); !ok || at.After(now.Add(shortestDelay)) {
		t.Errorf("due at %v, %v", at, ok)
	}
	if got := ids(o.next(later)); got != "1234" {
		t.Errorf("wrote %s, want the order kept", got)
	}
}

func TestWindowBoundsWhatIsUnanswered(t *testing.T) {
	var o outbox
	fill(&o, window+10)
	now := time.Unix(0, 0)
	if n := len(o.next(now)); n != window {
		t.Errorf("wrote %d, want %d", n, window)
	}
	o.remove(o.find("0"))
	if got := ids(o.next(now)); got != fmt.Sprint(window) {
		t.Errorf("wrote %s after one answer", got)
	}
	o.lost()
	if got := o.next(now); len(got) != window || got[0].out.ID != "1" {
		t.Errorf("after the connection was lost wrote %d from %s", len(got), got[0].out.ID)
	}
}

// A sender that gave up all refused messages marks its next message as Heard, once no
// answer is outstanding.
func TestFirstMessageAfterARefusalSaysThatAllAnswersWereHeard(t *testing.T) {
	var o outbox
	fill(&o, 2)
	now := time.Unix(0, 0)
	for _, p := range o.next(now) {
		if p.heard {
			t.Errorf("%s says so before a refusal", p.out.ID)
		}
		p.abandoned = true
	}
	unknown := proto.Err(proto.Unknown, "")
	o.refuse(o.find("0"), unknown, now)
	o.add(&Pending{out: Outgoing{ID: "2"}})
	o.add(&Pending{out: Outgoing{ID: "3"}})
	later := now.Add(longestHold)
	if got := ids(o.next(later)); got != "" {
		t.Errorf("wrote %s while the answer to 1 is due", got)
	}
	o.refuse(o.find("1"), unknown, now)
	got := o.next(later)
	if ids(got) != "23" || !got[0].heard || got[1].heard {
		t.Errorf("wrote %s, want 2, which says so, and 3", ids(got))
	}
}

// However often messages of a connection were refused, a new message waits a second at
// most.
func TestRefusalsInARowHoldAConnectionBackForASecondAtMost(t *testing.T) {
	var o outbox
	fill(&o, 1)
	now := time.Unix(0, 0)
	for range 50 {
		p := o.next(now)[0]
		o.refuse(p, proto.Err(proto.Unknown, ""), now)
		at, _ := o.due()
		if wait := at.Sub(now); wait > time.Second {
			t.Fatalf("waits %v", wait)
		}
		now = at
	}
}
