//go:build linux

package bench

import (
	"testing"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/proto"
)

// Each answer to one of a pair is checked when it comes.
func TestPairsSeeWhatTheyAreTold(t *testing.T) {
	type told struct{ number, place int }
	for name, c := range map[string]struct {
		pushes, answers []told
		check           Check
	}{
		"all":            {[]told{{0, 3}, {1, 5}}, []told{{0, 2}, {1, 4}}, Check{Messages: 2}},
		"one lost":       {[]told{{1, 5}}, []told{{0, 2}, {1, 4}}, Check{Messages: 1, Lost: 1, Early: 1}},
		"one twice":      {[]told{{0, 3}, {0, 3}, {1, 5}}, []told{{0, 2}, {1, 4}}, Check{Messages: 3, Twice: 1}},
		"no answer":      {[]told{{0, 3}, {1, 5}}, []told{{0, 2}}, Check{Messages: 2, Unanswered: 1}},
		"pushes swapped": {[]told{{0, 5}, {1, 3}}, []told{{0, 2}, {1, 4}}, Check{Messages: 2, Swapped: 1}},
		"copies swapped": {[]told{{0, 3}, {1, 5}}, []told{{0, 4}, {1, 2}}, Check{Messages: 2, Swapped: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			steady := newPace(1)
			talk := newTalk([]loadclients.Seat{{User: 1}, {User: 2}}, 16, &steady, true)
			alice := &loadclients.Client{User: 1}
			for i := range talk.talkers {
				talk.talkers[i].sent = append(talk.talkers[i].sent, 0, 0)
			}
			talk.sent = 2
			tell := func(cmd proto.Command, what told) {
				body, _, _ := proto.Split(talk.talkers[1].letter.Frame(what.number), proto.MaxFrame)
				h, err := benchwire.Parse(body)
				if err != nil {
					t.Fatal(err)
				}
				h.Cmd, h.Place = cmd, int64(what.place)
				if err := talk.frame(alice, &h, 0); err != nil {
					t.Fatal(err)
				}
			}
			for _, what := range c.answers {
				tell(proto.Command_SEND_ANSWER, what)
			}
			for _, what := range c.pushes {
				tell(proto.Command_MESSAGE, what)
			}
			got := talk.verdict()
			got.Lost -= 2 // bob was told nothing
			if got != c.check {
				t.Errorf("%+v, want %+v", got, c.check)
			}
		})
	}
}

func TestARefusedMessageEndsTheMeasurement(t *testing.T) {
	steady := newPace(1)
	talk := newTalk([]loadclients.Seat{{User: 1}, {User: 2}}, 16, &steady, true)
	body, _, _ := proto.Split(talk.talkers[0].letter.Frame(0), proto.MaxFrame)
	h, err := benchwire.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	h.Cmd, h.Code = proto.Command_SEND_ANSWER, proto.Overloaded
	if err := talk.frame(&loadclients.Client{User: 1}, &h, 0); err == nil {
		t.Error("it is taken for an answer")
	}
}
