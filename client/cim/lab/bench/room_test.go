//go:build linux

package bench

import (
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/proto"
)

// push is message n of a room as a node would push it.
func push(r *room, n int) []byte {
	body, _, err := proto.Split(r.letter.Frame(n), proto.MaxFrame)
	if err != nil {
		panic(err)
	}
	h, err := benchwire.Parse(body)
	if err != nil {
		panic(err)
	}
	return benchwire.AppendPush(nil, &h, 1, int64(100+n))
}

// Each delivery to a member is checked when it comes, whether it is decoded or only
// compared with the delivery to another member.
func TestRoomSeesWhatMembersAreGiven(t *testing.T) {
	for name, c := range map[string]struct {
		first, second []int // given to two members
		check         Check
		owed          int
	}{
		"all":             {[]int{0, 1, 2}, []int{0, 1, 2}, Check{Messages: 6}, 0},
		"one lost":        {[]int{0, 1, 2}, []int{0, 2}, Check{Messages: 5, Lost: 1, Early: 1}, 1},
		"the last lost":   {[]int{0, 1}, []int{0, 1, 2}, Check{Messages: 5, Lost: 1}, 1},
		"lost to both":    {[]int{0, 1}, []int{0, 1}, Check{Messages: 4, Lost: 2}, 1},
		"one twice":       {[]int{0, 1, 2}, []int{0, 1, 1, 2}, Check{Messages: 7, Twice: 1}, 0},
		"swapped for one": {[]int{0, 1, 2}, []int{0, 2, 1}, Check{Messages: 6, Early: 1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(3, proto.Everyone, 16, nil, false)
			var err error
			if r.pool, err = loadclients.New(r, false); err != nil {
				t.Fatal(err)
			}
			defer r.pool.Close()
			for range 3 {
				r.messages = append(r.messages, message{left: 2})
			}
			for i, given := range [][]int{c.first, c.second} {
				var b []byte
				for _, n := range given {
					b = append(b, push(r, n)...)
				}
				if taken := r.Read(&loadclients.Client{Index: 1 + i}, b); taken != len(b) {
					t.Fatalf("%d of %d bytes are taken", taken, len(b))
				}
			}
			if got := r.verdict(); got != c.check {
				t.Errorf("verdict %+v, want %+v", got, c.check)
			}
			if r.owed() != c.owed {
				t.Errorf("%d are owed, want %d", r.owed(), c.owed)
			}
		})
	}
}

func TestAFrameIsTakenWhole(t *testing.T) {
	r := newRoom(3, proto.Everyone, 16, nil, false)
	var err error
	if r.pool, err = loadclients.New(r, false); err != nil {
		t.Fatal(err)
	}
	defer r.pool.Close()
	r.messages = []message{{left: 2}}
	b := push(r, 0)
	for _, member := range []int{1, 2} {
		for cut := range len(b) {
			if taken := r.Read(&loadclients.Client{Index: member}, b[:cut]); taken != 0 {
				t.Fatalf("of %d bytes %d are taken", cut, taken)
			}
		}
		if taken := r.Read(&loadclients.Client{Index: member}, b); taken != len(b) {
			t.Fatalf("%d of %d bytes are taken", taken, len(b))
		}
	}
	if c := r.verdict(); c != (Check{Messages: 2}) {
		t.Errorf("%+v", c)
	}
}

func TestALogInAnotherOrderIsFound(t *testing.T) {
	r := newRoom(2, proto.Everyone, 16, nil, true)
	r.answered = 1
	for _, place := range []int64{5, 7, 6, 8, 8} {
		r.messages = append(r.messages, message{place: place})
		r.members[1].note(len(r.messages)-1, &r.check)
	}
	if got := r.verdict(); got != (Check{Swapped: 2, Unanswered: 4}) || !got.Broken() {
		t.Errorf("%+v", got)
	}
}

// A late publisher sends all messages that were due, each timed from when it was due.
func TestAPaceIsKeptHoweverLateItIsAsked(t *testing.T) {
	p := newPace(100)
	if at, ok := p.due(time.Second); !ok || at != time.Second {
		t.Fatalf("the first is due at %v, %v", at, ok)
	}
	if _, ok := p.due(time.Second); ok {
		t.Fatal("another is due at once")
	}
	n := 0
	for at, ok := p.due(2 * time.Second); ok; at, ok = p.due(2 * time.Second) {
		if n++; at != time.Second+time.Duration(n)*10*time.Millisecond {
			t.Fatalf("message %d is due at %v", n, at)
		}
	}
	if n != 100 {
		t.Errorf("%d were due in a second", n)
	}
}
