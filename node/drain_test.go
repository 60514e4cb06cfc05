package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

func besideOthers(c *Config) { c.Drain.Elsewhere = func() bool { return true } }

// crowd has users who act like clients: they follow redirects.
type crowd struct {
	mu        sync.Mutex
	redirects []time.Time
	refused   []proto.Code // of kicks
	done      sync.WaitGroup
}

// follow reads until the end of the connection, which it closes when redirected.
func (c *crowd) follow(p *peer) {
	c.done.Go(func() {
		for f := range p.frames {
			c.mu.Lock()
			switch f.Cmd {
			case proto.Command_REDIRECT:
				c.redirects = append(c.redirects, time.Now())
				_ = p.conn.Close()
			case proto.Command_KICK:
				c.refused = append(c.refused, proto.Code(f.Code))
			}
			c.mu.Unlock()
		}
	})
}

func (w *town) crowd(t *testing.T, users int) *crowd {
	t.Helper()
	c := new(crowd)
	for user := range int64(users) {
		c.follow(w.login(t, user+1, 5))
	}
	return c
}

// running reports whether Run has not returned.
func (w *town) running() bool {
	synctest.Wait()
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}

// Everybody is sent away with a ticket, at most as many per second as the rate. The
// node ends when the last user has gone.
func TestDrainSendsEveryoneAwayAtItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users, rate = 90, 30
		w := start(t, func(c *Config) { besideOthers(c); c.Drain.Rate = rate })
		c := w.crowd(t, users)
		begun := time.Now()
		w.Drain()
		<-w.ended
		c.done.Wait()
		if took := time.Since(begun); took < noticeTime+2*time.Second || took > noticeTime+4*time.Second {
			t.Errorf("took %v", took)
		}
		if len(c.redirects) != users || len(c.refused) != 0 {
			t.Errorf("%d redirects, kicks %v", len(c.redirects), c.refused)
		}
		if first := c.redirects[0].Sub(begun); first < noticeTime {
			t.Errorf("the first was sent away after %v: routes did not know yet", first)
		}
		for i, at := range c.redirects {
			within := slices.IndexFunc(c.redirects[i:], func(other time.Time) bool { return other.Sub(at) >= time.Second })
			if within > rate+rate/10 {
				t.Errorf("%d in the second after redirect %d", within, i)
			}
		}
		if s := w.drainer.Status(); s.Moved != users || s.Held != 0 || s.Closed != 0 || !s.Draining {
			t.Errorf("status %+v", s)
		}
	})
}

func TestRedirectSaysWhereTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, besideOthers)
		alice := w.login(t, 1, 5)
		w.Drain()
		f := alice.next(t)
		if f.Cmd != proto.Command_REDIRECT || f.Ticket != "ticket of 1" || f.Node != "n2" || f.NodeAddress != "10.0.0.2:11211" || !f.Tls {
			t.Errorf("got %v", f)
		}
		if s := w.route.moves[0].Items[0].Session; s.User != 1 || s.Number != 5 || len(s.Proof) == 0 {
			t.Errorf("asked for %v", s)
		}
		// The new connection is live: the route displaces the old one.
		w.Push(&proto.PushRequest{Boot: 77, Kicks: []*proto.Kick{{User: 1, Device: "phone", Number: 5, Code: int32(proto.Replaced)}}})
		alice.kicked(t, proto.Replaced)
		<-w.ended
		if s := w.drainer.Status(); s.Moved != 1 {
			t.Errorf("status %+v", s)
		}
	})
}

