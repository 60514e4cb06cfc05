package node

import (
	"testing"
	"testing/synctest"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

func TestPushReachesTheSessionsItNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		p := w.login(t, 1, 5)
		stored := w.route.store(t, proto.Inbox, 2, 1, "hi")
		answer := w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{5}, Stored: stored}))
		wantNumbers(t, "gone", answer.Items[0].Gone)
		f := p.next(t)
		if f.Cmd != proto.Command_MESSAGE || f.From != 2 || f.FromName != "bob" || f.ReqMsg != "hi" || f.At.Number != 1 {
			t.Errorf("got %v", f)
		}
	})
}

func TestPushToAnEarlierBootFindsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		p := w.login(t, 1, 5)
		r := push(&proto.PushItem{User: 1, Numbers: []int64{5}, Stored: w.route.store(t, proto.Inbox, 2, 1, "hi")})
		r.Boot, r.Kicks = 76, []*proto.Kick{{User: 1, Device: "phone", Number: 5, Code: int32(proto.LoggedOut)}}
		wantNumbers(t, "gone", w.Push(r).Items[0].Gone, 5)
		p.quiet(t)
	})
}

func TestGroupIsPushedToAllButTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		alice, bob := w.login(t, 1, 5), w.login(t, 2, 5) // two users may have the same number
		desk := w.dial(t, &proto.Frame{Ticket: w.ticket(t, 1, 6, func(k *token.Ticket) { k.Device = "desk" })})
		desk.next(t)
		synctest.Wait()
		stored := w.route.store(t, proto.Everyone, 1, 0, "hi all")
		w.Push(push(&proto.PushItem{Except: 5, Stored: stored}))
		for _, p := range []*peer{bob, desk} {
			if f := p.next(t); f.Group != proto.Everyone || f.At.Log != proto.Everyone || f.ReqMsg != "hi all" {
				t.Errorf("got %v", f)
			}
		}
		alice.quiet(t)
	})
}

func TestEntriesThatAreNeverShownAreNotPushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		p := w.login(t, 1, 5)
		genesis, err := gproto.Marshal(&proto.Entry{Kind: proto.Kind_GENESIS})
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range [][]byte{genesis, {0xff}} {
			w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{5}, Stored: &proto.Stored{Key: "0:g", Entry: entry}}))
		}
		p.quiet(t)
	})
}

func TestKickWritesWhatWaitsAndSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		p := w.login(t, 1, 5)
		r := push(&proto.PushItem{User: 1, Numbers: []int64{5}, Stored: w.route.store(t, proto.Inbox, 2, 1, "hi")})
		r.Kicks = []*proto.Kick{
			{User: 1, Device: "phone", Number: 4, Code: int32(proto.Replaced)},
			{User: 1, Device: "phone", Number: 5, Code: int32(proto.LoggedOut)},
		}
		w.Push(r)
		if f := p.next(t); f.ReqMsg != "hi" {
			t.Errorf("got %v", f)
		}
		p.kicked(t, proto.LoggedOut)
		wantNumbers(t, "closed", w.route.closings()) // the route knows
	})
}

func TestAckIsReportedForTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		failures := 2
		p := w.login(t, 1, 5)
		w.route.set(func(s *script) {
			s.report = func(*proto.ReportRequest) error {
				if failures--; failures >= 0 {
					return errAway
				}
				return nil
			}
		})
		ack := func(n int64) *proto.Frame {
			return &proto.Frame{Cmd: proto.Command_ACK, Cursors: []*proto.Mark{{Epoch: epoch, Number: n}}}
		}
		p.write(t, ack(3))
		synctest.Wait()
		p.write(t, ack(4))
		p.write(t, &proto.Frame{Cmd: proto.Command_ACK})
		p.write(t, &proto.Frame{Cmd: proto.Command_PING})
		p.next(t)
		for w.route.ackings()[proto.Inbox] != 4 {
			synctest.Wait()
			waitABit()
		}
	})
}
