package node

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
)

// busyFor is a route's refusal before it did anything.
func busyFor(d time.Duration) error {
	return routes.Later(proto.Err(proto.Overloaded, ""), time.Now().Add(d))
}

// A node sends nothing to an overloaded route for as long as the route demands. Then it
// sends the waiting messages in their order, and not as repetitions, because the route
// did not store them.
func TestRefusedMessagesWaitAsToldAndKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		p := w.settled(t, 1, 5)
		var asked []time.Time
		w.route.set(func(s *script) {
			s.send = func(r *proto.SendRequest) (*proto.SendAnswer, error) {
				if asked = append(asked, time.Now()); len(asked) < 3 {
					return nil, busyFor(3 * time.Second)
				}
				return accepted(r), nil
			}
		})
		p.write(t, send("a"))
		synctest.Wait()
		p.write(t, send("b"), send("c"))
		for _, id := range []string{"a", "b", "c"} {
			wantAnswer(t, p, id, proto.OK)
		}
		for i := 1; i < len(asked); i++ {
			if after := asked[i].Sub(asked[i-1]); after < 3*time.Second || after > 4*time.Second {
				t.Errorf("request %d came %v after the refusal", i, after)
			}
		}
		for i, want := range []string{"a", "a b c", "a b c"} {
			if got := strings.Join(ids(w.route.sends[i]), " "); got != want {
				t.Errorf("request %d has %q, want %q", i, got, want)
			}
		}
	})
}

// A sender gets Unknown when the promised time is over, even if the route has named a
// later time for a retry.
func TestUnknownIsToldInTimeWhileARouteIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.route.set(func(s *script) {
			s.send = func(*proto.SendRequest) (*proto.SendAnswer, error) { return nil, busyFor(time.Minute) }
		})
		p := w.login(t, 1, 5)
		begun := time.Now()
		p.write(t, send("a"))
		wantAnswer(t, p, "a", proto.Unknown)
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("told after %v, want 10 s", took)
		}
		if n := len(w.route.sends); n != 1 {
			t.Errorf("the route was asked %d times", n)
		}
	})
}

// While a route takes nothing, the waiting messages of all connections together are
// bounded. Above the bound, a connection is read only up to its first message. When the
// route is back, everything is stored, and each sender's messages in the order of
// sending.
func TestBacklogOfAllConnectionsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users, each, size, bound = 50, 40, 1000, 100_000
		w := start(t, func(c *Config) { c.Limits.BacklogBytes, c.Timeouts.Send = bound, time.Hour })
		gate := make(chan struct{})
		stored := make(map[int64][]string)
		var mu sync.Mutex
		w.route.set(func(s *script) {
			s.send = func(r *proto.SendRequest) (*proto.SendAnswer, error) {
				<-gate
				mu.Lock()
				defer mu.Unlock()
				for _, item := range r.Items {
					stored[item.Session.User] = append(stored[item.Session.User], item.Id)
				}
				return accepted(r), nil
			}
		})
		var writing sync.WaitGroup
		for user := range int64(users) {
			p := w.login(t, user+1, 5)
			writing.Go(func() {
				for i := range each {
					f := send(fmt.Sprint(i))
					f.ReqMsg = strings.Repeat("x", size)
					p.write(t, f)
				}
			})
		}
		synctest.Wait()
		// A reader that is told to stop has one more frame at hand, see package link.
		if got, most := w.forwarder.Backlog(), int64(bound+users*2*2*size); got < bound || got > most {
			t.Errorf("%d bytes wait, want about %d and at most %d", got, bound, most)
		}
		close(gate)
		writing.Wait()
		synctest.Wait()
		for user, got := range stored {
			for i, id := range got {
				if id != fmt.Sprint(i) {
					t.Fatalf("of user %d %v was stored", user, got)
				}
			}
			if len(got) != each {
				t.Errorf("of user %d %d messages were stored, want %d", user, len(got), each)
			}
		}
		if len(stored) != users || w.forwarder.Backlog() != 0 {
			t.Errorf("%d users have messages, %d bytes wait", len(stored), w.forwarder.Backlog())
		}
	})
}

// When a connection ends while its messages wait, the messages leave the backlog.
func TestLostConnectionLeavesNothingInTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.route.set(func(s *script) { s.send = func(*proto.SendRequest) (*proto.SendAnswer, error) { return nil, errAway } })
		p := w.login(t, 1, 5)
		p.write(t, send("a"), send("b"))
		synctest.Wait()
		if w.forwarder.Backlog() == 0 {
			t.Error("nothing waits")
		}
		_ = p.conn.Close()
		time.Sleep(time.Second)
		if n := w.forwarder.Backlog(); n != 0 {
			t.Errorf("%d bytes wait for nobody", n)
		}
	})
}