// While no route gives tickets, all users stay where they are and can send, for
// longer than a drain may take.
func TestDrainWaitsForTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, func(c *Config) { besideOthers(c); inOpenMode(c); c.Drain.Timeout = time.Minute })
		w.route.set(func(s *script) {
			s.move = func(*proto.MoveRequest) (*proto.MoveAnswer, error) { return nil, errAway }
		})
		alice := w.login(t, 1, 5)
		carol := w.cim(t, 3)
		defer pinging(carol)()
		defer pinging(alice)()
		w.Drain()
		time.Sleep(10 * time.Minute)
		if !w.running() || w.Users() != 2 {
			t.Fatalf("running %v with %d users", w.running(), w.Users())
		}
		if s := w.drainer.Status(); s.Waiting != errAway.Error() {
			t.Errorf("status %+v", s)
		}
		alice.write(t, &proto.Frame{Cmd: proto.Command_SEND, Id: "m1", To: 2, ReqMsg: "hi"})
		for f := alice.next(t); f.Cmd != proto.Command_SEND_ANSWER; f = alice.next(t) {
			if f.Cmd != proto.Command_PING {
				t.Fatalf("got %v", f)
			}
		}
		w.route.set(func(s *script) { s.move = nil })
		new(crowd).follow(alice)
		<-w.ended
		if s := w.drainer.Status(); s.Moved != 1 || s.Closed != 1 || s.Waiting != "" {
			t.Errorf("status %+v", s)
		}
	})
}

// pinging keeps a connection alive until it is told to stop or the connection ends.
func pinging(p *peer) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	b, _ := proto.AppendFrame(nil, &proto.Frame{Cmd: proto.Command_PING})
	running.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-p.over:
				return
			case <-time.After(10 * time.Second):
				_, _ = p.conn.Write(b) // the connection may just end
			}
		}
	})
	return func() { close(done); running.Wait() }
}

// A client that does not leave gets another redirect now and then. It is closed when
// the time of the drain is up, which counts only while a route answers.
func TestDrainEndsWhenItsTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, func(c *Config) { besideOthers(c); c.Drain.Timeout = time.Minute })
		alice := w.login(t, 1, 5)
		defer pinging(alice)()
		var away atomic.Bool
		w.route.set(func(s *script) {
			s.move = func(r *proto.MoveRequest) (*proto.MoveAnswer, error) {
				if away.Load() {
					return nil, errAway
				}
				return &proto.MoveAnswer{Items: []*proto.Moved{{Ticket: "t", Node: fmt.Sprintf("n%d", len(r.Items[0].Avoid)+2)}}}, nil
			}
		})
		begun := time.Now()
		w.Drain()
		time.Sleep(30 * time.Second) // sent away at 2 s and at 22 s
		away.Store(true)
		time.Sleep(10 * time.Minute) // of which 12 s count: until it is asked at 42 s
		away.Store(false)
		<-w.ended
		if took := time.Since(begun) - 10*time.Minute; took < 47*time.Second || took > 50*time.Second {
			t.Errorf("took %v and 10m", took) // a minute, less the 12 s of those ten that count
		}
		var sent []string
		for f := alice.next(t); ; f = alice.next(t) {
			if f.Cmd == proto.Command_REDIRECT {
				sent = append(sent, f.Node)
			}
			if f.Cmd == proto.Command_KICK {
				if proto.Code(f.Code) != proto.GoingAway {
					t.Errorf("closed with %v", f)
				}
				break
			}
		}
		if !slices.Equal(sent, []string{"n2", "n3", "n4"}) {
			t.Errorf("sent to %v, want each time to another", sent)
		}
		if s := w.drainer.Status(); s.Moved != 0 {
			t.Errorf("status %+v", s)
		}
		wantNumbers(t, "closed", w.route.closings(), 5)
	})
}

// A route that refuses to move anybody has answered.
func TestDrainEndsWhereRoutesRefuse(t *testing.T) {
	for code, counts := range map[proto.Code]bool{proto.NoNode: true, proto.NotFound: true, proto.Unavailable: false} {
		t.Run(code.String(), inBubble(func(t *testing.T) {
			w := start(t, func(c *Config) { besideOthers(c); c.Drain.Timeout = time.Minute })
			w.route.set(func(s *script) {
				s.move = func(*proto.MoveRequest) (*proto.MoveAnswer, error) { return nil, proto.Err(code, "") }
			})
			defer pinging(w.login(t, 1, 5))()
			w.Drain()
			time.Sleep(65 * time.Second)
			if w.running() == counts {
				t.Errorf("running %v after the time of a drain", !counts)
			}
		}))
	}
}

