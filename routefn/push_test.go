package routefn

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// The pusher's rules, on a clock of their own and a node that is a function.

// scripted is a pusher whose node answers as the test says.
type scripted struct {
	*pusher
	requests chan *proto.PushRequest // each as it begins
	answers  chan error              // nil: all items are here
	closed   []record.Closing
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	m, err := newMetrics(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Now: time.Now, Logger: discard}
	s := &scripted{requests: make(chan *proto.PushRequest, 100), answers: make(chan error, 100)}
	send := func(_ context.Context, _ string, q *proto.PushRequest) (*proto.PushAnswer, error) {
		s.requests <- q
		if err := <-s.answers; err != nil {
			return nil, err
		}
		return &proto.PushAnswer{Items: make([]*proto.PushResult, len(q.Items))}, nil
	}
	s.pusher = newPusher(c, m, send, func(_ context.Context, gone []record.Closing) { s.closed = append(s.closed, gone...) },
		func(address string) bool { return address == "near" })
	return s
}

func (s *scripted) push(boot uint64, user int64) {
	s.pushTo("node:1", boot, user)
	s.start()
}

func (s *scripted) pushTo(address string, boot uint64, user int64) {
	s.item(address, boot, &proto.PushItem{User: user, Numbers: []int64{user}}, []record.Session{{Device: "phone", Number: user}})
}

func (s *scripted) count(o outcome) int {
	return int(testutil.ToFloat64(s.metrics.outcomes.WithLabelValues(string(o))))
}

func TestWhatArrivesDuringAPushFormsTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.push(1, 1)
		synctest.Wait()
		for user := range int64(10) {
			s.push(1, 2+user)
		}
		synctest.Wait()
		if n := len(s.requests); n != 1 {
			t.Fatalf("%d requests in flight, want 1", n)
		}
		first := <-s.requests
		s.answers <- nil
		s.answers <- nil
		s.close()
		second := <-s.requests
		if len(first.Items) != 1 || len(second.Items) != 10 || len(s.requests) != 0 {
			t.Fatalf("%d items, then %d, then %d requests", len(first.Items), len(second.Items), len(s.requests))
		}
		for i, item := range second.Items {
			if item.User != int64(2+i) {
				t.Fatalf("item %d is of user %d: the order changed", i, item.User)
			}
		}
		if s.count(pushDone) != 11 || len(s.lanes) != 0 {
			t.Fatalf("%d done, %d lanes left", s.count(pushDone), len(s.lanes))
		}
	})
}

func TestNodeInThisProcessIsCalledBeforeTheUseCaseEnds(t *testing.T) {
	s := newScripted(t)
	s.answers <- nil
	s.pushTo("near", 1, 1)
	s.pushTo("near", 1, 2)
	s.start()
	if len(s.requests) != 1 {
		t.Fatalf("%d requests when the use case ends, want 1", len(s.requests))
	}
	if q := <-s.requests; len(q.Items) != 2 {
		t.Fatalf("%d items in one request, want both", len(q.Items))
	}
	s.close()
	if len(s.lanes) != 0 {
		t.Fatal("a lane is left")
	}
}

func TestWhatComesDuringACallOfTheNearNodeIsNotTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.pushTo("near", 1, 1)
		ended := make(chan struct{})
		go func() { s.start(); close(ended) }()
		synctest.Wait()
		s.pushTo("near", 1, 2)
		s.start() // by another use case: the first one is at it
		s.answers <- nil
		<-ended // though the second push is not answered
		s.answers <- nil
		s.close()
		if n := len(s.requests); n != 2 {
			t.Fatalf("%d requests, want 2", n)
		}
	})
}

func TestSessionsOfTwoBootsAreTwoRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		for _, boot := range []uint64{1, 1, 2, 1} {
			s.push(boot, 1)
			s.answers <- nil
		}
		s.close()
		var boots []uint64
		items := 0
		for len(s.requests) > 0 {
			q := <-s.requests
			boots = append(boots, q.Boot)
			items += len(q.Items)
		}
		if items != 4 || len(boots) < 3 {
			t.Fatalf("%d items in requests for boots %v", items, boots)
		}
	})
}

func TestNodeThatFailedIsLeftAloneThenAskedToReconcile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.push(1, 1)
		synctest.Wait()
		s.push(1, 2) // waits behind it
		s.answers <- context.DeadlineExceeded
		synctest.Wait()
		s.push(1, 3)
		time.Sleep(leaveAlone - time.Millisecond)
		s.push(1, 4)
		synctest.Wait()
		if n := len(s.requests); n != 1 || s.count(pushFailed) != 1 || s.count(pushLeftAlone) != 3 {
			t.Fatalf("%d requests, %d failed, %d left alone", n, s.count(pushFailed), s.count(pushLeftAlone))
		}
		time.Sleep(time.Millisecond)
		for range 2 {
			s.answers <- nil
			s.push(1, 5)
			synctest.Wait()
		}
		<-s.requests
		if q := <-s.requests; !q.Reconcile {
			t.Fatal("the first request after a failure does not ask to reconcile")
		}
		if q := <-s.requests; q.Reconcile {
			t.Fatal("asked to reconcile once more after it was told")
		}
		s.close()
	})
}

