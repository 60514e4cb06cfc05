package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/node/cim"
	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/order"
)

// These tests check when a CatchUp pulls, and how much it keeps.

// cimOf returns the session of a user's CIM connection.
func cimOf(w *town, user int64) *session {
	synctest.Wait()
	return w.hub.Sessions(user, []int64{1001})[0]
}

// A CatchUp reads entries that were pushed between the opening of its connection and
// its Start.
func TestFeedReadsWhatCameBeforeItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		p := w.cim(t, 1)
		s := cimOf(w, 1)
		w.route.store(t, proto.Inbox, 2, 1, "early")
		f := cim.NewCatchUp(&w.catchUps, s, s.link)
		m := proto.Message{ID: "1", From: 2, To: 1, Text: "early", At: proto.Position{Epoch: epoch, Number: 1}}
		f.Push(link.NewPacket(m.Frame()))
		f.Start(nil, nil, nil)
		if got := p.next(t); len(got.BatchReqMsg) != 1 || got.BatchReqMsg[0] != "early" {
			t.Errorf("got %v", got)
		}
	})
}

// If a route does not fill a gap, because its replica is behind, the CatchUp reads
// again at once, and then ever less often. If no route answers, it reads once per
// second.
func TestFeedAsksInMeasure(t *testing.T) {
	for name, test := range map[string]struct {
		fails     bool
		low, most int
	}{
		"in vain": {false, 8, 14},
		"failed":  {true, 29, 31},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			w := start(t, inOpenMode)
			p := w.cim(t, 1)
			cimOf(w, 1) // it has started
			go keepAlive(p)
			w.route.store(t, proto.Inbox, 2, 1, "missing")
			second := w.route.store(t, proto.Inbox, 2, 1, "early")
			w.route.set(func(s *script) {
				s.pull = func(r *proto.PullRequest) (*proto.PullAnswer, error) {
					if test.fails {
						return nil, errAway
					}
					return &proto.PullAnswer{Newest: &proto.Mark{Log: r.After.Log, Epoch: epoch}}, nil
				}
			})
			w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{1001}, Stored: second}))
			synctest.Wait()
			if n := w.route.pullCount(); n != 1 {
				t.Errorf("%d pulls at once, want 1", n)
			}
			time.Sleep(30 * time.Second)
			if n := w.route.pullCount(); n < test.low || n > test.most {
				t.Errorf("%d pulls in 30 s, want %d to %d", n, test.low, test.most)
			}
			w.route.set(func(s *script) { s.pull = nil })
			time.Sleep(order.LongestWait*time.Millisecond + time.Second)
			var shown []string
			for synctest.Wait(); len(p.frames) > 0; {
				shown = append(shown, (<-p.frames).BatchReqMsg...)
			}
			if !slices.Equal(shown, []string{"missing", "early"}) {
				t.Errorf("shown %q", shown)
			}
		}))
	}
}

// For a connection that reads nothing, the node makes no pulls and keeps no messages.
func TestFeedLeavesAloneWhoDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		w.raw(t, "06 0a027a73 1001")
		s := cimOf(w, 1)
		text := strings.Repeat("x", 10<<10)
		pushed := func(n int) *proto.PushItem {
			stored := w.route.store(t, proto.Inbox, 2, 1, fmt.Sprint(text, n))
			return &proto.PushItem{User: 1, Numbers: []int64{1001}, Stored: stored}
		}
		n := 0
		for ; s.link.Queued() < pullRoom; n++ {
			w.Push(push(pushed(n)))
		}
		pulls := w.route.pullCount()
		pushed(n) // is lost
		for range 100 {
			n++
			w.Push(push(pushed(n)))
		}
		time.Sleep(5 * time.Second)
		if got := w.route.pullCount(); got != pulls {
			t.Errorf("%d pulls for who does not read", got-pulls)
		}
		if waiting := s.catchUp.Status().Early[0]; waiting > 2 {
			t.Errorf("entries up to %d behind the last one wait", waiting)
		}
	})
}

// CIM's SDK drops what comes while 1,024 frames wait in it. So a CatchUp leaves a client
// time for the frames of a page before it reads the next page. Waiting messages of one
// sender come in few frames, and need no such time.
func TestFeedLeavesClientTimeForManyFrames(t *testing.T) {
	const messages = 3*proto.MaxPull + 1
	for name, test := range map[string]struct {
		senders int64
		most    int           // frames at once
		all     time.Duration // until when everything has come
	}{
		"senders take turns": {2, proto.MaxPull, 2 * time.Second},
		"one sender":         {1, 10, 100 * time.Millisecond},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			w := start(t, inOpenMode)
			for n := range int64(messages) {
				w.route.store(t, proto.Inbox, 2+n%test.senders, 1, fmt.Sprint(n))
			}
			p := w.cim(t, 1)
			texts, most := 0, 0
			for begin := time.Now(); ; time.Sleep(100 * time.Millisecond) {
				synctest.Wait()
				frames := len(p.frames)
				most = max(most, frames)
				for range frames {
					for _, text := range p.next(t).BatchReqMsg {
						if text != fmt.Sprint(texts) {
							t.Fatalf("got %s, want %d", text, texts)
						}
						texts++
					}
				}
				if took := time.Since(begin); took >= test.all {
					break
				}
			}
			if texts != messages || most > test.most {
				t.Errorf("%d messages came, and up to %d frames within 100 ms; want %d and at most %d", texts, most, messages, test.most)
			}
		}))
	}
}
