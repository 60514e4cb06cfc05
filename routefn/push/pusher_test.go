package push

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// These tests check the Pusher's rules, with a fake clock and with nodes that are
// functions.

// scripted is a Pusher whose nodes answer as the test tells them.
type scripted struct {
	*Pusher
	requests chan *proto.PushRequest // gets each request when it begins
	answers  chan error              // answers of nodes; nil: the node holds all sessions

	mu       sync.Mutex
	outcomes map[Outcome]int
}

func newScripted() *scripted {
	s := &scripted{
		requests: make(chan *proto.PushRequest, 100), answers: make(chan error, 100), outcomes: make(map[Outcome]int),
	}
	s.Pusher = New(s, s, s, time.Now, slog.New(slog.DiscardHandler))
	return s
}

func (s *scripted) Push(_ context.Context, _ string, q *proto.PushRequest) (*proto.PushAnswer, error) {
	s.requests <- q
	if err := <-s.answers; err != nil {
		return nil, err
	}
	return &proto.PushAnswer{Items: make([]*proto.PushResult, len(q.Items))}, nil
}

func (s *scripted) IsNear(address string) bool { return address == "near" }

func (s *scripted) CloseSessions(_ context.Context, closings []record.Closing) []error {
	return make([]error, len(closings))
}

func (s *scripted) Pushes(o Outcome, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[o] += n
}

func (s *scripted) PushRequest(int, time.Duration) {}
func (s *scripted) SessionsGone(int)               {}

func (s *scripted) push(boot uint64, user int64) {
	s.pushTo("node:1", boot, user)
	s.start()
}

func (s *scripted) pushTo(address string, boot uint64, user int64) {
	s.enqueueItem(address, boot, &proto.PushItem{User: user, Numbers: []int64{user}}, []record.Session{{Device: "phone", Number: user}})
}

func (s *scripted) count(o Outcome) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outcomes[o]
}

func TestWhatArrivesDuringAPushFormsTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
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
		s.Close()
		second := <-s.requests
		if len(first.Items) != 1 || len(second.Items) != 10 || len(s.requests) != 0 {
			t.Fatalf("%d items, then %d, then %d requests", len(first.Items), len(second.Items), len(s.requests))
		}
		for i, item := range second.Items {
			if item.User != int64(2+i) {
				t.Fatalf("item %d is of user %d: the order changed", i, item.User)
			}
		}
		if s.count(Done) != 11 || len(s.queues) != 0 {
			t.Fatalf("%d done, %d queues left", s.count(Done), len(s.queues))
		}
	})
}

func TestNodeInThisProcessIsCalledBeforeTheUseCaseEnds(t *testing.T) {
	s := newScripted()
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
	s.Close()
	if len(s.queues) != 0 {
		t.Fatal("a queue is left")
	}
}

func TestWhatComesDuringACallOfTheNearNodeIsNotTheCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		s.pushTo("near", 1, 1)
		ended := make(chan struct{})
		go func() { s.start(); close(ended) }()
		synctest.Wait()
		s.pushTo("near", 1, 2)
		s.start() // another use case, while the first one sends
		s.answers <- nil
		<-ended // although the second push is not answered yet
		s.answers <- nil
		s.Close()
		if n := len(s.requests); n != 2 {
			t.Fatalf("%d requests, want 2", n)
		}
	})
}

func TestSessionsOfTwoBootsAreTwoRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		for _, boot := range []uint64{1, 1, 2, 1} {
			s.push(boot, 1)
			s.answers <- nil
		}
		s.Close()
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
		s := newScripted()
		s.push(1, 1)
		synctest.Wait()
		s.push(1, 2) // it waits behind the first push
		s.answers <- context.DeadlineExceeded
		synctest.Wait()
		s.push(1, 3)
		time.Sleep(pauseAfterFailure - time.Millisecond)
		s.push(1, 4)
		synctest.Wait()
		if n := len(s.requests); n != 1 || s.count(Failed) != 1 || s.count(LeftAlone) != 3 {
			t.Fatalf("%d requests, %d failed, %d left alone", n, s.count(Failed), s.count(LeftAlone))
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
		s.Close()
	})
}

func TestFailureIsForgottenWhenTheNodeHasReconciledByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		s.push(1, 1)
		s.answers <- context.DeadlineExceeded
		synctest.Wait()
		time.Sleep(rememberFailure)
		s.pushTo("node:2", 1, 1)
		s.start()
		s.answers <- context.DeadlineExceeded
		synctest.Wait()
		if _, kept := s.queues["node:1"]; kept || len(s.queues) != 1 {
			t.Fatalf("%d queues, the old one kept: %v", len(s.queues), kept)
		}
		s.Close()
	})
}

func TestOverflowIsCountedAndAsksToReconcile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		s.push(1, 1)
		synctest.Wait()
		big := &proto.PushItem{User: 2, Stored: &proto.Stored{Entry: make([]byte, maxRequest)}}
		for range maxQueued/maxRequest + 1 {
			s.enqueueItem("node:1", 1, big, nil)
		}
		if s.count(Overflow) != 2 {
			t.Fatalf("%d dropped, want 2", s.count(Overflow))
		}
		for range 1 + maxQueued/maxRequest {
			s.answers <- nil
		}
		s.Close()
		<-s.requests
		if q := <-s.requests; !q.Reconcile || len(q.Items) != 1 {
			t.Fatalf("request after the overflow: reconcile %v, %d items", q.Reconcile, len(q.Items))
		}
	})
}

func TestFlushWaitsForWhatWasQueuedAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		s.push(1, 1)
		synctest.Wait()
		s.push(1, 2)
		flushed := make(chan error, 1)
		go func() { flushed <- s.Flush(t.Context()) }()
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
		s.Close()
	})
}

func TestFlushEndsWhenPushesAreDroppedAndWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScripted()
		s.push(1, 1)
		synctest.Wait()
		s.push(1, 2)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Flush(ctx); err != context.DeadlineExceeded {
			t.Fatalf("flush of a push that hangs: %v", err)
		}
		flushed := make(chan error, 1)
		go func() { flushed <- s.Flush(t.Context()) }()
		synctest.Wait()
		s.answers <- context.DeadlineExceeded
		if err := <-flushed; err != nil {
			t.Fatal(err)
		}
		s.Close()
	})
}

func TestNothingIsTakenAfterClose(t *testing.T) {
	s := newScripted()
	s.Close()
	s.Close()
	s.push(1, 1)
	if len(s.requests) != 0 || s.count(Closed) != 1 {
		t.Fatal("pushed after close")
	}
}