func TestFailureIsForgottenWhenTheNodeHasReconciledByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.push(1, 1)
		s.answers <- context.DeadlineExceeded
		synctest.Wait()
		time.Sleep(rememberFailure)
		s.pushTo("node:2", 1, 1)
		s.start()
		s.answers <- context.DeadlineExceeded
		synctest.Wait()
		if _, kept := s.lanes["node:1"]; kept || len(s.lanes) != 1 {
			t.Fatalf("%d lanes, the old one kept: %v", len(s.lanes), kept)
		}
		s.close()
	})
}

func TestOverflowIsCountedAndAsksToReconcile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.push(1, 1)
		synctest.Wait()
		big := &proto.PushItem{User: 2, Stored: &proto.Stored{Entry: make([]byte, maxBatch)}}
		for range maxQueued/maxBatch + 1 {
			s.item("node:1", 1, big, nil)
		}
		if s.count(pushOverflow) != 2 {
			t.Fatalf("%d dropped, want 2", s.count(pushOverflow))
		}
		for range 1 + maxQueued/maxBatch {
			s.answers <- nil
		}
		s.close()
		<-s.requests
		if q := <-s.requests; !q.Reconcile || len(q.Items) != 1 {
			t.Fatalf("request after the overflow: reconcile %v, %d items", q.Reconcile, len(q.Items))
		}
	})
}

func TestFlushWaitsForWhatWasQueuedAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.push(1, 1)
		synctest.Wait()
		s.push(1, 2)
		flushed := make(chan error, 1)
		go func() { flushed <- s.flush(t.Context()) }()
		synctest.Wait()
		s.answers <- nil
		synctest.Wait()
		s.push(1, 3)
		if len(flushed) != 0 {
			t.Fatal("flushed while a push was in flight")
		}
		s.answers <- nil
		synctest.Wait()
		if len(flushed) != 1 || <-flushed != nil {
			t.Fatal("not flushed when the pushes queued before it were done")
		}
		s.answers <- nil
		s.close()
	})
}

func TestFlushEndsWhenPushesAreDroppedAndWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted(t)
		s.push(1, 1)
		synctest.Wait()
		s.push(1, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.flush(ctx); err != context.DeadlineExceeded {
			t.Fatalf("flush of a push that hangs: %v", err)
		}
		flushed := make(chan error, 1)
		go func() { flushed <- s.flush(t.Context()) }()
		synctest.Wait()
		s.answers <- context.DeadlineExceeded
		if err := <-flushed; err != nil {
			t.Fatal(err)
		}
		s.close()
	})
}

func TestNothingIsTakenAfterClose(t *testing.T) {
	s := newScripted(t)
	s.close()
	s.close()
	s.push(1, 1)
	if len(s.requests) != 0 || s.count(pushClosed) != 1 {
		t.Fatal("pushed after close")
	}
}

// The same with a node on the network.

func TestGoneSessionIsClosed(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	bob.node.leave(bob.Number)
	w.send(alice.Token, proto.SendMessage{ID: "1", To: bob.User, Text: "are you there?"})
	w.flush()
	if got := w.live(bob.User, "phone"); got != 0 {
		t.Fatalf("live is %d, and the node said that it is gone", got)
	}
	if n := testutil.ToFloat64(w.route.metrics.gone); n != 1 {
		t.Fatalf("counted %v", n)
	}
}

func TestRestartedNodeHoldsNothingOfBefore(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	bob.node.mu.Lock()
	bob.node.origin.Boot += 100
	bob.node.mu.Unlock()
	w.send(alice.Token, proto.SendMessage{ID: "1", To: bob.User, Text: "hi"})
	w.flush()
	if got := w.live(bob.User, "phone"); got != 0 {
		t.Fatalf("live is %d at a node that was started again", got)
	}
}

func TestPausedNodeDelaysNobody(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	for _, n := range w.nodes {
		n.pause()
	}
	start := time.Now()
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		w.send(alice.Token, proto.SendMessage{ID: id, To: bob.User, Text: "hi"})
	}
	if took := time.Since(start); took > 5*nodeTimeout { // what one after the other would wait
		t.Fatalf("five sends took %v with the nodes paused", took)
	}
	w.flush() // the push has its time, what waited behind it is dropped
	if got := w.live(bob.User, "phone"); got != bob.Number {
		t.Fatal("a paused node's session was closed")
	}
	if failed := testutil.ToFloat64(w.route.metrics.outcomes.WithLabelValues(string(pushFailed))); failed == 0 {
		t.Fatal("no push failed")
	}
	bob.node.mu.Lock()
	defer bob.node.mu.Unlock()
	if bob.node.mostBusy > 1 {
		t.Fatalf("%d requests in flight at one node", bob.node.mostBusy)
	}
}
