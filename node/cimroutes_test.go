package node

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

// If CIM's route accepts a message before it knows that its user goes, the node pushes
// it to a connection that is still open.
func TestDrainTellsCIMsRouteBeforeItCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, java := startCIM(t, besideOthers)
		alice, bob := w.cim(t, 1), w.cim(t, 2)
		synctest.Wait()
		var late []int64
		var told time.Time
		java.failing(func(user int64) error {
			time.Sleep(100 * time.Millisecond)
			java.mu.Lock()
			defer java.mu.Unlock()
			if !w.hub.Has(user, proto.CIMDevice) {
				late = append(late, user)
			}
			told = time.Now()
			return nil
		})
		w.Drain()
		alice.ended(t)
		java.mu.Lock()
		if rest := time.Since(told); rest < callsLast {
			t.Errorf("closed %v after CIM's route was told, when something may be on its way", rest)
		}
		java.mu.Unlock()
		bob.ended(t)
		<-w.ended
		java.wasTold(t, "1 alice", "2 bob")
		if len(late) > 0 {
			t.Errorf("CIM's route was told of %d after they had been closed", late)
		}
		if s := w.drainer.Status(); s.Closed != 2 || s.Held != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestWhoHangsUpDuringADrainIsToldOfOnce(t *testing.T) {
	t.Run("after it was told of", inBubble(func(t *testing.T) {
		w, java := startCIM(t, besideOthers)
		alice := w.cim(t, 1)
		synctest.Wait()
		w.Drain()
		time.Sleep(noticeTime + stepEvery + callsLast/2)
		hangUp(t, alice)
		<-w.ended
		java.wasTold(t, "1 alice")
	}))
	t.Run("before, and is back", inBubble(func(t *testing.T) {
		w, java := startCIM(t, besideOthers)
		peers := make(map[int64]*peer)
		for user := int64(1); user <= callsAtATime+1; user++ {
			peers[user] = w.dial(t, &proto.Frame{RequestId: user, ReqMsg: "someone"})
		}
		synctest.Wait()
		called := make(map[int64]bool)
		java.failing(func(user int64) error {
			java.mu.Lock()
			called[user] = true
			java.mu.Unlock()
			time.Sleep(time.Second)
			return nil
		})
		w.Drain()
		time.Sleep(noticeTime + time.Second/2)
		w.elsewhere(proto.Verdict_DISPLACED, nil)
		java.mu.Lock()
		for user := range called {
			delete(peers, user)
		}
		java.mu.Unlock()
		for _, waits := range peers {
			hangUp(t, waits)
		}
		<-w.ended
		if len(called) != callsAtATime {
			t.Errorf("CIM's route was told of %d users, want %d", len(called), callsAtATime)
		}
	}))
}

func TestRouteOfCIMThatIsAwayHoldsNoDrainUp(t *testing.T) {
	for name, fail := range map[string]func(int64) error{
		"refuses": func(int64) error { return errors.New("connection refused") },
		"hangs":   func(int64) error { time.Sleep(callTime); return context.DeadlineExceeded },
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			w, java := startCIM(t, func(c *Config) { besideOthers(c); c.Drain.Rate = 1000 })
			java.failing(fail)
			var peers []*peer
			for user := range 500 {
				peers = append(peers, w.dial(t, &proto.Frame{RequestId: int64(user + 1), ReqMsg: "someone"}))
			}
			synctest.Wait()
			begun := time.Now()
			w.Drain()
			for _, p := range peers {
				p.ended(t)
			}
			if took := time.Since(begun); took > noticeTime+time.Second+callTime {
				t.Errorf("all were away after %v", took)
			}
		}))
	}
}
