package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

// differ answers the next reconciliation that holds something with d.
func (s *script) differ(d ...*proto.Difference) {
	s.set(func(s *script) {
		s.reconciling = func(r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
			answer := new(proto.ReconcileAnswer)
			if len(r.Held) > 0 {
				answer.Differences, d = d, nil
			}
			return answer, nil
		}
	})
}

func phone(verdict proto.Verdict) *proto.Difference {
	return &proto.Difference{User: 1, Device: "phone", Number: 5, Verdict: verdict}
}

func TestReconcileClosesTheDisplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.route.differ(phone(proto.Verdict_DISPLACED))
		p := w.login(t, 1, 5)
		p.kicked(t, proto.Replaced)
		wantNumbers(t, "closed", w.route.closings())
	})
}

func TestReconcileTellsWhyADeviceWasForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		d := phone(proto.Verdict_DISPLACED)
		d.Code = int32(proto.Crowded)
		w.route.differ(d)
		w.login(t, 1, 5).kicked(t, proto.Crowded)
	})
}

func TestReconcileOpensAgainWhatTheStoreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.route.differ(phone(proto.Verdict_UNKNOWN))
		p := w.login(t, 1, 5)
		w.route.store(t, proto.Inbox, 2, 1, "while it was unknown")
		if f := p.next(t); f.Cmd != proto.Command_NEWEST || f.Newest[0].Number != 1 {
			t.Errorf("got %v", f)
		}
		var proofs [][]byte
		for _, r := range w.route.reports {
			for _, o := range r.Opened {
				proofs = append(proofs, o.Session.Proof)
			}
		}
		if len(proofs) != 2 || string(proofs[0]) != string(proofs[1]) {
			t.Errorf("opened %d times", len(proofs))
		}
	})
}

// The record may have gone back to any earlier connection, and to one that the ticket
// does not name.
func TestConnectionThatWasLetInDisplacesWhateverTheRecordWentBackTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.route.differ(phone(proto.Verdict_UNKNOWN))
		p := w.dial(t, &proto.Frame{Ticket: w.ticket(t, 1, 5, func(k *token.Ticket) { k.Displaces = 3 })})
		p.next(t) // the answer to the login
		p.next(t) // what it is told when it was opened again
		var displaced []int64
		for _, r := range w.route.reports {
			for _, o := range r.Opened {
				displaced = append(displaced, o.Displaces)
			}
		}
		wantNumbers(t, "displaced", displaced, 3, token.Any)
	})
}

func TestReconcileMayRefuseToOpenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		p := w.login(t, 1, 5)
		w.route.set(func(s *script) {
			s.opening = func(*proto.Opening) *proto.Opened {
				return &proto.Opened{Code: int32(proto.SessionUnknown)}
			}
		})
		w.route.differ(phone(proto.Verdict_UNKNOWN))
		p.kicked(t, proto.SessionUnknown)
	})
}

func TestReconcileTellsClientsWhatTheyMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, inOpenMode)
		p := w.login(t, 1, 5)
		behind := phone(proto.Verdict_BEHIND)
		behind.Newest = &proto.Mark{Epoch: epoch, Number: 7, Key: "2:x"}
		w.route.differ(behind)
		if f := p.next(t); f.Cmd != proto.Command_NEWEST || f.Newest[0].Number != 7 || f.Newest[0].Key != "2:x" {
			t.Errorf("got %v", f)
		}

		cim := w.cim(t, 2)
		synctest.Wait()
		stored := w.route.store(t, proto.Inbox, 3, 2, "missed")
		w.route.differ(&proto.Difference{
			User: 2, Device: proto.CIMDevice, Number: 1001, Verdict: proto.Verdict_BEHIND, Newest: stored.At,
		})
		if f := cim.next(t); f.Cmd != proto.Command_OFFLINE || f.BatchReqMsg[0] != "missed" {
			t.Errorf("got %v", f)
		}
	})
}

func TestEverythingIsReconciledWithinItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		time.Sleep(40 * time.Second)
		if n := len(w.route.reconciles); n != 0 {
			t.Errorf("%d requests of a node that holds nobody", n)
		}
		const users = 200
		for user := range int64(users) {
			p := w.login(t, user+1, 5)
			go keepAlive(p)
		}
		time.Sleep(31 * time.Second)
		w.route.mu.Lock()
		defer w.route.mu.Unlock()
		held, groups := make(map[int64]bool), 0
		for _, r := range w.route.reconciles {
			for _, h := range r.Held {
				held[h.User] = true
			}
			if r.Groups {
				groups++
			}
		}
		if len(held) != users || groups == 0 {
			t.Errorf("%d users and %d times the groups in 31 s", len(held), groups)
		}
	})
}

// keepAlive pings until the connection ends.
func keepAlive(p *peer) {
	ping, _ := proto.AppendFrame(nil, &proto.Frame{Cmd: proto.Command_PING})
	for {
		if _, err := p.conn.Write(ping); err != nil {
			return
		}
		select {
		case <-p.over:
			return
		case <-time.After(10 * time.Second):
		}
	}
}

// A route that could not push asks for reconciliation, which then happens at once.
func TestPushMayAskForReconciliation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.login(t, 1, 5)
		failures := 2
		w.route.set(func(s *script) {
			s.reconciling = func(*proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
				if failures--; failures >= 0 {
					return nil, errAway
				}
				return new(proto.ReconcileAnswer), nil
			}
		})
		w.Push(&proto.PushRequest{Boot: 77, Reconcile: true})
		time.Sleep(500 * time.Millisecond)
		asked := false
		w.route.mu.Lock()
		defer w.route.mu.Unlock()
		for _, r := range w.route.reconciles {
			asked = asked || len(r.Held) == 1
		}
		if !asked {
			t.Error("nothing was gone through")
		}
	})
}

// A message that a route reports may still be on its way.
func TestReconcileWaitsForPushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t, proto.Everyone, 1)
		item := c.says(t, "1")[0]
		c.route.set(func(s *script) {
			s.reconciling = func(r *proto.ReconcileRequest) (*proto.ReconcileAnswer, error) {
				return &proto.ReconcileAnswer{Groups: []*proto.Mark{{Log: proto.Everyone, Epoch: epoch, Number: 2, Key: "9:1"}}}, nil
			}
		})
		c.Reconcile()
		time.Sleep(pullWait / 2)
		c.pushes(item)
		time.Sleep(pullWait)
		gets(t, c.members[0], "1")
		if n := c.route.pullCount(); n != 0 {
			t.Errorf("%d pulls", n)
		}
	})
}

// A client left the node while the node stood still, and sent the same message again
// elsewhere. The node reads the client's earlier bytes only now. They must not be
// stored behind that message.
func TestNodeThatStoodStillReconcilesBeforeItHandsOn(t *testing.T) {
	for name, moved := range map[string]bool{"the client has gone": true, "it has not": false} {
		synctest.Test(t, func(t *testing.T) {
			w := start(t, nil)
			p := w.login(t, 1, 5)
			synctest.Wait()
			if moved {
				w.route.differ(phone(proto.Verdict_DISPLACED))
			}
			before := time.Now().Add(-10 * time.Second)
			w.watch.Vouch(before)
			p.write(t, send("a"))
			time.Sleep(time.Second)
			w.route.mu.Lock()
			defer w.route.mu.Unlock()
			if handed := len(w.route.sends) > 0; handed == moved {
				t.Errorf("%s: handed on %v", name, handed)
			}
		})
	}
}