// If no other node takes users, a drain has nothing to wait for. That holds from the
// beginning, and also when the others leave later.
func TestDrainEndsAtOnceWhereNobodyElseServes(t *testing.T) {
	var others atomic.Bool
	for name, elsewhere := range map[string]func() bool{"alone": nil, "all leave": others.Load} {
		t.Run(name, inBubble(func(t *testing.T) {
			others.Store(true)
			w := start(t, func(c *Config) { c.Drain.Elsewhere = elsewhere })
			w.route.set(func(s *script) {
				s.move = func(*proto.MoveRequest) (*proto.MoveAnswer, error) { return nil, proto.Err(proto.NoNode, "") }
			})
			alice := w.login(t, 1, 5)
			w.Drain()
			if elsewhere != nil {
				time.Sleep(10 * time.Second)
			}
			begun := time.Now()
			others.Store(false)
			alice.kicked(t, proto.GoingAway)
			<-w.ended
			if took := time.Since(begun); took > time.Second {
				t.Errorf("took %v", took)
			}
			wantNumbers(t, "closed", w.route.closings(), 5)
		}))
	}
}

func TestStopCutsADrainShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, besideOthers)
		w.route.set(func(s *script) {
			s.move = func(*proto.MoveRequest) (*proto.MoveAnswer, error) { return nil, errAway }
		})
		alice := w.login(t, 1, 5)
		w.Drain()
		w.Drain()
		time.Sleep(5 * time.Second)
		begun := time.Now()
		w.stop()
		if took := time.Since(begun); took > time.Second {
			t.Errorf("took %v", took)
		}
		alice.kicked(t, proto.GoingAway)
	})
}

func TestWhoComesDuringADrainIsMovedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, besideOthers)
		w.login(t, 1, 5) // stays until the end
		w.Drain()
		time.Sleep(5 * time.Second)
		bob := w.login(t, 2, 5)
		if f := bob.next(t); f.Cmd != proto.Command_REDIRECT {
			t.Errorf("got %v", f)
		}
	})
}

// A session that a route does not know as live may be displaced or lost. The route
// makes no ticket for it, and reconciliation decides.
func TestSessionThatIsNotLiveIsLeftToReconciliation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, besideOthers)
		w.route.set(func(s *script) {
			s.move = func(*proto.MoveRequest) (*proto.MoveAnswer, error) {
				return &proto.MoveAnswer{Items: []*proto.Moved{{Code: int32(proto.SessionUnknown)}}}, nil
			}
			s.reconciling = func(r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
				answer := new(proto.ReconcileAnswer)
				for _, h := range r.Held {
					answer.Differences = append(answer.Differences, &proto.Difference{
						User: h.User, Device: h.Device, Number: h.Number, Verdict: proto.Verdict_DISPLACED,
					})
				}
				return answer, nil
			}
		})
		alice := w.login(t, 1, 5)
		begun := time.Now()
		w.Drain()
		alice.kicked(t, proto.Replaced)
		if took := time.Since(begun); took > noticeTime+time.Second {
			t.Errorf("took %v", took)
		}
		<-w.ended
	})
}

func TestDrainIsAskedForOverHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, besideOthers)
		ask := func(method, bearer string) (status int, s proto.DrainStatus) {
			r := httptest.NewRequest(method, proto.PathDrain, nil)
			r.Header.Set("Authorization", "Bearer "+bearer)
			answer := httptest.NewRecorder()
			w.Handler().ServeHTTP(answer, r)
			if err := json.Unmarshal(answer.Body.Bytes(), &s); err != nil {
				t.Fatalf("%s: %v", answer.Body, err)
			}
			return answer.Code, s
		}
		if code, _ := ask(http.MethodPost, "stranger"); code != http.StatusUnauthorized {
			t.Errorf("a stranger's drain was answered with %d", code)
		}
		w.login(t, 1, 5)
		if code, s := ask(http.MethodGet, "secret"); code != http.StatusOK || s != (proto.DrainStatus{Held: 1}) {
			t.Errorf("before: %d %+v", code, s)
		}
		if code, s := ask(http.MethodPost, "secret"); code != http.StatusOK || s != (proto.DrainStatus{Draining: true, Held: 1}) {
			t.Errorf("asked: %d %+v", code, s)
		}
		<-w.Draining()
		answer := httptest.NewRecorder()
		w.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, proto.PathReady, nil))
		if answer.Code != http.StatusServiceUnavailable {
			t.Errorf("ready while it drains: %d", answer.Code)
		}
	})
}
