package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

// A request says when it was sent, by the store's clock. So if a paused route handles
// it much later, its messages are not stored.
func TestRequestSaysWhenItWasSentByTheStoresClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		store := int64(4_000_000_000_000)
		w.route.set(func(s *script) {
			s.send = func(r *proto.SendRequest) (*proto.SendAnswer, error) {
				answer := accepted(r)
				answer.Time = store
				return answer, nil
			}
		})
		p := w.login(t, 1, 5)
		var want []int64
		for i, wait := range []time.Duration{0, time.Second, 20 * time.Second} {
			time.Sleep(wait)
			want = append(want, store+wait.Milliseconds())
			if i == 0 {
				want[0] = 0 // no route has told it yet
			}
			store += wait.Milliseconds() - 7_000 // and jumps back
			p.write(t, send("a"))
			wantAnswer(t, p, "a", proto.OK)
		}
		for i, r := range w.route.sends {
			if r.Sent != want[i] {
				t.Errorf("request %d was sent at %d, want %d", i, r.Sent, want[i])
			}
		}
	})
}
