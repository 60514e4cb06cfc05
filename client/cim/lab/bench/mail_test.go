//go:build linux

package bench

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/proto"
)

// Users 1 and 2 send, the others receive: 3 and 5 from user 1, 4 and 6 from user 2.
func sixUsers() []loadclients.Seat {
	seats := make([]loadclients.Seat, 6)
	for i := range seats {
		seats[i].User = int64(1 + i)
	}
	return seats
}

// Lane 2 is that of user 5. Its messages have the numbers 2, 6 and 10.
func TestLanesAreChecked(t *testing.T) {
	type told struct{ number, place int }
	for name, c := range map[string]struct {
		pushes, answers []told
		check           Check
	}{
		"all":            {[]told{{2, 3}, {6, 5}}, []told{{2, 2}, {6, 4}}, Check{Messages: 2}},
		"one lost":       {[]told{{6, 5}}, []told{{2, 2}, {6, 4}}, Check{Messages: 1, Lost: 1, Early: 1}},
		"one twice":      {[]told{{2, 3}, {6, 5}, {6, 5}}, []told{{2, 2}, {6, 4}}, Check{Messages: 3, Twice: 1}},
		"no answer":      {[]told{{2, 3}, {6, 5}}, []told{{2, 2}}, Check{Messages: 2, Unanswered: 1}},
		"pushes swapped": {[]told{{2, 5}, {6, 3}}, []told{{2, 2}, {6, 4}}, Check{Messages: 2, Swapped: 1}},
		"copies swapped": {[]told{{2, 3}, {6, 5}}, []told{{2, 4}, {6, 2}}, Check{Messages: 2, Swapped: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMail(sixUsers(), 2, 16, true)
			if got := []int{m.numberLocked(2, 0), m.numberLocked(2, 0)}; got[0] != 2 || got[1] != 6 {
				t.Fatalf("numbers %v", got)
			}
			m.ended = true
			tell := func(cmd proto.Command, what told) {
				h := benchwire.Head{Cmd: cmd, Place: int64(what.place), ID: []byte(m.tag.ID(what.number))}
				if err := m.frameLocked(&loadclients.Client{User: 5}, &h, 0); err != nil {
					t.Fatal(err)
				}
			}
			for _, p := range c.pushes {
				tell(proto.Command_MESSAGE, p)
			}
			for _, a := range c.answers {
				tell(proto.Command_SEND_ANSWER, a)
			}
			if got := m.verdict(); got != c.check {
				t.Errorf("verdict %+v, want %+v", got, c.check)
			}
		})
	}
}

func TestMessageOfAnotherLaneEndsTheMeasurement(t *testing.T) {
	m := newMail(sixUsers(), 2, 16, true)
	h := benchwire.Head{Cmd: proto.Command_MESSAGE, ID: []byte(m.tag.ID(m.numberLocked(2, 0)))}
	if m.frameLocked(&loadclients.Client{User: 6}, &h, 0) == nil {
		t.Error("user 6 may get what was sent to user 5")
	}
	h.ID = []byte(m.tag.ID(10))
	if m.frameLocked(&loadclients.Client{User: 5}, &h, 0) == nil {
		t.Error("a message may come that was not sent")
	}
}

// busyRoute refuses each message once.
type busyRoute struct {
	mailer
	t     *mail
	asked []string
	from  []int
}

func (r *busyRoute) send(_ context.Context, i int, m *proto.SendMessage) (receipt proto.SendReceipt, later time.Duration, err error) {
	r.asked, r.from = append(r.asked, m.ID), append(r.from, i)
	if len(r.asked)%2 == 1 {
		return receipt, time.Millisecond, errors.New("too many")
	}
	if len(r.asked) == 4 {
		r.t.stop()
	}
	receipt.At.Number = int64(len(r.asked))
	return receipt, 0, nil
}

func TestRefusedMessageIsSentAgain(t *testing.T) {
	m := newMail(sixUsers(), 2, 16, true)
	var err error
	if m.pool, err = loadclients.New(m, false); err != nil {
		t.Fatal(err)
	}
	defer m.pool.Close()
	route := &busyRoute{t: m}
	if err := m.post(t.Context(), route, 3); err != nil {
		t.Fatal(err)
	}
	for k, number := range []int{3, 3, 7, 7} {
		if route.asked[k] != m.tag.ID(number) || route.from[k] != 1 {
			t.Errorf("request %d is %s of sender %d", k, route.asked[k], route.from[k])
		}
	}
	if m.accepted != 2 || m.refused != 2 || m.owed() != 2 {
		t.Errorf("%d accepted, %d refused, %d owed", m.accepted, m.refused, m.owed())
	}
}
