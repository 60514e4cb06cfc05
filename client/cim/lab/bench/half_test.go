//go:build linux

package bench

import (
	"slices"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/benchwire"
	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/proto"
)

// In an open loop all users write when a message is due, and none writes because one came.
func TestOpenLoopFollowsNoAnswer(t *testing.T) {
	steady := newPace(10)
	talk := newTalk(sixUsers(), 16, &steady, true)
	talk.oneWay = true
	var asked []int
	for range 7 {
		asked = append(asked, talk.turn())
	}
	if want := []int{0, 1, 2, 3, 4, 5, 0}; !slices.Equal(asked, want) {
		t.Errorf("users %v write, want %v", asked, want)
	}
	talk.talkers[0].sent = []time.Duration{0}
	talk.sent = 1
	h := benchwire.Head{Cmd: proto.Command_MESSAGE, ID: []byte(talk.tag.ID(0))}
	if err := talk.frame(&loadclients.Client{Index: 1}, &h, time.Second); err != nil {
		t.Fatal(err)
	}
	if talk.sent != 1 || talk.came != 1 {
		t.Errorf("%d are sent, %d came", talk.sent, talk.came)
	}
}
