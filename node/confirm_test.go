package node

import (
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
)

// shown returns the keys that were reported as shown, in order.
func (s *script) shown() (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.reports {
		for _, a := range r.Acked {
			keys = append(keys, a.Shown...)
		}
	}
	return keys
}

func ackOf(shown ...string) *proto.Frame {
	return &proto.Frame{Cmd: proto.Command_ACK, Cursors: []*proto.Mark{{Epoch: epoch, Number: 3}}, Shown: shown}
}

func TestKeysOfWhatWasShownAreReportedAtOnce(t *testing.T) {
	inBubble(func(t *testing.T) {
		w := start(t, nil)
		p := w.login(t, 1, 5)
		p.write(t, ackOf("2:a", "3:b"), &proto.Frame{Cmd: proto.Command_PING})
		p.next(t)
		p.quiet(t)
		if got := w.route.shown(); !slices.Equal(got, []string{"2:a", "3:b"}) {
			t.Errorf("reported %q", got)
		}
	})(t)
}

func TestKeysWaitForARouteAndAreBounded(t *testing.T) {
	inBubble(func(t *testing.T) {
		w := start(t, nil)
		var failures atomic.Int32
		failures.Store(2)
		p := w.login(t, 1, 5)
		w.route.set(func(s *script) {
			s.report = func(*proto.ReportRequest) error {
				if failures.Add(-1) >= 0 {
					return errAway
				}
				s.set(func(s *script) { s.reports = s.reports[len(s.reports)-1:] }) // the one that succeeds
				return nil
			}
		})
		var keys []string
		for i := range 2*proto.MaxShown + 10 {
			keys = append(keys, "2:"+strconv.Itoa(i))
		}
		p.write(t, ackOf(keys[:1]...))
		p.quiet(t)
		p.write(t, ackOf(keys[1:20]...), ackOf(keys[20:]...))
		for failures.Load() >= 0 {
			waitABit()
		}
		if got := w.route.shown(); !slices.Equal(got, keys[:proto.MaxShown]) {
			t.Errorf("reported %d keys: %q", len(got), got)
		}
		if got, want := testutil.ToFloat64(w.metrics.MarksDropped), float64(len(keys)-proto.MaxShown); got != want {
			t.Errorf("%v dropped, want %v", got, want)
		}
	})(t)
}

func TestMarkIsPassedToTheSessionsItNames(t *testing.T) {
	inBubble(func(t *testing.T) {
		w := start(t, inOpenMode)
		phone, other := w.login(t, 1, 5), w.login(t, 2, 6)
		cim := w.cim(t, 1)
		cim.quiet(t)
		answer := w.Push(push(&proto.PushItem{
			User: 1, Numbers: []int64{5, 9, 1001}, Delivered: &proto.Delivered{To: 2, Time: 7, Ids: []string{"a", "b"}},
		}))
		for _, id := range []string{"a", "b"} {
			if f := phone.next(t); f.Cmd != proto.Command_DELIVERED || f.Id != id || f.To != 2 || f.Time != 7 {
				t.Errorf("told %v", f)
			}
		}
		phone.quiet(t)
		other.quiet(t)
		cim.quiet(t)
		wantNumbers(t, "gone", answer.Items[0].Gone, 9)
	})(t)
}

func TestWishForAMarkGoesToTheRoute(t *testing.T) {
	inBubble(func(t *testing.T) {
		w := start(t, nil)
		p := w.login(t, 1, 5)
		p.write(t, &proto.Frame{Cmd: proto.Command_SEND, Id: "a", To: 2, ReqMsg: "hi", Confirm: true})
		if f := p.next(t); f.Code != 0 || !w.route.sends[0].Items[0].Confirm {
			t.Errorf("answered %v, asked %v", f, w.route.sends)
		}
		p.write(t, &proto.Frame{Cmd: proto.Command_SEND, Id: "b", Group: proto.Everyone, ReqMsg: "hi", Confirm: true})
		if f := p.next(t); proto.Code(f.Code) != proto.Invalid || len(w.route.sends) != 1 {
			t.Errorf("in a group: answered %v after %d sends", f, len(w.route.sends))
		}
	})(t)
}
