package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

// A CIM client is shown the reason for a refusal as a message of the system. The
// message has the properties that CIM's client needs, and no cursor moves.
func TestNoticeIsShownToACIMConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		p := w.cim(t, 1)
		synctest.Wait()
		answer := w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{1001, 9}, Notice: "not sent"}))
		if gone := answer.Items[0].Gone; len(gone) != 1 || gone[0] != 9 {
			t.Errorf("gone are %v, want 9", gone)
		}
		f := p.next(t)
		want := map[string]string{"sendUserId": "0", "sendUserName": "system", "receiveUserId": "1"}
		if f.Cmd != proto.Command_MESSAGE || f.RequestId != 1 || f.ReqMsg != "not sent" || fmt.Sprint(f.Properties) != fmt.Sprint(want) {
			t.Errorf("got %v", f)
		}
		time.Sleep(2 * time.Second)
		p.write(t, &proto.Frame{RequestId: 1, ReqMsg: "ping", Cmd: proto.Command_PING})
		if f := p.next(t); f.Cmd != proto.Command_PING {
			t.Errorf("got %v", f)
		}
		synctest.Wait()
		if acked := w.route.ackings(); acked[proto.Inbox] != 0 {
			t.Errorf("a notice moved cursors: %v", acked)
		}
	})
}

// If a client sends in another user's name, that user gets a notice, but is not
// flooded.
func TestNoticesAreFewForEachConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		p, other := w.cim(t, 1), w.cim(t, 2)
		synctest.Wait()
		tell := func(user int64, n int) {
			for range n {
				w.Push(push(&proto.PushItem{User: user, Numbers: []int64{1001, 1002}, Notice: "not sent"}))
			}
			synctest.Wait()
		}
		tell(1, 1000)
		if n := len(p.frames); n != mostNotices {
			t.Errorf("%d notices at once, want %d", n, mostNotices)
		}
		time.Sleep(noticesTime)
		tell(1, 1)
		if n := len(p.frames); n != mostNotices+1 {
			t.Errorf("%d notices, want one more after a pause", n)
		}
		tell(2, 1)
		if n := len(other.frames); n != 1 {
			t.Errorf("another connection was told %d times", n)
		}
	})
}

// One of our own clients learns of a refusal by the answer to its message, and gets no
// notice.
func TestNoticeIsForCIMConnectionsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		p := w.login(t, 1, 5)
		w.Push(push(&proto.PushItem{User: 1, Numbers: []int64{5}, Notice: "not sent"}))
		p.quiet(t)
	})
}
