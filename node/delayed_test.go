package node

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// A node calls a route at the time that the route named, and at least twice a minute.
// It makes one call at a time, and goes on if no route answers.
func TestNodeAsksToFireWhenItWasTold(t *testing.T) {
	answer := func(ms int64) (*proto.FireAnswer, error) { return &proto.FireAnswer{Next: ms}, nil }
	for name, c := range map[string]struct {
		fire        func(*proto.FireRequest) (*proto.FireAnswer, error)
		least, most int // calls in a minute
	}{
		"nothing is due":       {func(*proto.FireRequest) (*proto.FireAnswer, error) { return answer(30_000) }, 2, 3},
		"soon":                 {func(*proto.FireRequest) (*proto.FireAnswer, error) { return answer(200) }, 160, 215},
		"route says nonsense":  {func(*proto.FireRequest) (*proto.FireAnswer, error) { return answer(-5) }, 300, 400},
		"route says too late":  {func(*proto.FireRequest) (*proto.FireAnswer, error) { return answer(1 << 40) }, 2, 3},
		"no route answers":     {func(*proto.FireRequest) (*proto.FireAnswer, error) { return nil, errAway }, 50, 125},
		"route takes its time": {func(*proto.FireRequest) (*proto.FireAnswer, error) { time.Sleep(5 * time.Second); return answer(900) }, 9, 11},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			w := start(t, nil)
			w.route.set(func(s *script) { s.fire = c.fire })
			time.Sleep(time.Minute)
			synctest.Wait()
			w.route.set(func(s *script) {
				if n := len(s.fires); n < c.least || n > c.most {
					t.Errorf("asked %d times in a minute, want %d to %d", n, c.least, c.most)
				}
				if s.fires[0].Origin.GetNode() != nodeID {
					t.Errorf("asked as %v", s.fires[0].Origin)
				}
			})
		}))
	}
}

// asked returns how many Fire calls the route got.
func (s *script) asked() (n int) {
	s.set(func(s *script) { n = len(s.fires) })
	return n
}

// If a message is due before the node's next request, a push wakes the node. The push
// also works while a request is under way. A push for an earlier run of the node has no
// effect.
func TestNodeAsksToFireWhenItIsWoken(t *testing.T) {
	inBubble(func(t *testing.T) {
		w := start(t, nil)
		slow := false
		w.route.set(func(s *script) {
			s.fire = func(*proto.FireRequest) (*proto.FireAnswer, error) {
				if slow {
					time.Sleep(2 * time.Second)
				}
				return &proto.FireAnswer{Next: 30_000}, nil
			}
		})
		time.Sleep(2 * time.Second) // the first time
		begun := w.route.asked()
		sleep := func(d time.Duration, want int, why string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if n := w.route.asked() - begun; n != want {
				t.Errorf("%s: asked %d times, want %d", why, n, want)
			}
		}
		w.Push(&proto.PushRequest{Boot: 76, Wake: 1000})
		sleep(4*time.Second, 0, "told in an earlier life")
		w.Push(&proto.PushRequest{Boot: 77, Wake: 5000})
		w.Push(&proto.PushRequest{Boot: 77, Wake: 9000})
		w.Push(&proto.PushRequest{Boot: 77})
		sleep(4999*time.Millisecond, 0, "too early")
		sleep(251*time.Millisecond, 1, "when it is due")
		slow = true
		w.Push(&proto.PushRequest{Boot: 77, Wake: 1})
		sleep(time.Second, 2, "while the route answers")
		w.Push(&proto.PushRequest{Boot: 77, Wake: 3000})
		sleep(1500*time.Millisecond, 2, "after its answer")
		sleep(2*time.Second, 3, "told during the call")
		sleep(5*time.Second, 3, "and then not")
		w.AskToFire()
		sleep(time.Second, 4, "somebody is gone")
	})(t)
}

// If the route is a function, every call costs an invocation.
func TestIdleNodeAsksNothingButWhetherToFire(t *testing.T) {
	inBubble(func(t *testing.T) {
		w := start(t, nil)
		w.route.set(func(s *script) {
			s.fire = func(*proto.FireRequest) (*proto.FireAnswer, error) { return &proto.FireAnswer{Next: 30_000}, nil }
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		w.route.set(func(s *script) {
			if n := len(s.fires); n < 118 || n > 122 {
				t.Errorf("asked %d times in an hour whether to fire, want twice a minute", n)
			}
			if n := len(s.reports) + len(s.sends) + len(s.reconciles) + len(s.pulls) + len(s.moves); n != 0 {
				t.Errorf("%d other calls", n)
			}
		})
	})(t)
}

// The keys of tickets may change at any time. A node receives the new ones with its
// regular answers. It keeps the old ones if the new ones are invalid.
func TestNodeLearnsTicketKeysWhenItAsksToFire(t *testing.T) {
	inBubble(func(t *testing.T) {
		w := start(t, nil)
		after, err := token.NewIssuer([]byte("the key after the change"))
		if err != nil {
			t.Fatal(err)
		}
		good := func(i *token.Issuer) bool {
			ticket, err := i.Ticket(token.Ticket{User: 1, Name: "alice", Node: nodeID, Expires: time.Now().Add(time.Minute)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.config.Verifier.Ticket(ticket)
			return err == nil
		}
		for _, c := range []struct {
			told         [][]byte
			before, then bool // whose tickets are good
			wait         time.Duration
		}{
			{nil, true, false, 31 * time.Second},
			{[][]byte{[]byte("no key")}, true, false, 31 * time.Second},
			{[][]byte{w.issuer.Public()[0], after.Public()[0]}, true, true, 31 * time.Second},
			{[][]byte{after.Public()[0]}, true, true, 2 * time.Minute}, // another route may tell both
			{[][]byte{after.Public()[0]}, false, true, 2 * time.Minute},
			{nil, false, true, 31 * time.Second},
		} {
			w.route.set(func(s *script) {
				s.fire = func(*proto.FireRequest) (*proto.FireAnswer, error) {
					return &proto.FireAnswer{Next: 30_000, Keys: c.told}, nil
				}
			})
			time.Sleep(c.wait)
			synctest.Wait()
			if before, then := good(w.issuer), good(after); before != c.before || then != c.then {
				t.Errorf("told %q: tickets of before are good: %v, of after: %v", c.told, before, then)
			}
		}
	})(t)
}

// A node compares its clock with that of the route that answers, and names this route
// in the metric.
func TestNodeTellsHowFarARoutesClockIsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		w := start(t, func(c *Config) { c.Registerer = registry })
		w.route.set(func(s *script) {
			s.fire = func(q *proto.FireRequest) (*proto.FireAnswer, error) {
				if q.Time != time.Now().UnixMilli() {
					t.Errorf("the node's clock is told as %d", q.Time)
				}
				return &proto.FireAnswer{Next: 1000, Time: q.Time + 125_000, Route: "east :8083"}, nil
			}
		})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want := `
			# HELP cim_clock_difference_seconds How far a peer's clock is ahead of this process's at the last answer; negative: behind.
			# TYPE cim_clock_difference_seconds gauge
			cim_clock_difference_seconds{peer="east :8083"} 125
		`
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "cim_clock_difference_seconds"); err != nil {
			t.Error(err)
		}
	})
}
