package forward

import (
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
)

// A sender over its rate waits, and then has few messages tried until all of them pass.
func TestSenderOverItsRateWaits(t *testing.T) {
	begun := time.Now()
	from, other := new(Sender), new(Sender)
	var waiting []*message
	for range 20 {
		waiting = append(waiting, &message{from: from, item: new(proto.SendItem)}, &message{from: other, item: new(proto.SendItem)})
	}
	count := func(at time.Time) (mine, others int) {
		for _, m := range nextRequest(waiting, at) {
			if m.from == from {
				mine++
			} else {
				others++
			}
		}
		return mine, others
	}
	want := func(at time.Duration, mine int) {
		t.Helper()
		if got, others := count(begun.Add(at)); got != mine || others != 20 {
			t.Errorf("after %v, %d messages go with %d of another sender, want %d and 20", at, got, others, mine)
		}
	}
	want(0, 20)
	from.rate.learn(&proto.SendResult{Code: int32(proto.Limited), Wait: 50}, begun)
	want(100*time.Millisecond, 0)
	want(shortestWait, mostTried)
	from.rate.learn(&proto.SendResult{Code: int32(proto.Limited), Wait: time.Hour.Milliseconds()}, begun)
	want(longestWait-1, 0)
	want(longestWait, mostTried)
	from.rate.learn(&proto.SendResult{}, begun)
	want(longestWait, 20)
}
